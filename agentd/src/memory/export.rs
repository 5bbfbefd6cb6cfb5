//! What is kept of one user, for people: pages of JSON objects.
//!
//! Owns their form: RFC 3339 times, paths and texts as they are, no hashes. Nothing of another uid is ever in a page.
//! The order is by kind, then by time, so that a page can be asked for by what the one before ended with, also when
//! records come and go meanwhile: nothing is left out, only a conversation that goes on may be seen twice.

use std::{path::Path, time::SystemTime};

use jiff::Timestamp;
use proto::{ErrorKind, ExportPage, Failure};
use serde_json::{Value, json};

use super::{
    hex::Hex,
    kept::{AnswerRecord, ConversationRecord, Kept},
    row::Shelf,
    rows::{id_of, shelf_of},
};
use crate::{redact::Redacted, tools::observed::Observed};

/// Most bytes of text in a page: well below what a frame carries, escaped once more.
pub const PAGE_MAX: usize = 1 << 20;
/// Longest text of one record: ten questions and answers of this length still fit a page. Longer ones are cut, and say so.
const TEXT_MAX: usize = 48 << 10;
/// Most exchanges of a conversation that are shown, the last ones.
const EXCHANGES_MAX: usize = 10;

/// The place of a record in the order; in a page's `next` as `kind-seconds-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor(usize, u64, [u8; 16]);

impl Cursor {
    fn of(kept: &Kept) -> Self {
        let kind = Shelf::ALL.iter().position(|shelf| *shelf == shelf_of(kept)).unwrap_or_default();
        let since = time_of(kept).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(kind, since.as_secs(), id_of(kept))
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, Hex::read(parts.next()?)?.0))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.0, self.1, Hex(self.2))
    }
}

/// One page of what is kept of `uid`, of one project when one is named.
///
/// # Errors
/// `after` is no page's `next`.
pub fn page(records: &[Kept], uid: u32, project: Option<&Path>, after: &str) -> Result<ExportPage, Failure> {
    let after = match after {
        "" => None,
        text => Some(Cursor::read(text).ok_or_else(|| {
            Failure::new(ErrorKind::Usage, "this is no place to go on from").hint("leave `after` empty to begin anew")
        })?),
    };
    let is_asked = |kept: &&Kept| kept.uid() == uid && project.is_none_or(|project| kept.project() == Some(project));
    let mut left: Vec<_> = records.iter().filter(is_asked).map(|kept| (Cursor::of(kept), kept)).collect();
    left.retain(|(cursor, _)| after.is_none_or(|after| *cursor > after));
    left.sort_by_key(|(cursor, _)| *cursor);
    let (mut page, mut bytes) = (ExportPage { records: Vec::new(), next: String::new() }, 0);
    let mut last = None;
    for (cursor, kept) in left {
        let text = object(kept).to_string();
        bytes += text.len();
        if bytes > PAGE_MAX && !page.records.is_empty() {
            page.next = last.map_or_else(String::new, |last: Cursor| last.to_string());
            break;
        }
        page.records.push(text);
        last = Some(cursor);
    }
    Ok(page)
}

fn time_of(kept: &Kept) -> SystemTime {
    match kept {
        Kept::Answer(it) => it.made,
        Kept::Conversation(it) => it.used,
        Kept::Preference(it) => it.set,
        Kept::Rejection(it) => it.at,
        Kept::Verdict(it) => it.at,
    }
}

fn object(kept: &Kept) -> Value {
    let kind = shelf_of(kept).name();
    let project = kept.project().map(|path| path.display().to_string());
    match kept {
        Kept::Answer(it) => answer(it, kind, project.as_deref()),
        Kept::Conversation(it) => conversation(it, kind, project.as_deref()),
        Kept::Preference(it) => json!({
            "kind": kind, "project": project, "name": it.name, "value": cut(&it.value), "set": date(it.set),
        }),
        Kept::Rejection(it) => json!({"kind": kind, "project": project, "at": date(it.at)}),
        Kept::Verdict(it) => json!({"kind": kind, "project": project, "same": it.same, "at": date(it.at)}),
    }
}

fn answer(it: &AnswerRecord, kind: &str, project: Option<&str>) -> Value {
    json!({
        "kind": kind,
        "id": it.id.to_string(),
        "project": project,
        "question": cut(&it.question),
        "answer": cut(&it.answer),
        "model": it.model,
        "tokens": {
            "prompt": it.usage.prompt,
            "completion": it.usage.completion,
            "cache_hit": it.usage.hit,
            "cache_miss": it.usage.miss,
        },
        "cost_usd": it.cost_usd,
        "elapsed_ms": it.elapsed_ms,
        "made": date(it.made),
        "used": date(it.used),
        "hits": it.hits,
        "rests_on": seen(&it.rests),
    })
}

fn conversation(it: &ConversationRecord, kind: &str, project: Option<&str>) -> Value {
    let last = it.exchanges.len().saturating_sub(EXCHANGES_MAX);
    let exchanges: Vec<_> = it
        .exchanges
        .iter()
        .skip(last)
        .map(|(question, answer)| json!({"question": cut(question), "answer": cut(answer)}))
        .collect();
    json!({
        "kind": kind,
        "id": it.id,
        "project": project,
        "session": it.session,
        "exchanges": exchanges,
        "files": seen(&it.files),
        "used": date(it.used),
    })
}

/// What was looked at, in words.
fn seen(observed: &[Observed]) -> Vec<String> {
    let words = observed.iter().map(|one| one.texts().collect::<Vec<_>>().join(" "));
    words.filter(|words| !words.is_empty()).collect()
}

fn date(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn cut(text: &Redacted) -> String {
    let text = text.as_str();
    if text.len() <= TEXT_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_MAX);
    format!("{} [… {} bytes more]", text.get(..end).unwrap_or_default(), text.len() - end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::memory::{kept::PreferenceRecord, sample};

    fn all(records: &[Kept], project: Option<&Path>) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = page(records, sample::UID, project, &after).unwrap();
            assert!(page.records.iter().map(String::len).sum::<usize>() <= PAGE_MAX);
            all.extend(page.records.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()));
            after = page.next;
            if after.is_empty() {
                return all;
            }
        }
    }

    #[test]
    fn people_read_dates_and_texts_and_no_hashes() {
        let records = all(&sample::every_kind("x"), None);
        assert_eq!(records.len(), 6);
        let answer = &records[0];
        assert_eq!(answer["kind"], "answer");
        assert_eq!(answer["made"], "2025-11-22T19:43:33Z");
        assert_eq!(answer["question"], "where are panics handled x");
        assert_eq!(answer["tokens"]["cache_hit"], 2);
        assert_eq!(answer["project"], sample::PROJECT);
        assert_eq!(records[1]["exchanges"][0]["answer"], "because x");
        let text = serde_json::to_string(&records).unwrap();
        assert!(!text.contains("0101010101") && !text.contains("0505050505"), "{text}");
    }

    #[test]
    fn nothing_of_another_user_or_project_is_in_a_page() {
        let mut records = sample::every_kind("mine");
        for kept in sample::every_kind("theirs") {
            if let Kept::Preference(it) = kept {
                records.push(Kept::Preference(PreferenceRecord { uid: 1001, ..it }));
            }
        }
        assert_eq!(all(&records, None).len(), 6);
        assert_eq!(all(&records, Some(Path::new(sample::PROJECT))).len(), 5);
        assert_eq!(all(&records, Some(Path::new("/home/ada"))).len(), 0);
        assert!(!serde_json::to_string(&all(&records, None)).unwrap().contains("theirs"));
    }

    #[test]
    fn pages_together_hold_every_record_once() {
        let long = "y".repeat(10_000);
        let records: Vec<_> = (0..500).map(|n| sample::conversation(&format!("c-{n}"), &long, "a")).collect();
        let ids: Vec<_> = all(&records, None).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 500);
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 500);
        // A record that goes between two pages takes nobody with it.
        let first = page(&records, sample::UID, None, "").unwrap();
        let shown = first.records.len();
        let last: Value = serde_json::from_str(first.records.last().unwrap()).unwrap();
        let left: Vec<_> =
            records.into_iter().filter(|kept| !matches!(kept, Kept::Conversation(it) if it.id == last["id"])).collect();
        let mut rest = 0;
        let mut after = first.next;
        while !after.is_empty() {
            let page = page(&left, sample::UID, None, &after).unwrap();
            rest += page.records.len();
            after = page.next;
        }
        assert_eq!(shown + rest, 500);
    }

    #[test]
    fn a_text_that_fits_no_page_is_cut_and_says_so() {
        let mut records = vec![sample::conversation("c", &"é".repeat(PAGE_MAX), "short")];
        let Some(Kept::Conversation(it)) = records.first_mut() else { panic!("a conversation") };
        let exchange = it.exchanges[0].clone();
        it.exchanges = vec![exchange; 12];
        let page = page(&records, sample::UID, None, "").unwrap();
        assert!(page.records[0].len() <= PAGE_MAX);
        assert!(page.records[0].contains("bytes more]") && page.next.is_empty());
    }

    #[test]
    fn what_is_no_pages_end_is_refused() {
        for after in ["x", "0", "0-1", "0-1-zz", "-1-1-00", "0-1-07070707070707070707070707070707-1"] {
            assert_eq!(page(&[], sample::UID, None, after).unwrap_err().kind, ErrorKind::Usage, "{after}");
        }
        assert!(page(&[], sample::UID, None, "0-1-07070707070707070707070707070707").is_ok());
    }
}
