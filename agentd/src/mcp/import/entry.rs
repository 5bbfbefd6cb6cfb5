//! One server as JSON files of other programs write it: `{"command": …}` or `{"url": …}`.
//!
//! Owns the shape that they share. Refuses what cannot be run here; keys that only mean something elsewhere are left
//! out by name, so that nobody believes they count.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A server as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How it is reached.
    pub target: Target,
    /// False when the file switches it off.
    pub enabled: bool,
    /// Keys that mean nothing here.
    pub left_out: Vec<String>,
}

/// How it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A process.
    Process {
        /// Program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables with values.
        env: BTreeMap<String, String>,
        /// Where it runs.
        cwd: Option<String>,
    },
    /// Somebody else's process.
    Address {
        /// Where.
        url: String,
        /// Headers with values.
        headers: BTreeMap<String, String>,
    },
}

impl Entry {
    /// Every text that may hold references.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match &mut self.target {
            Target::Process { command, args, env, cwd } => {
                [command].into_iter().chain(args).chain(env.values_mut()).chain(cwd).collect()
            }
            Target::Address { url, headers } => [url].into_iter().chain(headers.values_mut()).collect(),
        }
    }
}

/// Why an entry is not taken: what is wrong, and the cure.
pub type Refusal = (String, String);

/// Keys of a process.
const PROCESS: [&str; 4] = ["command", "args", "env", "cwd"];
/// Keys of a server behind a URL.
const ADDRESS: [&str; 2] = ["url", "headers"];
/// Keys that are understood beside those.
const BESIDE: [&str; 3] = ["type", "disabled", "enabled"];

/// Reads an entry.
///
/// # Errors
/// It cannot be run here.
pub fn read(value: &Value) -> Result<Entry, Refusal> {
    let Value::Object(keys) = value else {
        return Err(refusal("is no object", "write { \"command\": …, \"args\": […] } or { \"url\": … }"));
    };
    if keys.contains_key("envFile") {
        let cure = "a file of variables is not read: name them in env, or put them into the daemon's environment";
        return Err(refusal("envFile is not supported", cure));
    }
    let is_process = is_process(keys)?;
    let (target, known) = if is_process { (process(keys)?, &PROCESS[..]) } else { (address(keys)?, &ADDRESS[..]) };
    let is_known = |key: &str| known.contains(&key) || BESIDE.contains(&key);
    Ok(Entry {
        target,
        enabled: flag(keys, "enabled").unwrap_or(true) && !flag(keys, "disabled").unwrap_or(false),
        left_out: keys.keys().filter(|key| !is_known(key)).cloned().collect(),
    })
}

fn refusal(what: &str, cure: &str) -> Refusal {
    (what.to_owned(), cure.to_owned())
}

fn is_process(keys: &Map<String, Value>) -> Result<bool, Refusal> {
    let (command, url) = (keys.contains_key("command"), keys.contains_key("url"));
    match keys.get("type").map(|kind| kind.as_str().unwrap_or_default()) {
        Some("sse") => {
            let what = "type sse is the transport of 2024, which the protocol has dropped";
            Err(refusal(what, "most such servers offer Streamable HTTP too: write its URL with \"type\": \"http\""))
        }
        Some("stdio") if !command => Err(refusal("type stdio has no command", "write its command")),
        Some("http" | "streamable-http" | "streamableHttp") if !url => {
            Err(refusal("a server of type http has no url", "write its url"))
        }
        Some("stdio") => Ok(true),
        Some("http" | "streamable-http" | "streamableHttp") => Ok(false),
        Some(_) => Err(refusal("has a type that is not known", "write \"type\": \"stdio\" or \"http\"")),
        None if command && url => Err(refusal("has command and url", "keep one of the two")),
        None if command || url => Ok(command),
        None => Err(refusal("has neither command nor url", "write one of the two")),
    }
}

fn process(keys: &Map<String, Value>) -> Result<Target, Refusal> {
    Ok(Target::Process {
        command: text(keys, "command")?.unwrap_or_default(),
        args: texts(keys, "args")?,
        env: pairs(keys, "env")?,
        cwd: text(keys, "cwd")?,
    })
}

fn address(keys: &Map<String, Value>) -> Result<Target, Refusal> {
    Ok(Target::Address { url: text(keys, "url")?.unwrap_or_default(), headers: pairs(keys, "headers")? })
}

fn flag(keys: &Map<String, Value>, key: &str) -> Option<bool> {
    keys.get(key).and_then(Value::as_bool)
}

fn text(keys: &Map<String, Value>, key: &str) -> Result<Option<String>, Refusal> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text.clone())),
        Some(_) => Err(refusal(&format!("{key} is no text"), "write it in \"quotes\"")),
    }
}

fn texts(keys: &Map<String, Value>, key: &str) -> Result<Vec<String>, Refusal> {
    let wrong = || refusal(&format!("{key} is no list of texts"), "write [\"one\", \"two\"]");
    match keys.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

fn pairs(keys: &Map<String, Value>, key: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let wrong = || refusal(&format!("{key} is no table of texts"), "write { \"NAME\": \"value\" }");
    match keys.get(key) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(table)) => {
            let one = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            table.iter().map(|pair| one(pair).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_kinds_are_read_with_and_without_a_type() {
        let entry =
            read(&json!({"command": "c", "args": ["a"], "env": {"K": "v"}, "cwd": "/w", "disabled": true})).unwrap();
        let env = BTreeMap::from([("K".to_owned(), "v".to_owned())]);
        let target = Target::Process { command: "c".into(), args: vec!["a".into()], env, cwd: Some("/w".into()) };
        assert_eq!(entry, Entry { target, enabled: false, left_out: Vec::new() });
        for kind in ["http", "streamable-http", "streamableHttp"] {
            let entry = read(&json!({"type": kind, "url": "u", "headers": {"A": "b"}, "alwaysAllow": []})).unwrap();
            let headers = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
            assert_eq!(entry.target, Target::Address { url: "u".into(), headers });
            assert_eq!(entry.left_out, ["alwaysAllow"]);
        }
        assert!(matches!(read(&json!({"url": "u"})).unwrap().target, Target::Address { .. }));
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_a_reason() {
        for (value, word) in [
            (json!([]), "is no object"),
            (json!({}), "neither command nor url"),
            (json!({"command": "c", "url": "u"}), "command and url"),
            (json!({"type": "sse", "url": "u"}), "has dropped"),
            (json!({"type": "ws", "url": "u"}), "not known"),
            (json!({"type": "stdio", "url": "u"}), "no command"),
            (json!({"type": "http", "command": "c"}), "no url"),
            (json!({"command": "c", "envFile": ".env"}), "envFile"),
            (json!({"command": 1}), "command is no text"),
            (json!({"command": "c\u{0}"}), "command is no text"),
            (json!({"command": "c", "args": "a"}), "args is no list"),
            (json!({"command": "c", "env": {"PORT": 1}}), "env is no table of texts"),
        ] {
            let (what, cure) = read(&value).unwrap_err();
            assert!(what.contains(word) && !cure.is_empty(), "{value}: {what}");
        }
    }
}
