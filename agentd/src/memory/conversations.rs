//! Conversations that outlive the daemon: the last useful ones of all its users, in RAM.
//!
//! Owns which conversations stay and what stays of one; [`worth::useful`](super::worth::useful) says which exchanges
//! are useful. Holds questions and final answers only, never the steps between, no attachment, no file. What the store
//! has to write comes back as [`Change`]s, so that nothing here waits for a disk.
//!
//! The rules:
//! - A conversation is kept from its first useful exchange on; exchanges that are not useful leave no trace in it.
//! - At most [`EXCHANGES_MAX`] exchanges of one, the last; question and answer are cut after they were redacted.
//! - A question that opens a conversation and equals one that is kept in another of the same project replaces that
//!   exchange, and the whole conversation when it held nothing else. A question within a conversation replaces
//!   nothing: `and the tests?` means something else in every one.
//! - A conversation whose project or session name holds a secret is not kept. Observations that name one are dropped,
//!   and with them the right to be recalled.
//! - No observations: it is not known what the conversation rests on, and it is never recalled, only continued.

use std::{path::Path, time::SystemTime};

use super::{
    kept::{Change, ConversationRecord, Fingerprint, Kept},
    session::SessionKey,
};
use crate::{
    redact::{Redacted, Redactor},
    tools::{builtin::cut, observed::Observed},
};

/// Exchanges of one conversation: what a reader of the last ones still needs to follow them.
pub const EXCHANGES_MAX: usize = 10;
/// Bytes of an answer that are kept, head and tail. Twenty conversations then stay below 1 MB with room to spare.
const ANSWER_MAX: usize = 8 * 1024;
/// Bytes of a question that are kept: what a person types. What is pasted is the matter of one question.
const QUESTION_MAX: usize = 4 * 1024;

/// What a question is compared by.
pub type QuestionKey<'a> = &'a (dyn Fn(&str) -> Fingerprint + Sync);

/// An exchange that is useful and has just ended.
#[derive(Debug, Clone)]
pub struct Useful<'a> {
    /// Id of its conversation.
    pub conversation: &'a str,
    /// Whose, where, which session.
    pub session: &'a SessionKey,
    /// The question.
    pub question: &'a Redacted,
    /// Texts that came with it and are not kept.
    pub attachments: usize,
    /// The answer.
    pub answer: &'a Redacted,
    /// What all of the conversation rests on by now; empty when that is not known.
    pub files: Vec<Observed>,
    /// When the turn ended.
    pub at: SystemTime,
}

/// What is to be forgotten of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget<'a> {
    /// Everything.
    All,
    /// What belongs to a project.
    Project(&'a Path),
    /// What belongs to one session of a project.
    Session(&'a Path, &'a str),
    /// The conversation of that id.
    Conversation(&'a str),
}

/// All kept conversations.
#[derive(Debug)]
pub struct Conversations {
    cap: usize,
    /// The longest unused first.
    records: Vec<ConversationRecord>,
}

impl Conversations {
    /// None yet, and at most `cap`.
    pub fn new(cap: usize) -> Self {
        Self { cap, records: Vec::new() }
    }

    /// Takes what the store holds, with what is here already. What is over the cap goes.
    pub fn load(&mut self, records: impl IntoIterator<Item = ConversationRecord>) -> Vec<Change> {
        for record in records {
            let known = |own: &ConversationRecord| own.uid == record.uid && own.id == record.id;
            if !self.records.iter().any(known) {
                self.records.push(record);
            }
        }
        // Times on disk are whole seconds; ids sort by when a conversation began.
        self.records.sort_by(|a, b| (a.used, &a.id).cmp(&(b.used, &b.id)));
        self.over_the_cap()
    }

    /// Every record, the longest unused first.
    pub fn records(&self) -> &[ConversationRecord] {
        &self.records
    }

    /// Changes the cap; what is over it goes.
    pub fn set_cap(&mut self, cap: usize) -> Vec<Change> {
        self.cap = cap;
        self.over_the_cap()
    }

    /// Keeps an exchange.
    pub fn note(&mut self, useful: Useful<'_>, redactor: &Redactor, key: QuestionKey<'_>) -> Vec<Change> {
        if self.cap == 0 || !may_be_kept(useful.session, redactor) {
            return Vec::new();
        }
        let known = |record: &ConversationRecord| record.uid == useful.session.uid && record.id == useful.conversation;
        let (mut record, gone) = match self.records.iter().position(known) {
            Some(at) => (self.records.remove(at), Vec::new()),
            None => (opened(&useful), self.displaced(&useful, key)),
        };
        record.exchanges.push(shortened(&useful, redactor));
        let over = record.exchanges.len().saturating_sub(EXCHANGES_MAX);
        record.exchanges.drain(..over);
        record.used = useful.at;
        record.files = clean(useful.files, redactor);
        self.records.push(record.clone());
        // Kept before anything is removed: a crash in between leaves both.
        let mut changes = vec![Change::Keep(Kept::Conversation(record))];
        changes.extend(gone);
        changes.extend(self.over_the_cap());
        changes
    }

    /// Removes what is selected, and returns it.
    pub fn take(&mut self, is_selected: &dyn Fn(&ConversationRecord) -> bool) -> Vec<Kept> {
        self.records.extract_if(.., |record| is_selected(record)).map(Kept::Conversation).collect()
    }

    /// The last conversation of a session.
    pub fn last_of(&self, key: &SessionKey) -> Option<&ConversationRecord> {
        self.records
            .iter()
            .rev()
            .find(|record| record.uid == key.uid && record.project == key.project && record.session == key.name)
    }

    /// Removes what was not used since.
    pub fn expire(&mut self, since: SystemTime) -> Vec<Change> {
        self.remove(|record| record.used < since)
    }

    /// Forgets.
    pub fn forget(&mut self, uid: u32, what: Forget<'_>) -> Vec<Change> {
        self.remove(|record| {
            record.uid == uid
                && match what {
                    Forget::All => true,
                    Forget::Project(project) => record.project == project,
                    Forget::Session(project, name) => record.project == project && record.session == name,
                    Forget::Conversation(id) => record.id == id,
                }
        })
    }

    /// Takes the question that opens a conversation out of every other one of the project.
    fn displaced(&mut self, useful: &Useful<'_>, key: QuestionKey<'_>) -> Vec<Change> {
        // With attachments or cut, equal words do not make an equal question.
        if useful.attachments > 0 || useful.question.as_str().len() > QUESTION_MAX {
            return Vec::new();
        }
        let asked = key(useful.question.as_str());
        let mut changes = Vec::new();
        self.records.retain_mut(|record| {
            if record.uid != useful.session.uid || record.project != useful.session.project {
                return true;
            }
            let before = record.clone();
            record.exchanges.retain(|(question, _)| key(question.as_str()) != asked);
            if record.exchanges.is_empty() {
                changes.push(Change::Remove(Kept::Conversation(before)));
            } else if record.exchanges.len() < before.exchanges.len() {
                changes.push(Change::Keep(Kept::Conversation(record.clone())));
            }
            !record.exchanges.is_empty()
        });
        changes
    }

    fn over_the_cap(&mut self) -> Vec<Change> {
        let over = self.records.len().saturating_sub(self.cap);
        self.records.drain(..over).map(|record| Change::Remove(Kept::Conversation(record))).collect()
    }

    fn remove(&mut self, goes: impl Fn(&ConversationRecord) -> bool) -> Vec<Change> {
        let gone = self.records.extract_if(.., |record| goes(record));
        gone.map(|record| Change::Remove(Kept::Conversation(record))).collect()
    }
}

/// A record without exchanges yet.
fn opened(useful: &Useful<'_>) -> ConversationRecord {
    ConversationRecord {
        id: useful.conversation.to_owned(),
        uid: useful.session.uid,
        project: useful.session.project.clone(),
        session: useful.session.name.clone(),
        exchanges: Vec::new(),
        files: Vec::new(),
        used: useful.at,
    }
}

/// Question and answer as they are kept. They were redacted whole; the redactor only gives the cut texts their type.
fn shortened(useful: &Useful<'_>, redactor: &Redactor) -> (Redacted, Redacted) {
    let question = cut(useful.question.as_str(), QUESTION_MAX, "");
    let question = match useful.attachments {
        0 => question,
        1 => format!("{question}\n[with 1 attachment, which was not kept]"),
        many => format!("{question}\n[with {many} attachments, which were not kept]"),
    };
    (redactor.text(&question), redactor.text(&cut(useful.answer.as_str(), ANSWER_MAX, "")))
}

/// A path and a name are kept as they are, or not at all.
fn may_be_kept(key: &SessionKey, redactor: &Redactor) -> bool {
    key.project.to_str().is_some_and(|project| is_clean(project, redactor)) && is_clean(&key.name, redactor)
}

fn clean(files: Vec<Observed>, redactor: &Redactor) -> Vec<Observed> {
    let all = files.iter().flat_map(Observed::texts).all(|text| is_clean(text, redactor));
    if all { files } else { Vec::new() }
}

fn is_clean(text: &str, redactor: &Redactor) -> bool {
    redactor.text(text).as_str() == text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: &str = "k-1234567890";

    fn redactor() -> Redactor {
        Redactor::new([KEY.to_owned()])
    }

    fn text(text: &str) -> Redacted {
        redactor().text(text)
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(uid: u32, name: &str) -> SessionKey {
        SessionKey { uid, project: "/p".into(), name: name.into() }
    }

    /// Equal when the words are, in any case.
    fn folded(question: &str) -> Fingerprint {
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(question.to_lowercase().bytes()) {
            *place = byte;
        }
        key
    }

    /// Conversations that are noted one second after the other.
    struct Shelf {
        kept: Conversations,
        second: u64,
    }

    impl Shelf {
        fn new(cap: usize) -> Self {
            Self { kept: Conversations::new(cap), second: 0 }
        }

        fn note(&mut self, id: &str, session: &SessionKey, question: &str) -> Vec<Change> {
            self.second += 1;
            let (question, answer) = (text(question), text(&format!("answer to {question}")));
            let (attachments, files, at) = (0, Vec::new(), at(self.second));
            let useful =
                Useful { conversation: id, session, question: &question, attachments, answer: &answer, files, at };
            self.kept.note(useful, &redactor(), &folded)
        }

        fn ids(&self) -> Vec<&str> {
            self.kept.records().iter().map(|record| record.id.as_str()).collect()
        }

        fn questions(&self, id: &str) -> Vec<&str> {
            let record = self.kept.records().iter().find(|record| record.id == id).unwrap();
            record.exchanges.iter().map(|(question, _)| question.as_str()).collect()
        }
    }

    /// `+a` for what is written, `-a` for what is removed.
    fn told(changes: &[Change]) -> Vec<String> {
        let id = |kept: &Kept| match kept {
            Kept::Conversation(record) => record.id.clone(),
            other => panic!("{other:?}"),
        };
        changes
            .iter()
            .map(|change| match change {
                Change::Keep(kept) => format!("+{}", id(kept)),
                Change::Remove(kept) => format!("-{}", id(kept)),
            })
            .collect()
    }

    #[test]
    fn only_the_last_conversations_stay_and_the_store_is_told() {
        let mut shelf = Shelf::new(2);
        assert_eq!(told(&shelf.note("a", &key(1, "s"), "one")), ["+a"]);
        assert_eq!(told(&shelf.note("b", &key(1, "s"), "two")), ["+b"]);
        assert_eq!(told(&shelf.note("a", &key(1, "s"), "three")), ["+a"], "goes on, and is the last one now");
        assert_eq!(told(&shelf.note("c", &key(2, "s"), "four")), ["+c", "-b"]);
        assert_eq!(shelf.ids(), ["a", "c"]);
        assert_eq!(shelf.questions("a"), ["one", "three"]);
        assert_eq!(told(&shelf.kept.set_cap(1)), ["-a"]);
        assert_eq!(told(&shelf.kept.set_cap(0)), ["-c"]);
        assert_eq!(told(&shelf.note("d", &key(1, "s"), "five")), [""; 0]);
    }

    #[test]
    fn a_long_conversation_keeps_its_last_exchanges() {
        let mut shelf = Shelf::new(2);
        for n in 0..EXCHANGES_MAX + 2 {
            shelf.note("a", &key(1, "s"), &format!("question {n}"));
        }
        let questions = shelf.questions("a");
        assert_eq!((questions.len(), questions[0]), (EXCHANGES_MAX, "question 2"));
    }

    #[test]
    fn the_last_of_a_session_is_of_its_user_its_project_and_its_name() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "one");
        shelf.note("b", &key(1, "s"), "two");
        shelf.note("c", &key(1, "other"), "three");
        shelf.note("d", &key(2, "s"), "four");
        shelf.note("e", &SessionKey { project: "/q".into(), ..key(1, "s") }, "five");
        assert_eq!(shelf.kept.last_of(&key(1, "s")).unwrap().id, "b");
        shelf.note("a", &key(1, "s"), "six");
        assert_eq!(shelf.kept.last_of(&key(1, "s")).unwrap().id, "a");
        assert!(shelf.kept.last_of(&key(3, "s")).is_none());
    }

    #[test]
    fn a_question_that_is_asked_anew_replaces_the_older_exchange() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "where is it bound");
        shelf.note("b", &key(1, "s"), "who calls it");
        shelf.note("b", &key(1, "s"), "Where is it bound");
        assert_eq!(told(&shelf.note("c", &key(1, "t"), "WHERE is it bound")), ["+c", "-a", "+b"]);
        assert_eq!(shelf.questions("b"), ["who calls it"]);
        assert_eq!(shelf.ids(), ["b", "c"]);
    }

    #[test]
    fn a_question_within_a_conversation_replaces_nothing() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "explain the parser");
        shelf.note("a", &key(1, "s"), "and the tests of it");
        shelf.note("b", &key(1, "s"), "explain the socket");
        assert_eq!(told(&shelf.note("b", &key(1, "s"), "and the tests of it")), ["+b"]);
        assert_eq!(shelf.questions("a").len(), 2);
    }

    #[test]
    fn another_user_or_project_asks_another_question() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "one");
        shelf.note("b", &key(2, "s"), "one");
        shelf.note("c", &SessionKey { project: "/q".into(), ..key(1, "s") }, "one");
        assert_eq!(shelf.ids(), ["a", "b", "c"]);
    }

    #[test]
    fn attachments_are_named_not_kept_and_make_every_question_its_own() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "explain this");
        let (question, answer, session) = (text("explain this"), text("answer"), key(1, "s"));
        let useful = Useful {
            conversation: "b",
            session: &session,
            question: &question,
            attachments: 2,
            answer: &answer,
            files: Vec::new(),
            at: at(9),
        };
        assert_eq!(told(&shelf.kept.note(useful, &redactor(), &folded)), ["+b"]);
        assert_eq!(shelf.questions("b"), ["explain this\n[with 2 attachments, which were not kept]"]);
    }

    #[test]
    fn a_long_answer_keeps_head_and_tail_says_so_and_no_half_secret() {
        let long = format!("head {} {KEY} {} tail", "x".repeat(6 * 1024 - 12), "y".repeat(9 * 1024));
        let (question, answer, session) = (text(&"why ".repeat(3000)), text(&long), key(1, "s"));
        let (conversation, attachments, files, at) = ("a", 0, Vec::new(), at(1));
        let useful =
            Useful { conversation, session: &session, question: &question, attachments, answer: &answer, files, at };
        let mut kept = Conversations::new(1);
        kept.note(useful, &redactor(), &folded);
        let (question, answer) = &kept.records()[0].exchanges[0];
        assert!(question.as_str().len() < QUESTION_MAX + 100 && question.as_str().contains("bytes cut"));
        let answer = answer.as_str();
        assert!(answer.starts_with("head") && answer.ends_with("tail") && answer.contains("bytes cut"));
        assert!(answer.len() < ANSWER_MAX + 100 && !answer.contains("1234"), "{answer}");
    }

    #[test]
    fn a_place_that_holds_a_secret_is_not_written_down() {
        let mut shelf = Shelf::new(9);
        assert_eq!(told(&shelf.note("a", &key(1, KEY), "one")), [""; 0]);
        let session = SessionKey { project: format!("/p/{KEY}").into(), ..key(1, "s") };
        assert_eq!(told(&shelf.note("a", &session, "one")), [""; 0]);
        assert_eq!(shelf.ids(), [""; 0]);
    }

    #[test]
    fn what_the_store_held_comes_in_the_order_of_its_use_and_within_the_cap() {
        let mut shelf = Shelf::new(9);
        for id in ["a", "b", "c"] {
            shelf.note(id, &key(1, "s"), id);
        }
        let mut records = shelf.kept.records().to_vec();
        records.reverse();
        let mut again = Conversations::new(2);
        assert_eq!(told(&again.load(records.clone())), ["-a"]);
        assert_eq!(told(&again.load(records)), ["-a"], "what is known stays as it is");
        assert_eq!(again.last_of(&key(1, "s")).unwrap().id, "c");
    }

    #[test]
    fn forgetting_takes_what_is_named_and_nothing_of_another_user() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "one");
        shelf.note("b", &key(1, "t"), "two");
        shelf.note("c", &SessionKey { project: "/q".into(), ..key(1, "s") }, "three");
        shelf.note("d", &key(2, "s"), "one");
        let project = Path::new("/p");
        assert_eq!(told(&shelf.kept.forget(1, Forget::Conversation("d"))), [""; 0]);
        assert_eq!(told(&shelf.kept.forget(1, Forget::Session(project, "s"))), ["-a"]);
        assert_eq!(told(&shelf.kept.forget(1, Forget::Project(project))), ["-b"]);
        assert_eq!(told(&shelf.kept.forget(1, Forget::All)), ["-c"]);
        assert_eq!(shelf.ids(), ["d"]);
    }

    #[test]
    fn what_was_long_unused_expires() {
        let mut shelf = Shelf::new(9);
        shelf.note("a", &key(1, "s"), "one");
        shelf.note("b", &key(1, "s"), "two");
        assert_eq!(told(&shelf.kept.expire(at(2))), ["-a"]);
    }
}
