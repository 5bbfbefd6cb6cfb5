//! Which records go, and why.
//!
//! Owns the rule and touches nothing: records, caps and the time in, what leaves out. Three things let a record go: its
//! last use is too long ago; an answer whose dependencies were found changed, when room is needed; the least worth,
//! when there are more than the cap. Preferences never go: a user set them, and their number is bounded where they are
//! set.

use std::time::{Duration, SystemTime};

use super::kept::{AnswerRecord, Kept};

/// After this time without use an answer is worth half: a fortnight, about the length of a piece of work.
const HALF_LIFE: Duration = Duration::from_secs(14 * DAY);
/// Pairs of questions compared by a model, each the price of a small call: several for every answer.
pub const VERDICTS_MAX: usize = 2000;
/// Pairs told apart by a user, who is rarely asked to.
pub const REJECTIONS_MAX: usize = 1000;
/// What an answer costs whose price is not known, in US dollars: some thousand tokens at the default model's price.
const TYPICAL_COST: f64 = 0.001;
/// Taken off the worth of a stale answer: more than any answer costs.
const STALE: f64 = 1e6;
const DAY: u64 = 24 * 60 * 60;

/// How much stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// `memory.cache_size`.
    pub answers: usize,
    /// `memory.max_persistent_conversations`.
    pub conversations: usize,
    /// `memory.keep_days`, since the last use.
    pub keep_days: u32,
}

/// Why a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Not used for `keep_days`.
    Old,
    /// What it rests on has changed, and room was needed.
    Invalid,
    /// Others are worth more.
    Least,
}

/// Which of the records go, by their place in the list. `is_invalid` says whether an answer was found to be stale.
pub fn leaving(
    records: &[Kept],
    is_invalid: &dyn Fn(&AnswerRecord) -> bool,
    caps: Caps,
    now: SystemTime,
) -> Vec<(usize, Why)> {
    let mut gone = Vec::new();
    let (mut answers, mut conversations, mut verdicts, mut rejections) = (vec![], vec![], vec![], vec![]);
    let oldest = now.checked_sub(Duration::from_secs(u64::from(caps.keep_days) * DAY));
    for (place, kept) in records.iter().enumerate() {
        let (shelf, used, ages) = match kept {
            Kept::Answer(it) => (&mut answers, it.used.max(it.made), true),
            Kept::Conversation(it) => (&mut conversations, it.used, true),
            Kept::Verdict(it) => (&mut verdicts, it.at, true),
            // What a user has said holds for longer than an answer.
            Kept::Rejection(it) => (&mut rejections, it.at, false),
            Kept::Preference(_) => continue,
        };
        match oldest {
            Some(oldest) if ages && used < oldest => gone.push((place, Why::Old)),
            _ => shelf.push((place, used)),
        }
    }
    least_worth(&mut gone, records, &answers, is_invalid, caps.answers, now);
    oldest_beyond(&mut gone, conversations, caps.conversations);
    oldest_beyond(&mut gone, verdicts, VERDICTS_MAX);
    oldest_beyond(&mut gone, rejections, REJECTIONS_MAX);
    gone.sort_unstable();
    gone
}

fn oldest_beyond(gone: &mut Vec<(usize, Why)>, mut shelf: Vec<(usize, SystemTime)>, cap: usize) {
    shelf.sort_by_key(|(_, used)| std::cmp::Reverse(*used));
    gone.extend(shelf.into_iter().skip(cap).map(|(place, _)| (place, Why::Least)));
}

/// Beyond the cap: invalid ones, then those that save least, then those not used for longest.
fn least_worth(
    gone: &mut Vec<(usize, Why)>,
    records: &[Kept],
    answers: &[(usize, SystemTime)],
    is_invalid: &dyn Fn(&AnswerRecord) -> bool,
    cap: usize,
    now: SystemTime,
) {
    let surplus = answers.len().saturating_sub(cap);
    if surplus == 0 {
        return;
    }
    let found = answers.iter().filter_map(|(place, used)| match records.get(*place) {
        Some(Kept::Answer(it)) => Some((*place, *used, it)),
        _ => None,
    });
    let average = average_cost(found.clone().map(|(.., it)| it));
    let worth_of = |it: &AnswerRecord, used| {
        let cost = known_cost(it.cost_usd).or(average);
        worth(cost, it.hits, used, is_invalid(it), now)
    };
    let mut ranked: Vec<_> = found.map(|(place, used, it)| (worth_of(it, used), used, place, is_invalid(it))).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let why = |is_invalid| if is_invalid { Why::Invalid } else { Why::Least };
    gone.extend(ranked.into_iter().take(surplus).map(|(.., place, is_invalid)| (place, why(is_invalid))));
}

/// What keeping an answer is worth, in US dollars: its price, once more for every time it was served, halved every
/// [`HALF_LIFE`]. One that was found to be stale is worth less than any that was not.
pub fn worth(cost_usd: Option<f64>, hits: u32, used: SystemTime, is_stale: bool, now: SystemTime) -> f64 {
    // A time in the future, which a clock set back leaves, is now.
    let age = now.duration_since(used).unwrap_or_default();
    let halves = age.as_secs_f64() / HALF_LIFE.as_secs_f64();
    let saved = known_cost(cost_usd).unwrap_or(TYPICAL_COST) * (f64::from(hits) + 1.0) * (-halves).exp2();
    if is_stale { saved - STALE } else { saved }
}

fn known_cost(cost_usd: Option<f64>) -> Option<f64> {
    cost_usd.filter(|cost| cost.is_finite() && *cost >= 0.0)
}

/// What an answer of unknown price is taken to cost, when the price of some is known.
fn average_cost<'a>(answers: impl Iterator<Item = &'a AnswerRecord>) -> Option<f64> {
    let costs = answers.filter_map(|it| known_cost(it.cost_usd));
    let (sum, count) = costs.fold((0.0, 0.0), |(sum, count), cost| (sum + cost, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample;

    const CAPS: Caps = Caps { answers: 300, conversations: 20, keep_days: 90 };

    fn now() -> SystemTime {
        sample::at(400 * DAY)
    }

    fn answer(cost: Option<f64>, hits: u32, days_ago: u64) -> Kept {
        let used = sample::at((400 - days_ago) * DAY);
        Kept::Answer(AnswerRecord { cost_usd: cost, hits, made: used, used, ..sample::answer(1, "q", "a") })
    }

    fn going(records: &[Kept], caps: Caps) -> Vec<(usize, Why)> {
        leaving(records, &|_| false, caps, now())
    }

    #[test]
    fn nothing_goes_below_the_caps_and_within_the_days() {
        let records = [answer(None, 0, 90), answer(Some(0.0), 0, 0), sample::conversation("c", "q", "a")];
        let caps = Caps { keep_days: 3650, ..CAPS };
        assert_eq!(going(&records, caps), []);
        assert_eq!(leaving(&records, &|_| true, caps, now()), []);
        assert_eq!(going(&[], CAPS), []);
    }

    #[test]
    fn what_was_not_used_for_long_goes_and_a_preference_never() {
        let old = sample::at(0);
        let mut records = vec![answer(Some(9.0), 99, 91), answer(Some(0.0), 0, 89)];
        records.extend([sample::conversation("c", "q", "a"), sample::preference(None, "language", "x")]);
        records.extend([sample::verdict(1), sample::rejection(1)]);
        for kept in &mut records {
            match kept {
                Kept::Conversation(it) => it.used = old,
                Kept::Preference(it) => it.set = old,
                Kept::Verdict(it) => it.at = old,
                Kept::Rejection(it) => it.at = old,
                Kept::Answer(_) => {}
            }
        }
        assert_eq!(going(&records, CAPS), [(0, Why::Old), (2, Why::Old), (4, Why::Old)]);
    }

    #[test]
    fn beyond_the_cap_the_stale_go_first_then_those_that_save_least() {
        let records =
            [answer(Some(0.01), 0, 0), answer(Some(0.02), 0, 0), answer(Some(9.0), 0, 0), answer(Some(0.01), 3, 0)];
        let caps = |answers| Caps { answers, ..CAPS };
        assert_eq!(going(&records, caps(3)), [(0, Why::Least)]);
        assert_eq!(going(&records, caps(1)), [(0, Why::Least), (1, Why::Least), (3, Why::Least)]);
        let stale = |it: &AnswerRecord| it.cost_usd == Some(9.0);
        assert_eq!(leaving(&records, &stale, caps(2), now()), [(0, Why::Least), (2, Why::Invalid)]);
        assert_eq!(going(&records, caps(0)).len(), 4);
    }

    #[test]
    fn a_fortnight_without_use_halves_the_worth() {
        let pair = |days| [answer(Some(0.02), 0, days), answer(Some(0.01), 0, 0)];
        let caps = Caps { answers: 1, ..CAPS };
        assert_eq!(going(&pair(13), caps), [(1, Why::Least)]);
        assert_eq!(going(&pair(15), caps), [(0, Why::Least)]);
    }

    #[test]
    fn an_unknown_price_counts_as_an_average_one() {
        let records = [answer(Some(0.03), 0, 0), answer(None, 0, 0), answer(Some(0.01), 0, 0)];
        let caps = |answers| Caps { answers, ..CAPS };
        assert_eq!(going(&records, caps(2)), [(2, Why::Least)]);
        assert_eq!(going(&records, caps(1)), [(1, Why::Least), (2, Why::Least)]);
        // Nothing known, or numbers that are none: the longest unused goes.
        let records = [answer(None, 0, 0), answer(Some(f64::NAN), 0, 1), answer(Some(-1.0), 0, 0)];
        assert_eq!(going(&records, caps(2)), [(1, Why::Least)]);
    }

    #[test]
    fn a_stale_answer_is_worth_less_than_the_cheapest_that_is_not() {
        let worth = |cost, stale| worth(cost, 0, now(), stale, now());
        assert!(worth(Some(100.0), true) < worth(Some(0.0), false));
        assert!(worth(Some(1.0), true) > worth(Some(0.5), true));
        assert!(worth(None, false) > worth(Some(0.0), false) && worth(None, false) < worth(Some(0.1), false));
    }

    #[test]
    fn the_last_conversations_stay() {
        let mut records: Vec<_> = (0..25).map(|n| sample::conversation(&n.to_string(), "q", "a")).collect();
        for (days, kept) in (0..).zip(&mut records) {
            let Kept::Conversation(it) = kept else { panic!("a conversation") };
            it.used = sample::at((400 - days) * DAY);
        }
        let gone: Vec<_> = going(&records, CAPS).into_iter().map(|(place, _)| place).collect();
        assert_eq!(gone, [20, 21, 22, 23, 24]);
    }

    #[test]
    fn pairs_are_bounded_too() {
        let many = |kept: Kept, count| vec![kept; count];
        assert_eq!(going(&many(sample::rejection(1), REJECTIONS_MAX + 3), CAPS).len(), 3);
        let mut verdicts = many(sample::verdict(1), VERDICTS_MAX + 2);
        for kept in &mut verdicts {
            let Kept::Verdict(it) = kept else { panic!("a verdict") };
            it.at = now();
        }
        assert_eq!(going(&verdicts, CAPS).len(), 2);
    }

    #[test]
    fn a_clock_set_back_lets_nothing_go_for_its_age() {
        let records = [answer(Some(0.01), 0, 0), answer(None, 2, 0)];
        assert_eq!(leaving(&records, &|_| false, CAPS, sample::at(0)), []);
        assert_eq!(leaving(&records, &|_| false, CAPS, sample::at(100 * DAY)), []);
    }
}
