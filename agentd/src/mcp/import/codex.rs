//! Codex's `config.toml`: our own shape, with some keys more.

use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

use crate::config::mcp::parse;

/// The section of a file alone, without the keys of its servers that have no meaning here, which are noted. `None`: it
/// is not TOML, or has no such section.
pub fn section(text: &str, notes: &mut Vec<String>) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let mut servers = document.remove("mcp_servers")?;
    for (name, server) in servers.as_table_like_mut()?.iter_mut() {
        if let Some(server) = server.as_table_like_mut() {
            strip(name.get(), server, notes);
        }
    }
    let mut section = DocumentMut::new();
    section.insert("mcp_servers", servers);
    Some(section.to_string())
}

fn strip(name: &str, server: &mut dyn TableLike, notes: &mut Vec<String>) {
    let foreign = |key: &&str| !parse::known().any(|known| known == *key);
    let keys: Vec<String> = server.iter().map(|(key, _)| key).filter(foreign).map(str::to_owned).collect();
    for key in &keys {
        server.remove(key);
    }
    if !keys.is_empty() {
        notes.push(format!("{name}: these keys have no meaning here and were left out: {}", keys.join(", ")));
    }
    if let Some(list) = server.get_mut("env_vars").and_then(Item::as_array_mut) {
        plain_names(list);
    }
}

/// Codex may write `{ name = "X", source = "local" }` for `"X"`.
fn plain_names(list: &mut Array) {
    for entry in list.iter_mut() {
        let name = entry.as_inline_table().and_then(|table| table.get("name")).and_then(Value::as_str);
        if let Some(name) = name.map(str::to_owned) {
            *entry = name.into();
        }
    }
}
