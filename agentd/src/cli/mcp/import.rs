//! `agentd mcp import`: servers of another program's file, written or shown.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{EXIT_FAILED, Place, Printed, failed, shown, wrong};
use crate::{
    config::{
        Config, McpServers,
        edit::{self, EditError},
        rewrite::rewrite,
    },
    mcp::import::{self, Import, Surroundings},
    redact::Redactor,
};

/// Largest file. Claude Code keeps its servers in a file with its history.
const FILE_MAX: u64 = 16 << 20;

/// `agentd mcp import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file; - is standard input.
    pub file: PathBuf,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Replace servers of the same names.
    #[arg(long)]
    pub force: bool,
    /// Only this server; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
}

/// Imports; gives what to print, and the servers for the redactor.
pub(super) fn run(args: &ImportArgs, place: &Place<'_>, input: &mut dyn Read) -> (Printed, McpServers) {
    let loaded = match Config::load(place.file, place.env) {
        Ok(loaded) => loaded,
        Err(faults) => return (Printed::faults(&faults), McpServers::new()),
    };
    let name = args.file.display();
    let text = match read(&args.file, input) {
        Ok(text) => text,
        Err(error) => return (not_done(&format!("{name} cannot be read: {error}")), McpServers::new()),
    };
    let env = |name: &str| (place.env)(name).and_then(|value| value.into_string().ok());
    let redactor = Redactor::with(&loaded.config.redact.settings(), Redactor::environment_secrets());
    let around = Surroundings { env: &env, key_env: &loaded.config.provider.api_key_env, redactor: &redactor };
    match import::read(&text, around) {
        Ok(mut import) => {
            let missing = only(&mut import, &args.only);
            import.refused.extend(missing.iter().map(|name| format!("{name}: it is not in the file")));
            if !args.force {
                taken(&mut import, &loaded.config.mcp_servers);
            }
            (if args.dry_run { shown_only(&import) } else { written(&import, args.force, place) }, import.servers)
        }
        Err(error) => (not_done(&format!("{name}: {error}")), McpServers::new()),
    }
}

fn not_done(what: &str) -> Printed {
    wrong(what, "", EXIT_FAILED)
}

fn read(file: &Path, input: &mut dyn Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    let read = match file == Path::new("-") {
        true => input.take(FILE_MAX + 1).read_to_end(&mut bytes),
        false => File::open(file)?.take(FILE_MAX + 1).read_to_end(&mut bytes),
    };
    read?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::other(format!("it is larger than {} MiB", FILE_MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is no UTF-8"))
}

/// Leaves the named servers only, and what is told of them; gives the names that are not there.
fn only(import: &mut Import, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let is_of = |line: &String| names.iter().any(|name| line.starts_with(&format!("{name}: ")));
    import.refused.retain(is_of);
    import.notes.retain(is_of);
    import.servers.retain(|name, _| names.contains(name));
    let refused: BTreeSet<&str> = import.refused.iter().filter_map(|line| line.split(": ").next()).collect();
    let is_missing = |name: &&String| !import.servers.contains_key(*name) && !refused.contains(name.as_str());
    names.iter().filter(is_missing).cloned().collect()
}

/// Refuses what is configured already.
fn taken(import: &mut Import, configured: &McpServers) {
    let is_taken = |name: &&String| configured.contains_key(*name);
    let names: Vec<String> = import.servers.keys().filter(is_taken).cloned().collect();
    for name in names {
        import.servers.remove(&name);
        import.refused.push(format!("{name}: there is a server of this name already; --force replaces it"));
    }
}

fn shown_only(import: &Import) -> Printed {
    let heading = match import.servers.len() {
        0 => format!("# {}: no server would be written\n", import.format),
        count => format!("# {}: would write {}\n", import.format, servers(count)),
    };
    Printed { out: format!("{heading}{}{}", shown(&import.servers), notes(import)), err: refused(import), code: 0 }
}

fn written(import: &Import, force: bool, place: &Place<'_>) -> Printed {
    if import.servers.is_empty() {
        return Printed {
            err: format!("{}error: no server was written\n", refused(import)),
            code: EXIT_FAILED,
            ..Printed::default()
        };
    }
    let put = |text: &str| -> Result<String, EditError> {
        import.servers.iter().try_fold(text.to_owned(), |text, (name, server)| edit::put(&text, name, server, force))
    };
    match rewrite(place.file, place.env, put) {
        Ok(path) => Printed {
            out: format!(
                "wrote {} to {}:\n{}{}",
                servers(import.servers.len()),
                path.display(),
                shown(&import.servers),
                notes(import)
            ),
            err: refused(import),
            code: if import.refused.is_empty() { 0 } else { EXIT_FAILED },
        },
        Err(error) => failed(&error),
    }
}

fn servers(count: usize) -> String {
    if count == 1 { "1 server".to_owned() } else { format!("{count} servers") }
}

fn notes(import: &Import) -> String {
    import.notes.iter().map(|note| format!("note: {note}\n")).collect()
}

fn refused(import: &Import) -> String {
    import.refused.iter().map(|line| format!("not taken: {line}\n")).collect()
}
