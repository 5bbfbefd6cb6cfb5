//! Values that only the word before them gives away.
//!
//! Owns every kind that a label, a command's flag or the form of a line tells: `password = "…"`, `--token …`,
//! `user:$6$…`. A check goes name, operator, value, judgement, and leaves at the first that does not fit: ordinary
//! source has such a word every few lines.
//!
//! - [`name`]: the identifier around the word and what it stands for.
//! - [`operator`]: what joins it to the value.
//! - [`value`]: where the value begins and ends.
//! - [`judge`], [`refuse`], [`random`]: whether it is a secret.
//!
//! Invariant: all is read through the cursor within its bounds, and work per hit is bounded.

mod judge;
mod name;
mod operator;
mod random;
mod refuse;
mod value;

use super::engine::{Coded, Cursor, Found, Hit};
use judge::Candidate;
use name::{Glue, Kind, Word};
use value::Bounds;

/// The kinds.
pub(super) const CODE: &[Coded] = &[
    Coded { id: "label-password", title: "Password behind its name", anchors: &["pass"], check: password },
    Coded {
        id: "label-pwd",
        title: "Password behind a short name",
        anchors: &["pwd", "pswd", "pword", "psw"],
        check: pwd,
    },
    Coded { id: "label-pw", title: "Password behind pw", anchors: &["pw"], check: pw },
    Coded {
        id: "label-password-foreign",
        title: "Password behind its name in another language",
        anchors: &[
            "contrase",
            "senha",
            "parol",
            "kennwort",
            "wachtwoord",
            "has\u{142}o",
            "\u{43f}\u{430}\u{440}\u{43e}\u{43b}",
            "\u{5bc6}\u{7801}",
            "\u{5bc6}\u{78bc}",
            "\u{be44}\u{bc00}\u{bc88}\u{d638}",
            "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
        ],
        check: foreign,
    },
    Coded { id: "label-secret", title: "Secret behind its name", anchors: &["secret"], check: secret },
    Coded { id: "label-token", title: "Token behind its name", anchors: &["token"], check: token },
    Coded { id: "label-key", title: "Key behind its name", anchors: &["key"], check: key },
    Coded { id: "label-auth", title: "Credentials behind auth", anchors: &["auth"], check: auth },
    Coded { id: "label-credential", title: "Credential behind its name", anchors: &["cred"], check: credential },
    Coded {
        id: "label-other",
        title: "Secret behind a rarer name",
        anchors: &[
            "psk",
            "hmac",
            "jwt",
            "bearer",
            "signature",
            "webhook",
            "cookie",
            "sessid",
            "session",
            "connectionstring",
            "connstr",
        ],
        check: other,
    },
    Coded { id: "label-pin", title: "PIN or one-time code behind its name", anchors: &["pin", "otp"], check: pin },
    Coded {
        id: "label-phrase",
        title: "Seed phrase behind its name",
        anchors: &["mnemonic", "seed", "phrase"],
        check: phrase,
    },
];

const PASS: Word = Word {
    kind: Kind::Password,
    endings: &["", "word", "wd", "phrase", "wort", "wrd", "code", "words"],
    glued: Glue::AllBut(&[
        "by", "com", "tres", "sur", "over", "en", "under", "im", "multi", "single", "two", "one", "first", "second",
        "last",
    ]),
    refused: &[
        "first",
        "second",
        "third",
        "last",
        "render",
        "single",
        "multi",
        "two",
        "one",
        "next",
        "each",
        "shader",
        "boarding",
        "low",
        "high",
        "band",
        "reset",
        "test",
        "tests",
        "final",
        "optimization",
        "forgot",
        "forgotten",
        "change",
        "show",
        "hide",
    ],
};
const PWD: Word = Word { kind: Kind::Password, endings: &[""], glued: Glue::AllBut(&[]), refused: &["old"] };
const PW: Word = Word {
    kind: Kind::Password,
    endings: &[""],
    glued: Glue::Only(&["db", "user", "my", "root", "admin", "sql", "ftp", "mail", "smtp", "login"]),
    refused: &[],
};
const FOREIGN: Word =
    Word { kind: Kind::Password, endings: &["", "a", "e", "\u{f1}a", "na"], glued: Glue::AllBut(&[]), refused: &[] };
const SECRET: Word = Word {
    kind: Kind::Secret,
    endings: &["", "s"],
    glued: Glue::AllBut(&[]),
    refused: &["image", "pull", "tls", "kubernetes"],
};
const TOKEN: Word = Word {
    kind: Kind::Token,
    endings: &["", "s"],
    glued: Glue::AllBut(&["de", "un", "sub", "multi"]),
    refused: &[
        "max",
        "min",
        "num",
        "count",
        "total",
        "cancel",
        "cancellation",
        "next",
        "page",
        "pagination",
        "continuation",
        "end",
        "eos",
        "bos",
        "pad",
        "unk",
        "sync",
        "special",
        "resume",
        "marker",
        "start",
        "mask",
        "sep",
        "cls",
        "stop",
    ],
};
const KEY: Word = Word {
    kind: Kind::Key,
    endings: &["", "s"],
    glued: Glue::Only(&[
        "api",
        "secret",
        "access",
        "private",
        "priv",
        "account",
        "storage",
        "encryption",
        "encrypt",
        "signing",
        "sign",
        "master",
        "license",
        "auth",
        "app",
        "consumer",
        "service",
        "shared",
        "subscription",
        "session",
        "ssh",
        "hmac",
        "jwt",
        "crypt",
        "crypto",
        "webhook",
        "client",
        "server",
        "admin",
        "my",
        "user",
        "write",
        "read",
        "pass",
        "product",
        "activation",
        "serial",
    ]),
    refused: &[
        "public",
        "pub",
        "primary",
        "foreign",
        "sort",
        "cache",
        "partition",
        "row",
        "idempotency",
        "range",
        "group",
        "routing",
        "bucket",
        "object",
        "map",
        "dict",
        "json",
        "arrow",
        "enter",
        "return",
        "escape",
        "column",
        "index",
        "lookup",
        "i18n",
        "translation",
        "hot",
        "short",
        "verify",
        "verifying",
        "verification",
        "dedup",
        "unique",
        "hash",
        "compound",
        "composite",
        "sub",
        "field",
        "item",
        "parent",
        "host",
        "known",
        "config",
        "registry",
        "s3",
        "etag",
        "checksum",
        "cachekey",
        "anon",
        "publishable",
        "site",
    ],
};
const AUTH: Word = Word {
    kind: Kind::Auth,
    endings: &["", "orization", "entication", "z", "n"],
    glued: Glue::AllBut(&[]),
    refused: &[],
};
const CREDENTIAL: Word =
    Word { kind: Kind::Secret, endings: &["", "s", "ential", "entials"], glued: Glue::AllBut(&["sa"]), refused: &[] };
const OTHER: Word =
    Word { kind: Kind::Token, endings: &["", "id"], glued: Glue::AllBut(&["de"]), refused: &["commit"] };
const PIN: Word =
    Word { kind: Kind::Pin, endings: &["", "code"], glued: Glue::Nothing, refused: &["map", "gpio", "led"] };
const PHRASE: Word = Word {
    kind: Kind::Phrase,
    endings: &["", "phrase", "words"],
    glued: Glue::Only(&["pass", "seed", "recovery", "mnemonic", "wallet"]),
    refused: &["random", "search", "key", "query"],
};

fn password(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PASS)
}

fn pwd(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PWD)
}

fn pw(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PW)
}

fn foreign(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &FOREIGN)
}

fn secret(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &SECRET)
}

fn token(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &TOKEN)
}

fn key(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &KEY)
}

fn auth(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &AUTH)
}

fn credential(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &CREDENTIAL)
}

fn other(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &OTHER)
}

fn pin(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PIN)
}

fn phrase(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PHRASE)
}

/// Name, operator, value, judgement.
fn labelled(cursor: &Cursor<'_>, hit: Hit, word: &Word) -> Option<Found> {
    let label = name::read(cursor, hit, word)?;
    let before = (label.start > hit.floor).then(|| cursor.before(label.start)).flatten();
    let place = operator::read(cursor, label.end, before == Some(b'<'))?;
    let line = starts_line(cursor, label.start, hit.floor);
    let flag = cursor.at(label.start) == Some(b'-') || before == Some(b'-');
    let bounds = match before {
        Some(b'?' | b'&') => Bounds::Query,
        _ if line && place.tight => Bounds::Line,
        _ => Bounds::Code,
    };
    let value = value::read(cursor, place, bounds)?;
    if place.link == operator::Link::Blank && !value.quoted && !line && !flag {
        return None;
    }
    let candidate = Candidate {
        value: cursor.slice(value.start, value.end),
        kind: label.kind,
        link: place.link,
        quoted: value.quoted,
        schemed: value.schemed,
        wrapped: value.wrapped,
        tight: place.tight || value.below,
        name: cursor.slice(label.start, label.end),
    };
    candidate.is_secret().then_some(Found { start: value.start, end: value.end, then: value.then })
}

/// True when only blanks, `export` and the like stand before the name on its line.
fn starts_line(cursor: &Cursor<'_>, start: usize, floor: usize) -> bool {
    let behind = cursor.slice(start - 24.min(start - floor), start);
    let line = behind.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = line.trim_ascii();
    [&b""[..], b"export", b"set", b"ENV", b"env", b"-", b"+", b"setx", b"declare -x", b"local", b"*", b">", b"- export"]
        .contains(&line)
}
