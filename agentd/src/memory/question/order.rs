//! Who does what to whom, and which words belong together.
//!
//! Owns the roles of names round a verb and the groups that may change places as wholes. Two questions with the same
//! words in another order are the same only when both agree.

use super::{
    reading::{Item, Reading},
    rules::{Rules, Verb},
    term,
};

/// Side of a verb on which a term stands, after voice has been put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Does,
    Undergoes,
}

/// One term's part in one verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Role {
    pub(super) verb: u32,
    pub(super) term: u32,
    pub(super) side: Side,
    /// The side counts even alone.
    pub(super) counts: bool,
}

/// Roles of all verbs.
pub(super) fn roles(reading: &Reading) -> Vec<Role> {
    let items = &reading.items;
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(kind) = item.verb else { continue };
        let left = subject(reading, at);
        let right = object(reading, at);
        let (does, undergoes) = if item.passive { (agent(reading, at), left.or(right)) } else { (left, right) };
        let paired = does.is_some() && undergoes.is_some();
        let mut push = |one: Option<&Item>, side| {
            if let Some(one) = one {
                let counts = paired || kind != Verb::Either;
                all.push(Role { verb: term(&item.term), term: term(&one.term), side, counts });
            }
        };
        push(does, Side::Does);
        push(undergoes, Side::Undergoes);
    }
    all.extend(nominal(reading));
    all.sort_unstable();
    all.dedup();
    all
}

fn is_name(item: &Item) -> bool {
    item.verb.is_none()
        && !item.term.starts_with('@')
        && !["not", "only", "also", "still", "already", "never", "all", "or"].contains(&item.term.as_str())
}

/// The nearest name before the verb, unless the asker or a question word stands between.
fn subject(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let before = reading.items.iter().take(at).rev();
    let found = before.clone().find(|item| is_name(item) && !(item.of && item.chunk != verb.chunk))?;
    let between = reading.words.get(found.at + 1..verb.at).unwrap_or_default();
    let broken = between.iter().any(|word| {
        word.is_break()
            || word.is_any(&["i", "we", "you", "who", "what", "which", "they"])
            || word.text.starts_with('@')
    });
    // "what functions does it call": the asked-for noun before do-support is the object.
    let fronted = between.iter().any(|word| word.is_any(&["do", "does", "did"]));
    (!broken && !fronted).then_some(found)
}

/// The nearest name behind the verb.
fn object(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let after = reading.items.get(at + 1..).unwrap_or_default();
    let phrase: Vec<&Item> = after.iter().take_while(|item| item.verb.is_none()).collect();
    let first = phrase.first()?;
    let between = reading.words.get(verb.at + 1..first.at).unwrap_or_default();
    if between.iter().any(|word| {
        word.is_break() || word.is_any(&["in", "when", "if", "while", "by", "at", "via", "through", "where"])
    }) {
        return None;
    }
    phrase.iter().rev().find(|item| is_name(item) && item.chunk == first.chunk).copied()
}

/// The name behind "by".
fn agent(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let behind = reading.words.iter().skip(verb.at).position(|word| word.is("by")).map(|at| at + verb.at);
    let by = behind.or_else(|| reading.words.iter().position(|word| word.is("by")))?;
    let first = reading.items.iter().find(|item| item.at > by && is_name(item))?;
    reading.items.iter().rev().find(|item| item.chunk == first.chunk && is_name(item) && item.at > by)
}

/// "callers of x", "x's dependents": a noun that holds a verb and its side.
fn nominal(reading: &Reading) -> Vec<Role> {
    let rules = Rules::builtin();
    let mut all = Vec::new();
    for (at, item) in reading.items.iter().enumerate() {
        let Some((verb, side)) = rules.noun_role(&item.text).filter(|_| item.verb.is_none()) else { continue };
        let behind = reading.items.get(at + 1).filter(|next| is_name(next));
        let of = behind.or_else(|| reading.items.iter().take(at).rev().find(|one| is_name(one)));
        if let Some(of) = of {
            all.push(Role { verb, term: term(&of.term), side, counts: true });
        }
    }
    all
}

/// Groups that may change places: a verb, or a noun phrase with all that hangs on it by `of` and `for`, named by its
/// last noun. Sorted.
pub(super) fn groups(items: &[Item]) -> Vec<u32> {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    let mut last_chunk = None;
    let mut open = false;
    for item in items {
        if item.verb.is_some() {
            all.push((item.term.clone(), Vec::new()));
            open = false;
            last_chunk = Some(item.chunk);
            continue;
        }
        let same = last_chunk == Some(item.chunk);
        let hangs = item.of && item.link.is_none();
        match all.last_mut().filter(|_| open && (same || hangs)) {
            Some((head, rest)) if !same || hangs => {
                rest.push(&item.term);
                let _ = head;
            }
            Some((head, rest)) => {
                // The phrase goes on: its last noun is its head.
                let (link, old) = head.split_once(' ').unwrap_or(("", head.as_str()));
                let old = old.to_owned();
                let link = link.to_owned();
                *head = format!("{link} {}", item.term);
                if let Some(found) = items.iter().find(|one| one.term == old) {
                    rest.push(&found.term);
                }
            }
            None => all.push((format!("{} {}", item.link.unwrap_or(""), item.term), Vec::new())),
        }
        open = true;
        last_chunk = Some(item.chunk);
    }
    let mut hashed: Vec<u32> = all
        .into_iter()
        .map(|(head, mut rest)| {
            rest.sort_unstable();
            term(&format!("{head}|{}", rest.join(" ")))
        })
        .collect();
    hashed.sort_unstable();
    hashed
}

/// Directed words with what stands behind them. Sorted.
pub(super) fn links(items: &[Item]) -> Vec<(u32, u32)> {
    const STEER: [&str; 6] = ["only", "also", "all", "any", "first", "last"];
    let mut all: Vec<(u32, u32)> = items.iter().filter_map(|item| Some((term(item.link?), term(&item.term)))).collect();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| STEER.contains(&item.term.as_str())) {
        if let Some(next) = items.iter().skip(at + 1).find(|next| next.verb.is_none()) {
            all.push((term(&item.term), term(&next.term)));
        }
    }
    all.sort_unstable();
    all
}
