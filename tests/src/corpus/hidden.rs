//! Secrets in encoded text, and in text that a terminal, a table or a hostile hand has torn apart.

use super::{
    Record, Tier, encode, forms,
    rng::Rng,
    slots::Draw,
    template::{bare, strip},
};

/// Records of each encoding and each layout.
const EACH: usize = 12;
/// Codes that terminals take and that people do not see.
const COLOURS: [&str; 4] = ["\x1b[31m", "\x1b[0m", "\x1b[1;33m", "\x1b[38;5;208m"];
/// Characters without a width.
const INVISIBLE: [&str; 4] = ["\u{200b}", "\u{200c}", "\u{2060}", "\u{feff}"];

/// Text with marks to be encoded: a label with its secret.
const LABELLED: [&str; 6] = [
    "password=«‹pwu›»",
    "db_password=«‹pwu›»&user=app",
    "{\"password\":\"«‹pwu›»\"}",
    "{\"user\":\"app\",\"api_key\":\"«‹w32›»\"}",
    "client_secret=«‹s40›»",
    "DB_PASSWORD=«‹pwu›»\nPORT=5432\n",
];

pub(super) fn records(rng: &mut Rng) -> Vec<Record> {
    let mut out = Vec::new();
    for _ in 0..EACH {
        for inside in LABELLED {
            out.extend(encoded(rng, inside));
        }
        out.extend(encoded_tokens(rng));
        out.extend(torn_tokens(rng));
        out.extend(torn_passwords(rng));
    }
    out
}

fn token(rng: &mut Rng) -> String {
    let plain: Vec<_> = forms().into_iter().filter(|(_, form)| !form.contains('«')).collect();
    let (_, form) = rng.pick(&plain).unwrap_or_default();
    Draw::new(rng).expand(form)
}

/// A text with marks whose pieces, marked and other, are each rewritten.
fn rewritten(marked: &str, rewrite: impl Fn(&str) -> String) -> String {
    let (text, spans) = strip(marked);
    let (mut out, mut done) = (String::new(), 0);
    for span in spans {
        out += &rewrite(text.get(done..span.start).unwrap_or_default());
        out += &format!("«{}»", rewrite(text.get(span.clone()).unwrap_or_default()));
        done = span.end;
    }
    out + &rewrite(text.get(done..).unwrap_or_default())
}

fn encoded(rng: &mut Rng, inside: &str) -> Vec<Record> {
    let marked = Draw::new(rng).expand(inside);
    let plain = bare(&marked);
    let twice = |text: &str| encode::json(&encode::json(text));
    let list = [
        ("base64", format!("payload: «{}»", encode::base64(plain.as_bytes()))),
        ("base64-url", format!("state=«{}»", encode::base64_url(plain.as_bytes()))),
        ("hex", format!("data = 0x«{}»", encode::hex(plain.as_bytes()))),
        ("percent", format!("GET /r?next={} HTTP/1.1", rewritten(&marked, encode::percent))),
        ("json", format!("{{\"body\":\"{}\"}}", rewritten(&marked, encode::json))),
        ("json-twice", format!("{{\"log\":\"{{\\\"body\\\":\\\"{}\\\"}}\"}}", rewritten(&marked, twice))),
        ("html", format!("<pre>{}</pre>", rewritten(&marked, encode::html))),
        ("unicode-quotes", format!("{{\"body\":\"{}\"}}", rewritten(&encode::json(&marked), undo_quotes))),
    ];
    let record = |(form, text): (&str, String)| Record::marked(&text, Tier::Label, "encoded", form);
    list.into_iter().map(record).collect()
}

/// `\"` of JSON as `\u0022`.
fn undo_quotes(text: &str) -> String {
    encode::unicode_quotes(&text.replace("\\\"", "\""))
}

fn encoded_tokens(rng: &mut Rng) -> Vec<Record> {
    let value = token(rng);
    let object = format!("{{\"k\":\"{value}\"}}");
    let list = [
        ("token-base64", format!("data: «{}»", encode::base64(value.as_bytes()))),
        ("token-base64-object", format!("«{}»", encode::base64(object.as_bytes()))),
        ("token-hex", format!("«{}»", encode::hex(value.as_bytes()))),
        ("token-json-twice", format!("{{\"a\":\"{{\\\"b\\\":\\\"«{value}»\\\"}}\"}}")),
        ("token-escaped-lines", format!("\"line\\n«{value}»\\nline\"")),
        ("token-percent", format!("a%3D1%26t%3D«{}»%26b%3D2", encode::percent(&value))),
        ("token-html", format!("&quot;«{value}»&quot;")),
        ("token-unicode", format!("\\u0022k\\u0022:\\u0022«{value}»\\u0022")),
    ];
    list.into_iter().map(|(form, text)| Record::marked(&text, Tier::Shape, "encoded", form)).collect()
}

/// The text with something after every `every` characters.
fn strewn(text: &str, every: usize, with: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(every).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join(with)
}

/// The text in lines, each marked.
fn wrapped(text: &str, width: usize, between: &str) -> String {
    strewn(text, width, &format!("»{between}«"))
}

fn torn_tokens(rng: &mut Rng) -> Vec<Record> {
    let value = token(rng);
    let colour = rng.pick(&COLOURS).unwrap_or_default();
    let invisible = rng.pick(&INVISIBLE).unwrap_or_default();
    let half = value.len() / 2 + 1;
    let column = 80usize.saturating_sub(value.len() / 2).max(8);
    let list = [
        ("colour-around", format!("key {colour}«{value}»\x1b[0m ok")),
        ("colour-inside", format!("key «{}»\x1b[0m", strewn(&value, half, colour))),
        ("colour-every-character", format!("«{}»", strewn(&value, 1, colour))),
        ("invisible-inside", format!("use «{}» now", strewn(&value, half, invisible))),
        ("invisible-every-character", format!("«{}»", strewn(&value, 1, invisible))),
        ("wrapped", format!("{:<column$}«{}»\nnext line", "token:", wrapped(&value, half, "\n"))),
        ("wrapped-backslash", format!("KEY=\"«{}»\"", wrapped(&value, half, "\\\n"))),
        ("table", format!("| name | value |\n|---|---|\n| a | `«{value}»` |")),
        ("box", format!("│ token │ «{value}» │")),
    ];
    list.into_iter().map(|(form, text)| Record::marked(&text, Tier::Shape, "torn", form)).collect()
}

fn torn_passwords(rng: &mut Rng) -> Vec<Record> {
    let value = Draw::new(rng).expand("‹pwu›");
    let colour = rng.pick(&COLOURS).unwrap_or_default();
    let invisible = rng.pick(&INVISIBLE).unwrap_or_default();
    let list = [
        ("colour-value", format!("password: {colour}«{value}»\x1b[0m")),
        ("colour-label", format!("{colour}password\x1b[0m=«{value}»")),
        ("colour-json", format!("\x1b[34m\"password\"\x1b[0m: \x1b[32m\"«{value}»\"\x1b[0m,")),
        ("colour-inside", format!("password=«{}»", strewn(&value, 4, colour))),
        ("invisible-label", format!("pass{invisible}word=«{value}»")),
        ("invisible-value", format!("password=«{}»", strewn(&value, 3, invisible))),
        ("box", format!("│ password │ «{value}» │")),
        ("non-breaking", format!("password:\u{a0}«{value}»")),
        ("full-width", format!("password\u{ff1a}«{value}»")),
    ];
    list.into_iter().map(|(form, text)| Record::marked(&text, Tier::Label, "torn", form)).collect()
}
