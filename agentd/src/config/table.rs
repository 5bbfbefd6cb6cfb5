//! The one table of keys. A key that is not here does not exist.

use std::path::PathBuf;

use super::{
    AnswersConfig, ChatConfig, Config, ExecConfig, Key, Kind, LimitsConfig, LogConfig, MemoryConfig, Project,
    ProviderConfig, ProviderKind, RedactConfig, Reload, ServerConfig, Similarity, Value,
};

/// What most keys have in common.
const KEY: Key = Key {
    section: "",
    name: "",
    kind: Kind::Flag,
    default: "",
    doc: "",
    reload: Reload::Live,
    project: Project::Never,
    legacy: None,
    set: |_, _| {},
    get: |_| Value::Unset,
};

const PROVIDER: Key = Key { section: "provider", ..KEY };
const MEMORY: Key = Key { section: "memory", ..KEY };
const ANSWERS: Key = Key { section: "answers", ..KEY };
const EXEC: Key = Key { section: "exec", ..KEY };
const LIMITS: Key = Key { section: "limits", ..KEY };
const SERVER: Key = Key { section: "server", ..KEY };
const REDACT: Key = Key { section: "redact", ..KEY };
const LOG: Key = Key { section: "log", ..KEY };
const CHAT: Key = Key { section: "chat", ..KEY };

const KINDS: [ProviderKind; 5] =
    [ProviderKind::Auto, ProviderKind::Deepseek, ProviderKind::Openai, ProviderKind::Ollama, ProviderKind::Offline];

const SIMILARITIES: [Similarity; 5] =
    [Similarity::Verdict, Similarity::Strict, Similarity::Lenient, Similarity::Exact, Similarity::Off];

/// Every key, in the order of `config show`.
pub static KEYS: [Key; 33] = [
    Key {
        name: "kind",
        kind: Kind::Choice(&["auto", "deepseek", "openai", "ollama", "offline"]),
        default: "auto",
        doc: "Who answers; auto takes the first that is there: key, base_url, Ollama, offline",
        project: Project::Only("offline"),
        set: |c, v| {
            let word = v.text().unwrap_or_default();
            c.provider.kind = KINDS.into_iter().find(|kind| kind.name() == word).unwrap_or(ProviderKind::Auto);
        },
        get: |c| Value::of_text(Some(c.provider.kind.name())),
        ..PROVIDER
    },
    Key {
        name: "base_url",
        kind: Kind::Url,
        doc: "Endpoint without /chat/completions; unset: the kind's own",
        set: |c, v| c.provider.base_url = v.text(),
        get: |c| Value::of_text(c.provider.base_url.as_deref()),
        ..PROVIDER
    },
    Key {
        name: "model",
        kind: Kind::Name,
        doc: "Model name; unset: the kind's own",
        set: |c, v| c.provider.model = v.text(),
        get: |c| Value::of_text(c.provider.model.as_deref()),
        ..PROVIDER
    },
    Key {
        name: "thinking",
        kind: Kind::Flag,
        default: "true",
        doc: "The model thinks before it answers",
        set: |c, v| c.provider.thinking = v.flag(),
        get: |c| Value::Flag(c.provider.thinking),
        ..PROVIDER
    },
    Key {
        name: "api_key_env",
        kind: Kind::Variable,
        default: "DEEPSEEK_API_KEY",
        doc: "Name of the environment variable that holds the key",
        set: |c, v| c.provider.api_key_env = v.text().unwrap_or_default(),
        get: |c| Value::Text(c.provider.api_key_env.clone()),
        ..PROVIDER
    },
    Key {
        name: "api_key_file",
        kind: Kind::Path,
        doc: "File that holds the key; its mode must be 0600",
        set: |c, v| c.provider.api_key_file = v.text().map(PathBuf::from),
        get: |c| Value::of_path(c.provider.api_key_file.as_ref()),
        ..PROVIDER
    },
    Key {
        name: "idle_timeout",
        kind: Kind::Seconds(100, 3_600_000),
        default: "120",
        doc: "Seconds without a sign of life from the provider that end a model call",
        set: |c, v| c.provider.idle_timeout = v.time(),
        get: |c| Value::Time(c.provider.idle_timeout),
        ..PROVIDER
    },
    Key {
        name: "max_tokens",
        kind: Kind::Number(0, 1_000_000),
        default: "8192",
        doc: "Most tokens of one reply; 0 leaves it to the provider",
        set: |c, v| c.provider.max_tokens = v.number(),
        get: |c| Value::Number(c.provider.max_tokens.into()),
        ..PROVIDER
    },
    Key {
        name: "max_attempts",
        kind: Kind::Number(1, 10),
        default: "4",
        doc: "Tries of one model call, the first included",
        set: |c, v| c.provider.max_attempts = v.number(),
        get: |c| Value::Number(c.provider.max_attempts.into()),
        ..PROVIDER
    },
    Key {
        name: "max_concurrent",
        kind: Kind::Number(1, 256),
        default: "32",
        doc: "Model calls at once",
        set: |c, v| c.provider.max_concurrent = v.number(),
        get: |c| Value::Number(c.provider.max_concurrent.into()),
        ..PROVIDER
    },
    Key {
        name: "max_conversation_history",
        kind: Kind::Number(1, 1000),
        default: "10",
        doc: "Conversations that one session keeps in RAM",
        legacy: Some("MAX_CONVERSATION_HISTORY"),
        set: |c, v| c.memory.max_conversation_history = v.number(),
        get: |c| Value::of_count(c.memory.max_conversation_history),
        ..MEMORY
    },
    Key {
        name: "max_session_files",
        kind: Kind::Number(1, 10_000),
        default: "30",
        doc: "Last files accessed that one session keeps in RAM",
        legacy: Some("MAX_SESSION_FILES"),
        set: |c, v| c.memory.max_session_files = v.number(),
        get: |c| Value::of_count(c.memory.max_session_files),
        ..MEMORY
    },
    Key {
        name: "max_persistent_conversations",
        kind: Kind::Number(0, 1000),
        default: "20",
        doc: "Useful conversations that outlive the daemon; 0: none",
        legacy: Some("MAX_PERSISTENT_CONV"),
        set: |c, v| c.memory.max_persistent_conversations = v.number(),
        get: |c| Value::of_count(c.memory.max_persistent_conversations),
        ..MEMORY
    },
    Key {
        name: "cache_size",
        kind: Kind::Number(0, 5000),
        default: "300",
        doc: "Answers kept for the same question about unchanged code; 0: none",
        legacy: Some("CACHE_SIZE"),
        set: |c, v| c.memory.cache_size = v.number(),
        get: |c| Value::of_count(c.memory.cache_size),
        ..MEMORY
    },
    Key {
        name: "keep_days",
        kind: Kind::Number(1, 3650),
        default: "90",
        doc: "Days that an answer or a conversation is kept after its last use",
        set: |c, v| c.memory.keep_days = v.number(),
        get: |c| Value::Number(c.memory.keep_days.into()),
        ..MEMORY
    },
    Key {
        name: "backups",
        kind: Kind::Number(1, 365),
        default: "7",
        doc: "Backups kept; an older one goes when a new one is written",
        set: |c, v| c.memory.backups = v.number(),
        get: |c| Value::of_count(c.memory.backups),
        ..MEMORY
    },
    Key {
        name: "recollections",
        kind: Kind::Flag,
        default: "true",
        doc: "Remind the model of earlier conversations about the same files while these are unchanged",
        set: |c, v| c.memory.recollections = v.flag(),
        get: |c| Value::Flag(c.memory.recollections),
        ..MEMORY
    },
    Key {
        name: "similarity",
        kind: Kind::Choice(&["verdict", "strict", "lenient", "exact", "off"]),
        default: "verdict",
        doc: "Which questions share an answer: verdict asks the model about candidates, strict goes by rules, lenient also by likeness",
        project: Project::Only("off"),
        set: |c, v| {
            let word = v.text().unwrap_or_default();
            c.answers.similarity = SIMILARITIES.into_iter().find(|it| it.name() == word).unwrap_or(Similarity::Strict);
        },
        get: |c| Value::of_text(Some(c.answers.similarity.name())),
        ..ANSWERS
    },
    Key {
        name: "verdict",
        kind: Kind::Choice(&["model", "off"]),
        default: "model",
        doc: "Who is asked whether two questions are the same: the model that answers, or nobody",
        project: Project::Only("off"),
        set: |c, v| c.answers.verdict = v.text().as_deref() == Some("model"),
        get: |c| Value::of_text(Some(if c.answers.verdict { "model" } else { "off" })),
        ..ANSWERS
    },
    Key {
        name: "command_timeout",
        kind: Kind::Seconds(100, 3_600_000),
        default: "30",
        doc: "Seconds after which a command is ended",
        project: Project::Lower,
        legacy: Some("COMMAND_TIMEOUT"),
        set: |c, v| c.exec.command_timeout = v.time(),
        get: |c| Value::Time(c.exec.command_timeout),
        ..EXEC
    },
    Key {
        name: "output_cap",
        kind: Kind::Number(1024, 16 * 1024 * 1024),
        default: "262144",
        doc: "Bytes of a command's output that are kept, head and tail",
        project: Project::Lower,
        set: |c, v| c.exec.output_cap = v.number(),
        get: |c| Value::of_count(c.exec.output_cap),
        ..EXEC
    },
    Key {
        name: "max_turns",
        kind: Kind::Number(1, 1000),
        default: "30",
        doc: "Model calls of one ask",
        project: Project::Lower,
        set: |c, v| c.limits.max_turns = v.number(),
        get: |c| Value::Number(c.limits.max_turns.into()),
        ..LIMITS
    },
    Key {
        name: "result_cap",
        kind: Kind::Number(1024, 1024 * 1024),
        default: "65536",
        doc: "Bytes of a tool result that reach the model, head and tail",
        project: Project::Lower,
        set: |c, v| c.limits.result_cap = v.number(),
        get: |c| Value::of_count(c.limits.result_cap),
        ..LIMITS
    },
    Key {
        name: "allow_uids",
        kind: Kind::Ids,
        doc: "Further users who may read and ask",
        reload: Reload::Restart,
        set: |c, v| c.server.allow_uids = v.ids(),
        get: |c| Value::Ids(c.server.allow_uids.clone()),
        ..SERVER
    },
    Key {
        name: "drain_timeout",
        kind: Kind::Seconds(0, 600_000),
        default: "10",
        doc: "Seconds that running turns get at stop",
        set: |c, v| c.server.drain_timeout = v.time(),
        get: |c| Value::Time(c.server.drain_timeout),
        ..SERVER
    },
    Key {
        name: "redact_outbound",
        kind: Kind::Flag,
        default: "true",
        doc: "Hide secrets from the provider too; logs and what is kept are always redacted",
        project: Project::OnlyTrue,
        set: |c, v| c.redact.outbound = v.flag(),
        get: |c| Value::Flag(c.redact.outbound),
        ..REDACT
    },
    Key {
        name: "personal",
        kind: Kind::Flag,
        default: "false",
        doc: "Also hide personal data: addresses, phone, account and card numbers",
        project: Project::OnlyTrue,
        set: |c, v| c.redact.personal = v.flag(),
        get: |c| Value::Flag(c.redact.personal),
        ..REDACT
    },
    Key {
        name: "rules",
        kind: Kind::Rules,
        doc: "Your own rules, as [redact.rules] NAME = 'regular expression'",
        set: |c, v| c.redact.rules = v.pairs(),
        get: |c| Value::Pairs(c.redact.rules.clone()),
        ..REDACT
    },
    Key {
        name: "allow",
        kind: Kind::Texts,
        doc: "Values that are never hidden, as they are or as sha256:HEX",
        set: |c, v| c.redact.allow = v.texts(),
        get: |c| Value::Texts(c.redact.allow.clone()),
        ..REDACT
    },
    Key {
        name: "level",
        kind: Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        default: "info",
        doc: "Least important level that is logged",
        set: |c, v| c.log.level = v.text().unwrap_or_default(),
        get: |c| Value::Text(c.log.level.clone()),
        ..LOG
    },
    Key {
        name: "keep_days",
        kind: Kind::Number(1, 3650),
        default: "7",
        doc: "Days of log that are kept, today included",
        set: |c, v| c.log.keep_days = v.number(),
        get: |c| Value::Number(c.log.keep_days.into()),
        ..LOG
    },
    Key {
        name: "max_total_mb",
        kind: Kind::Number(1, 100_000),
        default: "64",
        doc: "MiB of all log files together",
        set: |c, v| c.log.max_total_mb = v.number(),
        get: |c| Value::Number(c.log.max_total_mb),
        ..LOG
    },
    Key {
        name: "history_file",
        kind: Kind::Path,
        doc: "File in which agentctl chat keeps its lines; unset: RAM only",
        set: |c, v| c.chat.history_file = v.text().map(PathBuf::from),
        get: |c| Value::of_path(c.chat.history_file.as_ref()),
        ..CHAT
    },
];

impl Default for Config {
    /// Every key at its default.
    fn default() -> Self {
        let mut config = blank();
        for key in &KEYS {
            key.store(&mut config, &key.default_value());
        }
        config
    }
}

/// A configuration before the table has filled it. Holds no default of its own.
fn blank() -> Config {
    Config {
        mcp_servers: std::sync::Arc::default(),
        provider: ProviderConfig {
            kind: ProviderKind::Auto,
            base_url: None,
            model: None,
            thinking: false,
            api_key_env: String::new(),
            api_key_file: None,
            idle_timeout: std::time::Duration::ZERO,
            max_tokens: 0,
            max_attempts: 0,
            max_concurrent: 0,
        },
        memory: MemoryConfig {
            max_conversation_history: 0,
            max_session_files: 0,
            max_persistent_conversations: 0,
            cache_size: 0,
            keep_days: 0,
            backups: 0,
            recollections: false,
        },
        answers: AnswersConfig { similarity: Similarity::Off, verdict: false },
        exec: ExecConfig { command_timeout: std::time::Duration::ZERO, output_cap: 0 },
        limits: LimitsConfig { max_turns: 0, result_cap: 0 },
        server: ServerConfig { allow_uids: Vec::new(), drain_timeout: std::time::Duration::ZERO },
        redact: RedactConfig { outbound: false, personal: false, rules: Vec::new(), allow: Vec::new() },
        log: LogConfig { level: String::new(), keep_days: 0, max_total_mb: 0 },
        chat: ChatConfig { history_file: None },
    }
}

/// All section names, in table order.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    KEYS.iter().map(|key| key.section).filter(move |section| std::mem::replace(&mut last, section) != *section)
}

/// The key of that section and name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The key called `section.name`, or else the full name that looks most like it.
///
/// # Errors
/// The nearest full name, when there is one.
pub fn nearest_key(full_name: &str) -> Result<&'static Key, Option<String>> {
    let names: Vec<String> = KEYS.iter().map(Key::full_name).collect();
    if let Some(key) = KEYS.iter().find(|key| key.full_name() == full_name) {
        return Ok(key);
    }
    let by_name = KEYS.iter().find(|key| key.name == full_name).map(Key::full_name);
    Err(by_name.or_else(|| nearest(full_name, names.iter().map(String::as_str)).map(str::to_owned)))
}

/// The candidate that a slip of the finger could have meant: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::Raw;

    #[test]
    fn every_default_is_valid_and_reads_back_from_the_configuration() {
        let config = Config::default();
        for key in &KEYS {
            let value = key.value(&config);
            let name = key.full_name();
            if key.default.is_empty() {
                assert!(value.plain().is_empty(), "{name}: {value:?}");
            } else {
                assert_eq!(value.plain(), key.default, "{name}");
            }
        }
    }

    #[test]
    fn names_and_variables_are_unique_and_every_key_says_what_it_is() {
        let mut seen = std::collections::BTreeSet::new();
        for key in &KEYS {
            assert!(seen.insert(key.full_name()) && seen.insert(key.variable()), "{}", key.full_name());
            assert!(key.legacy.is_none_or(|name| seen.insert(name.to_owned())));
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.') && !key.section.is_empty(), "{}", key.full_name());
        }
    }

    #[test]
    fn setting_one_key_changes_that_key_only() {
        for key in &KEYS {
            let raw = match key.kind {
                Kind::Flag if key.default == "false" => "true",
                Kind::Flag => "false",
                Kind::Number(_, max) => &max.to_string(),
                Kind::Seconds(_, max) => &(max / 1000).to_string(),
                Kind::Choice(words) => words[1],
                Kind::Url => "https://example.com",
                Kind::Name | Kind::Variable => "OTHER",
                Kind::Path => "/p",
                Kind::Ids => "7,8",
                Kind::Texts => "one value,another",
                Kind::Rules => "name = 'x+'",
            };
            let value = key.kind.check(&Raw::from_text(key.kind, raw), None).expect(key.name);
            let mut config = Config::default();
            key.store(&mut config, &value);
            for other in &KEYS {
                let want = if other.full_name() == key.full_name() { value.clone() } else { other.default_value() };
                assert_eq!(other.value(&config), want, "{} after {}", other.full_name(), key.full_name());
            }
        }
    }

    #[test]
    fn a_slip_finds_its_key_and_nonsense_finds_none() {
        assert_eq!(nearest("modle", ["kind", "model"].into_iter()), Some("model"));
        assert_eq!(nearest("zebra", sections()), None);
        assert_eq!(nearest_key("log.levle").err(), Some(Some("log.level".to_owned())));
        assert_eq!(nearest_key("level").err(), Some(Some("log.level".to_owned())));
        assert_eq!(nearest_key("qqqqqqqqqqq").err(), Some(None));
        assert_eq!(nearest_key("exec.command_timeout").ok().map(|key| key.name), Some("command_timeout"));
    }
}
