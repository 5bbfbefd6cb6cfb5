//! The redactor's speed, each figure beside its floor in the same run.
//!
//! Floors: a search for a byte that does not occur, and a bare automaton over the same anchors. Text: the sources in
//! cargo's registry cache, else this repository repeated. Times are CPU times of this thread, medians of rounds in
//! which floor and engine take turns, so that a busy machine slows both. Exit status 1 when a bound is missed.
//! `--huge` also sends a line of a gigabyte through a stream.

#![allow(clippy::print_stdout, reason = "a program that prints its figures")]

use std::{
    collections::BTreeMap,
    env, fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use agentd::redact::Redactor;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use rustix::time::{ClockId, clock_gettime};
use tests::corpus::{negatives, positives};

/// Ordinary text that is enough for a stable figure.
const SOURCE_MIN: usize = 20 << 20;
/// More than the processor's caches hold, so that the search for a byte is measured against memory.
const SOURCE_MAX: usize = 128 << 20;
/// Longest file taken whole: beyond it, files are generated tables.
const FILE_MAX: u64 = 1 << 20;
/// Rounds of each figure.
const ROUNDS: usize = 7;
/// Length of a hostile text.
const HOSTILE: usize = 1_000_000;
/// A byte that no text holds: UTF-8 has no use for it.
const ABSENT: u8 = 0xff;

/// Prints figures and remembers whether one missed its bound.
struct Sheet {
    missed: bool,
}

impl Sheet {
    fn least(&mut self, name: &str, value: f64, unit: &str, bound: f64) {
        self.line(name, value, unit, ">=", bound, value >= bound);
    }

    fn most(&mut self, name: &str, value: f64, unit: &str, bound: f64) {
        self.line(name, value, unit, "<=", bound, value <= bound);
    }

    fn line(&mut self, name: &str, value: f64, unit: &str, relation: &str, bound: f64, met: bool) {
        self.missed |= !met;
        println!("{name:<46}{value:>12.3} {unit:<9} {relation} {bound}{}", if met { "" } else { "   MISSED" });
    }
}

/// CPU time of this thread.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Seconds that it takes.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = now();
    black_box(work());
    (now() - start).as_secs_f64().max(1e-9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn megabytes(len: usize) -> f64 {
    len as f64 / 1e6
}

fn gather(dir: &Path, into: &mut String, enough: usize) {
    let mut entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if into.len() >= enough {
            return;
        }
        let skipped = path.file_name().is_some_and(|name| name == "target" || name == ".git");
        if meta.is_dir() && !skipped {
            gather(&path, into, enough);
        } else if meta.is_file() && meta.len() <= FILE_MAX {
            into.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// Ordinary text, and where it is from.
fn source() -> (String, &'static str) {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let mut text = String::new();
    for index in fs::read_dir(home.unwrap_or_default().join("registry/src")).into_iter().flatten().flatten() {
        gather(&index.path(), &mut text, SOURCE_MAX);
    }
    if text.len() >= SOURCE_MIN {
        return (text, "cargo's registry");
    }
    text.clear();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut text, SOURCE_MIN);
    (text.repeat(SOURCE_MIN / text.len().max(1) + 1), "this repository, repeated")
}

fn automaton(anchors: &[String]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasickBuilder::new();
    builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(anchors).ok()
}

/// Clean text at full speed, beside both floors; and how often something is found in it.
fn clean(sheet: &mut Sheet, redactor: &Redactor) {
    let (text, origin) = source();
    let anchors = agentd::redact::anchors();
    let Some(bare) = automaton(&anchors) else { return sheet.missed = true };
    println!(
        "{:.1} MB of {origin}, {} anchors, automaton of {} kB",
        megabytes(text.len()),
        anchors.len(),
        bare.memory_usage() / 1000
    );
    let (mut byte, mut floor, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        byte.push(seconds(|| memchr::memchr(ABSENT, text.as_bytes())));
        floor.push(seconds(|| bare.find_iter(&text).count()));
        ours.push(seconds(|| redactor.find(&text)));
    }
    let speed = |times: &[f64]| megabytes(text.len()) / median(times.to_vec());
    let ratio = |above: &[f64]| median(above.iter().zip(&ours).map(|(above, ours)| above / ours).collect());
    println!("memchr {:.0} MB/s, bare automaton {:.0} MB/s", speed(&byte), speed(&floor));
    sheet.least("clean source", speed(&ours), "MB/s", 0.0);
    sheet.least("  of a bare automaton", ratio(&floor), "", 0.65);
    sheet.least("  of memchr", ratio(&byte), "", 0.01);
    found(sheet, redactor, &text);
}

fn found(sheet: &mut Sheet, redactor: &Redactor, text: &str) {
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let found = redactor.find(text);
    for one in &found {
        kinds.entry(one.kind.to_string()).or_insert((0, one.start)).0 += 1;
    }
    sheet.most("  findings", found.len() as f64 / megabytes(text.len()), "per MB", 0.5);
    for (kind, (count, first)) in kinds {
        let line = text.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let shown: String =
            text.get(line..).unwrap_or_default().lines().next().unwrap_or_default().chars().take(110).collect();
        println!("      {kind} x{count}, first in: {shown}");
    }
}

/// A text of the corpus in its place: with words behind it, as messages have. `None` for one that is longer.
fn of_150_bytes(text: String) -> Option<String> {
    const WORDS: &str = " and then the build went on as before, with nothing to see but what it says every day: all good, \
                         two warnings, both of them known, and a note that somebody should look at the cache again soon";
    let room = 150_usize.checked_sub(text.len())?;
    Some(text + WORDS.get(..room)?)
}

/// Texts as long as a message and a prompt.
fn short(sheet: &mut Sheet, redactor: &Redactor) {
    for (name, records) in [("150-byte text with a secret", positives()), ("150-byte text without", negatives())] {
        let texts: Vec<String> = records.into_iter().filter_map(|record| of_150_bytes(record.text)).collect();
        let each = |()| seconds(|| texts.iter().map(|text| redactor.find(text).len()).sum::<usize>());
        let scale = 1e6 / texts.len() as f64;
        sheet.most(name, median((0..ROUNDS).map(|_| each(()) * scale).collect()), "us", 2.0);
    }
    let (text, _) = source();
    let mut end = 200_000.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let prompt = text.get(..end).unwrap_or_default();
    let times = (0..ROUNDS * 9).map(|_| seconds(|| redactor.find(prompt)) * 1e3).collect();
    sheet.most("200 kB prompt", median(times), "ms", 0.6);
}

/// What is repeated to make each hostile text.
fn hostile() -> Vec<(&'static str, String)> {
    let repeated = [
        ("key=", "key="),
        ("sk-", "sk-"),
        ("token_", "token_"),
        ("password:", "password:"),
        ("password: and a blank", "password: "),
        ("eyJ", "eyJ"),
        ("user and password of a URL", "://a:"),
        ("base64", "QWxhZGRpbjpvcGVuIHNlc2FtZS9hbmQ+"),
        ("base64 without a line", "A"),
        ("hex", "0123456789abcdef"),
        ("quotes and backslashes", "\\\"'\\\\"),
        ("a=", "a="),
        ("escapes of a terminal", "\x1b["),
        ("colours", "\x1b[31m"),
        ("characters without a width", "\u{200b}"),
        ("percent escapes", "%41%3D"),
        ("half a marker", "[REDACTED"),
        ("unicode escapes", "\\u0022"),
        ("white space", " \n"),
        ("secret key token pass", "secret key token pass "),
        ("name and value", "{\"name\":\"password\",\"value\":"),
        ("key = and a blank", "key = "),
        ("password in a sentence", "password is "),
        ("token and a word", "token: a "),
        ("token and a quote", "token \""),
        ("block scalar", "token: |\n "),
        ("heading", "password for a "),
        ("key and a quote", "api_key='"),
        ("password and a bracket", "password ("),
        ("key of JSON", "key\": \""),
        ("arguments of a call", "auth('a',"),
        ("secret and a quote", "secret: \""),
        ("password of a client", "mysql -p"),
        ("password on the next line", "password\n  "),
        ("strings in a list", "\"password\","),
        ("user of a client", "curl -u "),
        ("option without a value", "--password "),
        ("signature", "sig="),
        ("signature, written out", "signature="),
        ("base64 of a label", "c2VjcmV0"),
    ];
    let mut texts: Vec<(&str, String)> = repeated.map(|(name, unit)| (name, unit.to_owned())).to_vec();
    texts.push(("BEGIN of a key", format!("-----BEGIN {} KEY-----", "PRIVATE")));
    texts.push(("BEGIN of a key, in lines", format!("-----BEGIN {} KEY-----\n", "PRIVATE")));
    texts.push(("tokens in lines", format!("{}_{}\n", "ghp", "abcdefghijklmnopqrstuvwxyz0123456789")));
    texts.push(("an access key's prefix", ["AK", "IA"].concat()));
    texts
}

/// So many bytes of it.
fn filled(unit: &str, len: usize) -> String {
    unit.repeat(len / unit.len())
}

/// Speed of each hostile text, and that twice the text takes twice the time: whole, and as a stream of small pieces.
fn adversarial(sheet: &mut Sheet, redactor: &Redactor) {
    for (name, unit) in hostile() {
        let (once, twice) = (filled(&unit, HOSTILE), filled(&unit, 2 * HOSTILE));
        let rounds = (0..ROUNDS).map(|_| (seconds(|| redactor.find(&once)), seconds(|| redactor.find(&twice))));
        let (one, two): (Vec<f64>, Vec<f64>) = rounds.unzip();
        sheet.least(name, megabytes(once.len()) / median(one.clone()), "MB/s", 50.0);
        sheet.most("  twice the text", median(two) / median(one), "x time", 2.2);
        let (short, long) = (filled(&unit, HOSTILE / 10), filled(&unit, HOSTILE / 5));
        let rounds = (0..3).map(|_| (streamed(redactor, &short), streamed(redactor, &long)));
        let (one, two): (Vec<f64>, Vec<f64>) = rounds.unzip();
        println!("  in pieces of 6 bytes {:>37.3} MB/s", megabytes(short.len()) / median(one.clone()));
        sheet.most("  twice the text in pieces", median(two) / median(one), "x time", 2.5);
    }
}

fn streamed(redactor: &Redactor, text: &str) -> f64 {
    let chars: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = chars.chunks(6).map(|piece| piece.iter().collect()).collect();
    seconds(|| {
        let mut stream = redactor.stream();
        let len: usize = pieces.iter().map(|piece| stream.push(piece).len()).sum();
        len + stream.finish().len()
    })
}

/// A line of a gigabyte in pieces of a pipe's size.
fn huge(sheet: &mut Sheet, redactor: &Redactor) {
    let piece = "lorem ipsum dolor sit amet password reset ".repeat(1560);
    let (mut stream, mut held, mut len) = (redactor.stream(), 0, 0);
    let time = seconds(|| {
        while len < 1_000_000_000 {
            black_box(stream.push(&piece));
            len += piece.len();
            held = held.max(stream.held());
        }
    });
    sheet.most("a line of 1 GB, held back", held as f64, "bytes", 4096.0);
    sheet.least("  speed", megabytes(len) / time, "MB/s", 50.0);
}

fn main() -> ExitCode {
    let (mut sheet, redactor) = (Sheet { missed: false }, Redactor::new([]));
    clean(&mut sheet, &redactor);
    short(&mut sheet, &redactor);
    adversarial(&mut sheet, &redactor);
    if env::args().any(|argument| argument == "--huge") {
        huge(&mut sheet, &redactor);
    }
    if sheet.missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
