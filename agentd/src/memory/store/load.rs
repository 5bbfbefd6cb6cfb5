//! Reading a whole store: what is good, what is damaged, what a later version wrote.
//!
//! Owns the grouping of cells into records and the judgement of each. Changes nothing. What was read before a failure
//! stays in [`Loaded`], so that a store that breaks in the middle still gives up its first half.

use super::{
    Row, Shelf,
    backend::{Backend, Fault},
    record::{self, Name, Read},
};

/// Key of the cell that holds the store's generation. Shorter than any record's key and before all of them.
pub(super) const GENERATION_KEY: [u8; 1] = [0];

/// The cells of one record as they lie there.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: Name,
    /// Number and bytes of each piece.
    pub(super) cells: Vec<(u16, Vec<u8>)>,
}

impl Group {
    pub(super) fn bytes(&self) -> u64 {
        self.cells.iter().map(|(_, bytes)| u64::try_from(bytes.len()).unwrap_or(u64::MAX)).sum()
    }
}

/// A good record and the bytes that it takes.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) stored: Row,
    pub(super) group: Group,
}

/// What a store turned out to hold.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) generation: Option<u64>,
    pub(super) good: Vec<Good>,
    /// With the reason.
    pub(super) damaged: Vec<(Group, &'static str)>,
    /// Written by a later version: left alone.
    pub(super) foreign: Vec<Group>,
    /// Keys that no version ever wrote.
    pub(super) junk: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Loaded {
    /// Records of any quality.
    pub(super) fn count(&self) -> usize {
        self.good.len() + self.damaged.len() + self.foreign.len()
    }

    fn judge(&mut self, group: Group) {
        match record::decode(group.name, &group.cells) {
            Read::Whole { version, body } => match Shelf::from_byte(group.name.shelf) {
                Some(shelf) if version <= shelf.newest_version() => {
                    let stored = Row { shelf, id: group.name.id, version, body };
                    self.good.push(Good { stored, group });
                }
                _ => self.foreign.push(group),
            },
            Read::Foreign => self.foreign.push(group),
            Read::Damaged(why) => self.damaged.push((group, why)),
        }
    }
}

/// Reads everything into `loaded`, as far as it can be read.
pub(super) fn load(backend: &mut dyn Backend, loaded: &mut Loaded) -> Result<(), Fault> {
    let mut open: Option<Group> = None;
    let done = backend.scan(&mut |key, value| {
        if *key == GENERATION_KEY {
            loaded.generation = value.try_into().ok().map(u64::from_le_bytes);
            return;
        }
        let Some((name, piece)) = Name::parse(key) else {
            loaded.junk.push((key.to_vec(), value.to_vec()));
            return;
        };
        match &mut open {
            Some(group) if group.name == name => group.cells.push((piece, value.to_vec())),
            _ => {
                let cells = vec![(piece, value.to_vec())];
                if let Some(whole) = open.replace(Group { name, cells }) {
                    loaded.judge(whole);
                }
            }
        }
    });
    // After a failure the last group is cut off: to call it damaged would be to guess.
    if let (Ok(()), Some(last)) = (&done, open) {
        loaded.judge(last);
    }
    done
}
