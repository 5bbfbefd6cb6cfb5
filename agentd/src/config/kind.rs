//! What a key can hold, and the check of what was written for it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use toml::de::DeValue;

use super::{rules, url};

/// Longest model name that is taken for one.
const NAME_MAX: usize = 200;
/// Most users that `allow_uids` may name; it is searched on every connection.
const IDS_MAX: usize = 64;

/// Most entries of a list of texts, and the longest one: all are compared with every value that is found.
const TEXTS_MAX: usize = 1000;
const TEXT_MAX: usize = 4096;

/// The type and range of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Number(u64, u64),
    /// Seconds, fractions allowed; the range is in milliseconds, both ends included.
    Seconds(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A base URL, see `url`.
    Url,
    /// A name without blanks.
    Name,
    /// The name of an environment variable. Capitals only: a key that was pasted here must not pass for a name.
    Variable,
    /// A file; absolute, or `~/…`.
    Path,
    /// A list of user ids.
    Ids,
    /// A list of texts.
    Texts,
    /// Names and regular expressions, see `rules`.
    Rules,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing; the key has no default.
    Unset,
    /// See [`Kind::Flag`].
    Flag(bool),
    /// See [`Kind::Number`].
    Number(u64),
    /// See [`Kind::Seconds`].
    Time(Duration),
    /// See [`Kind::Choice`], [`Kind::Url`], [`Kind::Name`], [`Kind::Variable`], [`Kind::Path`].
    Text(String),
    /// See [`Kind::Ids`].
    Ids(Vec<u32>),
    /// See [`Kind::Texts`].
    Texts(Vec<String>),
    /// See [`Kind::Rules`].
    Pairs(Vec<(String, String)>),
}

/// What is wrong with a value, and the cure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) cure: String,
}

impl Trouble {
    pub(super) fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }
}

/// A value as written, before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Flag(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
    /// A type that no key has; its name.
    Other(&'static str),
}

impl Raw {
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::Boolean(flag) => Self::Flag(*flag),
            // A number that does not fit 128 bits is out of every range.
            DeValue::Integer(n) => Self::Whole(i128::from_str_radix(n.as_str(), n.radix()).unwrap_or(i128::MAX)),
            DeValue::Float(n) => n.as_str().parse().map_or(Self::Other("number"), Self::Fraction),
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Array(list) => Self::List(list.iter().map(|one| Self::from_toml(one.get_ref())).collect()),
            DeValue::Datetime(_) => Self::Other("date"),
            DeValue::Table(table) => Self::Table(
                table.iter().map(|(name, one)| (name.get_ref().to_string(), Self::from_toml(one.get_ref()))).collect(),
            ),
        }
    }

    /// The text of an environment variable, read as the kind wants it; text that does not fit stays text.
    pub(super) fn from_text(kind: Kind, text: &str) -> Self {
        let whole = |text: &str| text.trim().parse().map(Self::Whole);
        let as_text = || Self::Text(text.to_owned());
        match kind {
            Kind::Flag => match text.trim() {
                "true" | "1" => Self::Flag(true),
                "false" | "0" => Self::Flag(false),
                _ => as_text(),
            },
            Kind::Number(..) => whole(text).unwrap_or_else(|_| as_text()),
            Kind::Seconds(..) => {
                whole(text).or_else(|_| text.trim().parse().map(Self::Fraction)).unwrap_or_else(|_| as_text())
            }
            Kind::Ids => Self::List(
                text.split(',')
                    .filter(|one| !one.trim().is_empty())
                    .map(|one| whole(one).unwrap_or_else(|_| Self::Text(one.to_owned())))
                    .collect(),
            ),
            Kind::Texts => Self::List(
                text.split(',').filter(|one| !one.is_empty()).map(|one| Self::Text(one.to_owned())).collect(),
            ),
            // As the lines below [redact.rules]; what is no such text stays text and is refused.
            Kind::Rules => toml::de::DeTable::parse(text)
                .map_or_else(|_| as_text(), |table| Self::from_toml(&DeValue::Table(table.into_inner()))),
            _ => as_text(),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Whole(_) => "a whole number",
            Self::Fraction(_) => "a fraction",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

impl Kind {
    /// The range or type in words, for faults and `config show`.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Number(min, max) => format!("a whole number from {min} to {max}"),
            Self::Seconds(min, max) => format!("seconds from {} to {}", seconds(min), seconds(max)),
            Self::Choice(words) => format!("one of {}", words.map_join()),
            Self::Url => "a URL like \"https://api.example.com/v1\"".to_owned(),
            Self::Name => "a name in quotes, without blanks".to_owned(),
            Self::Variable => "the name of an environment variable, in capitals".to_owned(),
            Self::Path => "an absolute path, or one that begins with ~/".to_owned(),
            Self::Ids => "a list of user ids like [1001, 1002]".to_owned(),
            Self::Texts => format!("a list of at most {TEXTS_MAX} texts like [\"one\", \"two\"]"),
            Self::Rules => "a table of names and regular expressions like { ticket = 'TCK-[0-9]+' }".to_owned(),
        }
    }

    /// Checks a value as written. `home` replaces `~`.
    pub(super) fn check(self, raw: &Raw, home: Option<&Path>) -> Result<Value, Trouble> {
        match (self, raw) {
            (Self::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Self::Number(min, max), Raw::Whole(n)) => {
                self.in_range(*n, min, max).map(Value::Number).ok_or_else(|| self.out_of_range(n))
            }
            (Self::Seconds(min, max), Raw::Whole(n)) => self
                .in_range(n.saturating_mul(1000), min, max)
                .map(|ms| Value::Time(Duration::from_millis(ms)))
                .ok_or_else(|| self.out_of_range(n)),
            (Self::Seconds(min, max), Raw::Fraction(n)) => Duration::try_from_secs_f64(*n)
                .ok()
                .filter(|time| (u128::from(min)..=u128::from(max)).contains(&time.as_millis()))
                .map(Value::Time)
                .ok_or_else(|| self.out_of_range(n)),
            (Self::Choice(words), Raw::Text(text)) => choose(words, text).ok_or_else(|| self.not_a_choice(words, text)),
            (Self::Url, Raw::Text(text)) => url::check(text).map(Value::Text),
            (Self::Name, Raw::Text(text)) if is_name(text) => Ok(Value::Text(text.clone())),
            (Self::Variable, Raw::Text(text)) if is_variable(text) => Ok(Value::Text(text.clone())),
            (Self::Path, Raw::Text(text)) => expand(text, home).map(Value::Text),
            (Self::Ids, Raw::List(list)) if list.len() <= IDS_MAX => ids(list).ok_or_else(|| self.wrong(raw)),
            (Self::Texts, Raw::List(list)) if list.len() <= TEXTS_MAX => texts(list).ok_or_else(|| self.wrong(raw)),
            (Self::Rules, Raw::Table(table)) => rules::check(table).map(Value::Pairs),
            _ => Err(self.wrong(raw)),
        }
    }

    fn in_range(self, n: i128, min: u64, max: u64) -> Option<u64> {
        u64::try_from(n).ok().filter(|n| (min..=max).contains(n))
    }

    fn out_of_range(self, n: &dyn std::fmt::Display) -> Trouble {
        Trouble::new(format!("{n} is out of range"), format!("write {}", self.describe()))
    }

    fn not_a_choice(self, words: &[&str], text: &str) -> Trouble {
        let cure = match super::table::nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean \"{word}\"? It is {}", self.describe()),
            None => format!("write {}", self.describe()),
        };
        // Cut: a pasted key is longer than any word that could have been meant.
        Trouble::new(format!("\"{}\" is not known", text.chars().take(16).collect::<String>().escape_debug()), cure)
    }

    /// Says the type that was found, never the value: it may be a key in the wrong place.
    fn wrong(self, raw: &Raw) -> Trouble {
        let what = match (self, raw) {
            (Self::Name | Self::Variable, Raw::Text(_)) => "what stands there is no such name".to_owned(),
            (Self::Texts, Raw::List(_)) => format!("not a list of at most {TEXTS_MAX} texts"),
            (Self::Ids, Raw::List(_)) => format!("not a list of at most {IDS_MAX} user ids"),
            _ => format!("{} cannot stand here", raw.type_name()),
        };
        Trouble::new(what, format!("write {}", self.describe()))
    }
}

/// Joins quoted words.
trait MapJoin {
    fn map_join(&self) -> String;
}

impl<T: AsRef<str>> MapJoin for [T] {
    fn map_join(&self) -> String {
        self.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(", ")
    }
}

fn choose(words: &[&str], text: &str) -> Option<Value> {
    words.contains(&text).then(|| Value::Text(text.to_owned()))
}

fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len()) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

fn is_variable(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn ids(list: &[Raw]) -> Option<Value> {
    let one = |raw: &Raw| match raw {
        Raw::Whole(n) => u32::try_from(*n).ok(),
        _ => None,
    };
    let mut ids = list.iter().map(one).collect::<Option<Vec<_>>>()?;
    ids.sort_unstable();
    ids.dedup();
    Some(Value::Ids(ids))
}

fn texts(list: &[Raw]) -> Option<Value> {
    let one = |raw: &Raw| match raw {
        Raw::Text(text) if !text.is_empty() && text.len() <= TEXT_MAX => Some(text.clone()),
        _ => None,
    };
    list.iter().map(one).collect::<Option<Vec<_>>>().map(Value::Texts)
}

fn expand(text: &str, home: Option<&Path>) -> Result<String, Trouble> {
    let cure = Kind::Path.describe();
    let path = match text.strip_prefix("~/") {
        Some(rest) => match home {
            Some(home) => home.join(rest),
            None => return Err(Trouble::new("~ means HOME, which is not set", "write an absolute path")),
        },
        None => PathBuf::from(text),
    };
    if !path.is_absolute() || text.contains('\0') || text.ends_with('/') {
        return Err(Trouble::new("not an absolute path of a file", format!("write {cure}")));
    }
    path.into_os_string().into_string().map_err(|_| Trouble::new("HOME is not UTF-8", "write an absolute path"))
}

/// Milliseconds as seconds, without a needless fraction.
fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        (ms / 1000).to_string()
    } else {
        format!("{}", Duration::from_millis(ms).as_secs_f64())
    }
}

impl Value {
    /// As it stands in the file; empty when unset.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Ids(_) => format!("[{}]", self.plain()),
            Self::Texts(texts) => format!("[{}]", texts.map_join()),
            Self::Pairs(pairs) => format!("{{ {} }}", pairs_as_toml(pairs).join(", ")),
            _ => self.plain(),
        }
    }

    /// As a script wants it: text without quotes, a list with commas; empty when unset.
    pub fn plain(&self) -> String {
        match self {
            Self::Unset => String::new(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(n) => n.to_string(),
            Self::Time(time) if time.subsec_nanos() == 0 => time.as_secs().to_string(),
            Self::Time(time) => time.as_secs_f64().to_string(),
            Self::Text(text) => text.clone(),
            Self::Ids(ids) => ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
            Self::Texts(texts) => texts.join(","),
            Self::Pairs(pairs) => pairs_as_toml(pairs).join("\n"),
        }
    }

    /// As JSON; null when unset.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Unset => serde_json::Value::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Number(n) => (*n).into(),
            Self::Time(time) if time.subsec_nanos() == 0 => time.as_secs().into(),
            Self::Time(time) => time.as_secs_f64().into(),
            Self::Text(text) => text.clone().into(),
            Self::Ids(ids) => ids.clone().into(),
            Self::Texts(texts) => texts.clone().into(),
            Self::Pairs(pairs) => pairs.iter().cloned().collect(),
        }
    }

    // The readers below are called by the table's setters, after `Kind::check` has fixed the variant; the fall-backs
    // are for a table that contradicts itself, which its tests exclude.

    pub(super) fn flag(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    pub(super) fn number<N: TryFrom<u64> + Default>(&self) -> N {
        match self {
            Self::Number(n) => N::try_from(*n).unwrap_or_default(),
            _ => N::default(),
        }
    }

    pub(super) fn time(&self) -> Duration {
        match self {
            Self::Time(time) => *time,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        match self {
            Self::Ids(ids) => ids.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        match self {
            Self::Pairs(pairs) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn of_text(text: Option<&str>) -> Self {
        text.map_or(Self::Unset, |text| Self::Text(text.to_owned()))
    }

    pub(super) fn of_path(path: Option<&PathBuf>) -> Self {
        path.map_or(Self::Unset, |path| Self::Text(path.display().to_string()))
    }

    pub(super) fn of_count(n: usize) -> Self {
        Self::Number(u64::try_from(n).unwrap_or(u64::MAX))
    }
}

/// `name = "pattern"` for each.
fn pairs_as_toml(pairs: &[(String, String)]) -> Vec<String> {
    pairs.iter().map(|(name, pattern)| format!("{name} = {}", quote(pattern))).collect()
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind, text: &str) -> Result<Value, Trouble> {
        kind.check(&Raw::from_text(kind, text), Some(Path::new("/home/u")))
    }

    #[test]
    fn a_fault_never_quotes_what_may_be_a_key() {
        let pasted = "sk-0123456789abcdef0123456789abcdef";
        for kind in [Kind::Variable, Kind::Path, Kind::Number(1, 2), Kind::Flag, Kind::Url, Kind::Ids] {
            let trouble = text(kind, pasted).expect_err("not a value");
            assert!(!format!("{trouble:?}").contains("0123456789"), "{trouble:?}");
        }
        let trouble = text(Kind::Choice(&["auto"]), pasted).expect_err("not a value");
        assert!(!format!("{trouble:?}").contains(pasted));
    }

    #[test]
    fn numbers_outside_their_range_are_refused_at_both_ends() {
        let kind = Kind::Number(2, 4);
        assert_eq!(text(kind, "2"), Ok(Value::Number(2)));
        assert_eq!(text(kind, "4"), Ok(Value::Number(4)));
        for bad in ["1", "5", "-3", "99999999999999999999999999", "3.5", "x"] {
            text(kind, bad).expect_err(bad);
        }
    }

    #[test]
    fn seconds_take_fractions_and_refuse_what_is_no_time() {
        let kind = Kind::Seconds(100, 60_000);
        assert_eq!(text(kind, "0.5"), Ok(Value::Time(Duration::from_millis(500))));
        assert_eq!(text(kind, "60").map(|v| v.to_toml()), Ok("60".to_owned()));
        for bad in ["0", "0.05", "-1", "nan", "inf", "61", "1e300", "30s"] {
            text(kind, bad).expect_err(bad);
        }
    }

    #[test]
    fn a_tilde_means_the_home_directory_and_a_relative_path_is_refused() {
        assert_eq!(text(Kind::Path, "~/k"), Ok(Value::Text("/home/u/k".to_owned())));
        for bad in ["k", "./k", "~user/k", "", "/dir/"] {
            text(Kind::Path, bad).expect_err(bad);
        }
        Kind::Path.check(&Raw::Text("~/k".to_owned()), None).expect_err("no home");
    }

    #[test]
    fn a_quoted_text_reads_back_as_itself() {
        let odd = "a\"b\\c\u{7}\nd é";
        let source = format!("k = {}", quote(odd));
        let table = toml::de::DeTable::parse(&source).expect("valid TOML");
        assert_eq!(table.get_ref()["k"].get_ref().as_str(), Some(odd));
    }
}
