//! Reading a question: from tokens to what is asked, of what, by whom, when.
//!
//! Owns the order of the steps: spelling, slips, stems, edges, phrases, head, content. Everything here is deterministic
//! and bounded by [`super::tokens::ANALYSED_MAX`]; no step looks at another question.

use super::{
    change::{self, Manner},
    compound, context,
    head::{self, Head},
    rules::{Filler, Phrase, Rules, Verb},
    tokens::{self, Kind, Token},
    verbs,
    words::Form,
};

/// A word on its way through the steps.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) kind: Kind,
    /// Lower case; folded for names.
    pub(super) text: String,
    /// As typed; empty for plain words.
    pub(super) raw: String,
    pub(super) stem: String,
    pub(super) form: Form,
    /// An article stood before it.
    pub(super) article: Option<&'static str>,
    pub(super) quoted: bool,
    /// A phrase put it here.
    pub(super) made: bool,
}

impl Word {
    fn plain(text: &str, rules: &Rules) -> Self {
        let (stem, form) = rules.stem(text);
        Self {
            kind: Kind::Word,
            text: text.to_owned(),
            raw: String::new(),
            stem,
            form,
            article: None,
            quoted: false,
            made: false,
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }

    pub(super) fn is_any(&self, texts: &[&str]) -> bool {
        self.kind == Kind::Word && texts.contains(&self.text.as_str())
    }

    pub(super) fn is_break(&self) -> bool {
        self.kind == Kind::Break
    }
}

/// A term of the canonical form.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Class name, folded name or number.
    pub(super) term: String,
    pub(super) raw: String,
    pub(super) text: String,
    pub(super) kind: Kind,
    pub(super) quoted: bool,
    pub(super) light: bool,
    pub(super) form: Form,
    /// A verb where it stands.
    pub(super) verb: Option<Verb>,
    /// Its grammatical subject is what it is done to.
    pub(super) passive: bool,
    /// The directed word before it: from, to, before.
    pub(super) link: Option<&'static str>,
    /// Number of the clause or prepositional phrase.
    pub(super) chunk: u16,
    /// The word that opened the chunk is `of` or `for`.
    pub(super) of: bool,
    /// It is another preposition.
    pub(super) under: bool,
    /// In a clause that says when.
    pub(super) conditional: bool,
    /// Place among the words.
    pub(super) at: usize,
}

/// Everything that was read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) items: Vec<Item>,
    pub(super) head: Head,
    pub(super) words: Vec<Word>,
    /// Words as typed, for guards on quoted words.
    pub(super) typed: Vec<String>,
    pub(super) asks_for_change: bool,
    pub(super) self_contained: bool,
}

/// Words that steer and go into the form as they are, though nothing else remains of their kind.
pub(super) const KEPT: [&str; 14] = [
    "not", "no", "never", "without", "except", "unless", "or", "only", "also", "still", "already", "yet", "your", "nor",
];
/// Directed words: what stands behind them may not change places with anything. (word, its name)
pub(super) const LINKS: [(&str, &str); 30] = [
    ("with", "with"),
    ("using", "with"),
    ("via", "with"),
    ("through", "with"),
    ("from", "from"),
    ("to", "to"),
    ("into", "to"),
    ("onto", "to"),
    ("before", "before"),
    ("after", "after"),
    ("until", "until"),
    ("till", "until"),
    ("since", "since"),
    ("instead", "instead"),
    ("over", "over"),
    ("than", "than"),
    ("against", "against"),
    ("under", "under"),
    ("below", "under"),
    ("above", "above"),
    ("without", "without"),
    ("except", "except"),
    ("unless", "unless"),
    ("per", "per"),
    ("as", "as"),
    ("behind", "behind"),
    ("because", "because"),
    ("during", "during"),
    ("but", "but"),
    ("like", "like"),
];
/// Undirected words that open a new phrase.
const OPENERS: [&str; 16] = [
    "in", "on", "at", "of", "for", "by", "within", "inside", "when", "if", "while", "whenever", "and", "or", "where",
    "between",
];

impl Reading {
    /// Reads tidy text of bounded length.
    pub(super) fn of(tidy: &str) -> Self {
        let rules = Rules::builtin();
        let lexed = tokens::tokens(tidy, |word| rules.is_known(word));
        let mut words = spelled(lexed, rules);
        let typed: Vec<String> = words.iter().filter(|word| !word.is_break()).map(|word| word.text.clone()).collect();
        words = without_articles(words);
        let leads_on = context::leads_on(&words);
        strip_edges(&mut words, rules);
        let tense = head::tense(&words);
        let asks_for_change = change::asks_for_change(&words, Manner::of(&typed, tidy), rules);
        let leads_on = leads_on || context::leads_on(&words);
        words = rewritten(&words, rules);
        words = rewritten(&words, rules);
        strip_edges(&mut words, rules);
        let head = head::read(&words, tense, rules);
        let items = items(&words, &head, rules);
        let self_contained = !leads_on && context::is_self_contained(&words, &items, typed.len(), rules);
        Self { items, head, words, typed, asks_for_change, self_contained }
    }
}

/// Tokens as words: variant spellings and slips put right, articles still there.
fn spelled(lexed: Vec<Token>, rules: &Rules) -> Vec<Word> {
    let mut out = Vec::with_capacity(lexed.len() + 4);
    for token in lexed {
        if token.kind != Kind::Word {
            let Token { kind, text, raw, quoted } = token;
            let stem = text.clone();
            out.push(Word { kind, text, raw, stem, form: Form::default(), article: None, quoted, made: false });
            continue;
        }
        let start = out.len();
        match rules.spelling(&token.text) {
            Some(words) if !token.quoted => out.extend(words.iter().map(|word| Word::plain(word, rules))),
            _ => {
                let meant = if token.quoted { None } else { rules.meant(&token.text) };
                out.push(Word::plain(meant.unwrap_or(&token.text), rules));
            }
        }
        if let Some(first) = out.get_mut(start) {
            first.quoted = token.quoted;
            first.raw = token.raw;
        }
    }
    out
}

/// Articles go, but what they stood before remembers them. An `a` that names something stays.
fn without_articles(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut article = None;
    let mut rest = words.into_iter().peekable();
    while let Some(mut word) = rest.next() {
        let is_name = word.is("a") && is_name_here(out.last(), rest.peek());
        if !is_name && let Some(which) = ["the", "a", "an"].iter().find(|which| word.is(which)) {
            article = Some(*which);
            continue;
        }
        if is_name {
            word.kind = Kind::Code;
        }
        if !word.is_break() {
            word.article = article.take();
        }
        out.push(word);
    }
    out
}

fn is_name_here(before: Option<&Word>, after: Option<&Word>) -> bool {
    const NAMED: [&str; 16] = [
        "module", "class", "struct", "table", "file", "type", "node", "step", "option", "variant", "case", "point",
        "service", "plan", "variable", "column",
    ];
    let last = after.is_none_or(Word::is_break);
    last || before.is_some_and(|word| word.is_any(&NAMED)) && after.is_some_and(|word| word.kind == Kind::Word)
}

/// Takes politeness and small talk off both ends, again and again.
fn strip_edges(words: &mut Vec<Word>, rules: &Rules) {
    loop {
        let breaks = words.iter().take_while(|word| word.is_break()).count();
        words.drain(..breaks);
        while words.last().is_some_and(Word::is_break) {
            words.pop();
        }
        let start = words.first().and_then(|word| rules.starts.get(word.text.as_str()));
        let start = start.and_then(|list| list.iter().find(|filler| starts_with(words, filler)));
        if let Some(filler) = start.filter(|filler| filler.words.len() < words.len()) {
            words.drain(..filler.words.len());
            continue;
        }
        let end = words.last().and_then(|word| rules.ends.get(word.text.as_str()));
        let end = end.and_then(|list| list.iter().find(|filler| ends_with(words, filler)));
        match end.filter(|filler| filler.words.len() < words.len()) {
            Some(filler) => words.truncate(words.len() - filler.words.len()),
            None => return,
        }
    }
}

fn starts_with(words: &[Word], filler: &Filler) -> bool {
    let matches = filler.words.len() <= words.len() && filler.words.iter().zip(words).all(|(text, word)| word.is(text));
    matches && (!filler.before_break || words.get(filler.words.len()).is_some_and(Word::is_break))
}

fn ends_with(words: &[Word], filler: &Filler) -> bool {
    let Some(from) = words.len().checked_sub(filler.words.len()) else { return false };
    filler.words.iter().zip(words.iter().skip(from)).all(|(text, word)| word.is(text))
}

/// One pass of the phrase table, the longest phrase first at each place.
fn rewritten(words: &[Word], rules: &Rules) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let list = if word.kind == Kind::Word && !word.quoted { rules.phrases.get(&word.stem) } else { None };
        let rest = words.get(at..).unwrap_or_default();
        let begins = out.last().is_none_or(Word::is_break);
        let found = list.and_then(|list| list.iter().find(|phrase| phrase_at(phrase, rest, begins)));
        let Some(phrase) = found else {
            out.push(word.clone());
            at += 1;
            continue;
        };
        for (number, text) in phrase.to.iter().enumerate() {
            let mut made = Word::plain(text, rules);
            made.made = true;
            if number == 0 {
                made.article = word.article;
            }
            if phrase.keeps_form {
                made.form = word.form;
                made.form.plural |= rest.get(phrase.from.len() - 1).is_some_and(|last| last.form.plural);
                made.form.past |= rest.get(phrase.from.len() - 1).is_some_and(|last| last.form.past);
            }
            out.push(made);
        }
        at += phrase.from.len();
    }
    out
}

fn phrase_at(phrase: &Phrase, rest: &[Word], begins: bool) -> bool {
    let n = phrase.from.len();
    let fits = n <= rest.len()
        && phrase
            .from
            .iter()
            .zip(rest)
            .all(|(stem, word)| word.kind == Kind::Word && !word.quoted && word.stem == *stem);
    fits && (!phrase.at_start || begins) && (!phrase.at_end || rest.get(n).is_none_or(Word::is_break))
}

/// Terms in their order, with links, chunks and verbs.
fn items(words: &[Word], head: &Head, rules: &Rules) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(words.len());
    let (mut chunk, mut link, mut of, mut under) = (0, None, false, false);
    let mut conditional = false;
    for (at, word) in words.iter().enumerate() {
        if word.is_break() {
            (chunk, link, of, under) = (chunk + 1, None, false, false);
            conditional = false;
            continue;
        }
        conditional = !verbs::is_question_word(word) && conditional;
        if head.used.contains(&at) {
            continue;
        }
        conditional |= word.is_any(&["when", "if", "while", "whenever"]);
        let opened = link_at(words, at, rules);
        if opened.is_some() || verbs::is_auxiliary(word) {
            (chunk, of, under) = (chunk + 1, false, false);
        } else if word.is_any(&OPENERS) {
            (chunk, link, of) = (chunk + 1, None, word.is_any(&["of", "for"]));
            under = word.is_any(&["in", "on", "at", "within", "inside"]);
        }
        let term = term_of(words, at, head, rules);
        // A directed word has no link itself; what follows it has.
        let own = match opened {
            Some(_) => std::mem::replace(&mut link, opened).and(None),
            None if term.is_some() => link.take(),
            None => None,
        };
        let Some(term) = term else { continue };
        let verb = verbs::verb_at(words, at, rules);
        let passive = verb.is_some() && verbs::is_passive(words, at);
        items.push(Item {
            light: rules.is_light(&term),
            term,
            raw: word.raw.clone(),
            text: word.text.clone(),
            kind: word.kind,
            quoted: word.quoted,
            form: word.form,
            verb,
            passive,
            link: own,
            chunk,
            of,
            under,
            conditional,
            at,
        });
    }
    items
}

/// The directed word at this place. A `to` before a verb is no direction.
fn link_at(words: &[Word], at: usize, rules: &Rules) -> Option<&'static str> {
    let word = words.get(at).filter(|word| word.kind == Kind::Word)?;
    let (_, name) = LINKS.iter().find(|(text, _)| word.text == *text)?;
    let next = words.get(at + 1).filter(|next| !next.is_break())?;
    if verbs::is_verb_using(words, at) {
        return None;
    }
    if word.is("to") && (at == 0 || (next.article.is_none() && rules.verb_kind(rules.class(&next.stem)).is_some())) {
        return None;
    }
    Some(name)
}

/// The canonical term of a word; none when it has no content of its own.
fn term_of(words: &[Word], at: usize, head: &Head, rules: &Rules) -> Option<String> {
    let word = words.get(at)?;
    if word.kind == Kind::Code || word.kind == Kind::Number {
        return Some(if word.text == "1th" { "first".to_owned() } else { word.text.clone() });
    }
    if let Some(number) = number_word(words, at) {
        return Some(number.to_owned());
    }
    if KEPT.contains(&word.text.as_str()) {
        return Some(match word.text.as_str() {
            "no" | "nor" => "not".to_owned(),
            other => other.to_owned(),
        });
    }
    if let Some(marker) = word.text.strip_prefix('@') {
        return (marker != "what" && marker != "list").then(|| word.text.clone());
    }
    if word.is("just") {
        return Some("only".to_owned());
    }
    if compound::is_part(words, at, rules) {
        return Some(rules.class(&word.stem).to_owned());
    }
    if (rules.is_stop(&word.text) && !word.quoted && !verbs::is_verb_using(words, at))
        || word.is_any(&["from", "to"])
        || head::is_idle(words, at)
    {
        return None;
    }
    let class = rules.class(&word.stem).to_owned();
    let dropped = head::is_happening(head, words, at, &class)
        || is_kind_of_name(words, at, &class, rules)
        || head::is_empty_under(head, at, &class, rules);
    (!dropped).then_some(class)
}

/// The kind that a word gives a name beside it, when the word goes for that.
pub(super) fn kind_of_name(words: &[Word], at: usize, rules: &Rules) -> Option<u32> {
    let word = words.get(at).filter(|word| word.kind == Kind::Word)?;
    let class = rules.class(&word.stem);
    is_kind_of_name(words, at, class, rules).then(|| super::term(class))
}

/// "the parse function", said beside a name from the code: the name says it already.
fn is_kind_of_name(words: &[Word], at: usize, class: &str, rules: &Rules) -> bool {
    let named = |word: Option<&Word>| word.is_some_and(|word| word.kind == Kind::Code || word.quoted);
    let singular = words.get(at).is_some_and(|word| !word.form.plural && !word.form.past);
    let next = words.get(at + 1);
    singular && rules.is_empty_under("named", class) && (named(next) || (at > 0 && named(words.get(at - 1))))
}

/// Numbers and ordinals in words.
fn number_word(words: &[Word], at: usize) -> Option<&'static str> {
    const NUMBERS: [(&str, &str); 25] = [
        ("zero", "0"),
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
        ("ten", "10"),
        ("eleven", "11"),
        ("twelve", "12"),
        ("fifteen", "15"),
        ("twenty", "20"),
        ("thirty", "30"),
        ("fifty", "50"),
        ("hundred", "100"),
        ("thousand", "1000"),
        ("twice", "2"),
        ("second", "2th"),
        ("third", "3th"),
        ("fourth", "4th"),
        ("fifth", "5th"),
        ("sixth", "6th"),
        ("tenth", "10th"),
    ];
    let word = words.get(at)?;
    let found = NUMBERS.iter().find(|(text, _)| word.text == *text).map(|(_, number)| *number)?;
    let unit = word.is("second")
        && at > 0
        && words.get(at - 1).is_some_and(|before| before.kind == Kind::Number || before.is("per"));
    (!unit).then_some(found)
}
