//! Lists on the wire, with a bound.
//!
//! An element may take two bytes on the wire and fifty in memory, so the frame cap alone does not bound a list. A
//! longer list is refused, not cut: a reader must not take a part for the whole.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// Most attachments of one question: more than a command line can name by hand, 48 KiB of headers at most.
pub const ATTACHMENTS_MAX: usize = 1024;
/// Most elements of any list in a reply. The daemon's own tables are far below it.
pub const LIST_MAX: usize = 10_000;
/// Elements for which memory is taken on the word of the sender.
const ON_TRUST: usize = 16;

/// A list of a reply: at most [`LIST_MAX`] elements.
pub(crate) fn any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    at_most::<LIST_MAX, D, T>(from)
}

/// A list of at most `MAX` elements.
pub(crate) fn at_most<'de, const MAX: usize, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_seq(Bounded::<MAX, T>(PhantomData))
}

struct Bounded<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for Bounded<MAX, T> {
    type Value = Vec<T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let announced = from.size_hint().unwrap_or(0);
        if announced > MAX {
            return Err(A::Error::invalid_length(announced, &self));
        }
        let mut list = Vec::with_capacity(announced.min(ON_TRUST));
        while let Some(element) = from.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}
