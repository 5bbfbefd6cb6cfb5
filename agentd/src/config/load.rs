//! Defaults, then the file, then the environment.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Config, Fault, Faults, KEYS, Key, McpServer, Place, Reload, Value,
    document::{self, Document, ServerLines},
    file::{self, Rules},
    kind::Raw,
    mcp::check,
};

/// Names the file; absolute.
const CONFIG_VAR: &str = "AGENTD_CONFIG";

/// Looks up a variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The table.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// A configuration and where each of its values comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file, when it existed.
    pub path: Option<PathBuf>,
    /// In the order of [`KEYS`].
    sources: Vec<Source>,
    /// Where the servers stand in the file.
    lines: ServerLines,
}

/// What a reload changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Full names of the keys that changed.
    pub changed: Vec<String>,
    /// Those of them that wait for a restart.
    pub restart: Vec<String>,
}

impl Config {
    /// Loads the configuration: defaults, then `path` (else the file of [`file_path`]), then the environment. The
    /// default file may be missing; one that was named on the command line may not.
    ///
    /// # Errors
    /// All faults of file and environment together.
    pub fn load(path: Option<&Path>, env: Env<'_>) -> Result<Loaded, Faults> {
        let (mut loaded, mut faults) = (Loaded::defaults(), Vec::new());
        match path.map_or_else(|| file_path(env), |path| Ok(Some(path.to_owned()))) {
            Ok(Some(file)) => loaded.take_file(&file, path.is_some(), env, &mut faults),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
        loaded.finish(env, faults)
    }

    /// What [`Config::load`] would say if this were the text of `path`.
    ///
    /// # Errors
    /// All faults of text and environment together.
    pub(super) fn load_text(text: &str, path: &Path, env: Env<'_>) -> Result<Loaded, Faults> {
        let (mut loaded, mut faults) = (Loaded::defaults(), Vec::new());
        loaded.take_text(text, path, env, &mut faults);
        loaded.finish(env, faults)
    }
}

/// Where the file is: `$AGENTD_CONFIG`, else `$XDG_CONFIG_HOME/agentd/config.toml`, else
/// `~/.config/agentd/config.toml`; nowhere without a HOME.
///
/// # Errors
/// A variable that holds a relative path.
pub fn file_path(env: Env<'_>) -> Result<Option<PathBuf>, Fault> {
    let rules = [(CONFIG_VAR, ""), ("XDG_CONFIG_HOME", "agentd/config.toml"), ("HOME", ".config/agentd/config.toml")];
    for (name, rest) in rules {
        let Some(value) = var(env, name) else { continue };
        let base = PathBuf::from(value);
        if !base.is_absolute() {
            return Err(Fault {
                place: Place::Environment(name.to_owned()),
                key: String::new(),
                what: "not an absolute path".to_owned(),
                cure: "write it from / on: it would mean something else in every directory".to_owned(),
            });
        }
        return Ok(Some(if rest.is_empty() { base } else { base.join(rest) }));
    }
    Ok(None)
}

/// A variable; an empty one counts as unset.
fn var(env: Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}

fn home(env: Env<'_>) -> Option<PathBuf> {
    var(env, "HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

impl Loaded {
    fn defaults() -> Self {
        let sources = vec![Source::Default; KEYS.len()];
        Self { config: Config::default(), path: None, sources, lines: ServerLines::default() }
    }

    fn finish(mut self, env: Env<'_>, mut faults: Vec<Fault>) -> Result<Self, Faults> {
        self.take_environment(env, &mut faults);
        self.keep_provider_key(&mut faults);
        Faults::none_or(faults).map(|()| self)
    }

    /// Every key with its value and source, in table order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Key, Value, &Source)> {
        KEYS.iter().zip(&self.sources).map(|(key, source)| (key, key.value(&self.config), source))
    }

    /// Every server with where it stands, by name.
    pub fn servers(&self) -> impl Iterator<Item = (&String, &McpServer, Source)> {
        self.config.mcp_servers.iter().map(|(name, server)| {
            let path = self.path.clone().unwrap_or_default();
            (name, server, Source::File(path, self.lines.line(name, "")))
        })
    }

    /// What changes when `new` takes this one's place.
    pub fn diff(&self, new: &Self) -> Diff {
        let mut diff = Diff::default();
        for key in KEYS.iter().filter(|key| key.value(&self.config) != key.value(&new.config)) {
            diff.changed.push(key.full_name());
            if key.reload == Reload::Restart {
                diff.restart.push(key.full_name());
            }
        }
        let (old, new) = (&self.config.mcp_servers, &new.config.mcp_servers);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
        diff.changed.extend(changed.map(|name| check::full_name(name, "")));
        diff
    }

    fn take_file(&mut self, path: &Path, named: bool, env: Env<'_>, faults: &mut Vec<Fault>) {
        match file::read(path, Rules::USER) {
            Ok(Some(text)) => self.take_text(&text, path, env, faults),
            Ok(None) if named => {
                faults.push(file::whole(path, "does not exist".to_owned(), "check the name, or remove --config"));
            }
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }

    fn take_text(&mut self, text: &str, path: &Path, env: Env<'_>, faults: &mut Vec<Fault>) {
        let found = document::read(text, path, home(env).as_deref());
        faults.extend(found.faults);
        for setting in found.settings {
            self.set(setting.key, &setting.value, Source::File(path.to_owned(), setting.line));
        }
        self.config.mcp_servers = Arc::new(found.servers);
        self.lines = found.lines;
        self.path = Some(path.to_owned());
    }

    fn take_environment(&mut self, env: Env<'_>, faults: &mut Vec<Fault>) {
        let home = home(env);
        for key in &KEYS {
            let names = [Some(key.variable()), key.legacy.map(str::to_owned)];
            let found = names.into_iter().flatten().find_map(|name| var(env, &name).map(|text| (name, text)));
            let Some((name, text)) = found else { continue };
            let fault = |what: String, cure: String| Fault {
                place: Place::Environment(name.clone()),
                key: String::new(),
                what,
                cure,
            };
            let Some(text) = text.to_str() else {
                faults.push(fault("not UTF-8".to_owned(), format!("write {}", key.kind.describe())));
                continue;
            };
            match key.kind.check(&Raw::from_text(key.kind, text), home.as_deref()) {
                Ok(value) => self.set(key, &value, Source::Environment(name)),
                Err(trouble) => faults.push(fault(trouble.what, trouble.cure)),
            }
        }
    }

    /// Only now it is known which variable holds the provider's key.
    fn keep_provider_key(&self, faults: &mut Vec<Fault>) {
        let path = self.path.clone().unwrap_or_default();
        let (servers, key_env) = (&self.config.mcp_servers, &self.config.provider.api_key_env);
        faults.extend(Document::provider_key_faults(servers, &self.lines, &path, key_env));
    }

    fn set(&mut self, key: &Key, value: &Value, source: Source) {
        key.store(&mut self.config, value);
        let at = KEYS.iter().position(|one| one.section == key.section && one.name == key.name);
        if let Some(slot) = at.and_then(|at| self.sources.get_mut(at)) {
            *slot = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, os::unix::fs::PermissionsExt, time::Duration};

    use super::*;

    struct Home {
        dir: tempfile::TempDir,
        vars: HashMap<String, OsString>,
    }

    impl Home {
        fn new(text: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let home = Self { vars: HashMap::from([("HOME".to_owned(), dir.path().into())]), dir };
            std::fs::create_dir_all(home.file().parent().unwrap()).unwrap();
            if !text.is_empty() {
                std::fs::write(home.file(), text).unwrap();
                std::fs::set_permissions(home.file(), std::fs::Permissions::from_mode(0o600)).unwrap();
            }
            home
        }

        fn file(&self) -> PathBuf {
            self.dir.path().join(".config/agentd/config.toml")
        }

        fn var(mut self, name: &str, value: &str) -> Self {
            self.vars.insert(name.to_owned(), value.into());
            self
        }

        fn load(&self) -> Result<Loaded, Faults> {
            Config::load(None, &|name| self.vars.get(name).cloned())
        }
    }

    fn source(loaded: &Loaded, name: &str) -> String {
        loaded.entries().find(|(key, ..)| key.full_name() == name).unwrap().2.to_string()
    }

    #[test]
    fn without_a_file_every_value_is_its_default() {
        let loaded = Home::new("").load().unwrap();
        assert_eq!((loaded.config, loaded.path), (Config::default(), None));
        let nowhere = Config::load(None, &|_| None).unwrap();
        assert_eq!(nowhere.config, Config::default());
    }

    #[test]
    fn the_environment_wins_over_the_file_and_each_value_knows_its_source() {
        let home = Home::new("[log]\nkeep_days = 3\nlevel = \"warn\"\n").var("AGENTD_LOG_LEVEL", "debug");
        let loaded = home.load().unwrap();
        assert_eq!((loaded.config.log.keep_days, loaded.config.log.level.as_str()), (3, "debug"));
        assert_eq!(source(&loaded, "log.keep_days"), format!("{}:2", home.file().display()));
        assert_eq!(source(&loaded, "log.level"), "environment AGENTD_LOG_LEVEL");
        assert_eq!(source(&loaded, "log.max_total_mb"), "default");
        assert_eq!(loaded.path, Some(home.file()));
    }

    #[test]
    fn the_earlier_names_work_and_the_new_ones_win() {
        let home = Home::new("")
            .var("MAX_SESSION_FILES", "5")
            .var("MAX_CONVERSATION_HISTORY", "6")
            .var("COMMAND_TIMEOUT", "7")
            .var("AGENTD_MEMORY_MAX_SESSION_FILES", "8")
            .var("AGENTD_PROVIDER_MODEL", "");
        let config = home.load().unwrap().config;
        assert_eq!((config.memory.max_session_files, config.memory.max_conversation_history), (8, 6));
        assert_eq!(config.exec.command_timeout, Duration::from_secs(7));
        assert_eq!(config.provider.model, None);
    }

    #[test]
    fn faults_of_file_and_environment_are_reported_together() {
        let home = Home::new("[log]\nlevel = \"loud\"\n[exec]\noutput_cap = 1\nx = 2\n").var("COMMAND_TIMEOUT", "soon");
        let faults = home.load().unwrap_err();
        let text = faults.to_string();
        assert_eq!((faults.iter().count(), text.lines().count()), (4, 4), "{text}");
        assert!(text.starts_with(&format!("{}:2: log.level: ", home.file().display())), "{text}");
        assert!(
            text.ends_with("environment: COMMAND_TIMEOUT: text cannot stand here; write seconds from 0.1 to 3600"),
            "{text}"
        );
    }

    #[test]
    fn a_file_named_on_the_command_line_must_exist() {
        let faults = Config::load(Some(Path::new("/nonexistent/c.toml")), &|_| None).unwrap_err();
        assert_eq!(faults.to_string(), "/nonexistent/c.toml: does not exist; check the name, or remove --config");
    }

    #[test]
    fn the_path_follows_agentd_config_then_xdg_then_home() {
        let home = Home::new("");
        let at = |vars: &[(&str, &str)]| {
            let vars: HashMap<_, _> = vars.iter().copied().collect();
            file_path(&|name| vars.get(name).map(OsString::from))
        };
        assert_eq!(at(&[("AGENTD_CONFIG", "/c"), ("XDG_CONFIG_HOME", "/x")]), Ok(Some("/c".into())));
        assert_eq!(at(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]), Ok(Some("/x/agentd/config.toml".into())));
        assert_eq!(at(&[("HOME", "/h")]), Ok(Some("/h/.config/agentd/config.toml".into())));
        assert!(at(&[("AGENTD_CONFIG", "c.toml")]).is_err());
        drop(home);
    }

    #[test]
    fn the_providers_key_goes_to_no_server_whatever_its_variable_is_called() {
        let text = "[mcp_servers.x]\ncommand = \"y\"\nenv_vars = [\"OTHER_KEY\", \"HOME_DIR\"]\n\
                    [mcp_servers.z]\nurl = \"https://x.example\"\nbearer_token_env_var = \"DEEPSEEK_API_KEY\"\n";
        let faults = Home::new(text).var("AGENTD_PROVIDER_API_KEY_ENV", "OTHER_KEY").load().unwrap_err().to_string();
        assert_eq!(faults.lines().count(), 2, "{faults}");
        let first = "config.toml:3: mcp_servers.x.env_vars: the provider's key does not go to a server; ";
        assert!(faults.contains(first), "{faults}");
        assert!(faults.contains(":6: mcp_servers.z.bearer_token_env_var: "), "{faults}");
        assert!(Home::new(&text.replace("DEEPSEEK", "OTHER")).load().is_ok());
    }

    #[test]
    fn a_diff_names_the_servers_that_are_new_gone_or_changed() {
        let server = |name: &str, command: &str| format!("[mcp_servers.{name}]\ncommand = \"{command}\"\n");
        let old = Home::new(&[server("a", "x"), server("b", "x"), server("c", "x")].concat()).load().unwrap();
        let new = Home::new(&[server("d", "x"), server("b", "y"), server("c", "x")].concat()).load().unwrap();
        assert_eq!(old.diff(&new).changed, ["mcp_servers.a", "mcp_servers.b", "mcp_servers.d"]);
        assert_eq!(new.servers().map(|(name, _, source)| (name.as_str(), source.to_string())).last().unwrap().0, "d");
    }

    #[test]
    fn a_diff_names_what_changed_and_what_waits_for_a_restart() {
        let old = Home::new("").load().unwrap();
        let new = Home::new("[server]\nallow_uids = [7]\n[log]\nlevel = \"warn\"\n").load().unwrap();
        let diff = old.diff(&new);
        assert_eq!(diff.changed, ["server.allow_uids", "log.level"]);
        assert_eq!(diff.restart, ["server.allow_uids"]);
        assert_eq!(new.diff(&new), Diff::default());
    }
}
