//! What a slot of a template becomes.
//!
//! A slot is a class and a length (`‹x32›`, `‹w20-40›`) or a name. Classes: `d` digits, `x`/`X` hexadecimal, `l`
//! letters, `a`/`A` lower/upper letters and digits, `w` both, `s` with `-_`, `b` with `+/`, `h` with `./`, `2` base32,
//! `k` bech32. `‹S›` is a secret fit for the record's label that needs no quotes, `‹Q›` one that may; `‹L.style›` is
//! the label.

use super::{
    encode::{base64, base64_url, percent},
    labels::{PASSWORDS, SERVICES, TOKENS, spelled},
    rng::Rng,
    template::{CLOSE, OPEN, bare},
};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const USERS: [&str; 8] = ["ada", "svc", "deploy", "app", "root", "admin", "jdoe", "ci-bot"];
const HOSTS: [&str; 6] = ["db.example.com", "10.0.3.7", "localhost", "redis", "git.example.org", "prod-1.example.net"];
const WORDS: [&str; 48] = [
    "anchor", "basket", "candle", "dragon", "ember", "falcon", "garden", "harbor", "island", "jungle", "kernel",
    "lantern", "meadow", "nectar", "orchid", "pepper", "quartz", "river", "saddle", "timber", "umbrella", "velvet",
    "walnut", "yellow", "zephyr", "summer", "winter", "monkey", "tiger", "purple", "silver", "coffee", "rocket",
    "planet", "guitar", "window", "bridge", "castle", "market", "forest", "copper", "marble", "pirate", "violet",
    "hunter", "ginger", "puzzle", "shadow",
];
/// Names that say nothing of what they hold.
const NEUTRAL: [&str; 8] = ["value", "key", "token", "cred", "x", "login_data", "api_key", "current"];

/// The choices of one record.
pub(super) struct Draw<'r> {
    rng: &'r mut Rng,
    label: &'static str,
    password: bool,
    neutral: &'static str,
    service: Option<&'static str>,
    value: String,
}

impl<'r> Draw<'r> {
    pub(super) fn new(rng: &'r mut Rng) -> Self {
        let password = rng.below(2) == 0;
        let label = if password { rng.pick(&PASSWORDS) } else { rng.pick(&TOKENS) };
        let neutral = rng.pick(&NEUTRAL).unwrap_or_default();
        Self { label: label.unwrap_or_default(), password, neutral, service: None, value: String::new(), rng }
    }

    /// The same with this value, marks in it, for `‹v›` and `‹p›`.
    pub(super) fn with_value(mut self, value: String) -> Self {
        self.value = value;
        self
    }

    /// The template with every slot filled.
    pub(super) fn expand(&mut self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, slot, after)) = next_slot(rest) {
            out.push_str(before);
            out.push_str(&self.slot(slot));
            rest = after;
        }
        out + rest
    }

    fn slot(&mut self, name: &str) -> String {
        if let Some(style) = name.strip_prefix("L.") {
            return spelled(self.label, style);
        }
        if let Some(style) = name.strip_prefix("V.") {
            let service = self.service.or_else(|| self.rng.pick(&SERVICES)).unwrap_or_default();
            self.service = Some(service);
            return spelled(service, style);
        }
        match name {
            "none" => String::new(),
            "u" => format!("https:{}", "//"),
            "sl" => "//".to_owned(),
            "v" => self.value.clone(),
            "p" => escaped(&self.value),
            "VAR" => self.neutral.to_uppercase(),
            "var" => self.neutral.to_owned(),
            "flag" => spelled(self.neutral, "kebab"),
            "user" => self.rng.pick(&USERS).unwrap_or_default().to_owned(),
            "host" => self.rng.pick(&HOSTS).unwrap_or_default().to_owned(),
            "word" => self.word().to_owned(),
            _ => self.secret(name),
        }
    }

    fn secret(&mut self, name: &str) -> String {
        match name {
            "S" if self.password => self.password("-_.!+"),
            "Q" if self.password => self.quoted_password(),
            "S" | "Q" | "tok" => self.token(),
            "K" => self.service_key(),
            "B" => {
                let inside = self.secret("S");
                base64(inside.as_bytes())
            }
            "pw" => self.password("-_.!+"),
            "pwq" => self.quoted_password(),
            "pwu" => self.password("-_.~!*"),
            "basic" => {
                let pair = format!("{}:{}", self.slot("user"), self.password("!."));
                base64(pair.as_bytes())
            }
            "uuid" => ["x8", "x4", "x4", "x4", "x12"].map(|part| self.run(part)).join("-"),
            "jwt" => self.jwt(),
            "key32" => self.key(32),
            "key64" => self.key(64),
            // The first part of a bot's token is its account's number.
            "snowflake" => base64_url(format!("{}{}", self.rng.below(9) + 1, self.run("d17")).as_bytes()),
            run => self.run(run),
        }
    }

    fn word(&mut self) -> &'static str {
        self.rng.pick(&WORDS).unwrap_or_default()
    }

    /// As people and generators make them, with these symbols only.
    fn password(&mut self, symbols: &str) -> String {
        let symbol = self.rng.run(symbols, 1);
        match self.rng.below(6) {
            0 => format!("{}{}{symbol}", capital(self.word()), self.run("d4")),
            1 => format!("{}{symbol}{}", self.word(), self.run("d3")),
            2 => format!("{}{symbol}{}{}", self.run("w5"), self.run("w4"), self.run("d2")),
            3 => format!("{}-{}-{}-{}", self.word(), self.word(), self.word(), self.run("d2")),
            4 => self.run("w12-20"),
            _ => format!("{}{}", self.word().replace('e', "3").replace('o', "0"), self.run("d2-4")) + &symbol,
        }
    }

    /// Also with any symbol, or weak, as quotes allow.
    fn quoted_password(&mut self) -> String {
        match self.rng.below(7) {
            0 => format!("{}{}{}", self.run("w6"), self.rng.run("#$%&()*@^~{}[]:;<>?,!", 3), self.run("w5")),
            1 => format!("{}@{}#", capital(self.word()), self.run("d3")),
            2 => format!("{}{}", self.word(), self.word()),
            _ => self.password("-_.!+@#$%"),
        }
    }

    fn token(&mut self) -> String {
        let form = self.rng.pick(&["x32", "x40", "x64", "w24-48", "s32-48", "w32", "w40", "key32"]).unwrap_or_default();
        self.secret(form)
    }

    /// As services give them out.
    fn service_key(&mut self) -> String {
        let forms = [
            "x16", "x32", "x32", "x40", "x64", "uuid", "w16", "w20", "w24", "w32", "w40", "w64", "a24", "a32", "s36",
            "s43", "key32", "A20",
        ];
        let form = self.rng.pick(&forms).unwrap_or_default();
        self.secret(form)
    }

    /// So many random bytes in base64.
    fn key(&mut self, len: usize) -> String {
        let bytes: Vec<u8> = (0..len).map(|_| u8::try_from(self.rng.below(256)).unwrap_or_default()).collect();
        base64(&bytes)
    }

    fn jwt(&mut self) -> String {
        let claims = format!(r#"{{"sub":"{}","name":"{}","iat":17{}}}"#, self.run("d8"), self.word(), self.run("d8"));
        let head = base64_url(br#"{"alg":"HS256","typ":"JWT"}"#);
        format!("{head}.{}.{}", base64_url(claims.as_bytes()), self.run("s43"))
    }

    /// `x32`: so many of a class; panics on an unknown class, the templates are ours.
    fn run(&mut self, name: &str) -> String {
        let (class, len) = name.split_at_checked(1).unwrap_or_default();
        let alphabet = alphabet(class);
        let (least, most) = len.split_once('-').unwrap_or((len, len));
        let (Ok(least), Ok(most)) = (least.parse::<usize>(), most.parse::<usize>()) else {
            panic!("not a slot: {name}")
        };
        let len = least + self.rng.below(most - least + 1);
        let run = self.rng.run(&alphabet, len);
        // A token that begins or ends with a dash is rare, and no two people agree where it stops.
        let trimmed = run.trim_matches(|c: char| "-_".contains(c)).len();
        if trimmed == run.len() { run } else { self.run(&format!("{class}{len}")) }
    }
}

fn alphabet(class: &str) -> String {
    match class {
        "d" => DIGITS.to_owned(),
        "x" => format!("{DIGITS}abcdef"),
        "X" => format!("{DIGITS}ABCDEF"),
        "l" => LOWER.to_owned(),
        "a" => format!("{LOWER}{DIGITS}"),
        "A" => format!("{UPPER}{DIGITS}"),
        "w" => format!("{LOWER}{UPPER}{DIGITS}"),
        "s" => format!("{LOWER}{UPPER}{DIGITS}-_"),
        "b" => format!("{LOWER}{UPPER}{DIGITS}+/"),
        "h" => format!("{LOWER}{UPPER}{DIGITS}./"),
        "2" => format!("{UPPER}234567"),
        "k" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".to_owned(),
        other => panic!("not a class: {other}"),
    }
}

fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('‹')?;
    let (slot, after) = rest.split_once('›')?;
    Some((before, slot, after))
}

/// A marked value as part of a URL; the secret is then its escaped form.
fn escaped(marked: &str) -> String {
    if bare(marked).contains("://") {
        return marked.to_owned();
    }
    format!("{OPEN}{}{CLOSE}", percent(&bare(marked)))
}

fn capital(word: &str) -> String {
    spelled(word, "pascal")
}
