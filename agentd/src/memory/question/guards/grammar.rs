//! Guards on grammar: what is asked for, tense, mood, order.

use super::{
    super::{
        CANDIDATE_BAR, Question,
        head::{Aspect, CAN, MUST, SHOULD, Tense, WOULD},
        order::{Place, Role, Side},
        term,
    },
    Guard, Refusal,
    content::Unmatched,
    coverage, family, hard, soft,
};

pub(super) fn aspect(a: &Question, b: &Question, _: &Unmatched) -> Option<Refusal> {
    use Aspect::{How, HowLong, HowMany, HowOften, HowTo, When, Where, Who, Why};
    if a.aspect == b.aspect {
        return None;
    }
    if family(a.aspect) == family(b.aspect) {
        let instructions = matches!((a.aspect, b.aspect), (How, HowTo) | (HowTo, How));
        return if instructions { soft(Guard::Aspect) } else { None };
    }
    const APART: [Aspect; 7] = [Where, Why, Who, HowMany, HowLong, HowOften, When];
    let apart = APART.contains(&a.aspect) && APART.contains(&b.aspect);
    if apart && coverage(a, b) >= CANDIDATE_BAR { hard(Guard::Aspect) } else { soft(Guard::Aspect) }
}

pub(super) fn tense(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let told = |question: &Question| !matches!(question.tense, Tense::Unsaid | Tense::Present);
    if a.tense == b.tense || (!told(a) && !told(b)) {
        return None;
    }
    let far = |question: &Question| matches!(question.tense, Tense::Past | Tense::Future);
    let apart = far(a) && far(b) && unmatched.is_empty();
    if apart { hard(Guard::Tense) } else { soft(Guard::Tense) }
}

pub(super) fn mood(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let weight = |mood: u8| mood & (CAN | SHOULD | MUST | WOULD);
    if weight(a.mood) == weight(b.mood) {
        return None;
    }
    let sure = (a.mood ^ b.mood) & SHOULD != 0 && a.aspect == Aspect::YesNo && b.aspect == Aspect::YesNo;
    if sure && unmatched.is_empty() { hard(Guard::Mood) } else { soft(Guard::Mood) }
}

/// Roles first, then directed words, then the order of what is left.
pub(super) fn order(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let sure = |met: bool| if met && unmatched.is_empty() { hard(Guard::Order) } else { soft(Guard::Order) };
    if roles_cross(a, b, |role| role.sure) {
        return sure(true);
    }
    if roles_cross(a, b, |role| role.counts) {
        return soft(Guard::Order);
    }
    if links_cross(a, b) {
        return sure(true);
    }
    if !unmatched.is_empty() {
        return None;
    }
    if focus_differs(a, b) {
        return soft(Guard::Order);
    }
    if a.sequence == b.sequence && a.links == b.links {
        return None;
    }
    if a.links != b.links && !links_agree(a, b) {
        return soft(Guard::Order);
    }
    if a.sequence != b.sequence
        && (bound_otherwise(a, b) || bound_otherwise(b, a) || heads_cross(a, b) || heads_cross(b, a))
    {
        return soft(Guard::Order);
    }
    let not = term("not");
    let denies = a.heavy.contains(&not);
    let but_not =
        |question: &Question| question.sequence.iter().copied().filter(|one| *one != not).collect::<Vec<u32>>();
    let same = but_not(a) == but_not(b) && (!denies || !joins(a))
        || (!denies && a.groups == b.groups)
        || (!denies && moves_freely(a, b) && stay_together(a, b) && stay_together(b, a));
    if same { None } else { soft(Guard::Order) }
}

/// It holds an "and" or an "or": then it matters where a denial stands.
fn joins(question: &Question) -> bool {
    [term("and"), term("or"), term("but")].iter().any(|one| question.typed.binary_search(one).is_ok())
}

/// Small words that never reach the form.
pub(super) fn residue(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    if !a.residue.agrees(&b.residue, a.aspect) || !b.residue.agrees(&a.residue, b.aspect) {
        return soft(Guard::Words);
    }
    let same_order = a.sequence == b.sequence;
    let moved = unmatched.is_empty() && a.residue.stands_elsewhere(&b.residue, same_order);
    let asked = |one: &Question, two: &Question| {
        one.residue.asks_for_subject()
            && !two.residue.asks_for_subject()
            && (two.focus.is_some() || (!two.residue.has_verbs() && two.roles.is_empty()))
    };
    // "is a part of b": nothing but the order tells which is which.
    let stated = a.aspect == Aspect::YesNo && !same_order && !a.residue.has_verbs() && a.names.len() > 1;
    if moved || stated || asked(a, b) || asked(b, a) { soft(Guard::Order) } else { None }
}

/// One term does in one question what is done to it in the other.
fn roles_cross(a: &Question, b: &Question, tells: impl Fn(&Role) -> bool) -> bool {
    let has = |question: &Question, one: &Role, does: bool| {
        let fits = |role: &&Role| role.verb == one.verb && role.term == one.term;
        question.roles.iter().filter(fits).any(|role| (role.side == Side::Does) == does)
    };
    let crossed = |from: &Question, to: &Question| {
        from.roles.iter().any(|role| {
            let does = role.side == Side::Does;
            tells(role) && has(to, role, !does) && !has(to, role, does) && !has(from, role, !does)
        })
    };
    crossed(a, b) && crossed(b, a)
        || crossed(a, b) && a.roles.len() == b.roles.len()
        || crossed(b, a) && a.roles.len() == b.roles.len()
}

/// The same directed word before different terms, each of which the other question has too.
fn links_cross(a: &Question, b: &Question) -> bool {
    a.links.iter().any(|(link, one)| {
        !b.links.contains(&(*link, *one))
            && *link != term("only")
            && b.links.iter().any(|(other, two)| {
                link == other
                    && one != two
                    && a.heavy.contains(two)
                    && b.heavy.contains(one)
                    && !a.links.contains(&(*link, *two))
            })
    })
}

/// Directed words that only one has say nothing against: "remove from" beside "delete in".
fn links_agree(a: &Question, b: &Question) -> bool {
    let from = term("from");
    let takes_away = ["delet", "strip", "fetch", "read", "diff"].map(term);
    let may_lack = |(link, _): &(u32, u32)| *link == from && takes_away.iter().any(|verb| a.heavy.contains(verb));
    let all_known =
        |one: &Question, two: &Question| one.links.iter().all(|link| two.links.contains(link) || may_lack(link));
    all_known(a, b) && all_known(b, a)
}

/// Each asks for another noun of the same words.
fn focus_differs(a: &Question, b: &Question) -> bool {
    matches!((a.focus, b.focus), (Some(one), Some(two)) if one != two)
}

/// A term belongs to another verb, is no verb's while the other question has it behind a preposition, or is the verb itself.
fn bound_otherwise(a: &Question, b: &Question) -> bool {
    let binds = |question: &Question, verb: u32, one: u32| {
        question.roles.iter().any(|role| role.verb == verb && role.term == one)
    };
    let other_verb = a.roles.iter().filter(|role| is_bound(role)).any(|role| {
        !binds(b, role.verb, role.term)
            && b.roles
                .iter()
                .filter(|role| is_bound(role))
                .any(|other| other.term == role.term && other.verb != role.verb && !binds(a, other.verb, other.term))
    });
    let under = |one: u32| b.places.iter().any(|place| place.term == one && place.is_under);
    let moved = a.roles.iter().any(|role| {
        role.side == Side::Undergoes && under(role.term) && !b.roles.iter().any(|other| other.term == role.term)
    });
    let verb = |question: &Question, one: u32| question.places.iter().any(|place| place.is_verb && place.term == one);
    let only = |here: &Question, there: &Question| {
        here.places.iter().any(|place| place.is_verb && !verb(there, place.term) && there.heavy.contains(&place.term))
    };
    other_verb || moved || (only(a, b) && only(b, a))
}

/// "the parent of the node" beside "the node of the parent".
fn heads_cross(a: &Question, b: &Question) -> bool {
    let together = |one: u32, two: u32| {
        b.places.iter().any(|x| x.term == one && b.places.iter().any(|y| y.term == two && y.phrase == x.phrase))
    };
    let is_head = |one: u32| b.places.iter().any(|place| place.term == one && place.is_head);
    a.places.iter().filter(|place| place.is_head && !place.is_verb).any(|head| {
        let rest = a.places.iter().filter(|place| place.phrase == head.phrase && place.part != head.part);
        let mut rest = rest.peekable();
        rest.peek().is_some()
            && !is_head(head.term)
            && rest.any(|place| together(head.term, place.term) || is_head(place.term))
    })
}

/// A subject or an object, not what stands behind a preposition.
fn is_bound(role: &Role) -> bool {
    role.side != Side::Near
}

/// Words that stand side by side in one question stand in one noun phrase in the other.
fn stay_together(a: &Question, b: &Question) -> bool {
    let is_verb = |one: u32| b.places.iter().any(|place| place.is_verb && place.term == one);
    let reversed = |x: &Place, y: &Place| {
        b.places
            .windows(2)
            .any(|pair| matches!(pair, [p, q] if p.term == y.term && q.term == x.term && p.part == q.part))
    };
    a.places.windows(2).all(|pair| match pair {
        [x, y] if x.part == y.part && !x.is_verb && !y.is_verb && !is_verb(x.term) && !is_verb(y.term) => {
            let with = |place: &Place| {
                place.term == x.term
                    && b.places.iter().any(|other| other.term == y.term && other.phrase == place.phrase)
            };
            b.places.iter().any(with) && !reversed(x, y)
        }
        _ => true,
    })
}

/// No verb with two names round it: then words may stand in any order.
fn moves_freely(a: &Question, b: &Question) -> bool {
    let pairs = |question: &Question| {
        let opposite = |one: &Role, two: &Role| one.verb == two.verb && one.side != two.side && is_bound(two);
        let roles = question.roles.iter().filter(|role| is_bound(role));
        roles.into_iter().any(|role| question.roles.iter().any(|other| opposite(role, other)))
    };
    let settled = |one: &Question, two: &Question| {
        one.roles
            .iter()
            .filter(|role| role.counts && is_bound(role))
            .all(|role| two.roles.contains(role) || !two.roles.iter().any(|other| other.verb == role.verb))
    };
    (!pairs(a) && !pairs(b)) || (settled(a, b) && settled(b, a))
}
