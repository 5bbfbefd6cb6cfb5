//! Whole results of which the model was shown a part, kept for reading on by ranges.
//!
//! Owns their texts, as the model may see them. RAM only, like all of a session. A text belongs to one conversation and
//! ends with it; no other conversation can name it. Everything is bounded: a text by [`TEXT_MAX`], all of them by
//! [`ALL_MAX`] (the oldest goes), each by [`AGE_MAX`].
//!
//! Lock order: the ledger before a shelf.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use crate::{redact::Outbound, sync::lock};

/// Bytes kept of one text, from its beginning: more than any model reads.
const TEXT_MAX: usize = 8 << 20;
/// Bytes kept of all texts: a daemon that serves many shells must not grow with what their servers say.
const ALL_MAX: usize = 32 << 20;
/// A model reads on within the turn, or soon after it.
const AGE_MAX: Duration = Duration::from_secs(3_600);
/// Bytes of a line before it is broken into several: JSON is often one line, and ranges are told in lines.
const LINE_MAX: usize = 2_000;
/// What the names of kept texts begin with.
const NAME: &str = "tool-result:";

/// The texts of one conversation, by number.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Texts>);

#[derive(Debug, Default)]
struct Texts {
    last: u64,
    kept: BTreeMap<u64, (Outbound, Instant)>,
}

/// What is kept where, the oldest first.
#[derive(Debug, Default)]
pub struct Results(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    bytes: usize,
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    shelf: Weak<Shelf>,
    number: u64,
    bytes: usize,
    since: Instant,
}

/// One conversation's way to its texts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Keeper {
    all: Arc<Results>,
    shelf: Arc<Shelf>,
}

impl Keeper {
    /// The way to the texts on `shelf`, which count in `all`.
    pub fn new(all: &Arc<Results>, shelf: &Arc<Shelf>) -> Self {
        Self { all: Arc::clone(all), shelf: Arc::clone(shelf) }
    }

    /// Keeps a text and says under which name it can be read.
    pub fn keep(&self, text: &Outbound) -> String {
        let now = Instant::now();
        let whole = text.as_str();
        let text = match whole.get(..whole.floor_char_boundary(TEXT_MAX)) {
            Some(head) if head.len() < whole.len() => Outbound::head_of(text, head.len()),
            _ => text.clone(),
        };
        let mut ledger = lock(&self.all.0);
        let bytes = text.as_str().len();
        let number = {
            let mut texts = lock(&self.shelf.0);
            texts.last += 1;
            let number = texts.last;
            texts.kept.insert(number, (text, now));
            number
        };
        ledger.bytes += bytes;
        ledger.entries.push_back(Entry { shelf: Arc::downgrade(&self.shelf), number, bytes, since: now });
        ledger.tidy(now);
        format!("{NAME}{number}")
    }

    /// The text of that name. `None` when the name is none of a kept text; an error when the text is gone.
    ///
    /// # Errors
    /// One sentence for the model.
    pub(in crate::tools) fn get(&self, name: &str) -> Option<Result<Outbound, String>> {
        let number = name.strip_prefix(NAME)?;
        let kept = number.parse().ok().and_then(|number| lock(&self.shelf.0).get(number, Instant::now()));
        Some(kept.ok_or_else(|| format!("{name} is not kept any more; call the tool again, and ask it for less")))
    }
}

impl Texts {
    fn get(&self, number: u64, now: Instant) -> Option<Outbound> {
        let (text, since) = self.kept.get(&number)?;
        (now.duration_since(*since) < AGE_MAX).then(|| text.clone())
    }
}

impl Ledger {
    /// Lets go what is too old or too much, and forgets what ended with its conversation.
    fn tidy(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let lives = entry.shelf.strong_count() > 0;
            *bytes -= if lives { 0 } else { entry.bytes };
            lives
        });
        while let Some(oldest) = self.entries.front() {
            if self.bytes <= ALL_MAX && now.duration_since(oldest.since) < AGE_MAX {
                break;
            }
            if let Some(shelf) = oldest.shelf.upgrade() {
                lock(&shelf.0).kept.remove(&oldest.number);
            }
            self.bytes -= oldest.bytes;
            self.entries.pop_front();
        }
    }
}

/// The lines of a kept text, as ranges count them: long ones are broken.
pub(in crate::tools) fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.split('\n').flat_map(pieces)
}

fn pieces(line: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), line);
    while rest.len() > LINE_MAX {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(LINE_MAX));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::ModelView;

    fn text(of: &str) -> Outbound {
        ModelView::default().text(of)
    }

    fn read(keeper: &Keeper, name: &str) -> Result<String, String> {
        keeper.get(name).unwrap().map(|text| text.as_str().to_owned())
    }

    #[test]
    fn a_text_is_read_by_its_name_in_its_own_conversation_only() {
        let all = Arc::default();
        let (one, two) = (Keeper::new(&all, &Arc::default()), Keeper::new(&all, &Arc::default()));
        assert_eq!(one.keep(&text("a")), "tool-result:1");
        assert_eq!(one.keep(&text("b")), "tool-result:2");
        assert_eq!(read(&one, "tool-result:2").unwrap(), "b");
        assert!(read(&two, "tool-result:1").unwrap_err().contains("not kept any more"));
        assert!(read(&two, "tool-result:x").is_err());
        assert!(one.get("src/lib.rs").is_none());
        assert_eq!(two.keep(&text("c")), "tool-result:1", "numbers tell nothing of other conversations");
        assert_eq!(read(&one, "tool-result:1").unwrap(), "a");
    }

    #[test]
    fn the_oldest_text_makes_room_and_a_long_one_keeps_its_head() {
        let all = Arc::<Results>::default();
        let (one, two) = (Keeper::new(&all, &Arc::default()), Keeper::new(&all, &Arc::default()));
        let long = text(&format!("head{}", "é".repeat(TEXT_MAX)));
        let first = one.keep(&long);
        assert_eq!(read(&one, &first).unwrap().len(), TEXT_MAX);
        for _ in 0..ALL_MAX / TEXT_MAX {
            two.keep(&long);
        }
        assert!(read(&one, &first).is_err());
        assert!(read(&two, "tool-result:1").is_ok());
        assert!(lock(&all.0).bytes <= ALL_MAX);
    }

    #[test]
    fn the_end_of_a_conversation_is_the_end_of_its_texts() {
        let all = Arc::<Results>::default();
        let shelf = Arc::<Shelf>::default();
        Keeper::new(&all, &shelf).keep(&text("abc"));
        let gone = Arc::downgrade(&shelf);
        drop(shelf);
        assert!(gone.upgrade().is_none());
        Keeper::new(&all, &Arc::default()).keep(&text("d"));
        assert_eq!(lock(&all.0).bytes, 1);
    }

    #[test]
    fn a_text_grows_old() {
        let keeper = Keeper::default();
        keeper.keep(&text("abc"));
        let later = Instant::now() + AGE_MAX;
        assert!(lock(&keeper.shelf.0).get(1, later).is_none());
        lock(&keeper.all.0).tidy(later);
        assert!(lock(&keeper.shelf.0).kept.is_empty());
    }

    #[test]
    fn lines_are_those_of_the_text_and_long_ones_are_broken() {
        assert_eq!(lines("a\nb\n").collect::<Vec<_>>(), ["a", "b"]);
        let long = "é".repeat(LINE_MAX);
        let broken: Vec<_> = lines(&long).collect();
        assert_eq!(broken.len(), 2);
        assert_eq!(broken.concat(), long);
    }
}
