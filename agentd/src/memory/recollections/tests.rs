use std::time::Duration;

use super::*;
use crate::{redact::Redactor, tools::observed::Digest};

const DAY: u64 = 24 * 60 * 60;

fn text(text: &str) -> Redacted {
    Redactor::default().text(text)
}

fn at(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY)
}

fn seen(digest: u8) -> Vec<Observed> {
    vec![Observed::Project { digest: Digest::of(&[digest]) }]
}

/// A conversation of user 1 in `/p` that was used on that day.
fn record(id: &str, day: u64, questions: &[&str]) -> ConversationRecord {
    ConversationRecord {
        id: id.into(),
        uid: 1,
        project: "/p".into(),
        session: "s".into(),
        exchanges: questions.iter().map(|question| (text(question), text(&format!("about {question}")))).collect(),
        files: seen(u8::try_from(day).unwrap()),
        used: at(day),
    }
}

fn about(question: &Redacted) -> About<'_> {
    About { uid: 1, project: Path::new("/p"), conversation: "new", question, attached: &[], files: &[] }
}

fn questions(records: &[ConversationRecord], question: &str) -> Vec<String> {
    let question = text(question);
    shortlist(records, &about(&question)).iter().map(|one| one.exchange.0.to_string()).collect()
}

fn score(record: &ConversationRecord, names: &[&str], about: &About<'_>) -> u32 {
    judge(record, names, about, &Terms::of(about.question.as_str())).map_or(0, |one| one.score)
}

#[test]
fn a_question_is_made_of_things_of_the_code_and_of_words() {
    let terms =
        Terms::of("Where does `bind` call parse_config in src/net/listen.rs, with --all and HTTP2 for sockets?");
    let things: Vec<&str> = terms.things.iter().map(String::as_str).collect();
    assert_eq!(things, ["all", "bind", "http2", "listen.rs", "parse_config", "src/net/listen.rs"]);
    assert_eq!(terms.words.iter().map(String::as_str).collect::<Vec<_>>(), ["call", "socket"]);
    assert_eq!(Terms::of("e.g. how does this work? 1.5 ..."), Terms::default());
    assert!(Terms::of("Sessions::keep").things.contains("keep"));
}

#[test]
fn a_shared_thing_of_the_code_is_enough_and_a_shared_word_is_not() {
    let records = [record("a", 1, &["what does parse_config return"]), record("b", 2, &["where is the socket bound"])];
    assert_eq!(questions(&records, "who calls parse_config?"), ["what does parse_config return"]);
    assert_eq!(questions(&records, "which mode does the socket get?"), [""; 0]);
    assert_eq!(questions(&records, "socket bound mode, where is it written?"), [""; 0]);
    let three = [record("c", 1, &["where does the daemon bind its socket at startup"])];
    assert_eq!(questions(&three, "why is the startup of the daemon's socket slow?").len(), 1);
}

#[test]
fn files_count_by_their_names_and_once() {
    let known = record("a", 1, &["why is it slow"]);
    let names = ["src/net/listen.rs", "Cargo.toml"];
    let of = |question: &str| score(&known, &names, &about(&text(question)));
    assert_eq!(of("explain listen.rs"), FILE);
    assert_eq!(of("explain src/net/listen.rs"), 2 * FILE, "the path and its last part");
    assert_eq!(of("explain isten.rs"), 0);
    assert_eq!(of("how does listen work"), 0, "a stem alone is a word");
    let question = text("explain this");
    let attached = About { attached: &["/p/src/net/listen.rs"], ..about(&question) };
    assert_eq!(score(&known, &names, &attached), FILE);
    let touched = ["Cargo.toml".into()];
    assert_eq!(score(&known, &names, &About { files: &touched, ..attached }), FILE + SESSION);
    assert_eq!(score(&known, &names, &About { files: &touched, ..about(&question) }), 0, "nothing else is shared");
}

#[test]
fn nothing_is_recalled_of_others_of_itself_or_of_what_rests_on_nothing_known() {
    let question = "what does parse_config return";
    for other in [
        ConversationRecord { uid: 2, ..record("a", 1, &[question]) },
        ConversationRecord { project: "/q".into(), ..record("a", 1, &[question]) },
        ConversationRecord { files: Vec::new(), ..record("a", 1, &[question]) },
        record("new", 1, &[question]),
    ] {
        assert_eq!(questions(&[other], question), [""; 0]);
    }
    assert_eq!(questions(&[record("a", 1, &[question])], question), [question]);
}

#[test]
fn the_best_come_first_the_later_of_equals_before_the_earlier() {
    let records = [
        record("a", 1, &["parse_config one"]),
        record("b", 2, &["parse_config two"]),
        record("c", 0, &["hello", "parse_config and read_config"]),
    ];
    let found = questions(&records, "compare parse_config and read_config");
    assert_eq!(found, ["parse_config and read_config", "parse_config two", "parse_config one"]);
}

#[test]
fn what_has_changed_is_never_offered_and_the_next_takes_its_place() {
    let records: Vec<_> = (0..9).map(|day| record("a", day, &[&format!("parse_config {day}")])).collect();
    let question = text("parse_config?");
    let candidates = shortlist(&records, &about(&question));
    assert_eq!(candidates.len(), SHORTLIST_MAX);
    let mut looked = Vec::new();
    let recollected = recollect(candidates.clone(), at(10), |observed| {
        looked.push(observed.to_vec());
        observed != seen(8) && observed != seen(6)
    });
    assert_eq!(looked, [seen(8), seen(7), seen(6), seen(5)], "no more than needed");
    assert_eq!(recollected.rests, [seen(7), seen(5)].concat());
    assert!(recollected.text.contains("Q: parse_config 7\n") && recollected.text.contains("Q: parse_config 5\n"));
    assert!(!recollected.text.contains("parse_config 8"));
    assert_eq!(recollect(candidates, at(10), |_| false), Recollected::default());
}

#[test]
fn recollections_say_how_old_they_are_and_that_they_may_be_incomplete() {
    let question = text("parse_config?");
    let candidates = shortlist(&[record("a", 1, &["what is parse_config"])], &about(&question));
    assert_eq!(
        recollect(candidates, at(3), |_| true).text,
        "Earlier conversations about this, possibly incomplete: read the files before you rely on them.\n\
         2 days ago:\nQ: what is parse_config\nA: about what is parse_config\n"
    );
}

#[test]
fn an_age_changes_no_more_than_once_a_day() {
    let ages: Vec<String> = [0, 1, 2, 13, 14, 59, 60, 400].map(|days| age(at(0), at(days))).into();
    let told = ["Less than a day ago", "1 day ago", "2 days ago", "13 days ago", "2 weeks ago", "8 weeks ago"];
    assert_eq!(ages[..6], told);
    assert_eq!(ages[6..], ["2 months ago", "13 months ago"]);
    assert_eq!(age(at(5), at(1)), "Less than a day ago", "a clock that was set back");
    assert_eq!(age(at(0), at(0) + Duration::from_secs(DAY - 1)), "Less than a day ago");
}

#[test]
fn all_recollections_stay_within_their_budget() {
    for unit in ["word ", "\u{1f600}", "</recollections>", "line\n"] {
        let question = format!("parse_config {}", unit.repeat(400));
        let mut records = [record("a", 1, &[&question]), record("b", 2, &[&question])];
        for record in &mut records {
            record.exchanges[0].1 = text(&unit.repeat(4000));
        }
        let asked = text("parse_config?");
        let told = recollect(shortlist(&records, &about(&asked)), at(3), |_| true).text;
        let block =
            told.replace("</recollections>", "< /recollections>").len() + "<recollections></recollections>\n\n".len();
        assert!(block <= BUDGET, "{block} bytes of {unit:?}");
        assert_eq!(told.matches("A: ").count(), RECOLLECTIONS_MAX);
        assert!(told.contains("bytes cut"), "{told}");
    }
}
