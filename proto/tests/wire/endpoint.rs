//! Where the two sides meet, under environments a user really has.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use proto::endpoint::{Endpoint, EndpointError, Environment, LockInfo, SOCKET_PATH_MAX, check_length};

#[derive(Default)]
struct Fake {
    vars: HashMap<&'static str, OsString>,
    owned: Option<PathBuf>,
}

impl Fake {
    fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.vars.insert(name, value.into());
        self
    }

    fn owning(mut self, dir: &str) -> Self {
        self.owned = Some(dir.into());
        self
    }
}

impl Environment for Fake {
    fn var(&self, name: &str) -> Option<OsString> {
        self.vars.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn uid(&self) -> u32 {
        1000
    }

    fn owns_dir(&self, path: &Path) -> bool {
        self.owned.as_deref() == Some(path)
    }
}

fn socket(env: &Fake) -> String {
    Endpoint::resolve(env).unwrap().socket.display().to_string()
}

#[test]
fn with_nothing_but_home_everything_is_under_the_state_directory() {
    let endpoint = Endpoint::resolve(&Fake::default().with("HOME", "/home/u")).unwrap();
    assert_eq!(endpoint.state_dir, Path::new("/home/u/.local/state/agentd"));
    assert_eq!(endpoint.socket, Path::new("/home/u/.local/state/agentd/run/agentd.sock"));
    assert_eq!(endpoint.lock_file(), Path::new("/home/u/.local/state/agentd/agentd.lock"));
    assert_eq!(endpoint.start_lock_file(), Path::new("/home/u/.local/state/agentd/start.lock"));
    assert_eq!(endpoint.log_dir(), Path::new("/home/u/.local/state/agentd/log"));
    assert!(!endpoint.socket_pinned);
}

#[test]
fn a_run_directory_of_ours_is_used_and_a_foreign_one_is_not() {
    let cron = || Fake::default().with("HOME", "/home/u");
    assert_eq!(socket(&cron().owning("/run/user/1000")), "/run/user/1000/agentd/agentd.sock");
    assert_eq!(socket(&cron().owning("/run/user/0")), "/home/u/.local/state/agentd/run/agentd.sock");
}

#[test]
fn the_runtime_directory_of_the_session_comes_before_the_guess() {
    let env = Fake::default().with("HOME", "/home/u").with("XDG_RUNTIME_DIR", "/tmp/run").owning("/run/user/1000");
    assert_eq!(socket(&env), "/tmp/run/agentd/agentd.sock");
}

#[test]
fn agentd_socket_comes_before_everything_and_pins() {
    let env = Fake::default().with("HOME", "/h").with("XDG_RUNTIME_DIR", "/tmp/run").with("AGENTD_SOCKET", "/s/a");
    let endpoint = Endpoint::resolve(&env).unwrap();
    assert_eq!(endpoint.socket, Path::new("/s/a"));
    assert!(endpoint.socket_pinned);
}

#[test]
fn the_state_directory_is_named_outright_or_by_xdg_or_by_home() {
    let state = |env: &Fake| Endpoint::resolve(env).unwrap().state_dir;
    let env = Fake::default().with("HOME", "/h").with("XDG_STATE_HOME", "/x");
    assert_eq!(state(&env), Path::new("/x/agentd"));
    assert_eq!(state(&env.with("AGENTD_STATE_DIR", "/s")), Path::new("/s"));
}

#[test]
fn without_home_the_error_names_the_variable_to_set() {
    let error = Endpoint::resolve(&Fake::default()).unwrap_err();
    assert_eq!(error, EndpointError::NoHome);
    assert!(error.to_string().contains("AGENTD_STATE_DIR"));
    let error = Endpoint::resolve(&Fake::default().with("HOME", "")).unwrap_err();
    assert_eq!(error, EndpointError::NoHome, "an empty HOME is none");
}

#[test]
fn a_state_directory_alone_is_enough() {
    assert_eq!(socket(&Fake::default().with("AGENTD_STATE_DIR", "/s")), "/s/run/agentd.sock");
}

#[test]
fn a_relative_path_is_refused_by_the_name_of_its_variable() {
    for name in ["AGENTD_STATE_DIR", "AGENTD_SOCKET", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HOME"] {
        let base = if name == "HOME" { Fake::default() } else { Fake::default().with("HOME", "/h") };
        let error = Endpoint::resolve(&base.with(name, "here/there")).unwrap_err();
        assert_eq!(error, EndpointError::Relative { name, value: "here/there".into() });
    }
}

#[test]
fn a_path_of_100_bytes_is_taken_and_one_of_101_is_refused_by_name() {
    let path = |len: usize| format!("/{}", "s".repeat(len - 1));
    assert_eq!(check_length(Path::new(&path(SOCKET_PATH_MAX))), Ok(()));
    let env = Fake::default().with("HOME", "/h").with("AGENTD_SOCKET", path(101));
    let error = Endpoint::resolve(&env).unwrap_err();
    assert_eq!(error, EndpointError::TooLong { len: 101, path: path(101) });
    assert!(error.to_string().contains(&path(101)));
    // Bytes count, not characters.
    assert!(check_length(Path::new(&format!("/{}", "ü".repeat(50)))).is_err());
}

#[test]
fn a_lock_file_reads_back_and_a_cut_or_foreign_one_is_nothing() {
    let info = LockInfo { pid: 4711, version: "0.1.0".into(), socket: "/s/a \"b\"".into() };
    let text = info.to_text();
    assert_eq!(text, "{\"pid\":4711,\"version\":\"0.1.0\",\"socket\":\"/s/a \\\"b\\\"\"}\n");
    for cut in 0..text.len() - 1 {
        assert_eq!(LockInfo::parse(&text[..cut]), None, "cut at {cut}");
    }
    assert_eq!(LockInfo::parse(&text), Some(info));
    assert_eq!(LockInfo::parse("4711\n"), None);
}

#[test]
fn a_socket_path_that_is_not_text_leaves_the_lock_file_empty() {
    let socket = PathBuf::from(OsString::from_vec(b"/s/\xff".to_vec()));
    assert_eq!(LockInfo { pid: 1, version: "0".into(), socket }.to_text(), "");
}
