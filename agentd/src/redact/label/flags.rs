//! Passwords that stand at a fixed place of a command or a call.
//!
//! Owns the commands whose options carry a password in one letter (`mysql -p…`, `redis-cli -a …`), the words before a
//! password in SQL, and calls with a name and a password. Options with a telling name are labels and need no row here.

use super::super::engine::{Class, Cursor, Found, Hit, Then};
use super::{judge::Candidate, name::Kind, operator::Link, random::Mix};

/// How far a command's options are looked at: a long line, or one broken by backslashes.
const COMMAND: usize = 240;
const BLANK: Class = Class::of(" \t");
/// What ends an argument without quotes.
const ARGUMENT_END: Class = Class::of(" \t\r\n\u{0}\"'`;|&<>()");

/// A command and the option that carries its password.
struct Command {
    name: &'static str,
    option: &'static str,
    /// The value follows without a blank.
    glued: bool,
    /// The value is `user:password`, and only what follows the colon is secret.
    pair: bool,
}

const COMMANDS: &[Command] = &[
    Command { name: "sshpass", option: "-p", glued: true, pair: false },
    Command { name: "sshpass", option: "-p", glued: false, pair: false },
    Command { name: "mysql", option: "-p", glued: true, pair: false },
    Command { name: "mariadb", option: "-p", glued: true, pair: false },
    Command { name: " login", option: "-p", glued: false, pair: false },
    Command { name: "mongo", option: "-p", glued: false, pair: false },
    Command { name: "redis-cli", option: "-a", glued: false, pair: false },
    Command { name: "redis-cli", option: "-a", glued: true, pair: false },
    Command { name: "ldapsearch", option: "-w", glued: false, pair: false },
    Command { name: "ldapadd", option: "-w", glued: false, pair: false },
    Command { name: "ldapmodify", option: "-w", glued: false, pair: false },
    Command { name: "ldappasswd", option: "-s", glued: false, pair: false },
    Command { name: "sqlcmd", option: "-P", glued: false, pair: false },
    Command { name: "smbclient", option: "-U", glued: false, pair: true },
    Command { name: "ipmitool", option: "-P", glued: false, pair: false },
    Command { name: "mosquitto_", option: "-P", glued: false, pair: false },
    Command { name: "7z ", option: "-p", glued: true, pair: false },
    Command { name: "unzip ", option: "-P", glued: false, pair: false },
    Command { name: "zip ", option: "-P", glued: false, pair: false },
    Command { name: "xfreerdp", option: "/p:", glued: true, pair: false },
    Command { name: "curl", option: "-u", glued: false, pair: true },
    Command { name: "curl", option: "-u", glued: true, pair: true },
    Command { name: "curl", option: "--user", glued: false, pair: true },
    Command { name: "curl", option: "--proxy-user", glued: false, pair: true },
    Command { name: "wget", option: "--user", glued: false, pair: true },
    Command { name: "openssl", option: "-k", glued: false, pair: false },
    Command { name: "http ", option: "-a", glued: false, pair: true },
];

/// The commands' names, as anchors.
pub(super) const NAMES: &[&str] = &[
    "sshpass",
    "mysql",
    "mariadb",
    " login",
    "mongo",
    "redis-cli",
    "ldapsearch",
    "ldapadd",
    "ldapmodify",
    "ldappasswd",
    "xfreerdp",
    "sqlcmd",
    "smbclient",
    "ipmitool",
    "mosquitto_",
    "7z ",
    "zip ",
    "unzip ",
    "openssl",
    "curl",
    "wget",
    "http ",
];

/// A password in an option of one of the commands.
pub(super) fn command(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    // The ordinary case: a word that only begins like the command.
    let end = if cursor.before(hit.end) == Some(b' ') { hit.end - 1 } else { hit.end };
    let rest = cursor.run(end, 24, const { Class::of("A-Za-z0-9_./-") });
    if !matches!(cursor.at(rest), Some(b' ' | b'"' | b'\'' | b',')) {
        return None;
    }
    let name = cursor.slice(hit.start, hit.end);
    let again = name.first().copied();
    let mut at = rest;
    while at - rest < COMMAND {
        match cursor.at(at)? {
            // The same command once more judges its own options.
            byte if Some(byte) == again && cursor.slice(at, at + name.len()) == name => return None,
            b'\n' if cursor.before(at) != Some(b'\\') => return None,
            b';' | b'|' => return None,
            b' ' | b'\t' | b'"' | b'\'' if matches!(cursor.at(at + 1), Some(b'-' | b'/')) => {
                if let Some(found) = option(cursor, hit, at + 1) {
                    return Some(found);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    None
}

fn option(cursor: &Cursor<'_>, hit: Hit, at: usize) -> Option<Found> {
    COMMANDS.iter().find_map(|command| {
        let end = at + command.option.len();
        if !cursor.is(at, command.option) || !cursor.is_any_case(hit.start, command.name) {
            return None;
        }
        // In a list of arguments quotes, a comma and quotes stand where a line has a blank.
        let next = cursor.run(end, 6, const { Class::of(" \t\"',=") });
        let quote = matches!(cursor.at(end), Some(b'\'' | b'"'));
        let start =
            if command.glued && (next == end || quote && cursor.at(end + 1) != Some(b',')) { end } else { next };
        if command.glued == (start > end) || (!command.glued && next == end) {
            return None;
        }
        let argument = argument(cursor, start)?;
        if command.pair { after_colon(cursor, argument) } else { accept(cursor, argument, Kind::Password) }
    })
}

/// One argument of a command: in quotes or up to a blank.
pub(super) fn argument(cursor: &Cursor<'_>, at: usize) -> Option<Found> {
    let opened = cursor.at(at).filter(|byte| matches!(byte, b'"' | b'\''));
    // The quotes may stand before the argument already.
    let (start, stop) = match (opened, cursor.before(at)) {
        (Some(b'"'), _) => (at + 1, const { Class::of("\"\r\n") }),
        (Some(_), _) => (at + 1, const { Class::of("'\r\n") }),
        (None, Some(b'"')) => (at, const { Class::of("\"\r\n") }),
        (None, Some(b'\'')) => (at, const { Class::of("'\r\n") }),
        _ => (at, ARGUMENT_END),
    };
    let end = cursor.run(start, 256, stop.not());
    (end > start && cursor.at(start) != Some(b'-')).then_some(Found { start, end, then: Then::Stop })
}

fn after_colon(cursor: &Cursor<'_>, found: Found) -> Option<Found> {
    let colon = cursor.run(found.start, found.end - found.start, const { Class::of("A-Za-z0-9_.@+\\-") });
    let separated = matches!(cursor.at(colon), Some(b':' | b'%')) && colon < found.end;
    let numbers = cursor.slice(found.start, found.end).iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    (separated && !numbers).then_some(())?;
    accept(cursor, Found { start: colon + 1, ..found }, Kind::Password)
}

/// Judges an argument at a place that only a password has.
pub(super) fn accept(cursor: &Cursor<'_>, found: Found, kind: Kind) -> Option<Found> {
    let value = cursor.slice(found.start, found.end);
    let candidate = Candidate {
        value,
        kind,
        link: Link::Assign,
        quoted: true,
        schemed: false,
        wrapped: false,
        tight: true,
        name: b"password",
    };
    candidate.is_secret().then_some(found)
}

/// `htpasswd -b FILE USER PASSWORD`, `htpasswd -nb USER PASSWORD`.
pub(super) fn htpasswd(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let (mut at, mut batch, mut words) = (hit.end, false, 2);
    for _ in 0..8 {
        at = cursor.run(at, 8, BLANK);
        let end = cursor.run(at, 96, ARGUMENT_END.not());
        if cursor.at(at) == Some(b'-') {
            let flags = cursor.slice(at, end);
            batch |= flags.contains(&b'b');
            words -= usize::from(flags.contains(&b'n') && words > 1);
        } else if words == 0 {
            return batch
                .then(|| argument(cursor, at))
                .flatten()
                .and_then(|found| accept(cursor, found, Kind::Password));
        } else {
            words -= 1;
        }
        at = end;
    }
    None
}

/// `net use … PASSWORD /user:NAME` and `net use … /user:NAME PASSWORD`.
pub(super) fn net_use(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let mut at = hit.end;
    for _ in 0..6 {
        at = cursor.run(at, 8, BLANK);
        let end = cursor.run(at, 96, ARGUMENT_END.not());
        let special = matches!(cursor.at(at)?, b'/' | b'\\' | b'*') || cursor.at(at + 1) == Some(b':');
        if !special && let Some(found) = argument(cursor, at).and_then(|found| accept(cursor, found, Kind::Password)) {
            return Some(found);
        }
        if end == at {
            return None;
        }
        at = end;
    }
    None
}

/// `echo PASSWORD | command that reads a password`.
pub(super) fn echo(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    const READERS: &[&str] = &[
        "--password-stdin",
        "chpasswd",
        "passwd --stdin",
        "sudo -S",
        "--with-token",
        "--passphrase-fd",
        "gh auth",
        "-s | ",
    ];
    let mut at = cursor.run(hit.end, 8, BLANK);
    while cursor.at(at) == Some(b'-') || cursor.is(at, "'%s'") || cursor.is(at, "\"%s\"") || cursor.is(at, "'%s\\n'") {
        at = cursor.run(cursor.run(at, 8, BLANK.not()), 8, BLANK);
        if at - hit.end > 24 {
            return None;
        }
    }
    let found = argument(cursor, at)?;
    let pipe = cursor.run(found.end, 4, const { Class::of("\"' \t") });
    if cursor.at(pipe) != Some(b'|') {
        return None;
    }
    let reads = (pipe..pipe + 120)
        .take_while(|at| cursor.at(*at).is_some_and(|byte| byte != b'\n' && (byte != b'|' || *at == pipe)))
        .any(|at| READERS.iter().any(|reader| cursor.is(at, reader)));
    reads.then_some(())?;
    match cursor.slice(found.start, found.end).iter().position(|byte| *byte == b':') {
        Some(colon) => accept(cursor, Found { start: found.start + colon + 1, ..found }, Kind::Password),
        None => accept(cursor, found, Kind::Password),
    }
}

/// `vault login TOKEN`.
pub(super) fn login_token(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    accept(cursor, argument(cursor, hit.end)?, Kind::Token)
}

/// `pass:VALUE`, as the tool for certificates takes it.
pub(super) fn pass_source(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let argument = argument(cursor, hit.end)?;
    accept(cursor, argument, Kind::Password)
}

/// `IDENTIFIED BY 'value'` with an optional method between.
pub(super) fn identified(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let mut at = hit.end;
    while !cursor.is_any_case(at, " by ") {
        at += 1;
        if at - hit.end > 48 || cursor.at(at)? == b'\n' {
            return None;
        }
    }
    let at = cursor.run(at + 4, 8, BLANK);
    let at = if cursor.is_any_case(at, "password ") { at + 9 } else { at };
    let upper = cursor.is(hit.start, "I");
    let found = argument(cursor, at)?;
    let given = cursor.at(at)? == b'\'' || upper && cursor.at(at)? == b'"';
    let mix = Mix::of(cursor.slice(found.start, found.end));
    (given || upper && mix.len >= 6 && mix.digits > 0 && mix.oddness() >= 35).then_some(())?;
    accept(cursor, found, Kind::Password)
}

/// `auth=("name", "value")` and calls such as `login("name", "value")`: the second of two texts.
pub(super) fn second_text(cursor: &Cursor<'_>, from: usize, basic: bool) -> Option<Found> {
    let word = cursor.run(from, 24, const { Class::of("A-Za-z_") });
    let open = cursor.run(word, 3, const { Class::of(" =:") });
    if !matches!(cursor.at(open), Some(b'(' | b'[')) {
        return None;
    }
    let first = cursor.run(open + 1, 3, const { Class::of(" \n") });
    let quote = cursor.at(first).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let end = cursor.run(first + 1, 64, const { Class::of("\"'\r\n").not() });
    if cursor.at(end) != Some(quote) || cursor.at(end + 1) != Some(b',') {
        return None;
    }
    let second = cursor.run(end + 2, 32, const { Class::of(" \n\t") });
    matches!(cursor.at(second), Some(b'"' | b'\'')).then_some(())?;
    let found = argument(cursor, second)?;
    let after = cursor.run(found.end + 1, 16, const { Class::of(" \n\t,") });
    matches!(cursor.at(after), Some(b')' | b']') | None).then_some(())?;
    let value = cursor.slice(found.start, found.end);
    let odd = basic && (word == from || cursor.is_any_case(from - 9.min(from), "basicauth"))
        || value.iter().any(|byte| !byte.is_ascii_alphabetic());
    odd.then(|| accept(cursor, found, Kind::Password)).flatten()
}
