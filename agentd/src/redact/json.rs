//! JSON in, JSON out: strings are redacted one by one, never the text that holds them.
//!
//! Owns which name a string is judged with: its key, the name beside it (`{"name": …, "value": …}`), the key around a
//! key that only says "value", the list it stands in. Numbers, booleans, the order of keys and, in a text, every byte
//! around a changed string stay. A key stays too, unless it is a secret by itself.
//!
//! Refuses what is no JSON: the caller then has flat text. Depth is bounded, as everybody's parser bounds it.

use std::{borrow::Cow, ops::Range};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{Finding, MARKER, Redacted, Redactor, Vault, spliced};

/// Keys whose string is named by another string of the same object.
const PAIR_NAMES: [&str; 9] =
    ["name", "key", "variable", "variablename", "field", "header", "label", "parameter", "id"];
/// Keys that do not say what their string is.
const PAIR_VALUES: [&str; 9] =
    ["value", "val", "default", "content", "data", "string", "plaintext", "secret", "defaultvalue"];
/// Deeper texts are flat text: the stack is not theirs. The same bound as of the parser that everybody else uses.
const DEPTH_MAX: usize = 128;
/// Shorter strings in a Kubernetes secret are flags.
const SECRET_MIN: usize = 4;

impl Redactor {
    /// The value with each secret in its strings replaced by `[REDACTED]`, and how many were.
    pub fn json(&self, value: &Value) -> (Value, u32) {
        self.json_with(value, |_| Cow::Borrowed(MARKER))
    }

    /// The value for the model, with numbered markers.
    pub fn json_numbered(&self, value: &Value, vault: &Vault) -> (Value, u32) {
        self.json_with(value, |secret| vault.marker(secret).into())
    }

    /// A JSON text, or several behind each other, with each secret in its strings replaced. All bytes outside the
    /// changed strings stay. `None` when it is no JSON.
    pub fn json_text(&self, text: &str) -> Option<(Redacted, u32)> {
        self.json_text_with(text, |_| Cow::Borrowed(MARKER))
    }

    /// A JSON text for the model, with numbered markers.
    pub fn json_text_numbered(&self, text: &str, vault: &Vault) -> Option<(Redacted, u32)> {
        self.json_text_with(text, |secret| vault.marker(secret).into())
    }

    fn json_with<'m>(&self, value: &Value, mut marker: impl FnMut(&str) -> Cow<'m, str>) -> (Value, u32) {
        let mut tree = Tree::default();
        let root = tree.of_value(value);
        let found = self.judge(&tree, &root);
        let mut changed = tree
            .strings
            .iter()
            .zip(&found)
            .map(|(text, found)| (!found.is_empty()).then(|| spliced(text, found, &mut marker)));
        (rebuilt(value, &mut || changed.next().flatten()), count(&found))
    }

    fn json_text_with<'m>(&self, text: &str, mut marker: impl FnMut(&str) -> Cow<'m, str>) -> Option<(Redacted, u32)> {
        let (mut out, mut done, mut total) = (String::new(), 0, 0);
        for document in documents(text)? {
            let mut tree = Tree::default();
            let mut at = document.start;
            let root = tree.of_text(text, &mut at, DEPTH_MAX)?;
            let found = self.judge(&tree, &root);
            total += count(&found);
            for ((string, place), found) in tree.strings.iter().zip(&tree.places).zip(&found) {
                if found.is_empty() {
                    continue;
                }
                out.push_str(text.get(done..place.range.start).unwrap_or_default());
                let new = spliced(string, found, &mut marker);
                // A string that does not decode was judged as it is written, and is written as it was judged.
                out.push_str(&if place.raw { format!("\"{new}\"") } else { Value::String(new).to_string() });
                done = place.range.end;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some((Redacted::made(&out), total))
    }

    /// What is secret in each string of a tree.
    fn judge(&self, tree: &Tree<'_>, root: &Node) -> Vec<Vec<Finding>> {
        let mut found = vec![Vec::new(); tree.strings.len()];
        self.walk(tree, root, Context::default(), &mut found);
        found
    }

    fn walk(&self, tree: &Tree<'_>, node: &Node, context: Context, found: &mut [Vec<Finding>]) {
        match node {
            Node::Other => {}
            Node::Text(id) => {
                if let Some(found) = found.get_mut(*id) {
                    *found = self.leaf(tree, *id, context);
                }
            }
            Node::List(items) => items.iter().for_each(|item| self.walk(tree, item, context, found)),
            Node::Map(entries) => {
                let pair = tree.pair_name(entries);
                let secret = tree.is_kubernetes_secret(entries);
                for (key, node) in entries {
                    if let Some(found) = found.get_mut(*key) {
                        *found = self.find(tree.string(*key));
                    }
                    let data = ["data", "stringData"].contains(&tree.string(*key));
                    let inside = matches!(node, Node::Map(_));
                    let whole = inside && secret && data || !inside && context.whole;
                    let next = Context { key: Some(*key), around: context.key, pair, whole };
                    self.walk(tree, node, next, found);
                }
            }
        }
    }

    /// What is secret in one string, by itself and with each name it goes by.
    fn leaf(&self, tree: &Tree<'_>, id: usize, context: Context) -> Vec<Finding> {
        let text = tree.string(id);
        if context.whole
            && text.len() >= SECRET_MIN
            && !text.contains(super::marker::OPEN)
            && !text.starts_with(['<', '$'])
        {
            return vec![Finding { start: 0, end: text.len(), kind: "kubernetes-secret".into() }];
        }
        let mut found = self.find(text);
        let key = context.key.map(|key| tree.string(key));
        let vague = key.is_some_and(|key| is_one_of(key, &PAIR_VALUES));
        let others = [context.pair, context.around].map(|id| id.filter(|_| vague).map(|id| tree.string(id)));
        for name in [key].into_iter().chain(others).flatten() {
            if !text.is_empty() && name.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
                self.named(name, text, &mut found);
            }
        }
        merged(found)
    }

    /// What is secret in a string because of its name: both are judged as they stand in JSON, where every check knows
    /// how names and values look.
    fn named(&self, name: &str, text: &str, found: &mut Vec<Finding>) {
        let mut line = format!("{}: \"", Value::String(name.to_owned()));
        let first = line.len();
        // Offset in the string of each byte of its escaped form.
        let mut from = Vec::with_capacity(text.len() + 1);
        for (at, letter) in text.char_indices() {
            let before = line.len();
            match letter {
                '"' | '\\' => line.extend(['\\', letter]),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                '\t' => line.push_str("\\t"),
                letter => line.push(letter),
            }
            let escaped = line.len() - before != letter.len_utf8();
            from.extend((0..line.len() - before).map(|byte| if escaped { at } else { at + byte }));
        }
        from.push(text.len());
        line.push('"');
        for Finding { start, end, kind } in self.find(&line) {
            let place = |at: usize| from.get(at.saturating_sub(first).min(from.len() - 1)).copied().unwrap_or(0);
            let (start, end) = (place(start), place(end));
            if start < end {
                found.push(Finding { start, end, kind });
            }
        }
    }
}

/// What a string is judged with; the numbers are of strings of the tree.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    key: Option<usize>,
    /// The key of the object that the key is in.
    around: Option<usize>,
    /// The name beside it.
    pair: Option<usize>,
    /// It is a secret whatever it says.
    whole: bool,
}

/// JSON as far as redaction needs it: strings, and what is in what. Keys are strings too.
#[derive(Default)]
struct Tree<'a> {
    strings: Vec<Cow<'a, str>>,
    /// Where each stands, in a text.
    places: Vec<Place>,
}

struct Place {
    /// With its quotes.
    range: Range<usize>,
    /// As it is written, because it does not decode: half a surrogate pair.
    raw: bool,
}

enum Node {
    Text(usize),
    List(Vec<Node>),
    Map(Vec<(usize, Node)>),
    Other,
}

impl<'a> Tree<'a> {
    fn string(&self, id: usize) -> &str {
        self.strings.get(id).map_or("", |string| string)
    }

    fn add(&mut self, string: Cow<'a, str>) -> usize {
        self.strings.push(string);
        self.strings.len() - 1
    }

    fn of_value(&mut self, value: &'a Value) -> Node {
        match value {
            Value::String(text) => Node::Text(self.add(text.into())),
            Value::Array(items) => Node::List(items.iter().map(|item| self.of_value(item)).collect()),
            Value::Object(map) => {
                Node::Map(map.iter().map(|(key, value)| (self.add(key.into()), self.of_value(value))).collect())
            }
            _ => Node::Other,
        }
    }

    /// Reads a text that is known to be JSON; `None` when it is too deep.
    fn of_text(&mut self, text: &'a str, at: &mut usize, depth: usize) -> Option<Node> {
        let deeper = depth.checked_sub(1)?;
        Some(match skip(text, at, b" \t\r\n,:") {
            Some(b'"') => Node::Text(self.literal(text, at)),
            Some(b'[') => {
                *at += 1;
                let mut items = Vec::new();
                while !matches!(skip(text, at, b" \t\r\n,"), Some(b']') | None) {
                    items.push(self.of_text(text, at, deeper)?);
                }
                *at += 1;
                Node::List(items)
            }
            Some(b'{') => {
                *at += 1;
                let mut entries = Vec::new();
                while let Some(b'"') = skip(text, at, b" \t\r\n,") {
                    entries.push((self.literal(text, at), self.of_text(text, at, deeper)?));
                }
                *at += 1;
                Node::Map(entries)
            }
            _ => {
                let rest = text.as_bytes().get(*at..).unwrap_or_default();
                *at += rest.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(rest.len()).max(1);
                Node::Other
            }
        })
    }

    /// The string literal whose quote is at `at`.
    fn literal(&mut self, text: &'a str, at: &mut usize) -> usize {
        let start = *at;
        let mut end = start + 1;
        let bytes = text.as_bytes();
        while let Some(found) = bytes.get(end..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            end += found;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        let inner = text.get(start + 1..end).unwrap_or_default();
        let range = start..(end + 1).min(text.len());
        *at = range.end;
        let decoded = if inner.contains('\\') {
            text.get(range.clone()).and_then(|literal| serde_json::from_str::<String>(literal).ok()).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        };
        self.places.push(Place { range, raw: decoded.is_none() });
        self.add(decoded.unwrap_or(Cow::Borrowed(inner)))
    }

    /// The string that names its neighbour.
    fn pair_name(&self, entries: &[(usize, Node)]) -> Option<usize> {
        let mut names = entries.iter().filter_map(|(key, node)| match node {
            Node::Text(id) if is_one_of(self.string(*key), &PAIR_NAMES) => Some(*id),
            _ => None,
        });
        names.next()
    }

    fn is_kubernetes_secret(&self, entries: &[(usize, Node)]) -> bool {
        entries.iter().any(|(key, node)| {
            self.string(*key) == "kind" && matches!(node, Node::Text(id) if self.string(*id) == "Secret")
        })
    }
}

/// The byte at `at`, behind all of these.
fn skip(text: &str, at: &mut usize, over: &[u8]) -> Option<u8> {
    let bytes = text.as_bytes();
    while bytes.get(*at).is_some_and(|byte| over.contains(byte)) {
        *at += 1;
    }
    bytes.get(*at).copied()
}

fn is_one_of(key: &str, words: &[&str]) -> bool {
    let plain =
        |key: &str| key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
    key.len() <= 16 && words.iter().any(|word| plain(key) == word.as_bytes())
}

/// The objects and lists that a text is made of; `None` when there is anything else in it.
fn documents(text: &str) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    while let Some(b'{' | b'[') = skip(text, &mut start, b" \t\r\n") {
        values.next()?.ok()?;
        found.push(start..values.byte_offset());
        start = values.byte_offset();
    }
    (start == text.len() && !found.is_empty()).then_some(found)
}

/// The value with its strings replaced in the order in which [`Tree::of_value`] took them.
fn rebuilt(value: &Value, next: &mut impl FnMut() -> Option<String>) -> Value {
    match value {
        Value::String(text) => Value::String(next().unwrap_or_else(|| text.clone())),
        Value::Array(items) => Value::Array(items.iter().map(|item| rebuilt(item, next)).collect()),
        Value::Object(map) => {
            let mut out = Map::with_capacity(map.len());
            for (key, value) in map {
                let mut key = next().unwrap_or_else(|| key.clone());
                // Two secret keys must not become one: a value would be lost.
                while out.contains_key(&key) {
                    key.push('*');
                }
                out.insert(key, rebuilt(value, next));
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.start, std::cmp::Reverse(finding.end)));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match out.last_mut() {
            Some(before) if finding.start < before.end => before.end = before.end.max(finding.end),
            _ => out.push(finding),
        }
    }
    out
}

fn count(found: &[Vec<Finding>]) -> u32 {
    u32::try_from(found.iter().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::structure::tests::{ALNUM, noise};
    use super::*;

    fn token(seed: u64) -> String {
        format!("ghp{}{}", "_", noise(seed, 36, ALNUM))
    }

    fn text(text: &str) -> String {
        let redactor = Redactor::default();
        let (out, count) = redactor.json_text(text).unwrap();
        assert_eq!(count == 0, out.as_str() == text);
        assert_eq!(redactor.json_text(out.as_str()), Some((out.clone(), 0)), "a second time changes nothing");
        out.as_str().to_owned()
    }

    #[test]
    fn strings_are_replaced_and_all_other_bytes_stay() {
        let secret = token(1);
        let before = format!(
            "{{ \"a\" : [1.50, -0e1,true,null, \"x \\u00fc {secret} \\\"q\\\"\"],\n\t\"b\":{{\"c\":\"\\/p\\u0041\"}} , \"n\":1e999}}\n"
        );
        let after = before.replace(&format!("x \\u00fc {secret}"), "x \u{fc} [REDACTED]");
        assert_eq!(text(&before), after);
    }

    #[test]
    fn json_without_a_secret_keeps_every_byte() {
        for same in
            ["{}", " [ ] ", "[1,2]\n{\"a\":\"b\"}\n\n{\"c\":[\"\\ud800\"]}\n", "{\"a\":1,\"a\":\"2\"}", "[\"\\\\\"]"]
        {
            assert_eq!(text(same), same);
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let redactor = Redactor::default();
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for other in
            ["", "text", "\"a\"", "1", "[INFO] x", "{\"a\":1} and more", "{\"a\":", "{'a':1}", "{\"a\":1} 2", &deep]
        {
            assert!(redactor.json_text(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_string_is_judged_with_the_names_it_goes_by() {
        let secret = noise(7, 14, ALNUM) + "4!";
        let hidden = |value: Value| {
            let before = value.to_string();
            let out = text(&before);
            assert_eq!(out, before.replace(&secret, MARKER), "{before}");
            assert_ne!(out, before);
            let (value, count) = Redactor::default().json(&value);
            assert_eq!((value.to_string(), count > 0), (out, true));
        };
        hidden(json!({"password": secret}));
        hidden(json!({"db": {"passwords": 3, "password": [secret]}}));
        hidden(json!({"env": [{"name": "DB_PASSWORD", "value": secret}]}));
        hidden(json!({"env": [{"value": secret, "name": "DB_PASSWORD"}]}));
        hidden(json!({"variable": {"db_password": {"type": "string", "default": secret}}}));
        hidden(json!({"kind": "Secret", "data": {"a": secret}, "stringData": {"b": secret}}));
        let quoted = json!({"password": format!("a\"b\\c\n{secret}")});
        assert!(!text(&quoted.to_string()).contains(&secret));
    }

    #[test]
    fn numbers_flags_and_the_order_of_keys_stay() {
        let value =
            json!({"z": 1, "password": 12_345_678, "token": true, "a": {"kind": "ConfigMap", "data": {"x": "word"}}});
        assert_eq!(Redactor::default().json(&value), (value.clone(), 0));
        assert_eq!(Redactor::default().json(&value).0.to_string(), value.to_string());
    }

    #[test]
    fn keys_that_are_secrets_are_replaced_and_no_value_is_lost() {
        let value = json!({token(1): 1, token(2): 2, "b": 3});
        let (out, count) = Redactor::default().json(&value);
        assert_eq!((out.to_string().as_str(), count), ("{\"[REDACTED]\":1,\"[REDACTED]*\":2,\"b\":3}", 2));
    }

    #[test]
    fn half_a_surrogate_pair_does_not_hide_a_secret() {
        let secret = token(4);
        assert_eq!(text(&format!("[\"\\ud83d {secret}\"]")), "[\"\\ud83d [REDACTED]\"]");
    }

    #[test]
    fn the_model_can_tell_two_secrets_apart() {
        let vault = Vault::default();
        let (a, b) = (token(1), token(2));
        let (out, count) =
            Redactor::default().json_text_numbered(&format!("[\"{a}\",\"{b}\",\"{a}\"]"), &vault).unwrap();
        assert_eq!((out.as_str(), count), ("[\"[REDACTED:1]\",\"[REDACTED:2]\",\"[REDACTED:1]\"]", 3));
        let (out, _) = Redactor::default().json_numbered(&json!([b]), &vault);
        assert_eq!(out, json!(["[REDACTED:2]"]));
    }
}
