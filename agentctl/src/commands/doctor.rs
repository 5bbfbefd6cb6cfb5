//! `agentctl doctor`: what is wrong with this installation, and the cure.
//!
//! Offline and structural: looks at places, modes, the lock, the socket, the programs; asks the running daemon for its
//! status, and starts, repairs and sends nothing. A key is looked for, never shown.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proto::{Failure, StatusReport, endpoint::Endpoint};

use crate::{app, autostart, connect, env, exit::Outcome, render::sanitize};

pub(super) mod finding;
mod memory;
mod servers;

use finding::{Finding, tell};

/// Below this the daemon's store and logs cannot be trusted to fit.
const DISK_FAIL: u64 = 16 * 1024 * 1024;
/// Below this it is worth a word.
const DISK_WARN: u64 = 512 * 1024 * 1024;
/// A clock before this (November 2025) breaks certificates and prices.
const CLOCK_FLOOR: Duration = Duration::from_secs(1_762_000_000);
/// A file dated further ahead than this shows that the clock once was, or now is, wrong.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 3600);
/// Where systems keep the certificates of authorities.
const CERTIFICATES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// Permission bits that let others put files into a directory; agentd does not start in such a one.
const WRITABLE_BY_OTHERS: u32 = 0o022;

pub(super) fn run(as_json: bool) -> Outcome {
    tell(&examine(), as_json)
}

fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    match connect::endpoint() {
        Ok(endpoint) => {
            findings.push(state_dir(&endpoint));
            findings.push(log_dir(&endpoint));
            findings.extend(memory::findings(&endpoint));
            findings.push(disk(&endpoint));
            findings.extend(meeting_place(&endpoint));
            findings.extend(servers::finding(&endpoint));
            findings.extend(clock(&endpoint));
        }
        Err(failure) => findings.push(Finding::fail("places", failure.message, "set HOME or AGENTD_STATE_DIR")),
    }
    findings.extend(program());
    findings.push(key());
    findings.push(certificates());
    findings.push(runtime("node", "MCP servers that run on Node.js will not start; install nodejs if you want them"));
    findings
        .push(runtime("python3", "MCP servers that run on Python will not start; install python3 if you want them"));
    findings
}

fn state_dir(endpoint: &Endpoint) -> Finding {
    directory("state", &endpoint.state_dir)
}

fn log_dir(endpoint: &Endpoint) -> Finding {
    directory("log", &endpoint.log_dir())
}

/// A directory that the daemon makes itself: ours, 0700, writable, or not there yet.
fn directory(name: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(name, format!("{shown} does not exist yet; it is made at the first start"));
        }
        Err(e) => return Finding::fail(name, format!("cannot look at {shown}: {e}"), "check the directories above it"),
    };
    if !meta.is_dir() {
        return Finding::fail(
            name,
            format!("{shown} is not a directory"),
            format!("move it away: mv {shown} {shown}.old"),
        );
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        let cure = "choose a directory of your own with AGENTD_STATE_DIR";
        return Finding::fail(name, format!("{shown} belongs to uid {}", meta.uid()), cure);
    }
    if rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        return Finding::fail(name, format!("{shown} is not writable"), format!("chmod 700 {shown}"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & WRITABLE_BY_OTHERS != 0 {
        let message = format!("others can write to {shown} (mode {mode:04o}); agentd does not start there");
        return Finding::fail(name, message, format!("chmod 700 {shown}"));
    }
    if mode & 0o077 != 0 {
        return Finding::warn(
            name,
            format!("others may enter {shown} (mode {mode:04o})"),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::ok(name, format!("{shown}, mode {mode:04o}"))
}

fn disk(endpoint: &Endpoint) -> Finding {
    let existing = endpoint.state_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let message = format!("{} MiB free at {}", free / 1024 / 1024, existing.display());
            match free {
                0..DISK_FAIL => Finding::fail("disk", message, "free some space; the daemon cannot write its state"),
                DISK_FAIL..DISK_WARN => Finding::warn("disk", message, "free some space"),
                _ => Finding::ok("disk", message),
            }
        }
        Err(e) => Finding::warn("disk", format!("cannot ask for the free space: {e}"), "look with df"),
    }
}

/// Lock, socket and the daemon behind them.
fn meeting_place(endpoint: &Endpoint) -> Vec<Finding> {
    let probe =
        connect::probe(endpoint).and_then(|client| client.map(|mut client| app::status(&mut client)).transpose());
    let mut findings = vec![lock(endpoint, probe.as_ref().is_ok_and(Option::is_some)), socket(endpoint, &probe)];
    if let Ok(Some(report)) = &probe {
        findings.extend(daemon(report));
    }
    findings
}

fn lock(endpoint: &Endpoint, answers: bool) -> Finding {
    let held = connect::lock_is_held(endpoint);
    match connect::lock_info(endpoint) {
        None if answers => {
            Finding::ok("lock", "the daemon that answers has its lock elsewhere (AGENTD_SOCKET chose it)")
        }
        None => Finding::ok("lock", "free; no daemon has run here yet"),
        Some(info) if held && answers => {
            Finding::ok("lock", format!("held by agentd {}, pid {}", info.version, info.pid))
        }
        Some(info) if held => Finding::fail(
            "lock",
            format!("agentd {}, pid {}, holds the lock but does not answer", info.version, info.pid),
            format!("it may be stopping; if it stays so: agentctl daemon logs, then kill {}", info.pid),
        ),
        Some(info) if connect::pid_lives(info.pid) => Finding::ok("lock", "free; its last pid is now another process"),
        Some(_) => Finding::ok("lock", "free; left by a daemon that has ended"),
    }
}

fn socket(endpoint: &Endpoint, probe: &Result<Option<StatusReport>, Failure>) -> Finding {
    match probe {
        Err(failure) => Finding::fail("socket", failure.message.clone(), failure.hint.clone()),
        Ok(Some(report)) => {
            let mode = fs::metadata(&report.socket).map_or(0o600, |meta| meta.permissions().mode() & 0o777);
            if mode & 0o077 == 0 {
                return Finding::ok("socket", format!("{}, mode {mode:04o}", report.socket));
            }
            let message = format!("others may open {} (mode {mode:04o})", report.socket);
            Finding::warn("socket", message, format!("chmod 600 {}", report.socket))
        }
        Ok(None) => {
            if let Some(finding) = socket_dir(&endpoint.socket) {
                return finding;
            }
            let stale = connect::places(endpoint).into_iter().find(|path| path.exists());
            stale.map_or_else(
                || Finding::ok("socket", format!("{} is free", endpoint.socket.display())),
                |path| {
                    let message = format!("{} is stale: nobody listens", path.display());
                    Finding::warn("socket", message, "none needed: the next start of the daemon replaces it")
                },
            )
        }
    }
}

/// What would keep a new daemon from listening there: agentd takes only a real directory, its user's own, that nobody
/// else can write.
fn socket_dir(socket: &Path) -> Option<Finding> {
    let dir = socket.parent().unwrap_or(Path::new("/"));
    let shown = dir.display();
    let meta = fs::symlink_metadata(dir).ok()?;
    let mode = meta.permissions().mode() & 0o7777;
    let (message, cure) = if meta.is_symlink() {
        (format!("{shown} is a symbolic link"), "remove it, or name the real directory in AGENTD_SOCKET".to_owned())
    } else if !meta.is_dir() {
        (format!("{shown} is not a directory"), "move it away, or set AGENTD_SOCKET".to_owned())
    } else if meta.uid() != rustix::process::getuid().as_raw() {
        (
            format!("{shown} belongs to uid {}", meta.uid()),
            "set AGENTD_SOCKET to a path in a directory of yours".to_owned(),
        )
    } else if mode & WRITABLE_BY_OTHERS != 0 {
        (format!("others can write to {shown} (mode {mode:04o})"), format!("chmod 700 {shown}"))
    } else {
        return None;
    };
    Some(Finding::fail("socket", format!("{message}; agentd does not listen there"), cure))
}

fn daemon(report: &StatusReport) -> Vec<Finding> {
    let facts: Vec<String> = report.facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
    let text = format!("agentd {} runs, pid {}; {}", report.version, report.pid, facts.join(", "));
    let mut findings = vec![Finding::ok("daemon", sanitize::one_line(text.trim_end_matches("; "), 400))];
    findings.extend(
        report.warnings.iter().map(|warning| Finding::warn("daemon", warning.clone(), "see agentctl daemon logs")),
    );
    findings
}

fn clock(endpoint: &Endpoint) -> Option<Finding> {
    let now = SystemTime::now();
    if now.duration_since(UNIX_EPOCH).unwrap_or_default() < CLOCK_FLOOR {
        return Some(Finding::fail("clock", "the clock is years behind", "set the clock; certificates do not verify"));
    }
    let dated = fs::metadata(endpoint.lock_file()).and_then(|meta| meta.modified()).ok()?;
    let ahead = dated.duration_since(now).unwrap_or_default();
    Some(if ahead > CLOCK_SLACK {
        let message = format!("the lock file is dated {} h in the future", ahead.as_secs() / 3600);
        Finding::warn("clock", message, "check the clock; ages and price windows will be wrong")
    } else {
        Finding::ok("clock", "plausible")
    })
}

/// The program that would start, its version and its view of the configuration.
fn program() -> Vec<Finding> {
    let path = match autostart::find_agentd() {
        Ok(path) => path,
        Err(failure) => return vec![Finding::fail("agentd", failure.message, failure.hint)],
    };
    let version = match autostart::capture(&["--version".into()]) {
        Ok(captured) if captured.code == 0 => captured.stdout.trim().to_owned(),
        Ok(captured) => {
            let message =
                format!("{} --version ends with {}: {}", path.display(), captured.code, captured.stderr.trim());
            return vec![Finding::fail("agentd", message, "install agentd again")];
        }
        Err(failure) => return vec![Finding::fail("agentd", failure.message, failure.hint)],
    };
    let ours = proto::VERSION;
    let message = format!("{} is {version}", path.display());
    let found = if version.ends_with(&format!(" {ours}")) {
        Finding::ok("agentd", message)
    } else {
        Finding::warn("agentd", format!("{message}; this agentctl is {ours}"), "install both from the same source")
    };
    vec![found, configuration()]
}

fn configuration() -> Finding {
    match autostart::capture(&["config".into(), "check".into()]) {
        Ok(captured) if captured.code == 0 => Finding::ok("config", "no faults"),
        Ok(captured) => {
            let said = if captured.stderr.trim().is_empty() { captured.stdout } else { captured.stderr };
            Finding::fail("config", said.trim(), "correct the lines named; agentctl config check shows the same")
        }
        Err(failure) => Finding::fail("config", failure.message, failure.hint),
    }
}

fn key() -> Finding {
    let named = env::text("AGENTD_PROVIDER_API_KEY_ENV").unwrap_or_else(|| "DEEPSEEK_API_KEY".to_owned());
    if env::text(&named).is_some() {
        return Finding::ok("key", format!("{named} is set in this shell"));
    }
    let message = format!("{named} is not set in this shell; a key file or another provider may be configured");
    let cure = format!("export {named}, or set provider.api_key_file; without a key answers are found offline");
    Finding::warn("key", message, cure)
}

fn certificates() -> Finding {
    let chosen = env::text("SSL_CERT_FILE").map(|file| vec![file]);
    let places = chosen.unwrap_or_else(|| CERTIFICATES.map(str::to_owned).to_vec());
    match places.iter().find(|file| fs::metadata(file).is_ok_and(|meta| meta.len() > 0)) {
        Some(file) => Finding::ok("certificates", file.clone()),
        None => Finding::warn(
            "certificates",
            "no certificates of authorities were found; only http endpoints will work",
            "install ca-certificates",
        ),
    }
}

fn runtime(name: &'static str, without: &str) -> Finding {
    match autostart::on_path(name) {
        Some(path) => Finding::ok(name, path.display().to_string()),
        None => Finding::warn(name, "not on PATH", without),
    }
}

#[cfg(test)]
mod tests {
    use super::{finding::Level, *};
    use crate::testing;

    #[test]
    fn a_wide_open_state_directory_is_a_warning_with_its_cure() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        assert_eq!(state_dir(&endpoint).level, Level::Ok);
        fs::set_permissions(&endpoint.state_dir, fs::Permissions::from_mode(0o755)).unwrap();
        let finding = state_dir(&endpoint);
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.cure.starts_with("chmod 700 "));
    }

    #[test]
    fn a_state_directory_that_is_a_file_fails_and_one_not_made_yet_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        assert_eq!(directory("state", &path).level, Level::Ok);
        fs::write(&path, "").unwrap();
        assert_eq!(directory("state", &path).level, Level::Fail);
    }

    #[test]
    fn a_stale_socket_is_found_and_is_no_failure() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        drop(std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap());
        testing::write_lock(&endpoint, testing::DEAD_PID, &endpoint.socket);
        let findings = meeting_place(&endpoint);
        assert_eq!(findings[0].level, Level::Ok, "{findings:?}");
        assert_eq!(findings[1].level, Level::Warn, "{findings:?}");
        assert!(findings[1].message.contains("stale"));
    }

    #[test]
    fn a_held_lock_without_an_answer_fails() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        testing::write_lock(&endpoint, std::process::id(), &endpoint.socket);
        let held = fs::File::open(endpoint.lock_file()).unwrap();
        held.lock().unwrap();
        assert_eq!(lock(&endpoint, false).level, Level::Fail);
        assert_eq!(lock(&endpoint, true).level, Level::Ok);
        held.unlock().unwrap();
        assert_eq!(lock(&endpoint, false).level, Level::Ok);
    }

    #[test]
    fn every_finding_that_is_not_ok_has_a_cure() {
        for finding in [key(), certificates(), runtime("no-such-program", "install it")] {
            assert!(finding.level == Level::Ok || !finding.cure.is_empty(), "{finding:?}");
        }
    }
}
