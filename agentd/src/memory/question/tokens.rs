//! Tokens: plain words, names from the code, numbers, breaks.
//!
//! A name keeps its bytes beside its folded form (case and inner underscores), because guards compare bytes where the
//! fold would hide a difference: one-letter flags, operators, constants in capitals.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Plain word, in lower case.
    Word,
    /// Name, path, flag, operator.
    Code,
    /// Number or version.
    Number,
    /// Punctuation that ends a clause.
    Break,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Lower case for words, folded for names, digits for numbers.
    pub(super) text: String,
    /// As typed, without quotes; empty for plain words.
    pub(super) raw: String,
    /// Stood in backticks.
    pub(super) quoted: bool,
}

/// Longest text that is analysed, in characters; beyond it only the same words are the same question.
pub(super) const ANALYSED_MAX: usize = 400;

/// Tokens of tidy text.
pub(super) fn tokens(tidy: &str, known: impl Fn(&str) -> bool) -> Vec<Token> {
    let mut lexer = Lexer { out: Vec::with_capacity(32), quoted: false, known };
    let mut chunks = tidy.split(' ').peekable();
    while let Some(chunk) = chunks.next() {
        // A mark of its own inside a sentence is an operator that is asked about.
        match chunk {
            "?" | "!" if chunks.peek().is_some() && !lexer.out.is_empty() => lexer.code(chunk),
            _ => lexer.chunk(chunk),
        }
    }
    lexer.out
}

struct Lexer<F> {
    out: Vec<Token>,
    quoted: bool,
    known: F,
}

impl<F: Fn(&str) -> bool> Lexer<F> {
    /// One run without spaces. Backticks may open and close inside it.
    fn chunk(&mut self, chunk: &str) {
        let mut rest = chunk;
        while let Some(at) = rest.find('`') {
            let (before, after) = rest.split_at(at);
            self.bare(before);
            self.quoted = !self.quoted;
            rest = after.get(1..).unwrap_or_default();
        }
        self.bare(rest);
    }

    fn bare(&mut self, chunk: &str) {
        if chunk.is_empty() {
            return;
        }
        match chunk {
            "-" | "--" | "?" | "!" | "." | "..." | ".." | "," | ";" | ":" | ":)" | ":-)" => return self.push_break(),
            "&" => return self.word("and"),
            "w/" => return self.word("with"),
            "w/o" => return self.word("without"),
            "and/or" => return self.word("or"),
            "i.e." | "e.g." | "etc." => return self.push_break(),
            "vs." => return self.word("vs"),
            _ => {}
        }
        if chunk.chars().all(|c| c.is_ascii_punctuation()) {
            return self.code(chunk);
        }
        let opened = chunk.trim_start_matches(['(', '"', '[', '{']);
        let opened = if opened.starts_with('\'') { opened.trim_start_matches('\'') } else { opened };
        if opened.len() < chunk.len() && chunk.starts_with('(') {
            self.push_break();
        }
        let core = opened.trim_end_matches(['.', ',', '?', '!', ';', ':', '"', '\'']);
        let core = closed(core);
        let tail = opened.get(core.len()..).unwrap_or_default();
        if self.quoted {
            self.quoted_core(core);
        } else {
            self.core(core);
        }
        if tail.contains([',', ';', ':', '.', '?', '!']) {
            self.push_break();
        }
    }

    fn quoted_core(&mut self, core: &str) {
        let plain = !core.is_empty() && core.bytes().all(|b| b.is_ascii_lowercase());
        self.core(core);
        if let Some(last) = self.out.last_mut()
            && (plain || last.kind == Kind::Word)
        {
            last.quoted = true;
            core.clone_into(&mut last.raw);
        }
    }

    fn core(&mut self, core: &str) {
        let core = possessive(core);
        if core.is_empty() {
            return;
        }
        if let Some(number) = number(core) {
            return self.push(Kind::Number, number, core);
        }
        if core.chars().all(|c| c.is_alphabetic() || c == '\'') {
            return self.letters(core);
        }
        if core.contains('-')
            && !core.starts_with('-')
            && core.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '\'')
        {
            return self.hyphened(core);
        }
        let bare_call = core.strip_suffix("()").unwrap_or(core);
        if let Some((name, inside)) = bare_call.split_once('(')
            && !name.is_empty()
            && !inside.is_empty()
        {
            self.core(name);
            return self.core(inside.trim_end_matches(')'));
        }
        let alnum = bare_call.chars().all(char::is_alphanumeric);
        if alnum && (self.known)(&bare_call.to_ascii_lowercase()) {
            return self.word(&bare_call.to_ascii_lowercase());
        }
        self.code(bare_call);
    }

    /// Letters only: a word, unless capitals inside make it a name.
    fn letters(&mut self, core: &str) {
        let lower = core.to_lowercase();
        let small_after_small = core
            .as_bytes()
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
        let capitals = core.bytes().take_while(u8::is_ascii_uppercase).count();
        let acronym_and_more = capitals >= 2 && core.len() > capitals + 1;
        if (small_after_small || acronym_and_more) && !(self.known)(&lower) && !core.contains('\'') {
            return self.code(core);
        }
        self.word(&lower);
    }

    /// pre-commit is one word, dark-mode two.
    fn hyphened(&mut self, core: &str) {
        let parts: Vec<&str> = core.split('-').filter(|part| !part.is_empty()).collect();
        let first = parts.first().copied().unwrap_or_default().to_ascii_lowercase();
        if first == "non" {
            self.word("not");
            parts.iter().skip(1).for_each(|part| self.core(part));
        } else if PREFIXES.contains(&first.as_str()) {
            let joined: String = parts.iter().take(2).copied().collect();
            self.core(&joined.to_ascii_lowercase());
            parts.iter().skip(2).for_each(|part| self.core(part));
        } else {
            parts.iter().for_each(|part| self.core(part));
        }
    }

    fn word(&mut self, lower: &str) {
        self.push(Kind::Word, lower.to_owned(), "");
    }

    fn code(&mut self, raw: &str) {
        self.push(Kind::Code, fold(raw), raw);
    }

    fn push(&mut self, kind: Kind, text: String, raw: &str) {
        self.out.push(Token { kind, text, raw: raw.to_owned(), quoted: false });
    }

    fn push_break(&mut self) {
        if self.out.last().is_some_and(|last| last.kind != Kind::Break) {
            self.push(Kind::Break, String::new(), "");
        }
    }
}

/// Prefixes that are written with and without a hyphen.
const PREFIXES: [&str; 12] = ["pre", "re", "un", "de", "sub", "multi", "co", "anti", "auto", "post", "e", "super"];

/// Closing brackets that nothing opened go.
fn closed(core: &str) -> &str {
    let mut core = core;
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        while core.ends_with(close) && core.matches(open).count() < core.matches(close).count() {
            core = core.get(..core.len() - 1).unwrap_or_default().trim_end_matches(['.', ',', '?', '!', '"', '\'']);
        }
    }
    core
}

fn possessive(core: &str) -> &str {
    let whole =
        ["what's", "where's", "who's", "how's", "when's", "why's", "it's", "that's", "there's", "here's", "let's"];
    if whole.iter().any(|word| core.eq_ignore_ascii_case(word)) {
        return core;
    }
    core.strip_suffix("'s").unwrap_or(core).trim_end_matches('\'')
}

/// Digits with dots, an optional v before and a unit behind, in one spelling.
fn number(core: &str) -> Option<String> {
    let lower = core.to_ascii_lowercase();
    let body = lower.strip_prefix('#').unwrap_or(&lower);
    let body = if body.len() > 1 { body.strip_prefix('v').unwrap_or(body) } else { body };
    if !body.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let end = body.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',' && c != '_').unwrap_or(body.len());
    let (digits, unit) = body.split_at(end);
    let digits: String = digits.chars().filter(|c| *c != '_' && *c != ',').collect();
    match unit {
        "" => Some(digits),
        "st" | "nd" | "rd" | "th" => Some(format!("{digits}th")),
        "%" | "ms" | "s" | "m" | "h" | "kb" | "mb" | "gb" | "k" | "x" | "d" | "min" => Some(format!("{digits}{unit}")),
        _ => None,
    }
}

/// A name in one spelling: lower case, inner underscores gone. What a fold must not hide stays: leading underscores,
/// constants in capitals, the case of flags with one letter, operators.
fn fold(raw: &str) -> String {
    let flag = raw.starts_with('-') && raw.len() == 2;
    if flag || !raw.bytes().any(|b| b.is_ascii_alphanumeric()) {
        return raw.to_owned();
    }
    let constant = raw.contains('_') && !raw.bytes().any(|b| b.is_ascii_lowercase());
    let leading = raw.bytes().take_while(|b| *b == b'_').count();
    let mut out = String::with_capacity(raw.len() + 1);
    out.push_str(if constant { "^" } else { "" });
    out.push_str(raw.get(..leading).unwrap_or_default());
    let (mut word, mut small) = (String::new(), false);
    for c in raw.chars().skip(leading) {
        if !c.is_alphanumeric() || (c.is_uppercase() && small) {
            out.push_str(&american(std::mem::take(&mut word)));
        }
        small = c.is_lowercase();
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if c != '_' {
            out.push(c);
        }
    }
    out + &american(word)
}

/// -ise to -ize, in the middle of names too.
fn american(mut word: String) -> String {
    const ISE_MIN: usize = 7;
    let british = ["ise", "iser", "ised"].iter().any(|end| word.ends_with(end));
    if let Some(at) = word.rfind("is").filter(|_| british && word.len() >= ISE_MIN) {
        word.replace_range(at..at + 2, "iz");
    }
    word
}

/// Words inside a name, in lower case: `UserStore`, `user_store`, `user/store.rs`.
pub(super) fn parts(raw: &str) -> Vec<String> {
    let (mut all, mut word) = (Vec::new(), String::new());
    let mut small = false;
    for c in raw.chars() {
        let ends = !c.is_alphanumeric() || (c.is_uppercase() && small);
        if ends && !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        small = c.is_lowercase();
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

/// Whether a name ends like a file's.
pub(super) fn is_file(raw: &str) -> bool {
    const EXTENSIONS: [&str; 34] = [
        "rs", "py", "js", "ts", "tsx", "jsx", "go", "java", "kt", "c", "h", "cc", "cpp", "hpp", "cs", "rb", "php",
        "sh", "sql", "md", "txt", "toml", "yaml", "yml", "json", "lock", "xml", "html", "css", "scss", "ini", "cfg",
        "env", "mod",
    ];
    raw.rsplit_once('.').is_some_and(|(_, end)| EXTENSIONS.contains(&end.to_ascii_lowercase().as_str()))
}

/// "s3" is "S3": a few letters and a digit, as products are called.
pub(super) fn is_short_product(raw: &str) -> bool {
    const LONGEST: usize = 4;
    raw.len() <= LONGEST
        && raw.bytes().all(|b| b.is_ascii_alphanumeric())
        && raw.bytes().any(|b| b.is_ascii_digit())
        && raw.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A name byte for byte, but for the spelling of its words.
pub(super) fn american_name(raw: &str) -> String {
    let words = raw.split_inclusive(|c: char| !c.is_alphanumeric());
    let spelt = words.map(|word| match word.find(|c: char| !c.is_alphanumeric()) {
        Some(end) => american(word.get(..end).unwrap_or_default().to_owned()) + word.get(end..).unwrap_or_default(),
        None => american(word.to_owned()),
    });
    spelt.collect()
}
