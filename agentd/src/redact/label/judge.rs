//! Whether a value behind a label is a secret.
//!
//! Generous where operator and value convince, strict otherwise: a quoted password may be any word, one in a sentence
//! must not look like a word at all.

use super::{super::engine::Class, name::Kind, operator::Link, random::Mix, refuse};

/// A value and how it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) value: &'a [u8],
    pub(super) kind: Kind,
    pub(super) link: Link,
    pub(super) quoted: bool,
    /// A scheme such as `Bearer` stood before it.
    pub(super) schemed: bool,
    /// It is the argument of a call.
    pub(super) wrapped: bool,
    /// No blanks around the operator, or a line of an environment file.
    pub(super) tight: bool,
    /// The label itself.
    pub(super) name: &'a [u8],
}

impl Candidate<'_> {
    pub(super) fn is_secret(&self) -> bool {
        if self.value.len() < 4 {
            return false;
        }
        let mix = Mix::of(self.value);
        if !self.could_be(&mix) {
            return false;
        }
        let like = match self.kind {
            Kind::Password => self.is_password(&mix),
            Kind::Pin => mix.digits == mix.len && (4..=10).contains(&mix.len) && mix.distinct > 1,
            Kind::Secret => self.is_weak_token(&mix) || self.is_token(&mix),
            Kind::Token => self.is_token(&mix),
            Kind::Key => self.is_key(&mix),
            Kind::Auth => (self.schemed || mix.len >= 20) && self.is_token(&mix),
        };
        like && !self.repeats_its_name() && !refuse::always(self.value, &mix)
    }

    /// The cheap half of the judgement: what most values of ordinary source fail.
    fn could_be(&self, mix: &Mix) -> bool {
        let plain = mix.digits == 0 && mix.symbols == 0;
        match self.kind {
            Kind::Password => self.quoted || !plain || mix.oddness() >= 30 || self.below_operator(),
            Kind::Pin => mix.digits > 0,
            _ if mix.letters() == 0 => mix.digits >= 16 && self.quoted,
            _ => mix.len >= 6 && (!plain || mix.oddness() >= 30),
        }
    }

    fn below_operator(&self) -> bool {
        matches!(self.link, Link::Element)
    }

    /// `password = "password1"` is a name, not a value.
    fn repeats_its_name(&self) -> bool {
        let trimmed = self.value.strip_suffix(b":").unwrap_or(self.value);
        self.name.eq_ignore_ascii_case(trimmed)
    }

    fn is_password(&self, mix: &Mix) -> bool {
        let value = self.value;
        if mix.blanks > 0 {
            return self.is_phrase(mix);
        }
        if refuse::is_path(value, mix) || (value.contains(&b'(') && !self.quoted && calls(value)) {
            return false;
        }
        match self.link {
            Link::Prose if self.quoted && mix.digits + mix.symbols + mix.upper == 0 => return mix.len >= 8,
            Link::Prose | Link::Below if mix.letters() == 0 => {
                return mix.digits == mix.len && mix.len >= 6 && self.name.len() > 4;
            }
            Link::Prose | Link::Below | Link::Compare | Link::Blank | Link::Call | Link::Cell => {
                return self.is_odd_word(mix);
            }
            Link::Colon if !self.quoted && mix.letters() == 0 => {
                return mix.digits == mix.len && mix.len >= 5 && self.name.len() > 4;
            }
            Link::Colon if !self.quoted => return self.is_odd_word(mix) || self.is_worded(mix),
            _ => {}
        }
        if self.wrapped {
            return self.is_odd_word(mix) && mix.digits > 0;
        }
        if self.quoted || self.link == Link::Element { self.is_quoted_word(mix) } else { self.is_bare_word(mix) }
    }

    /// A passphrase: at least four small words that make no sentence.
    fn is_worded(&self, mix: &Mix) -> bool {
        const SENTENCE: &[&str] = &[
            "the", "is", "are", "was", "to", "your", "for", "of", "be", "and", "must", "not", "this", "that", "with",
            "password", "user", "token", "secret", "login", "auth", "new", "has", "can", "will", "should", "input",
            "field", "from", "key", "form", "set", "use", "used", "reset",
        ];
        if mix.blanks + mix.symbols < 3 || mix.upper > 0 {
            return false;
        }
        let words = || self.value.split(|byte| matches!(byte, b' ' | b'-' | b'_' | b'.'));
        let small = words().filter(|word| word.len() >= 3 && word.iter().all(u8::is_ascii_lowercase)).count();
        (4..=10).contains(&small)
            && words().filter(|word| !word.is_empty()).count() <= small + 1
            && mix.symbols + mix.blanks < small + 1
            && !words().any(|word| SENTENCE.iter().any(|common| common.as_bytes() == word))
    }

    /// Words, and more of them than a label or a message has.
    fn is_phrase(&self, mix: &Mix) -> bool {
        if self.kind == Kind::Password && matches!(self.link, Link::Assign | Link::Colon) && self.is_worded(mix) {
            return true;
        }
        let words = mix.blanks + 1;
        self.quoted
            && words <= 3
            && mix.digits > 0
            && mix.symbols > 0
            && mix.oddness() >= 20
            && !self.value.contains(&b'=')
    }

    fn is_quoted_word(&self, mix: &Mix) -> bool {
        let hard = hard_symbols(self.value);
        if mix.digits == 0 && hard == 0 {
            if refuse::is_identifier(self.value, mix) && mix.symbols > 0 {
                return self.is_worded(mix);
            }
            if mix.symbols > 0 {
                return mix.oddness() >= 35 && mix.len >= 8;
            }
            let titled = mix.upper > 0 && mix.oddness() < 20;
            return mix.symbols == 0
                && mix.len >= 5
                && if self.link == Link::Colon { mix.upper == 0 || mix.oddness() >= 25 } else { !titled };
        }
        if mix.digits == 0 && self.value.ends_with(b"!") && self.link != Link::Assign {
            return mix.upper == 0 && mix.oddness() >= 15 || hard > 1;
        }
        if mix.letters() == 0 {
            return mix.digits >= 4;
        }
        !is_sentence_end(self.value, hard, mix) && mix.len >= 4
    }

    fn is_bare_word(&self, mix: &Mix) -> bool {
        let hard = hard_symbols(self.value);
        if mix.letters() == 0 {
            return mix.digits >= 5 && hard + mix.symbols == 0 && self.tight && self.name.len() > 4;
        }
        if mix.digits == 0 && hard == 0 {
            return self.tight && (self.is_worded(mix) || mix.symbols == 0 && mix.len >= 6 && mix.oddness() >= 35);
        }
        if refuse::is_identifier(self.value, mix) {
            return self.tight && mix.digits > 0 && mix.symbols == 0 && mix.len >= 6 && !refers(self.value);
        }
        mix.len >= 4 && !is_expression(self.value) && !refers(self.value)
    }

    /// For places where words are the rule.
    fn is_odd_word(&self, mix: &Mix) -> bool {
        let hard = hard_symbols(self.value.strip_suffix(b"!").unwrap_or(self.value));
        let mixed = mix.digits > 0 && mix.letters() > 0 && mix.digits + mix.letters() >= 4;
        let odd = mixed && (hard > 0 || mix.digits > 1 || mix.oddness() >= 35)
            || hard > 0 && mix.letters() > 3 && mix.oddness() >= 15;
        odd && mix.len >= 4
            && !is_expression(self.value)
            && !refuse::is_identifier(self.value, mix)
            && (self.quoted || !refers(self.value))
    }

    fn is_weak_token(&self, mix: &Mix) -> bool {
        self.link == Link::Assign
            && mix.len >= 6
            && mix.blanks == 0
            && mix.digits > 0
            && mix.letters() > 0
            && (self.quoted || self.tight)
            && !self.wrapped
            && !is_expression(self.value)
            && !refers(self.value)
            && !refuse::is_identifier(self.value, mix)
            && !refuse::is_path(self.value, mix)
            && (hard_symbols(self.value) > 0 || mix.oddness() >= 20)
    }

    fn is_token(&self, mix: &Mix) -> bool {
        let value = self.value;
        let least = if self.quoted || self.tight || self.schemed { 8 } else { 10 };
        if self.is_noise(mix) {
            return true;
        }
        if mix.len < least || mix.blanks > 0 {
            return false;
        }
        if matches!(
            self.link,
            Link::Below | Link::Compare | Link::Prose | Link::Blank | Link::Argument | Link::Cell | Link::Call
        ) && (mix.len < 12 || mix.digits == 0)
        {
            return false;
        }
        if mix.digits == 0 && !self.quoted && !self.tight && (mix.len < 20 || mix.oddness() < 60) {
            return false;
        }
        if mix.digits == 0 && (mix.len < 16 || mix.symbols * 6 > mix.len) {
            return false;
        }
        if refuse::is_path(value, mix) || self.is_spread(mix) {
            return false;
        }
        if mix.letters() == 0 {
            return mix.digits == mix.len && mix.len >= 16 && mix.distinct >= 6 && self.link == Link::Assign;
        }
        mix.is_random()
    }

    /// Has the signs of code in it, or many of them in quotes.
    fn is_spread(&self, mix: &Mix) -> bool {
        const CODE: Class = Class::of("()<>{}[];,\"'`\\ ?#");
        let spread = self.value.iter().filter(|byte| CODE.has(**byte)).count();
        spread > 0 && (!self.quoted || spread * 8 > mix.len || self.value.contains(&b'('))
    }

    /// A long value of all signs, as frameworks make them to sign with; no code and no sentence has so many.
    fn is_noise(&self, mix: &Mix) -> bool {
        self.quoted
            && mix.len >= 32
            && mix.distinct >= 20
            && mix.digits >= 3
            && mix.blanks * 8 < mix.len
            && mix.symbols >= 4
            && hard_symbols(self.value) >= 3
            && mix.oddness() >= 45
    }

    fn is_key(&self, mix: &Mix) -> bool {
        mix.len >= 16
            && mix.digits > 1
            && mix.distinct >= 9
            && matches!(self.link, Link::Assign | Link::Colon)
            && !(refuse::is_digest(self.value) && (self.link != Link::Assign || !self.quoted && !self.tight))
            && !refuse::is_uuid(self.value)
            && mix.symbols * 5 < mix.len
            && (mix.upper > 0 || !self.value.contains(&b'/'))
            && self.is_token(mix)
    }
}

/// Symbols that identifiers, paths and sentences do not have.
fn hard_symbols(value: &[u8]) -> usize {
    const HARD: Class = Class::of("!@#$%^&*+=~?|\\;");
    value.iter().filter(|byte| HARD.has(**byte) || **byte >= 0x80).count()
}

/// `name(`: a call.
fn calls(value: &[u8]) -> bool {
    let name = value.iter().take_while(|byte| **byte != b'(').count();
    let name = value.get(..name).unwrap_or_default();
    name.is_empty() || refuse::is_identifier(name, &Mix::of(name))
}

/// Code: calls, indexes, operators between names.
fn is_expression(value: &[u8]) -> bool {
    let name = value
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'?' | b'-' | b'>' | b'$' | b'&' | b'*')
        })
        .count();
    let (name, rest) = value.split_at(name);
    let wordy = Mix::of(name).oddness() < 45;
    (matches!(rest.first(), Some(b'(' | b'[' | b'<')) && wordy)
        || (rest.first() == Some(&b'{') && wordy && name.len() != 1)
        || value.windows(2).any(|pair| pair == b"::")
        || value.windows(2).any(|pair| pair == b"->")
        || (rest.is_empty() && wordy && dotted(name))
        || (rest.first() == Some(&b'=') && wordy && !name.is_empty() && (dotted(name) || Mix::of(rest).oddness() < 30))
        || (matches!(name.first(), Some(b'*' | b'&')) && rest.is_empty() && Mix::of(name).digits == 0)
        || (name.starts_with(b"-") && wordy)
}

/// `user.password2`: names joined by dots.
fn dotted(name: &[u8]) -> bool {
    name.contains(&b'.')
        && name
            .split(|byte| *byte == b'.')
            .all(|part| part.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_'))
}

/// Speaks of a secret: `pwd1`, `token2`, `arg3`.
fn refers(value: &[u8]) -> bool {
    let letters: Vec<u8> =
        value.iter().take(24).filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    [
        &b"pw"[..],
        b"pwd",
        b"passwd",
        b"token",
        b"secret",
        b"key",
        b"arg",
        b"param",
        b"val",
        b"var",
        b"str",
        b"user",
        b"version",
        b"line",
        b"int",
        b"uint",
        b"float",
        b"vec",
    ]
    .contains(&&letters[..])
}

/// `Password:`, `Password?`, `Wrong!`: a label that people read.
fn is_sentence_end(value: &[u8], hard: usize, mix: &Mix) -> bool {
    mix.digits == 0
        && hard <= 1
        && mix.upper == 1
        && value.first().is_some_and(u8::is_ascii_uppercase)
        && matches!(value.last(), Some(b'?' | b'!' | b'*'))
        && mix.oddness() < 20
}
