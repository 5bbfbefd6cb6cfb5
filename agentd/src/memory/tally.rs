//! How many records of each kind there are, how large and how old.

use std::time::SystemTime;

use proto::MemoryKind;

use super::{
    kept::Kept,
    row::Shelf,
    rows::{encode, shelf_of},
};

/// One line for each kind of record, also for those of which there is none. `cap` says how many may be kept; 0: no cap
/// of its own.
pub fn kinds(records: &[Kept], cap: &dyn Fn(Shelf) -> u64, now: SystemTime) -> Vec<MemoryKind> {
    Shelf::ALL.iter().map(|shelf| kind(*shelf, records, cap(*shelf), now)).collect()
}

fn kind(shelf: Shelf, records: &[Kept], cap: u64, now: SystemTime) -> MemoryKind {
    let of_it = records.iter().filter(|kept| shelf_of(kept) == shelf);
    let ages = of_it.clone().map(|kept| now.duration_since(made(kept)).unwrap_or_default().as_secs());
    MemoryKind {
        name: shelf.plural().to_owned(),
        count: of_it.clone().count() as u64,
        cap,
        bytes: of_it.filter_map(|kept| encode(kept).ok()).map(|row| row.body.len() as u64).sum(),
        oldest_s: ages.clone().max(),
        newest_s: ages.min(),
    }
}

/// When a record was made, or ended.
fn made(kept: &Kept) -> SystemTime {
    match kept {
        Kept::Answer(it) => it.made,
        Kept::Conversation(it) => it.used,
        Kept::Preference(it) => it.set,
        Kept::Rejection(it) => it.at,
        Kept::Verdict(it) => it.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{kept::AnswerRecord, sample};

    #[test]
    fn every_kind_has_its_line() {
        let mut records = sample::every_kind("x");
        let made = sample::at(sample::MADE + 60);
        records.push(Kept::Answer(AnswerRecord { made, ..sample::answer(8, "q", "a") }));
        let kinds = kinds(&records, &|shelf| u64::from(shelf == Shelf::Answer) * 300, sample::at(sample::MADE + 70));
        let names: Vec<_> = kinds.iter().map(|kind| (kind.name.as_str(), kind.count, kind.cap)).collect();
        assert_eq!(
            names,
            [
                ("answers", 2, 300),
                ("conversations", 1, 0),
                ("preferences", 2, 0),
                ("rejections", 1, 0),
                ("verdicts", 1, 0)
            ]
        );
        assert_eq!((kinds[0].oldest_s, kinds[0].newest_s), (Some(70), Some(10)));
        assert!(kinds[0].bytes > 500 && kinds[3].bytes > 100);
        let none = super::kinds(&[], &|_| 0, made);
        assert!(none.iter().all(|kind| kind.count == 0 && kind.bytes == 0 && kind.oldest_s.is_none()));
    }
}
