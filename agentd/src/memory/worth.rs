//! Whether an exchange is worth keeping beyond its session.
//!
//! Owns the rules, and nothing that is kept: whoever stores answers asks here first. [`worth_keeping`] refuses turns
//! that failed, texts that are mostly secrets, answers that only say that something went wrong, and answers too short
//! to be one. [`useful`] is the rule for conversations: it also refuses what the user wanted to leave no trace, what
//! was found without a model, and questions that say nothing by themselves. Duplicates are the matter of whoever keeps,
//! who alone knows what there is.
//!
//! In doubt an exchange is not kept: it is asked again at the price of one question, while an error that is kept
//! answers wrongly for as long as it stays.

use proto::{ErrorKind, Source};

use crate::redact::{Redacted, is_mostly_markers};

/// Characters under which an answer says too little to be kept.
const ANSWER_MIN: usize = 40;
/// Bytes of letters and digits under which a question says nothing by itself: `why?`, `go on`. Bytes, since a letter
/// of a script without spaces says more.
const QUESTION_MIN: usize = 8;
/// Characters up to which an answer that tells an error is that error. A longer one explains it.
const ERROR_MAX: usize = 240;
/// How an answer begins that is an error, or a refusal: the next model, or the same one on another day, may answer.
const ERROR_BEGINS: [&str; 18] = [
    "error",
    "failed",
    "failure",
    "fatal",
    "sorry",
    "unable to",
    "i am unable",
    "i'm unable",
    "i could not",
    "i couldn't",
    "i cannot",
    "i can't",
    "i can not",
    "i'm sorry",
    "i am sorry",
    "i'm not able to",
    "i am not able to",
    "as an ai",
];
/// What short answers say that tell of a file, a time-out or a provider, and not of the project.
const ERROR_WORDS: [&str; 20] = [
    "file not found",
    "no such file",
    "does not exist",
    "is a directory",
    "permission denied",
    "cannot be read",
    "could not be read",
    "timed out",
    "time-out",
    "timeout exceeded",
    "deadline exceeded",
    "connection refused",
    "connection reset",
    "too many requests",
    "rate limit",
    "service unavailable",
    "internal server error",
    "bad gateway",
    "overloaded",
    "insufficient balance",
];

/// Why an exchange is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The turn failed or was cancelled.
    #[error("the turn failed: {}", .0.name())]
    Failed(ErrorKind),
    /// Question or answer is mostly secrets.
    #[error("mostly secrets")]
    Secret,
    /// The answer is an error.
    #[error("the answer is an error")]
    Error,
    /// The answer is too short.
    #[error("the answer is too short")]
    Short,
    /// The question is too short.
    #[error("the question is too short")]
    Trivial,
    /// The user wanted it to leave no trace.
    #[error("asked to leave no trace")]
    Ephemeral,
    /// No model answered.
    #[error("found without a model")]
    Offline,
}

/// A turn that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// What was asked.
    pub question: &'a Redacted,
    /// The answer and where it came from, or how the turn failed.
    pub outcome: Result<(&'a Redacted, Source), ErrorKind>,
    /// Asked to leave no trace.
    pub ephemeral: bool,
}

/// Says whether an exchange is useful beyond its session, in a conversation that goes on or is remembered.
///
/// # Errors
/// The first reason why not.
pub fn useful(ended: &Ended<'_>) -> Result<(), Unfit> {
    if ended.ephemeral {
        return Err(Unfit::Ephemeral);
    }
    if let Ok((_, Source::Offline)) = ended.outcome {
        return Err(Unfit::Offline);
    }
    worth_keeping(ended.question, ended.outcome.map(|(answer, _)| answer))?;
    let said: usize = ended.question.as_str().chars().filter(|c| c.is_alphanumeric()).map(char::len_utf8).sum();
    if said < QUESTION_MIN { Err(Unfit::Trivial) } else { Ok(()) }
}

/// Says whether an exchange is worth keeping.
///
/// # Errors
/// The first reason not to.
pub fn worth_keeping(question: &Redacted, outcome: Result<&Redacted, ErrorKind>) -> Result<(), Unfit> {
    let answer = outcome.map_err(Unfit::Failed)?;
    let text = answer.as_str().trim();
    if is_mostly_markers(question.as_str()) || is_mostly_markers(text) {
        return Err(Unfit::Secret);
    }
    if is_error(text) {
        return Err(Unfit::Error);
    }
    if text.chars().take(ANSWER_MIN).count() < ANSWER_MIN {
        return Err(Unfit::Short);
    }
    Ok(())
}

fn is_error(text: &str) -> bool {
    if text.chars().take(ERROR_MAX + 1).count() > ERROR_MAX {
        return false;
    }
    let text = text.to_lowercase().replace('’', "'");
    let begin = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    ERROR_BEGINS.iter().any(|word| begins_with(begin, word)) || ERROR_WORDS.iter().any(|word| text.contains(word))
}

/// The word and not a longer one: `error: x`, not `errors are handled in x`.
fn begins_with(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;

    const KEY: &str = "k-1234567890";
    const QUESTION: &str = "where is the socket bound?";
    const ANSWER: &str = "In `listen.rs`: `bind` makes the socket with mode 0600 below the state directory.";

    fn judge(question: &str, outcome: Result<&str, ErrorKind>) -> Result<(), Unfit> {
        let redactor = Redactor::new([KEY.to_owned()]);
        let answer = outcome.map(|text| redactor.text(text));
        worth_keeping(&redactor.text(question), answer.as_ref().map_err(|kind| *kind))
    }

    #[test]
    fn an_ordinary_answer_is_kept_also_when_it_speaks_of_errors() {
        let long =
            format!("{ANSWER} When the file is not there the call ends with \"no such file\". {ANSWER} {ANSWER}");
        let secret = format!("{ANSWER} It sends {KEY}, which it reads from the environment.");
        for answer in [ANSWER, &long, &secret, "Errors are made in error.rs and told by the dispatcher, one kind each."]
        {
            assert_eq!(judge(QUESTION, Ok(answer)), Ok(()), "{answer}");
        }
    }

    #[test]
    fn what_is_mostly_secrets_is_not_kept() {
        let list = format!("{KEY}\n{KEY}\n\n   {KEY}\nand one more word");
        assert_eq!(judge(QUESTION, Ok(&list)), Err(Unfit::Secret));
        assert_eq!(judge(&list, Ok(ANSWER)), Err(Unfit::Secret));
        assert_eq!(judge(QUESTION, Ok(&format!("key: {KEY}"))), Err(Unfit::Secret));
    }

    #[test]
    fn an_answer_that_is_an_error_is_not_kept() {
        for answer in [
            "Error: the file src/nothing.rs could not be opened for reading",
            "**Error** while the project was read; nothing can be said about it",
            "The tool said: file not found: src/nothing.rs, so there is no answer",
            "The command timed out after 30 s, before it had printed anything.",
            "The provider answered 503 Service Unavailable three times in a row.",
            "I couldn't open that file, so I cannot tell what it is made for.",
        ] {
            assert_eq!(judge(QUESTION, Ok(answer)), Err(Unfit::Error), "{answer}");
        }
    }

    #[test]
    fn a_refusal_is_not_kept_however_it_is_spelt() {
        for answer in [
            "I can\u{2019}t help with that, because it is against what I am made for.",
            "I'm sorry, but that is nothing I can say anything at all about.",
            "As an AI, I have no view of files outside of the given project.",
            "I cannot discuss that matter; please ask me something else.",
        ] {
            assert_eq!(judge(QUESTION, Ok(answer)), Err(Unfit::Error), "{answer}");
        }
    }

    #[test]
    fn an_answer_that_says_next_to_nothing_is_not_kept() {
        for answer in ["", "  \n", "Yes.", "é 39 characters are one too few for it"] {
            assert_eq!(judge(QUESTION, Ok(answer)), Err(Unfit::Short), "{answer}");
        }
    }

    #[test]
    fn a_turn_that_failed_is_not_kept_whatever_it_said() {
        for kind in [ErrorKind::Timeout, ErrorKind::Cancelled, ErrorKind::Provider] {
            assert_eq!(judge(QUESTION, Err(kind)), Err(Unfit::Failed(kind)));
        }
        assert_eq!(Unfit::Failed(ErrorKind::Timeout).to_string(), "the turn failed: timeout");
    }

    fn judge_turn(question: &str, answer: Result<(&str, Source), ErrorKind>, ephemeral: bool) -> Result<(), Unfit> {
        let redactor = Redactor::new([KEY.to_owned()]);
        let (question, said) = (redactor.text(question), answer.map(|(text, _)| redactor.text(text)));
        let outcome = match (&said, answer) {
            (Ok(text), Ok((_, source))) => Ok((text, source)),
            (Err(kind), _) => Err(*kind),
            (_, Err(kind)) => Err(kind),
        };
        useful(&Ended { question: &question, outcome, ephemeral })
    }

    #[test]
    fn an_answered_question_is_useful_wherever_its_answer_came_from_but_not_without_a_model() {
        for source in [Source::Model, Source::Exact, Source::Near, Source::Verdict] {
            assert_eq!(judge_turn(QUESTION, Ok((ANSWER, source)), false), Ok(()));
        }
        assert_eq!(judge_turn(QUESTION, Ok((ANSWER, Source::Offline)), false), Err(Unfit::Offline));
    }

    #[test]
    fn what_was_asked_to_leave_no_trace_leaves_none() {
        assert_eq!(judge_turn(QUESTION, Ok((ANSWER, Source::Model)), true), Err(Unfit::Ephemeral));
    }

    #[test]
    fn a_question_that_says_nothing_by_itself_is_not_kept_in_any_script() {
        for question in ["why?", "go on", "  ...!  ", "fix it"] {
            assert_eq!(judge_turn(question, Ok((ANSWER, Source::Model)), false), Err(Unfit::Trivial), "{question}");
        }
        for question in ["who calls it?", "\u{8fd9}\u{662f}\u{4ec0}\u{4e48}"] {
            assert_eq!(judge_turn(question, Ok((ANSWER, Source::Model)), false), Ok(()), "{question}");
        }
    }

    #[test]
    fn a_turn_that_failed_or_is_an_error_is_not_useful_either() {
        let cancelled = judge_turn(QUESTION, Err(ErrorKind::Cancelled), false);
        assert_eq!(cancelled, Err(Unfit::Failed(ErrorKind::Cancelled)));
        let error = "The command timed out after 30 s, before it had printed anything.";
        assert_eq!(judge_turn(QUESTION, Ok((error, Source::Model)), false), Err(Unfit::Error));
    }
}
