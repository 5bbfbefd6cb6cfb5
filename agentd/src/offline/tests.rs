use std::fs;

use super::*;

const LONG: Duration = Duration::from_secs(30);
const WHY: Why<'static> = Why::NoModel { key_variable: "DEEPSEEK_API_KEY" };

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, text)| tree.put(path, text));
        tree
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn ask(&self, question: &str) -> OfflineAnswer {
        Offline::default().answer(self.0.path(), question, WHY, &Redactor::default(), LONG)
    }

    fn first(&self, question: &str) -> String {
        let answer = self.ask(question);
        answer.files.first().unwrap_or_else(|| panic!("nothing found: {}", answer.text)).display().to_string()
    }
}

/// A small copy of this product's shape, with the words in all the places that could mislead.
fn product() -> Tree {
    Tree::new(&[
        (
            "README.md",
            "# agentd\n\nThe daemon accepts connections on a socket. Which module accepts connections? See server.\n\
             A connection is accepted, connections are accepted, accept, connect.\n",
        ),
        (
            "proto/src/hello.rs",
            "//! The first bytes of a connection.\n\n/// Says hello on a connection.\npub fn hello(connection: u8) {}\n",
        ),
        (
            "agentd/src/server/accept.rs",
            "//! The accept loop: takes connections from the listener, classifies errors, and only accepts.\n\nuse x;\n\n\
             /// Accepts until cancelled.\npub async fn accept_loop(listener: Listener) {\n    loop {\n        \
             let stream = listener.accept().await;\n        tracker.spawn(connection::serve(stream));\n    }\n}\n",
        ),
        (
            "agentd/src/server/connection.rs",
            "//! One connection: handshake, requests, events.\n\n/// Serves one connection.\npub async fn serve(stream: Stream) {}\n\n\
             #[cfg(test)]\nmod tests {\n    #[test]\n    fn a_connection_is_accepted_and_another_connection_is_accepted() {}\n}\n",
        ),
        (
            "agentd/src/server/mod.rs",
            "//! The server: accept, peers, connections.\npub mod accept;\npub mod connection;\n",
        ),
        (
            "agentd/src/llm/http.rs",
            "//! The provider over HTTP.\n\npub fn connect_timeout() {}\n// retries when the connection is refused\n",
        ),
        ("agentd/src/memory/session.rs", "//! Sessions in RAM.\n\npub struct SessionStore;\n"),
        ("agentctl/src/connect.rs", "//! Finds the daemon and connects.\n\npub fn connect() {}\n"),
        (
            "tests/src/connections.rs",
            "//! 1,500 connections are accepted.\n\nfn the_daemon_accepts_connections() { accept(); connection(); accept(); }\n",
        ),
        ("Cargo.lock", "accept connections accept connections accept connections\n"),
    ])
}

#[test]
fn the_module_that_accepts_connections_is_found_first() {
    let tree = product();
    let answer = tree.ask("which module accepts connections?");
    let text = answer.text.as_str();
    assert_eq!(answer.files[0], Path::new("agentd/src/server/accept.rs"), "{text}");
    assert!(text.starts_with("**Found without a model**"), "{text}");
    assert!(text.contains("1. **agentd/src/server/accept.rs** — The accept loop: takes connections"), "{text}");
    assert!(text.contains("agentd/src/server/accept.rs:6 `pub async fn accept_loop(listener: Listener) {`"), "{text}");
    assert!(text.contains("DEEPSEEK_API_KEY") && text.contains("agentctl daemon restart"), "{text}");
    assert!(answer.files.len() <= 5 && !text.contains("Cargo.lock"), "{text}");
}

#[test]
fn other_questions_find_their_files() {
    let tree = product();
    assert_eq!(tree.first("where does the client find the daemon and connect?"), "agentctl/src/connect.rs");
    assert_eq!(tree.first("SessionStore"), "agentd/src/memory/session.rs");
    assert_eq!(tree.first("session_store"), "agentd/src/memory/session.rs");
    assert_eq!(tree.first("how is a connection served"), "agentd/src/server/connection.rs");
    assert_eq!(tree.first("which tests accept connections"), "tests/src/connections.rs");
}

#[test]
fn nothing_found_is_said_with_what_there_is() {
    let answer = product().ask("where is the kubernetes operator?");
    let text = answer.text.as_str();
    assert!(answer.files.is_empty());
    assert!(text.contains("No file holds `kubernetes` or `operator`. The project has 10 files."), "{text}");
    assert!(text.contains("- by kind: Rust 8, documentation 1, other 1\n"), "{text}");
    assert!(text.contains("- by directory: agentd/ 5, agentctl/ 1, proto/ 1, tests/ 1\n"), "{text}");
    assert!(product().ask("what is this?").text.as_str().contains("no word that could be searched for"));
}

#[test]
fn an_empty_and_a_missing_directory_are_said() {
    assert!(Tree::new(&[]).ask("accept").text.as_str().contains("no file that may be read"));
    let gone = Offline::default().answer(Path::new("/nonexistent"), "x", Why::Chosen, &Redactor::default(), LONG);
    assert!(gone.text.as_str().contains("cannot be read") && gone.text.as_str().contains("`offline`"), "{}", gone.text);
}

#[test]
fn the_same_question_has_the_same_answer_however_the_index_came_about() {
    let tree = product();
    let (kept, redactor) = (Offline::default(), Redactor::default());
    let ask = |question: &str| kept.answer(tree.0.path(), question, WHY, &redactor, LONG);
    let first = ask("which module accepts connections?");
    ask("something else entirely");
    tree.put("agentd/src/zzz.rs", "fn accept_connection() {}");
    ask("accept");
    fs::remove_file(tree.0.path().join("agentd/src/zzz.rs")).unwrap();
    assert_eq!(ask("which module accepts connections?"), first);
    assert_eq!(tree.ask("which module accepts connections?"), first);
}

#[test]
fn a_changed_a_new_and_a_removed_file_count_at_the_next_question() {
    let tree = Tree::new(&[("a.rs", "fn alpha() {}\n"), ("b.rs", "fn beta() {}\n")]);
    let (kept, redactor) = (Offline::default(), Redactor::default());
    let ask = |question: &str| kept.answer(tree.0.path(), question, WHY, &redactor, LONG).files;
    assert_eq!(ask("alpha"), [Path::new("a.rs")]);
    // Same length, within one tick of the file system's clock.
    tree.put("a.rs", "fn gamma() {}\n");
    assert_eq!((ask("alpha"), ask("gamma")), (vec![], vec![PathBuf::from("a.rs")]));
    tree.put("c.rs", "fn delta() {}\n");
    fs::remove_file(tree.0.path().join("b.rs")).unwrap();
    assert_eq!((ask("delta"), ask("beta")), (vec![PathBuf::from("c.rs")], vec![]));
}

#[test]
fn known_secrets_and_secret_files_do_not_appear() {
    let tree = Tree::new(&[
        ("a.rs", "// token of the deploy: k-12345678\nfn deploy() {}\n"),
        (".env", "DEPLOY=1\n"),
        ("deploy.pem", "deploy\n"),
    ]);
    let redactor = Redactor::new(["k-12345678".to_owned()]);
    let answer = Offline::default().answer(tree.0.path(), "deploy token", WHY, &redactor, LONG);
    assert_eq!(answer.files, [Path::new("a.rs")]);
    assert!(answer.text.as_str().contains("token of the deploy: [REDACTED]"), "{}", answer.text);
}

#[test]
fn binary_huge_and_odd_files_are_survived() {
    let tree = Tree::new(&[("a.rs", "fn needle() {}\n")]);
    tree.put("b.bin", [b"needle\0".as_slice(), &[0xff; 100]].concat());
    tree.put("latin.txt", b"needle \xe9\xe8\n");
    tree.put("long.rs", "needle ".repeat(100_000));
    fs::File::create(tree.0.path().join("needle.dat")).unwrap().set_len(2 << 30).unwrap();
    let answer = tree.ask("needle");
    assert!(answer.files.contains(&PathBuf::from("a.rs")) && answer.files.contains(&PathBuf::from("needle.dat")));
    assert!(!answer.files.contains(&PathBuf::from("b.bin")));
    assert!(answer.text.as_str().lines().all(|line| line.len() < 400));
}

#[test]
fn a_quoted_line_can_neither_break_out_of_its_code_span_nor_steer_a_terminal() {
    let tree = Tree::new(&[("a.rs", "// needle ```x``` \x1b[2J\n")]);
    let text = tree.ask("needle").text;
    assert!(text.as_str().contains("```` // needle ```x```") && !text.as_str().contains('\x1b'), "{text}");
}

#[test]
fn a_deadline_that_passed_still_gives_an_honest_answer() {
    let tree = product();
    let answer = Offline::default().answer(tree.0.path(), "accept", WHY, &Redactor::default(), Duration::ZERO);
    assert!(answer.text.as_str().contains("only a part was searched"), "{}", answer.text);
}

/// `cargo test -p agentd --release --lib offline -- --ignored --nocapture`; `AGENTD_BENCH_ROOT` names a project.
#[test]
#[ignore = "prints times, asserts nothing about them"]
fn time_of_the_first_and_of_a_warm_question() {
    let root = std::env::var("AGENTD_BENCH_ROOT").map_or_else(|_| Path::new("..").to_owned(), PathBuf::from);
    let (kept, redactor) = (Offline::default(), Redactor::default());
    for round in 0..5 {
        let start = Instant::now();
        let answer = kept.answer(&root, "which module accepts connections?", WHY, &redactor, LONG);
        println!("round {round}: {:?}, {:?}", start.elapsed(), answer.files);
        assert!(!answer.text.as_str().is_empty());
        if round == 4 {
            println!("{}", answer.text);
        }
    }
}

#[test]
fn words_that_stand_together_in_a_heading_beat_words_that_are_scattered() {
    let scattered = "//! One connection.\n\nstruct Connection;\n\nfn take(id: Id) -> bool {\n    accept(id)\n}\n\n\
                     /// Ends the connection.\nfn end(connection: Connection) {}\n";
    let tree = Tree::new(&[
        ("src/connection.rs", scattered),
        ("src/accept.rs", "//! Accepts connections, and only that.\n\npub fn run() {}\n"),
    ]);
    // Files that use a connection, as most of such a project do: the word alone tells little.
    for n in 0..12 {
        tree.put(&format!("src/part{n}.rs"), "//! A part.\n\nfn part(connection: &Connection) {}\n");
    }
    assert_eq!(tree.first("which module accepts connections?"), "src/accept.rs");
}

#[test]
fn a_secret_that_an_excerpt_or_a_word_would_cut_is_shown_in_no_part() {
    // Neither half of it, nor it in lower case, would be recognised.
    let key = format!("Zebra{}", "Quagga7".repeat(20));
    let redactor = Redactor::new([key.clone()]);
    let tree = Tree::new(&[("zebra.txt", &format!("zebra {} {key}\n", "x".repeat(80))), ("other.txt", "nothing\n")]);
    for question in ["where is the zebra?".to_owned(), format!("what is {key}?"), key.clone()] {
        let answer = Offline::default().answer(tree.0.path(), &question, WHY, &redactor, LONG);
        assert!(!answer.text.as_str().to_lowercase().contains("quagga"), "{question}: {}", answer.text);
    }
}
