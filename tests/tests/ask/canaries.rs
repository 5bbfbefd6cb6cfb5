//! Two hundred planted secrets, sent in through every entry, must be in nothing that is stored, sent or shown.
//!
//! Searched: all files of the home but the planted ones, every request the provider got, and what the programs
//! printed; for each secret as it is, its last characters alone, and in the encodings in which texts travel.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use serde_json::json;
use tests::{
    Home, Output, bins,
    corpus::{self, Rng, bare_tokens, base64, hex, percent},
    provider::{FakeProvider, Options, Scenario, Step},
};

use crate::{desk::Desk, work::run_approved};

/// How many are planted.
const CANARIES: usize = 200;
/// How many characters of a secret's end alone are a leak.
const TAIL: usize = 12;
/// What the model answers after it saw them: long enough to be kept.
const SEEN: &str = "The notes were seen, and there is nothing more to be said about them.";
const SEED: u64 = 0xca_1a4e;
const LETTERS: &str = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// One planted secret: its name, the line that holds it, itself.
struct Canary {
    name: String,
    line: String,
    secret: String,
    /// Recognisable without a label.
    is_bare: bool,
}

/// All of them: a token of every form, then passwords with a label.
fn canaries() -> Vec<Canary> {
    let mut rng = Rng::new(SEED);
    let token = |(name, secret): (&str, String)| {
        // 64 bytes in base64 are a digest as well; only its name tells this one.
        let is_bare = name != "azure-storage";
        let line =
            if is_bare { format!("the old one was {secret} and is gone") } else { format!("AccountKey={secret}") };
        Canary { name: name.to_owned(), line, secret, is_bare }
    };
    let mut all: Vec<Canary> = bare_tokens(SEED).into_iter().map(token).collect();
    let labels = ["DB_PASSWORD=", "client_secret: ", "\"apiKey\": \"", "auth_token = \"", "spring.mail.password="];
    for number in all.len()..CANARIES {
        let label = labels[number % labels.len()];
        let secret = format!("{}-{}4", rng.run(LETTERS, 9), rng.run(LETTERS, 9));
        let close = if label.ends_with('"') { "\"" } else { "" };
        let (name, line) = (format!("{label}{number}"), format!("{label}{secret}{close}"));
        all.push(Canary { name, line, secret, is_bare: false });
    }
    all
}

/// Base64 of the secret inside a longer text, whatever stood before it: the part that all such texts share.
fn base64_inside(secret: &str, before: usize) -> String {
    let whole = base64(&[vec![b'.'; before], secret.as_bytes().to_vec()].concat());
    let start = if before == 0 { 0 } else { 4 };
    whole[start..whole.len() - 4].to_owned()
}

/// Where canaries were found: the place, and the names of those in it.
#[derive(Default)]
struct Leaks(BTreeMap<String, BTreeSet<String>>);

impl Leaks {
    #[track_caller]
    fn assert_none(&self) {
        let line = |(place, names): (&String, &BTreeSet<String>)| {
            format!("{:>4} in {place}: {:?}", names.len(), names.iter().take(8).collect::<Vec<_>>())
        };
        assert!(self.0.is_empty(), "canaries left:\n{}", self.0.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
}

/// What must be found nowhere, with the canary's name.
struct Search {
    needles: AhoCorasick,
    names: Vec<String>,
}

impl Search {
    fn of(canaries: &[Canary]) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for Canary { name, secret, .. } in canaries {
            let tail = &secret[secret.len() - TAIL.min(secret.len())..];
            let mut forms =
                BTreeSet::from([tail.to_owned(), percent(secret), corpus::json(secret), hex(secret.as_bytes())]);
            forms.extend((0..3).map(|before| base64_inside(secret, before)));
            all.extend(forms.into_iter().map(|form| (form, name.clone())));
        }
        let (forms, names): (Vec<String>, Vec<String>) = all.into_iter().unzip();
        Self { needles: AhoCorasick::new(forms).unwrap(), names }
    }

    /// Notes what stands in it.
    fn look(&self, place: &str, bytes: &[u8], into: &mut Leaks) {
        for hit in self.needles.find_overlapping_iter(bytes) {
            let name = self.names[hit.pattern().as_usize()].clone();
            into.0.entry(place.to_owned()).or_default().insert(name);
        }
    }

    /// The same of every file below a directory, but not of those planted.
    fn files(&self, dir: &Path, planted: &[PathBuf], into: &mut Leaks) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if planted.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                self.files(&path, planted, into);
            } else if kind.is_file() {
                let mut bytes = Vec::new();
                #[expect(clippy::disallowed_methods, reason = "bounded by take")]
                fs::File::open(&path).unwrap().take(64 << 20).read_to_end(&mut bytes).unwrap();
                self.look(&path.display().to_string(), &bytes, into);
            }
        }
    }
}

/// A desk with all canaries in its project, and everything that was printed.
struct Planted {
    desk: Desk,
    text: String,
    canaries: Vec<Canary>,
    printed: Vec<(String, String)>,
}

impl Planted {
    /// The canaries are in `notes.txt`, and some of them in the daemon's environment.
    fn new() -> Self {
        let canaries = canaries();
        let text = canaries.iter().map(|one| format!("{}\n", one.line)).collect::<String>();
        let desk = Desk::with(Options::default(), |home| {
            home.set_env("AGENTD_LOG_LEVEL", "trace");
            for (number, one) in canaries.iter().step_by(20).enumerate() {
                home.set_env(format!("APP_{number}_TOKEN"), &one.secret);
            }
        });
        fs::write(desk.project.join("notes.txt"), &text).unwrap();
        Self { desk, text, canaries, printed: Vec::new() }
    }

    fn keep(&mut self, entry: &str, output: Output) {
        self.printed.push((entry.to_owned(), output.stdout + &output.stderr));
    }

    /// Asks with this script; the provider's answer is then as the script says.
    fn ask(&mut self, entry: &str, scenario: Scenario, arguments: &[&str], stdin: Option<&str>) {
        self.desk.provider.play(scenario);
        let asked = self.desk.ask(["-v"]).args(arguments);
        let output = match stdin {
            Some(text) => asked.stdin(text).run(),
            None => asked.run(),
        };
        self.keep(entry, output);
        // What the conversation holds now is sent once more, and is in the session.
        self.desk.provider.play(Scenario::new());
        let output = self.desk.ask(["-c", "and now?"]).run();
        self.keep(entry, output);
    }

    /// The same with words of the model, which its user sees as they are: nobody told it a secret.
    fn model_says(&mut self, entry: &str, step: Step) {
        let printed = self.printed.len();
        self.ask(entry, Scenario::new().step(step), &["say it"], None);
        self.printed.remove(printed);
    }

    /// Lets the model call one tool.
    fn call(&mut self, entry: &str, tool: &str, arguments: serde_json::Value) {
        let scenario = Scenario::new().step(Step::call(tool, arguments)).text(SEEN);
        // Not from memory: the tool is to run.
        self.ask(entry, scenario, &["--fresh", "which notes are there to be seen?"], None);
    }

    /// Lets the model run a command that the user approves.
    fn approved(&mut self, entry: &str, script: &str) {
        let command = json!({ "command": ["/bin/sh", "-c", script] });
        self.desk.provider.play(Scenario::new().step(Step::call("shell_execute", command)).text("seen"));
        let answer = run_approved(&self.desk);
        self.printed.push((entry.to_owned(), answer.to_string()));
    }

    /// Nothing of what was planted left.
    fn assert_nothing_left(mut self) {
        for arguments in
            [&["sessions", "show", "--json"][..], &["sessions", "list"], &["status"], &["doctor"], &["config", "show"]]
        {
            let output = self.desk.ctl(arguments).run();
            self.keep(&arguments.join(" "), output);
        }
        let (search, mut leaks) = (Search::of(&self.canaries), Leaks::default());
        for (number, chat) in self.desk.chats().iter().enumerate() {
            search.look(&format!("request {}", number + 1), &chat.raw, &mut leaks);
        }
        for (entry, text) in &self.printed {
            search.look(&format!("output of {entry}"), text.as_bytes(), &mut leaks);
        }
        let planted = ["notes.txt", "AGENTS.md"].map(|name| self.desk.project.join(name));
        search.files(self.desk.home.root(), &planted, &mut leaks);
        // Also what the store has compressed, which is whole once the daemon has ended.
        self.desk.end_daemon();
        for row in &tests::left_in(&self.desk.home.state_dir()) {
            search.look(&format!("a kept {}", row.shelf.name()), &row.body, &mut leaks);
        }
        leaks.assert_none();
        self.desk.close();
    }
}

#[test]
fn canaries_in_questions_pipes_and_files_are_sent_and_stored_nowhere() {
    let mut planted = Planted::new();
    let text = planted.text.clone();
    planted.ask("the question", Scenario::new(), &[&text], None);
    planted.ask("standard input", Scenario::new(), &["explain"], Some(&text));
    planted.ask("an attachment", Scenario::new(), &["-f", "notes.txt", "explain"], None);
    planted.model_says("the model's answer", Step::text(text.clone()).chunks(5, 0));
    planted.model_says("the model's reasoning", Step::text("done").reasoning(text.clone()).chunks(5, 0));
    planted.assert_nothing_left();
}

#[test]
fn canaries_in_the_projects_instructions_are_sent_and_stored_nowhere() {
    let mut planted = Planted::new();
    fs::write(planted.desk.project.join("AGENTS.md"), &planted.text).unwrap();
    planted.ask("the instructions", Scenario::new(), &["x"], None);
    planted.assert_nothing_left();
}

#[test]
fn canaries_in_tool_results_are_sent_and_stored_nowhere() {
    let mut planted = Planted::new();
    planted.call("a file", "read_text_file", json!({ "path": "notes.txt" }));
    planted.call("a search", "search_content", json!({ "pattern": "[a-z]", "path": "." }));
    planted.call("a command", "shell_execute", json!({ "command": ["cat", "notes.txt"] }));
    planted.approved("a command's standard error", "cat notes.txt >&2; exit 3");
    planted.approved("a command's environment", "env");
    planted.approved("a command's slow output", "while read -r line; do printf '%s\\n' \"$line\"; done < notes.txt");
    planted.assert_nothing_left();
}

#[test]
fn canaries_in_a_models_own_calls_are_sent_and_stored_nowhere() {
    let mut planted = Planted::new();
    let tokens = planted.canaries.iter().filter(|one| one.is_bare && !one.secret.contains('/')).step_by(7);
    let calls = tokens.fold(Step::default(), |step, one| {
        step.and_call("read_text_file", json!({ "path": format!("none/{}", one.secret) }))
    });
    planted.ask("a failing tool", Scenario::new().step(calls).text(SEEN), &["which notes are there to be seen?"], None);
    planted.assert_nothing_left();
}

#[test]
fn canaries_in_errors_of_the_provider_are_stored_and_shown_nowhere() {
    let mut planted = Planted::new();
    let text = planted.text.clone();
    let wrapped = json!({ "error": { "message": text } }).to_string();
    for status in [400, 401, 402, 422] {
        let scenario = Scenario::new().step(Step::status(status).body(wrapped.clone()));
        planted.ask(&format!("status {status}"), scenario, &["x"], None);
        let scenario = Scenario::new().step(Step::html(status).body(format!("<title>{text}</title>")));
        planted.ask(&format!("a page with status {status}"), scenario, &["x"], None);
    }
    planted.assert_nothing_left();
}

#[test]
fn canaries_in_the_configuration_are_shown_and_stored_nowhere() {
    let canaries = canaries();
    let search = Search::of(&canaries);
    let mut leaks = Leaks::default();
    for one in canaries.iter().step_by(10) {
        let home = Home::with(bins!());
        home.provider(&FakeProvider::start(Scenario::new()));
        let project = home.project(&[("notes.txt", "x\n")]);
        home.remove_env("AGENTD_PROVIDER_BASE_URL");
        // A password is known by its place, a token anywhere, also as a name.
        let lines = ["base_url = \"http://ada:{}@127.0.0.1:9/v1\"", "kind = \"{}\"", "model = 7 # {}", "\"{}\" = 1"];
        for line in &lines[..if one.is_bare { 4 } else { 1 }] {
            let file = home.config(&format!("[provider]\n{}\n", line.replace("{}", &one.secret)));
            for arguments in [&["ask", "x"][..], &["config", "show"], &["doctor"]] {
                let output = home.agentctl(arguments).cwd(&project).run();
                search.look(
                    &format!("{arguments:?} with {line}"),
                    (output.stdout + &output.stderr).as_bytes(),
                    &mut leaks,
                );
            }
            search.files(home.root(), &[file], &mut leaks);
            drop(home.agentctl(["daemon", "stop"]).run());
        }
    }
    leaks.assert_none();
}

#[test]
fn the_search_for_canaries_finds_them_in_every_form() {
    let canaries = canaries();
    assert_eq!(canaries.len(), CANARIES);
    let search = Search::of(&canaries);
    for one in &canaries {
        let secret = &one.secret;
        let inside = |before: &str| base64(format!("{before}{secret} and more").as_bytes());
        let cut = secret[4..].to_owned();
        let forms = [secret.clone(), percent(secret), corpus::json(secret), hex(secret.as_bytes()), cut];
        for text in forms.into_iter().chain(["", "a", "ab"].map(inside)) {
            let mut leaks = Leaks::default();
            search.look("here", text.as_bytes(), &mut leaks);
            assert!(!leaks.0.is_empty(), "{} as {text}", one.name);
        }
    }
}
