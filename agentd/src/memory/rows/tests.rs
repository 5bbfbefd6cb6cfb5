use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::*;
use crate::{
    llm::Usage,
    memory::kept::{AnswerRecord, ConversationRecord, PreferenceRecord, RejectionRecord, VerdictRecord},
    tools::observed::{Digest, Observed, Stat},
};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn redactor() -> Redactor {
    Redactor::default()
}

fn answer() -> AnswerRecord {
    let redactor = redactor();
    AnswerRecord {
        id: Uuid::from_bytes([7; 16]),
        uid: 1000,
        project: "/home/ada/engine".into(),
        has_project: true,
        scope: [1; 32],
        question: redactor.text("where are \"panics\"\nhandled?"),
        attachments: [0; 32],
        answer: redactor.text("In `src/guard.rs`: é"),
        model: "deepseek-chat".to_owned(),
        usage: Usage { prompt: 4, completion: 3, hit: 2, miss: 2 },
        cost_usd: Some(0.00041),
        elapsed_ms: 2100,
        made: at(1_763_840_613),
        used: at(1_763_840_713),
        hits: 2,
        instructions: [2; 32],
        preferences: [3; 32],
        rests: Vec::new(),
    }
}

fn dependencies() -> Vec<Observed> {
    let digest: Digest = "08".repeat(32).parse().unwrap();
    let stat = Stat { dev: 65_024, ino: 7, size: 120, mtime_ns: -1, ctime_ns: 1_763_840_613_000_000_001, kind: 32_768 };
    let (path, seen_at_ns) = ("src/guard.rs".to_owned(), 1_763_840_613_500_000_000);
    let call = |sweep| Observed::Call {
        tool: "search_content".to_owned(),
        arguments: r#"{"pattern":"panic"}"#.to_owned(),
        digest,
        sweep,
    };
    vec![
        Observed::File { path: path.clone(), stat, seen_at_ns, digest },
        Observed::Listing { path, stat, seen_at_ns, digest },
        call(None),
        call(Some(digest)),
        Observed::Project { digest },
        Observed::Git { digest },
    ]
}

fn every_kind() -> [Kept; 6] {
    let (redactor, project) = (redactor(), std::path::PathBuf::from("/home/ada/engine"));
    let pair = ([4; 32], [5; 32]);
    [
        Kept::Answer(answer()),
        Kept::Conversation(ConversationRecord {
            id: "c-1".to_owned(),
            uid: 1000,
            project: project.clone(),
            session: "default".to_owned(),
            exchanges: vec![(redactor.text("why?"), redactor.text("because"))],
            files: Vec::new(),
            used: at(1_763_840_613),
        }),
        Kept::Preference(PreferenceRecord {
            uid: 1000,
            project: Some(project.clone()),
            name: "language".to_owned(),
            value: redactor.text("German"),
            set: at(1_763_840_613),
        }),
        Kept::Preference(PreferenceRecord {
            uid: 1000,
            project: None,
            name: "language".to_owned(),
            value: redactor.text("Danish"),
            set: at(1_763_840_613),
        }),
        Kept::Rejection(RejectionRecord { uid: 1000, project: project.clone(), pair, at: at(1_763_840_613) }),
        Kept::Verdict(VerdictRecord { uid: 1000, project, pair, same: true, at: at(1_763_840_613) }),
    ]
}

fn row(shelf: Shelf, id: &str, body: &str) -> Row {
    Row { shelf, id: crate::memory::hex::Hex::read(id).unwrap().0, version: 1, body: body.into() }
}

/// What version 1 looked like when it was first released. Never to be changed: it lies on people's disks.
fn pinned() -> [Row; 6] {
    [
        row(
            Shelf::Answer,
            "07070707070707070707070707070707",
            concat!(
                r#"{"uid":1000,"project":"/home/ada/engine","scope":"0101010101010101010101010101010101010101"#,
                r#"010101010101010101010101","question":"where are \"panics\"\nhandled?","answer":"In `src/gu"#,
                r#"ard.rs`: é","model":"deepseek-chat","usage":[4,3,2,2],"cost_usd":0.00041,"elapsed_ms":2100"#,
                r#","made":1763840613,"used":1763840713,"hits":2,"instructions":"0202020202020202020202020202"#,
                r#"020202020202020202020202020202020202","preferences":"0303030303030303030303030303030303030"#,
                r#"303030303030303030303030303","rests":[]}"#,
            ),
        ),
        row(
            Shelf::Conversation,
            "1d465968c259f5cc5070f2919655bed2",
            concat!(
                r#"{"id":"c-1","uid":1000,"project":"/home/ada/engine","session":"default","exchanges":[["why"#,
                r#"?","because"]],"files":[],"used":1763840613}"#,
            ),
        ),
        row(
            Shelf::Preference,
            "0c68c0bcb4eec7b0c749acf91dbf6aca",
            concat!(
                r#"{"uid":1000,"project":"/home/ada/engine","name":"language","value":"German","set":17638406"#,
                r#"13}"#,
            ),
        ),
        row(
            Shelf::Preference,
            "13d60b15c93e833f1d9133f9a47d4efd",
            r#"{"uid":1000,"name":"language","value":"Danish","set":1763840613}"#,
        ),
        row(
            Shelf::Rejection,
            "35115e2c1e4cc95d019dd288de8cd0e5",
            concat!(
                r#"{"uid":1000,"project":"/home/ada/engine","pair":["0404040404040404040404040404040404040404"#,
                r#"040404040404040404040404","050505050505050505050505050505050505050505050505050505050505050"#,
                r#"5"],"at":1763840613}"#,
            ),
        ),
        row(
            Shelf::Verdict,
            "35115e2c1e4cc95d019dd288de8cd0e5",
            concat!(
                r#"{"uid":1000,"project":"/home/ada/engine","pair":["0404040404040404040404040404040404040404"#,
                r#"040404040404040404040404","050505050505050505050505050505050505050505050505050505050505050"#,
                r#"5"],"same":true,"at":1763840613}"#,
            ),
        ),
    ]
}

#[test]
fn version_1_of_every_kind_stays_readable() {
    for (row, kept) in pinned().iter().zip(every_kind()) {
        assert_eq!(decode(row, &redactor()), Ok(kept));
    }
}

#[test]
fn version_1_is_what_is_written() {
    for (row, kept) in pinned().into_iter().zip(every_kind()) {
        let written = encode(&kept).unwrap();
        assert_eq!(String::from_utf8_lossy(&written.body), String::from_utf8_lossy(&row.body));
        assert_eq!(written, row);
    }
}

/// The same for what an answer or a conversation rests on.
const PINNED_DEPENDENCIES: &str = concat!(
    r#"[{"on":"file","path":"src/guard.rs","stat":{"dev":65024,"ino":7,"size":120,"mtime_ns":-1,"ctime_ns":"#,
    r#"1763840613000000001,"kind":32768},"seen_at_ns":1763840613500000000,"digest":"08080808080808080808080"#,
    r#"80808080808080808080808080808080808080808"},{"on":"listing","path":"src/guard.rs","stat":{"dev":6502"#,
    r#"4,"ino":7,"size":120,"mtime_ns":-1,"ctime_ns":1763840613000000001,"kind":32768},"seen_at_ns":1763840"#,
    r#"613500000000,"digest":"0808080808080808080808080808080808080808080808080808080808080808"},{"on":"cal"#,
    r#"l","tool":"search_content","arguments":"{\"pattern\":\"panic\"}","digest":"0808080808080808080808080"#,
    r#"808080808080808080808080808080808080808","sweep":null},{"on":"call","tool":"search_content","argumen"#,
    r#"ts":"{\"pattern\":\"panic\"}","digest":"080808080808080808080808080808080808080808080808080808080808"#,
    r#"0808","sweep":"0808080808080808080808080808080808080808080808080808080808080808"},{"on":"project","d"#,
    r#"igest":"0808080808080808080808080808080808080808080808080808080808080808"},{"on":"git","digest":"080"#,
    r#"8080808080808080808080808080808080808080808080808080808080808"}]"#,
);

#[test]
fn dependencies_of_version_1_stay_readable_and_are_written_so() {
    assert_eq!(serde_json::from_str::<Vec<Observed>>(PINNED_DEPENDENCIES).unwrap(), dependencies());
    assert_eq!(serde_json::to_string(&dependencies()).unwrap(), PINNED_DEPENDENCIES);
}

#[test]
fn every_field_comes_back() {
    let odd = AnswerRecord {
        has_project: false,
        attachments: [9; 32],
        cost_usd: None,
        hits: 0,
        rests: dependencies(),
        ..answer()
    };
    let odd = Kept::Answer(odd);
    assert_eq!(decode(&encode(&odd).unwrap(), &redactor()), Ok(odd));
}

#[test]
fn the_same_thing_has_the_same_id_and_another_has_another() {
    let ids: std::collections::HashSet<_> = every_kind().iter().map(|kept| (shelf_of(kept), id_of(kept))).collect();
    assert_eq!(ids.len(), 6);
    for mut kept in every_kind() {
        let before = id_of(&kept);
        match &mut kept {
            Kept::Answer(it) => it.hits += 1,
            Kept::Conversation(it) => it.used += Duration::from_secs(1),
            Kept::Preference(it) => it.value = redactor().text("other"),
            Kept::Rejection(it) => it.at += Duration::from_secs(1),
            Kept::Verdict(it) => it.same = false,
        }
        assert_eq!(id_of(&kept), before);
    }
    let [_, _, mine, ..] = every_kind();
    let Kept::Preference(mut theirs) = mine.clone() else { panic!("{mine:?}") };
    theirs.uid = 1001;
    assert_ne!(id_of(&mine), id_of(&Kept::Preference(theirs)));
}

#[test]
fn a_newer_version_is_told_apart_from_a_broken_row() {
    let good = encode(&Kept::Answer(answer())).unwrap();
    let newer = Row { version: 2, body: b"anything".to_vec(), ..good.clone() };
    assert_eq!(decode(&newer, &redactor()), Err(RowError::Newer { shelf: Shelf::Answer, version: 2 }));
    for body in [&b"{}"[..], b"", b"[]", &good.body[1..], b"\xff", br#"{"uid":1,"uid":1}"#] {
        for shelf in Shelf::ALL {
            let broken = Row { shelf, body: body.to_vec(), ..good.clone() };
            assert!(matches!(decode(&broken, &redactor()), Err(RowError::Shape { .. })), "{shelf:?} {body:?}");
        }
    }
    assert!(matches!(decode(&Row { version: 0, ..good }, &redactor()), Err(RowError::Shape { .. })));
}

#[test]
fn an_error_quotes_nothing() {
    let mut row = encode(&Kept::Answer(answer())).unwrap();
    row.body = br#"{"uid":"marker-in-the-body"}"#.to_vec();
    assert!(!decode(&row, &redactor()).unwrap_err().to_string().contains("marker"));
}

#[test]
fn a_row_under_another_id_is_refused() {
    for kept in every_kind().into_iter().skip(1) {
        let row = Row { id: [0; 16], ..encode(&kept).unwrap() };
        assert_eq!(decode(&row, &redactor()), Err(RowError::Id(row.shelf)));
    }
}

#[test]
fn a_time_that_no_clock_shows_is_refused() {
    let row = encode(&every_kind()[4]).unwrap();
    let late = |time: &str| {
        let body = String::from_utf8(row.body.clone()).unwrap().replace("1763840613", time).into_bytes();
        decode(&Row { body, ..row.clone() }, &redactor())
    };
    assert!(late("253402300799").is_ok());
    assert_eq!(late("253402300800"), Err(RowError::Time));
    assert_eq!(late(&u64::MAX.to_string()), Err(RowError::Time));
}

#[test]
fn a_secret_learnt_since_is_hidden_in_texts_and_refuses_a_path() {
    let mut it = answer();
    it.question = redactor().text("what is hunter-value-1 for?");
    let row = encode(&Kept::Answer(it.clone())).unwrap();
    let knowing = Redactor::new(["hunter-value-1".to_owned()]);
    let Ok(Kept::Answer(read)) = decode(&row, &knowing) else { panic!("an answer") };
    assert_eq!(read.question.as_str(), "what is [REDACTED] for?");
    assert_eq!(read.answer, it.answer);

    it.project = "/home/hunter-value-1/engine".into();
    let row = encode(&Kept::Answer(it)).unwrap();
    assert_eq!(decode(&row, &knowing), Err(RowError::Secret));
}

#[test]
fn a_secret_learnt_since_in_a_dependency_refuses_the_answer() {
    let it = AnswerRecord { rests: dependencies(), ..answer() };
    let row = encode(&Kept::Answer(it)).unwrap();
    assert!(decode(&row, &redactor()).is_ok());
    let knowing = Redactor::new(["src/guard.rs".to_owned()]);
    assert_eq!(decode(&row, &knowing), Err(RowError::Secret));
}

#[test]
fn a_path_that_is_no_text_is_not_kept() {
    use std::os::unix::ffi::OsStrExt;
    let mut it = answer();
    it.project = std::ffi::OsStr::from_bytes(b"/home/\xff").into();
    assert_eq!(encode(&Kept::Answer(it)), Err(RowError::Path));
}

#[test]
fn a_cost_that_is_no_number_is_unknown() {
    let it = AnswerRecord { cost_usd: Some(f64::NAN), ..answer() };
    let Ok(Kept::Answer(read)) = decode(&encode(&Kept::Answer(it)).unwrap(), &redactor()) else { panic!("an answer") };
    assert_eq!(read.cost_usd, None);
}
