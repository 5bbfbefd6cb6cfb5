//! Secrets that the grammar of a line or a call puts at a fixed place.
//!
//! Owns lines of network devices, calls that take name and password or a signing key by position, and columns of
//! which the last is a password. A list of values behind one label belongs here too.

use super::super::engine::{Class, Cursor, Found, Hit, Then};
use super::{flags, judge::Candidate, name::Kind, operator::Link, random::Mix, value::Value};

/// Longest argument of a call that is looked at.
const ARGUMENT: usize = 96;
/// Arguments of a call that are looked at.
const ARGUMENTS: usize = 4;
/// More values than this of one list are found by nobody's name.
const LIST_MAX: usize = 16;

const BLANK: Class = Class::of(" \t");
const SPACE: Class = Class::of(" \t\r\n");
const QUOTE: Class = Class::of("\"'`");

/// How lines of a device's configuration begin that end with a secret.
pub(super) const DEVICE: &[&str] = &[
    "snmp-server community ",
    "rocommunity ",
    "rwcommunity ",
    "tacacs-server key ",
    "radius-server key ",
    "isakmp key ",
    "ius-server host ",
    "acs-server host ",
    "password 7 ",
    "key 7 ",
    "secret 7 ",
];

/// Calls whose second or third argument is a password.
pub(super) const CALLS: &[&str] = &[
    "mysql_connect(",
    "mysqli_connect(",
    "new mysqli(",
    "new pdo(",
    "getconnection(",
    "networkcredential(",
    "username_pw_set(",
    "passwordauthentication(",
];

/// Calls of which an argument is a key.
pub(super) const SIGNERS: &[&str] = &[
    "jwt.sign(",
    "jwt.encode(",
    "jwt.verify(",
    "jwt.decode(",
    "createhmac(",
    "hmac.new(",
    "hash_hmac(",
    "cookieparser(",
    "secretkeyspec(",
    "fernet(",
];

/// The secret at the end of a device's line.
pub(super) fn device(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if cursor.is(hit.end - 2, "7 ") {
        return reversible(cursor, hit.end);
    }
    let mut at = hit.end;
    if cursor.is_any_case(hit.end - 5, "host ") {
        while !cursor.is(at, " key ") {
            if at - hit.end > 120 || matches!(cursor.at(at)?, b'\r' | b'\n') {
                return None;
            }
            at += 1;
        }
        at += 5;
    }
    if cursor.is(at, "7 ") {
        return reversible(cursor, at + 2);
    }
    let at = if cursor.is(at, "0 ") || cursor.is(at, "6 ") { at + 2 } else { at };
    let found = flags::argument(cursor, at)?;
    // In a manual the line goes on with a word or a slot.
    let value = cursor.slice(found.start, found.end);
    (Mix::of(value).digits > 0 || Mix::of(value).oddness() >= 35)
        .then(|| flags::accept(cursor, found, Kind::Password))?
}

/// A password in the form that devices only hide it in.
fn reversible(cursor: &Cursor<'_>, start: usize) -> Option<Found> {
    let end = cursor.run(start, 128, Class::of("0-9A-F"));
    let whole = cursor.at(end).is_none_or(|byte| byte.is_ascii_whitespace());
    (whole && end - start >= 8 && (end - start).is_multiple_of(2)).then_some(Found { start, end, then: Then::Stop })
}

/// Start and end of a quoted argument; `None` for another.
type Argument = Option<(usize, usize)>;

/// The arguments from `at` on.
fn arguments(cursor: &Cursor<'_>, mut at: usize) -> Vec<Argument> {
    let mut all = Vec::new();
    while all.len() < ARGUMENTS {
        at = cursor.run(at, 32, SPACE);
        if matches!(cursor.at(at), Some(b'b' | b'@')) && cursor.at(at + 1).is_some_and(|byte| QUOTE.has(byte)) {
            at += 1;
        }
        let quote = cursor.at(at).filter(|byte| QUOTE.has(*byte));
        let argument = quote.and_then(|quote| {
            let end = cursor.run(at + 1, ARGUMENT, Class::of("\"'`\r\n").not());
            (cursor.at(end) == Some(quote)).then_some((at + 1, end))
        });
        let end =
            argument.map_or_else(|| cursor.run(at, ARGUMENT, Class::of(",()\"'`\r\n;").not()), |(_, end)| end + 1);
        if end == at {
            break;
        }
        all.push(argument);
        at = cursor.run(end, 8, BLANK);
        if cursor.at(at) != Some(b',') {
            break;
        }
        at += 1;
    }
    all
}

/// The password of a call that takes it by position.
pub(super) fn call(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let all = arguments(cursor, hit.end);
    let connects = cursor.is_any_case(hit.start, "mysql")
        || cursor.is_any_case(hit.start, "new ")
        || cursor.is_any_case(hit.start, "get");
    let (start, end) = (*all.get(if connects { 2 } else { 1 })?)?;
    flags::accept(cursor, Found { start, end, then: Then::Stop }, Kind::Password)
}

/// `connect("host", "name", "password")`.
pub(super) fn third_text(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let all = arguments(cursor, hit.end);
    let [Some(_), Some(_), Some((start, end)), ..] = all[..] else { return None };
    let plain = cursor.slice(start, end).iter().all(u8::is_ascii_alphabetic);
    (!plain).then(|| flags::accept(cursor, Found { start, end, then: Then::Stop }, Kind::Password))?
}

/// A key among the arguments of a call that signs.
pub(super) fn signer(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let texts = arguments(cursor, hit.end).into_iter().flatten();
    texts
        .filter_map(|(start, end)| {
            let random = end - start >= 12 && Mix::of(cursor.slice(start, end)).is_random();
            random.then(|| flags::accept(cursor, Found { start, end, then: Then::Stop }, Kind::Token))?
        })
        .next()
}

/// The address of a hook: who knows it may call it.
pub(super) fn hook(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let host = cursor.run_back(hit.start, 80.min(hit.start - hit.floor), Class::of("A-Za-z0-9.:/_-"));
    memchr::memmem::find(cursor.slice(host, hit.start), b"://")?;
    let end = cursor.run(hit.end, ARGUMENT, Class::of("A-Za-z0-9_/-"));
    let telling = |part: &[u8]| {
        let mix = Mix::of(part);
        let mixed = mix.upper > 1 && mix.lower > 1 && mix.digits > 1 && mix.len >= 20;
        let hex = mix.len >= 32 && mix.digits > 1 && part.iter().all(u8::is_ascii_hexdigit);
        (mixed || hex) && mix.is_random()
    };
    let tells = cursor.slice(hit.end, end).split(|byte| *byte == b'/').any(telling);
    tells.then_some(Found { start: hit.end, end, then: Then::Stop })
}

/// The value below a column's name: `user,password` and the line after it, or `(name, password) VALUES (…)`.
pub(super) fn column(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let name = cursor.run(cursor.run(hit.end, 8, Class::of("A-Za-z")), 1, QUOTE);
    let behind = cursor.slice(hit.start - ARGUMENT.min(hit.start - hit.floor), hit.start);
    let from = |end: fn(&u8) -> bool| behind.rsplit(end).next().unwrap_or_default();
    let (head, mut at) = match cursor.at(name)? {
        b')' if cursor.is_any_case(name, ") values") => {
            let open = cursor.run(name + 8, 4, SPACE);
            (from(|byte| *byte == b'('), (cursor.at(open)? == b'(').then_some(open + 1)?)
        }
        b'\r' | b'\n' => (from(|byte| *byte == b'\n'), cursor.run(name, 2, Class::of("\r\n"))),
        _ => return None,
    };
    let separator = *head.iter().find(|byte| matches!(byte, b',' | b'\t' | b';'))?;
    let names = Class::of("A-Za-z0-9_,;\t `\"-");
    let stop = Class::of("\t,;\r\n");
    if head.last().is_none_or(|byte| byte.is_ascii_alphanumeric()) || !head.iter().all(|byte| names.has(*byte)) {
        return None;
    }
    for _ in 0..head.iter().filter(|byte| **byte == separator).count() {
        at = cursor.run(at, ARGUMENT, stop.not());
        (cursor.at(at)? == separator).then_some(())?;
        at += 1;
    }
    let start = cursor.run(at, 2, Class::of(" \"'`"));
    let end = cursor.run(start, ARGUMENT, Class::of("\t,;\r\n\"'`").not());
    let found = Found { start, end, then: Then::Stop };
    odd_word(cursor, found).then_some(found)
}

fn odd_word(cursor: &Cursor<'_>, found: Found) -> bool {
    let value = cursor.slice(found.start, found.end);
    let candidate = Candidate {
        value,
        kind: Kind::Password,
        link: Link::Cell,
        quoted: true,
        schemed: false,
        wrapped: false,
        tight: true,
        name: b"password",
    };
    candidate.is_secret()
}

/// Where the list ends whose first value was found: the next are as long and as random.
pub(super) fn list_end(cursor: &Cursor<'_>, value: &Value) -> usize {
    let (length, mut end) = (value.end - value.start, value.end);
    if !(8..=ARGUMENT).contains(&length) {
        return end;
    }
    for _ in 0..LIST_MAX {
        let start = cursor.run(end, 32, Class::of("\"', \t\r\n-"));
        let stop = cursor.run(start, ARGUMENT, Class::of("A-Za-z0-9_./+=-"));
        let next = cursor.slice(start, stop);
        if start - end < 3 || next.len() != length || !Mix::of(next).is_random() {
            break;
        }
        end = stop;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::super::structure::tests::{ALNUM, noise, redacted, stays};

    #[test]
    fn a_secret_is_found_by_its_place() {
        for template in [
            "snmp-server community @ RO",
            "radius-server host 10.1.1.1 key @",
            "crypto isakmp key @ address 10.2.2.2",
            "mysqli_connect('h', 'u', '@', 'd');",
            "connect(\"h\", \"u\", \"@\")",
            "new NetworkCredential(\"u\", \"@\")",
            "jwt.sign(payload, '@')",
            "user,password\nada,@",
            "INSERT INTO a (name, password) VALUES ('ada', '@');",
            "Password:\n@",
            "password = \"${DB_PASSWORD:-@}\"",
            "<Pass encoding=\"base64\">@</Pass>",
            "{\"password\": {\"type\": \"plain\", \"value\": \"@\"}}",
            "https://example.com/webhook/@",
            "openssl enc -k @ -in a",
        ] {
            let secret = noise(7, 24, ALNUM);
            assert_eq!(redacted(&template.replace('@', &secret)), template.replace('@', "[REDACTED]"), "{template}");
        }
        let list = format!("tokens:\n  - {}\n  - {}\n", noise(3, 32, ALNUM), noise(4, 32, ALNUM));
        assert_eq!(redacted(&list), "tokens:\n  - [REDACTED]\n");
    }

    #[test]
    fn a_place_without_a_secret_stays() {
        for text in [
            "snmp-server community public RO",
            "snmp-server community-map engine",
            "radius-server host 10.1.1.1\n key chain",
            "mysqli_connect($host, $user, $password);",
            "jwt.sign(payload, secret, options)",
            "user,password\nada,secret",
            "Enter password:\nLogin successful",
            "password:\n  value: string",
            "https://example.com/services/consulting-and-training",
        ] {
            stays(text);
        }
    }
}
