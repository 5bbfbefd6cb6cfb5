use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn met(a: &str, b: &str) -> Match {
    compare(&Question::new(a), &Question::new(b))
}

fn assert_same(pairs: &[(&str, &str)]) {
    let broken = pairs.iter().filter(|(a, b)| met(a, b) != Match::Same);
    let why = |(a, b): &(&str, &str)| format!("{a} | {b}: {:?}", difference(&Question::new(a), &Question::new(b)));
    assert_eq!(broken.map(why).collect::<Vec<_>>(), [""; 0]);
}

/// Never the same, whether a guard is sure or not.
fn assert_not_same(pairs: &[(&str, &str)]) {
    let broken = pairs.iter().filter(|(a, b)| met(a, b) == Match::Same || met(a, b) != met(b, a));
    assert_eq!(broken.collect::<Vec<_>>(), [&("", ""); 0]);
}

fn assert_refused(guard: Guard, pairs: &[(&str, &str)]) {
    let refused = Match::Differs(guard);
    let broken = pairs.iter().filter(|(a, b)| met(a, b) != refused || met(b, a) != refused);
    let found = |(a, b): &(&str, &str)| format!("{a} | {b}: {:?}", met(a, b));
    assert_eq!(broken.map(found).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn people_ask_the_same_in_many_ways() {
    assert_same(&[
        ("How is the ledger loaded?", "hey, quick question: how is the ledger loaded"),
        ("where's the cookie parser", "In which file is the cookie parser defined?"),
        ("Why does the importer hang?", "whats the reason the importer hangs?"),
        ("How do I turn on verbose output?", "how can i enable verbose output please"),
        ("list all the feature flags", "Which feature flags are there?"),
        ("What does fold_rows do?", "purpose of `fold_rows`"),
        ("who calls drain_queue", "callers of drain_queue"),
        ("Which service writes the invoice?", "By which service is the invoice written?"),
        ("how many shards does the index have", "What is the number of shards in the index?"),
        ("In the mailer, how are bounces counted?", "How are bounces counted in the mailer?"),
        ("what env vars does the proxy read", "Which environment variables does the proxy read?"),
        ("where do we normalise the paths", "Where are the paths normalized?"),
        ("How does the schedluer pick a slot?", "How does the scheduler pick a slot?"),
        ("why doesnt the watcher see new files", "Why does the watcher not see new files?"),
        ("difference between Draft and Offer", "How do Offer and Draft differ?"),
    ]);
}

#[test]
fn another_name_or_number_is_another_question() {
    assert_refused(
        Guard::Identifier,
        &[
            ("what does load_rows return", "what does load_cols return"),
            ("where is app/main.ts built", "where is app/main.js built"),
            ("what does tar -p do here in pack.sh", "what does tar -P do here in pack.sh"),
            ("why is >>= used in bits.c", "why is <<= used in bits.c"),
            ("Where is `Order` stored", "Where is `order` stored"),
        ],
    );
    assert_refused(
        Guard::Number,
        &[
            ("why 3 replicas of the broker", "why 4 replicas of the broker"),
            ("what is new in v2.1", "what is new in v2.2"),
            ("what does the second pass do in lower.rs", "what does the third pass do in lower.rs"),
        ],
    );
    assert_not_same(&[
        ("what does MAX_DEPTH limit", "what does max_depth limit"),
        ("explain walk.rs", "explain walk.rs line 12"),
        ("what does copy_to_disk do", "what does disk_to_copy do"),
        ("what does OrderDesk do", "what does OrderDesk.close do"),
    ]);
}

#[test]
fn a_denial_is_heard_in_every_spelling() {
    assert_refused(
        Guard::Negation,
        &[
            ("what can a viewer delete", "what can't a viewer delete"),
            ("which jobs are retried", "which jobs aren't retried"),
            ("which calls return without a lock", "which calls return a lock"),
            ("can the daemon fork", "cant the daemon fork"),
            ("how do I build with the cache", "how do I build without the cache"),
        ],
    );
    assert_not_same(&[
        ("which lines are covered by tests", "which lines are not covered by tests"),
        ("retry if the peer is gone, or do we stop?", "retry unless the peer is gone, or do we stop?"),
        ("why is there an index on name", "why is there no index on name"),
    ]);
}

#[test]
fn opposites_and_rivals_are_refused() {
    assert_refused(
        Guard::Antonym,
        &[
            ("how do I mount the share", "how do I unmount the share"),
            ("which hooks run before a push", "which hooks run after a push"),
            ("what is the longest route", "what is the shortest route"),
        ],
    );
    assert_refused(
        Guard::Platform,
        &[
            ("how do I install the shim on ubuntu", "how do I install the shim on debian"),
            ("does the driver support mysql", "does the driver support sqlite"),
        ],
    );
}

#[test]
fn who_does_it_to_whom_is_heard() {
    assert_refused(
        Guard::Order,
        &[
            ("who calls drain_queue", "what does drain_queue call"),
            ("which crates depend on ledger", "which crates does ledger depend on"),
            ("why does core import util", "why does util import core"),
            ("how do I convert avro to parquet", "how do I convert parquet to avro"),
            ("does the server authenticate the client", "does the client authenticate the server"),
        ],
    );
    assert_not_same(&[
        ("what is the owner of the parent", "what is the parent of the owner"),
        ("which endpoints accept forms", "which forms do endpoints accept"),
        ("how is the cache keyed", "how is the key cached"),
        ("what is logged on failure", "what failure is logged"),
        ("why do we poll instead of pushing", "why do we push instead of polling"),
        ("why does only the mailer retry on error", "why does the mailer retry only on error"),
        ("which workers wait", "what do workers wait for"),
        ("is there a test for the lexer", "is there a lexer for the test"),
        ("how do readers wait for writers", "how do writers wait for readers"),
        ("what does checkout wait for", "what waits for checkout"),
        ("what breaks if the broker stops", "what stops if the broker breaks"),
        ("how do I group by day then user", "how do I group by user then day"),
        ("why u16 and not u32 in wire.rs", "why u32 and not u16 in wire.rs"),
        ("fixtures for the date lexer", "fixtures with the date lexer"),
    ]);
}

#[test]
fn what_is_asked_for_is_heard() {
    assert_refused(
        Guard::Aspect,
        &[
            ("where is the token rotated", "why is the token rotated"),
            ("how often does the sweep run", "where does the sweep run"),
            ("when was the shim added", "who added the shim"),
        ],
    );
    assert_not_same(&[
        ("what happens when the queue is full", "how does the queue work"),
        ("how do I deploy the site", "how is the site deployed"),
        ("is the job retried", "why is the job retried"),
        ("what cron jobs do we have", "how many cron jobs do we have"),
        ("where is the flag used", "what is the flag used for"),
    ]);
}

#[test]
fn tense_mood_amount_and_form_are_heard() {
    assert_refused(Guard::Tense, &[("why was the shim dropped", "why will the shim be dropped")]);
    assert_refused(Guard::Mood, &[("does the proxy strip cookies", "should the proxy strip cookies")]);
    assert_refused(
        Guard::Quantity,
        &[
            ("do all handlers log the body", "do any handlers log the body"),
            ("show an example of a fixture", "show all examples of a fixture"),
            ("show the first run of the job", "show the last run of the job"),
            ("can the intern merge", "can only the intern merge"),
        ],
    );
    assert_refused(Guard::Person, &[("whats wrong with my manifest", "whats wrong with your manifest")]);
    assert_refused(Guard::Conjunction, &[("is gzip and brotli used", "is gzip or brotli used")]);
    assert_not_same(&[
        ("which node versions are supported", "which node versions were supported"),
        ("explain the retry loop", "explain the retry loop in one sentence"),
        ("explain the retry loop in french", "explain the retry loop in german"),
        ("what must be set before the start", "what can be set before the start"),
    ]);
}

#[test]
fn what_needs_an_antecedent_is_not_self_contained() {
    let open = [
        "continue",
        "fix it",
        "why does it fail?",
        "and the other one",
        "what about Windows?",
        "yes",
        "again",
        "explain this function",
        "how is that done?",
        "",
        "?!",
        "how do they work",
        "go on",
        "12",
    ];
    let wrong = open.into_iter().filter(|text| Question::new(text).is_self_contained());
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    let closed = [
        "why does the importer fail?",
        "how do I build this?",
        "what is the cache and how does it expire",
        "is it safe to delete the lock file",
        "which tests are failing",
        "how long does it take to build the docs",
        "where's auth",
        "what does this repo do with cookies",
    ];
    let wrong = closed.into_iter().filter(|text| !Question::new(text).is_self_contained());
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(met("why does it fail", "why does it stall"), Match::Differs(Guard::Context));
}

#[test]
fn what_asks_for_a_change_is_never_near() {
    let change = [
        "fix the flaky test",
        "rename Foo to Bar",
        "add a test for parse",
        "run the tests",
        "please remove the shim",
        "can you update the readme",
        "would you mind renaming the crate",
        "explain the bug and fix it",
        "let's refactor the walker",
        "I want you to bump the version",
        "look at main.rs, then delete the dead code",
    ];
    let wrong = change.into_iter().filter(|text| !Question::new(text).asks_for_change());
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    let reading = [
        "how do I rename a column?",
        "which tests run on push?",
        "list the build steps",
        "test coverage of the parser",
        "what does make clean do",
        "why was the flag removed",
        "update frequency of the index",
        "where do we add the header and set the cookie?",
    ];
    let wrong = reading.into_iter().filter(|text| Question::new(text).asks_for_change());
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(met("rename Foo to Bar", "please can you rename Foo to Bar"), Match::Differs(Guard::Change));
    assert_eq!(met("Rename Foo to Bar.", "rename Foo to Bar"), Match::Same, "the same words are the same ask");
}

#[test]
fn the_exact_key_forgives_spacing_case_and_politeness_only() {
    let key = |text: &str| *Question::new(text).exact_key();
    assert_eq!(key("Where is  the Cache?"), key("hey, where is the cache please?!"));
    assert_eq!(key("what\u{2019}s new"), key("what's new"));
    assert_ne!(key("what does -p do"), key("what does -P do"));
    assert_ne!(key("where is FooBar"), key("where is foobar"));
    assert_ne!(key("where is the cache"), key("where is the cache key"));
}

#[test]
fn what_the_rules_cannot_read_is_compared_as_it_stands() {
    let long = format!("why {}", "is the build slow ".repeat(40));
    let trace = "why?\n  at a.rs:1\n  at b.rs:2\n  at c.rs:3\n  at d.rs:4";
    for text in ["wie läuft der Bau?", "почему падает тест", "why ```let x = 1;``` fails", &long, trace]
    {
        let one = Question::new(text);
        assert!(one.canonical_key().is_none(), "{text}");
        assert_eq!(compare(&one, &Question::new(&format!("{text} "))), Match::Same);
        assert_eq!(met(text, "why is the build slow"), Match::Differs(Guard::ExactOnly));
    }
    assert!(Question::new("where is the naïve matcher").canonical_key().is_none());
    assert!(
        Question::new("where is the matcher \u{2014} roughly?").canonical_key().is_some(),
        "punctuation is not a letter"
    );
}

#[test]
fn any_text_is_read_in_bounded_time() {
    for text in [
        "x".repeat(1 << 20),
        "a ".repeat(1 << 19),
        "\u{0}\u{1}\u{7f}".repeat(1000),
        "?".repeat(399),
        "`".repeat(399),
        "not ".repeat(99),
    ] {
        let one = Question::new(&text);
        assert_eq!(compare(&one, &one.clone()), Match::Same);
    }
}

#[test]
fn coverage_is_a_share_of_what_both_say() {
    let of = |a: &str, b: &str| Question::new(a).coverage(&Question::new(b));
    assert!(of("where is the cookie parser", "where is the cookie parser tested") < 1.0);
    assert!(of("where is the cookie parser", "which cookie does the parser drop") > 0.5);
    assert!(of("where is the cookie parser", "how many shards are there").abs() < f32::EPSILON);
    assert!(covered(
        &Question::new("how does the nightly sweep of old rows work"),
        &Question::new("how does the sweep of old rows work")
    ));
    assert!(!covered(
        &Question::new("how does the sweep of old rows work"),
        &Question::new("how does the sweep of new rows work")
    ));
}

#[test]
fn what_only_one_of_two_says_is_named() {
    let only =
        only_in_each("where is parse_args called in release builds", "which file calls parse_flags in release builds");
    assert_eq!(only, [vec!["parse_args"], vec!["parse_flags"]]);
    assert_eq!(only_in_each("wo ist die Datei für x", "where is x")[0], [""; 0], "nothing is read of other languages");
}

#[test]
fn the_best_candidate_comes_first_and_sure_refusals_never() {
    let stored = [
        "how is the token rotated",
        "why is the token rotated",
        "where do we rotate the access token",
        "which port does the proxy use",
    ];
    let stored: Vec<(usize, Question)> =
        stored.iter().enumerate().map(|(id, text)| (id, Question::new(text))).collect();
    let found = |text: &str| {
        let asked = Question::new(text);
        best(&asked, stored.iter().map(|(id, one)| (id, one)), CANDIDATES)
            .into_iter()
            .map(|(id, _)| *id)
            .collect::<Vec<usize>>()
    };
    assert_eq!(found("location of access token rotation").first(), Some(&2));
    assert_eq!(found("proxy port").first(), Some(&3));
    assert!(!found("when is the token rotated").contains(&1), "why and when are apart");
    assert!(found("rotate it").is_empty());
    assert!(found("rotate the token").is_empty());
}

#[test]
fn the_tables_can_be_read_and_do_not_contradict() {
    let rules = Rules::builtin();
    assert_eq!(rules::TABLES.iter().filter_map(|(_, table)| rules::version_of(table)).count(), rules::TABLES.len());
    for (name, table) in rules::TABLES {
        assert!(table.starts_with('#'), "{name} says first what it holds");
        assert!(table.is_ascii() && table.lines().all(|line| line.trim() == line), "{name}");
    }
    let same: Vec<&str> = rules.opposites().into_iter().filter(|(_, a, b)| a == b).map(|(line, _, _)| line).collect();
    assert_eq!(same, [""; 0], "opposites of one class");
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> =
        rules::synonyms().flat_map(str::split_whitespace).filter(|word| !seen.insert(*word)).collect();
    assert_eq!(twice, [""; 0], "in two classes");
    for (line, phrase) in rules.all_phrases() {
        assert!(!phrase.from.is_empty() && phrase.from.len() < 12, "{line}");
    }
}

#[test]
fn the_rules_hold_their_floors_on_the_tuning_pairs() {
    let figures = evaluation::measure(&evaluation::pairs(include_str!("testdata/pairs.jsonl")), |_, _| {});
    assert_eq!(figures.served_wrongly, 0, "{figures}");
    assert!(figures.served * 100 >= figures.same * 40, "{figures}");
    assert!(figures.found * 100 >= figures.asked * 95, "{figures}");
    assert!(figures.covered_wrongly * 100 <= figures.other * 5, "{figures}");
    assert!(figures.refused_wrongly * 100 <= figures.same * 6, "{figures}");
}

/// Words that steer, names, numbers and plain words, in any order.
fn any_question() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "where",
        "is",
        "the",
        "parser",
        "not",
        "called",
        "by",
        "from",
        "to",
        "Foo::bar",
        "`x`",
        "3",
        "who",
        "uses",
        "?",
        "a",
        "only",
        "tests",
        "don't",
        "before",
        ",",
        "does",
        "cache",
        "--dry-run",
        "it",
        "in",
        "of",
        "which",
        "how",
        "many",
        "fix",
        "all",
        "or",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn comparing_is_symmetric_and_reflexive(a in any_question(), b in any_question()) {
        let (one, two) = (Question::new(&a), Question::new(&b));
        prop_assert_eq!(compare(&one, &one.clone()), Match::Same);
        prop_assert_eq!(compare(&one, &two), compare(&two, &one));
        prop_assert_eq!(covered(&one, &two), covered(&two, &one));
        prop_assert!((one.coverage(&two) - two.coverage(&one)).abs() < 1e-6);
    }

    #[test]
    fn no_text_breaks_a_question(text in any::<String>(), other in "\\PC{0,80}") {
        let (one, two) = (Question::new(&text), Question::new(&other));
        let _ = compare(&one, &two);
        if one.exact_key() == two.exact_key() {
            prop_assert_eq!(compare(&one, &two), Match::Same);
        }
        if one.canonical_key() != two.canonical_key() && one.exact_key() != two.exact_key() {
            prop_assert_ne!(compare(&one, &two), Match::Same);
        }
    }
}

#[test]
#[ignore = "prints what was read of TEXT"]
fn show_a_reading() {
    let text = std::env::var("TEXT").unwrap();
    for one in text.split('|') {
        let reading = Reading::of(&normalise::tidy(one));
        println!(
            "{one}\n  {:?}\n  change {} self-contained {}",
            reading.head, reading.asks_for_change, reading.self_contained
        );
        for item in &reading.items {
            println!("  {item:?}");
        }
    }
}

#[test]
#[ignore = "prints times; run with --release"]
fn measure_question_times() {
    let pairs = evaluation::pairs(include_str!("testdata/pairs.jsonl"));
    let texts: Vec<&String> = pairs.iter().flat_map(|pair| [&pair.a, &pair.b]).collect();
    let _ = Rules::builtin();
    let start = std::time::Instant::now();
    let questions: Vec<Question> = texts.iter().map(|text| Question::new(text)).collect();
    println!("new: {:?}", start.elapsed() / texts.len() as u32);
    let stored: Vec<(usize, &Question)> = questions.iter().take(300).enumerate().collect();
    let start = std::time::Instant::now();
    let mut found = 0;
    for asked in &questions {
        found += stored.iter().filter(|(_, other)| compare(asked, other) == Match::Same).count();
        found += best(asked, stored.iter().map(|(id, other)| (id, *other)), CANDIDATES).len();
    }
    println!("compare with 300 and rank: {:?} ({found} found)", start.elapsed() / questions.len() as u32);
}
