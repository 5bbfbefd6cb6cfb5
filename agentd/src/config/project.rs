//! The project's own file. It comes with the code, so it is not the user's word: it may only tighten.

use std::path::Path;

use super::{
    Config, Fault, Faults, Key, Place, Project, Value,
    document::{self, Document, Setting},
    file::{self, Rules},
    mcp::check,
    table::KEYS,
};

/// Its name in the project root.
pub const PROJECT_FILE: &str = ".agentd.toml";
/// Largest file; it is read on every ask.
const PROJECT_FILE_MAX: u64 = 64 * 1024;

/// The configuration for one project: `config`, tightened by the project's file if there is one. One failed `open`
/// when there is none.
///
/// # Errors
/// All faults of the project's file together. A value wider than the user's is one.
pub fn tighten(config: &Config, project_root: &Path) -> Result<Config, Faults> {
    let path = project_root.join(PROJECT_FILE);
    let mut config = config.clone();
    let rules = Rules { max: PROJECT_FILE_MAX, private: false, follow: false };
    let text = match file::read(&path, rules) {
        Ok(text) => text.unwrap_or_default(),
        Err(fault) => return Faults::none_or(vec![fault]).map(|()| config),
    };
    if text.is_empty() {
        return Ok(config);
    }
    let Document { settings, servers, lines, mut faults } = document::read(&text, &path, None);
    faults.extend(servers.keys().map(|name| Fault {
        place: Place::File(path.clone(), lines.line(name, "")),
        key: check::full_name(name, ""),
        what: "not for a project's file".to_owned(),
        cure:
            "write it to .mcp.json in the same directory: such a server runs once the user has approved it".to_owned(),
    }));
    for setting in settings {
        match judge(&config, &setting) {
            Ok(()) => setting.key.store(&mut config, &setting.value),
            Err((what, cure)) => faults.push(Fault {
                place: Place::File(path.clone(), setting.line),
                key: setting.key.full_name(),
                what,
                cure,
            }),
        }
    }
    Faults::none_or(faults).map(|()| config)
}

fn judge(config: &Config, setting: &Setting) -> Result<(), (String, String)> {
    let (key, value) = (setting.key, &setting.value);
    let users = key.value(config);
    match key.project {
        Project::Never => Err(("not for a project's file".to_owned(), allowed())),
        Project::Lower if is_lower_or_equal(value, &users) => Ok(()),
        Project::Lower => Err((
            format!("{} is wider than the user's {}", value.plain(), users.plain()),
            "a project's file may only tighten: lower it, or raise it in the user's configuration".to_owned(),
        )),
        Project::OnlyTrue if *value == Value::Flag(true) || *value == users => Ok(()),
        Project::OnlyTrue => Err((
            "off is a choice of the user's".to_owned(),
            "a project's file may only tighten: write true or remove the line".to_owned(),
        )),
        Project::Only(word) if *value == Value::Text(word.to_owned()) || *value == users => Ok(()),
        Project::Only(word) => Err((
            format!("\"{}\" is a choice of the user's", value.plain()),
            format!("a project's file may only tighten: write \"{word}\" or remove the line"),
        )),
    }
}

fn is_lower_or_equal(value: &Value, users: &Value) -> bool {
    match (value, users) {
        (Value::Number(value), Value::Number(users)) => value <= users,
        (Value::Time(value), Value::Time(users)) => value <= users,
        _ => false,
    }
}

fn allowed() -> String {
    let names: Vec<String> = KEYS.iter().filter(|key| key.project != Project::Never).map(Key::full_name).collect();
    format!("a project's file may only tighten {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProviderKind;

    fn tightened(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(PROJECT_FILE), text).unwrap();
        tighten(&Config::default(), dir.path()).map_err(|faults| faults.to_string())
    }

    #[test]
    fn an_absent_and_an_empty_file_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(tighten(&Config::default(), dir.path()), Ok(Config::default()));
        assert_eq!(tightened(""), Ok(Config::default()));
        assert_eq!(tightened("# nothing\n"), Ok(Config::default()));
    }

    #[test]
    fn lower_values_are_taken() {
        let config =
            tightened("[limits]\nmax_turns = 5\n[exec]\ncommand_timeout = 2.5\n[provider]\nkind = \"offline\"\n")
                .unwrap();
        assert_eq!((config.limits.max_turns, config.provider.kind), (5, ProviderKind::Offline));
        assert_eq!(config.exec.command_timeout.as_millis(), 2500);
    }

    #[test]
    fn a_project_may_have_more_hidden_and_never_less() {
        let config = tightened("[redact]\nredact_outbound = true\npersonal = true\n").unwrap();
        assert!(config.redact.personal && config.redact.outbound);
        let text = "[redact]\nredact_outbound = false\nallow = [\"x\"]\nrules = { a = \"x+\" }\n";
        let faults = tightened(text).unwrap_err();
        assert!(faults.contains(":2: redact.redact_outbound: off is a choice of the user's; "), "{faults}");
        assert!(faults.contains(":3: redact.allow: not for a project's file; "), "{faults}");
        assert!(faults.contains(":4: redact.rules: not for a project's file; "), "{faults}");
    }

    #[test]
    fn wider_values_and_foreign_keys_are_faults_and_all_are_named() {
        let text = "[limits]\nmax_turns = 31\n[provider]\nkind = \"openai\"\nbase_url = \"https://evil.example\"\n";
        let faults = tightened(text).unwrap_err();
        assert_eq!(faults.lines().count(), 3, "{faults}");
        assert!(faults.contains(":2: limits.max_turns: 31 is wider than the user's 30; "), "{faults}");
        assert!(faults.contains(":4: provider.kind: \"openai\" is a choice of the user's; "), "{faults}");
        assert!(faults.contains(":5: provider.base_url: not for a project's file; "), "{faults}");
    }

    #[test]
    fn every_key_that_sends_code_elsewhere_or_lets_others_in_stays_the_users() {
        for key in &KEYS {
            if matches!(key.section, "server" | "log" | "chat") || key.name.contains("key") || key.name == "base_url" {
                assert_eq!(key.project, Project::Never, "{}", key.full_name());
            }
        }
    }

    #[test]
    fn a_server_in_a_projects_file_is_sent_to_the_file_that_is_approved() {
        let faults = tightened("[limits]\nmax_turns = 3\n[mcp_servers.x]\ncommand = \"y\"\n").unwrap_err();
        assert!(faults.contains(":3: mcp_servers.x: not for a project's file; write it to .mcp.json"), "{faults}");
    }

    #[test]
    fn a_link_in_place_of_the_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join(PROJECT_FILE)).unwrap();
        let faults = tighten(&Config::default(), dir.path()).unwrap_err().to_string();
        assert!(faults.contains("symbolic link"), "{faults}");
    }
}
