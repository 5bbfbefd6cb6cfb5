use std::time::{Duration, SystemTime};

use super::*;
use crate::{config::Similarity, llm::Usage, memory::question::Question, redact::Redactor};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + 1000 * DAY
}

fn text(text: &str) -> Redacted {
    Redactor::default().text(text)
}

fn scope(uid: u32, project: &str) -> Scope {
    let redact = crate::config::Config::default().redact;
    Scope::new(&Conditions {
        uid,
        project: Path::new(project),
        has_project: true,
        cwd: Path::new(project),
        model: "m",
        endpoint: "e",
        thinking: true,
        prefix: [0; 32],
        redact: &redact,
        cuts: (1, 1),
    })
}

fn asked(scope: Scope, question: &str) -> Asked {
    Asked {
        scope,
        text: text(question),
        question: Question::new(question),
        attachments: [0; 32],
        instructions: [0; 32],
        preferences: [0; 32],
    }
}

fn record(scope: &Scope, question: &str) -> AnswerRecord {
    AnswerRecord {
        id: Uuid::now_v7(),
        uid: scope.uid,
        project: scope.project.clone(),
        has_project: scope.has_project,
        scope: scope.fingerprint,
        question: text(question),
        attachments: [0; 32],
        answer: text("an answer"),
        model: "m".into(),
        usage: Usage::default(),
        cost_usd: Some(0.001),
        elapsed_ms: 5,
        made: now(),
        used: now(),
        hits: 0,
        instructions: [0; 32],
        preferences: [0; 32],
        rests: Vec::new(),
    }
}

fn answers(questions: &[&str]) -> Answers {
    let answers = Answers::default();
    for question in questions {
        answers.keep(record(&scope(1, "/p"), question), 300, now());
    }
    answers
}

fn find(answers: &Answers, question: &str) -> Found {
    answers.find(&asked(scope(1, "/p"), question), Similarity::Verdict)
}

#[test]
fn the_same_words_are_exact_and_other_words_with_the_same_meaning_are_near() {
    let answers = answers(&["How are panics handled in the worker pool?"]);
    assert!(find(&answers, "how are panics handled in the worker pool").exact.is_some());
    let found = find(&answers, "In the worker pool, how are panics handled?");
    assert!(found.exact.is_none());
    assert_eq!(found.near.len(), 1);
}

#[test]
fn nothing_is_matched_across_users_or_projects() {
    let question = "How are panics handled in the worker pool?";
    let answers = answers(&[question]);
    for other in [scope(2, "/p"), scope(1, "/q")] {
        let found = answers.find(&asked(other, question), Similarity::Lenient);
        assert!(found.exact.is_none() && found.near.is_empty() && found.candidates.is_empty());
    }
}

#[test]
fn other_attached_texts_make_another_question() {
    let question = "How are panics handled in the worker pool?";
    let answers = answers(&[question]);
    let mut with_text = asked(scope(1, "/p"), question);
    with_text.attachments = [1; 32];
    let found = answers.find(&with_text, Similarity::Lenient);
    assert!(found.exact.is_none() && found.near.is_empty() && found.candidates.is_empty());
}

#[test]
fn exact_and_off_do_what_they_say() {
    let question = "How are panics handled in the worker pool?";
    let other = asked(scope(1, "/p"), "In the worker pool, how are panics handled?");
    let answers = answers(&[question]);
    assert!(answers.find(&other, Similarity::Exact).near.is_empty());
    assert!(answers.find(&asked(scope(1, "/p"), question), Similarity::Exact).exact.is_some());
    assert!(answers.find(&asked(scope(1, "/p"), question), Similarity::Off).exact.is_none());
}

#[test]
fn a_new_answer_takes_the_place_of_the_old_one() {
    let answers = answers(&["where is the lock taken?", "Where is the lock taken"]);
    assert_eq!(answers.list(1, None).len(), 1);
}

#[test]
fn of_too_many_the_least_worth_goes_and_a_stale_one_first() {
    let answers = Answers::default();
    for (n, cost) in [("one", 0.5), ("two", 0.001), ("three", 0.5)] {
        let question = format!("what does module {n} own?");
        answers.keep(AnswerRecord { cost_usd: Some(cost), ..record(&scope(1, "/p"), &question) }, 3, now());
    }
    let left = |answers: &Answers| {
        let mut left: Vec<_> = answers.list(1, None).iter().map(|e| e.record().question.to_string()).collect();
        left.sort();
        left
    };
    let four = record(&scope(1, "/p"), "what does module four own?");
    answers.keep(AnswerRecord { cost_usd: Some(0.5), ..four }, 3, now());
    assert!(!left(&answers).iter().any(|question| question.contains("two")), "{:?}", left(&answers));
    answers
        .list(1, None)
        .iter()
        .find(|e| e.record().question.as_str().contains("one"))
        .unwrap()
        .verified(Err("x".into()));
    answers.clean_up(2, 90 * DAY, now());
    assert!(!left(&answers).iter().any(|question| question.contains("one")), "{:?}", left(&answers));
}

#[test]
fn what_was_served_is_written_again_once_and_locks_nobody_out() {
    let answers = answers(&["what does parse_config return?"]);
    let entry = find(&answers, "what does parse_config return?").exact.unwrap();
    assert!(entry.take_dirty().is_none(), "the durable copy is as new");
    entry.served(now() + DAY);
    let newer = entry.take_dirty().unwrap();
    assert_eq!((newer.hits, newer.used), (1, now() + DAY));
    assert!(entry.take_dirty().is_none());
    answers.write_usage();
}

#[test]
fn what_was_not_used_for_too_long_goes() {
    let answers = answers(&["what does the parser own?"]);
    answers.clean_up(300, 90 * DAY, now() + 89 * DAY);
    assert_eq!(answers.list(1, None).len(), 1);
    answers.clean_up(300, 90 * DAY, now() + 91 * DAY);
    assert!(answers.list(1, None).is_empty());
}

#[test]
fn a_rejected_pair_is_never_matched_again_and_two_make_a_project_exact() {
    let questions = ["How are panics handled in the worker pool?", "Where is the socket bound?"];
    let others = ["In the worker pool, how are panics handled?", "Where do we bind the socket?"];
    let answers = answers(&questions);
    for (n, other) in others.iter().enumerate() {
        let found = find(&answers, other);
        let entry = found.near.first().unwrap_or_else(|| panic!("{other}"));
        let exact_only = answers.reject(entry, &Question::new(other), now());
        assert_eq!(exact_only, n == 1);
        answers.keep(record(&scope(1, "/p"), questions[n]), 300, now());
        assert!(find(&answers, other).near.is_empty(), "{other}");
    }
    answers.keep(record(&scope(1, "/p"), "Which port does the metrics server use?"), 300, now());
    assert!(find(&answers, "Quick question: the metrics server uses which port?").near.is_empty());
    assert!(find(&answers, "Which port does the metrics server use?").exact.is_some());
    assert_eq!(answers.find(&asked(scope(1, "/q"), "x"), Similarity::Verdict).near.len(), 0);
}

#[test]
fn a_verdict_is_remembered_for_its_pair() {
    let answers = answers(&["Which code sends emails?"]);
    let other = "what part of this thing is it that mails people";
    let pair = (*Question::new(other).exact_key(), *Question::new("Which code sends emails?").exact_key());
    let verdict = |same| VerdictRecord { uid: 1, project: "/p".into(), pair, same, at: now() };
    let asked = asked(scope(1, "/p"), other);
    answers.judge(verdict(true));
    assert!(answers.find(&asked, Similarity::Verdict).candidates.iter().any(|c| c.confirmed));
    answers.judge(verdict(false));
    assert!(answers.find(&asked, Similarity::Verdict).candidates.is_empty());
}

#[test]
fn what_is_loaded_is_what_was_there() {
    let first = answers(&["where is the lock taken?", "who closes the socket?"]);
    let second = Answers::default();
    second.load(first.snapshot());
    assert_eq!(second.list(1, None).len(), 2);
    assert!(find(&second, "Where is the lock taken?").exact.is_some());
    let gone = second.forget(&|kept| kept.uid() == 1);
    assert_eq!((gone.len(), second.snapshot().len()), (2, 0));
}

#[test]
fn how_often_an_answer_was_served_is_written_later_and_once() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<Change>>);
    impl Sink for Heard {
        fn write(&self, changes: Vec<Change>) -> crate::tools::BoxFuture<'static, Result<(), String>> {
            lock(&self.0).extend(changes);
            Box::pin(std::future::ready(Ok(())))
        }
    }
    let (answers, heard) = (answers(&["where is the lock taken?"]), Arc::new(Heard::default()));
    answers.wire(Arc::clone(&heard) as Arc<dyn Sink>);
    let entry = find(&answers, "where is the lock taken?").exact.unwrap();
    entry.served(now());
    entry.served(now());
    assert!(lock(&heard.0).is_empty(), "a hit costs no write");
    answers.write_usage();
    answers.write_usage();
    let written = lock(&heard.0).clone();
    assert!(matches!(written.as_slice(), [Change::Keep(Kept::Answer(record))] if record.hits == 2), "{written:?}");
}
