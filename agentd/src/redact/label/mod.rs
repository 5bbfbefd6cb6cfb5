//! Values that only the word before them gives away.
//!
//! Owns every kind that a label, a command's flag or the form of a line tells: `password = "…"`, `--token …`,
//! `user:$6$…`. A check goes name, operator, value, judgement, and leaves at the first that does not fit: ordinary
//! source has such a word every few lines.
//!
//! - [`words`]: the words; [`name`]: the identifier around one and what it stands for.
//! - [`operator`]: what joins it to the value.
//! - [`value`]: where the value begins and ends.
//! - [`flags`], [`lines`]: commands, calls and lines that need no label.
//! - [`judge`], [`refuse`], [`random`]: whether it is a secret.
//!
//! Invariant: all is read through the cursor within its bounds, and work per hit is bounded.

mod choice;
mod flags;
mod judge;
mod lines;
mod name;
mod operator;
mod places;
mod random;
mod refuse;
mod value;
mod words;

use super::engine::{Class, Coded, Cursor, Found, Hit, TOKEN, Then};
use judge::Candidate;
use name::{Kind, Word};
use operator::{Link, Place};
use value::{Bounds, Value};
use words::{AUTH, CREDENTIAL, FOREIGN, KEY, OTHER, PASS, PIN, PW, PWD, SALT, SECRET, TOKENS};

pub(super) use random::Mix;

/// The kinds.
pub(super) const CODE: &[Coded] = &[
    Coded { id: "label-password", title: "Password behind its name", anchors: &["pass"], check: password },
    Coded {
        id: "label-pwd",
        title: "Password behind a short name",
        anchors: &["pwd", "pswd", "pword", "psk", "securestring"],
        check: pwd,
    },
    Coded { id: "label-pw", title: "Password behind pw", anchors: &["pw"], check: pw },
    Coded {
        id: "label-password-foreign",
        title: "Password behind its name in another language",
        anchors: &[
            "contrase\u{f1}a",
            "contrasena",
            "senha",
            "parol",
            "kennwort",
            "wachtwoord",
            "has\u{142}o",
            "\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
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
            "hmac",
            "jwt",
            "webhook",
            "sessid",
            "session",
            "_pat",
            "-pat",
            "2fa seed",
            "totp",
            "auth_code",
            "authcode",
            "otp seed",
            "mfa seed",
            "connectionstring",
            "connstr",
        ],
        check: other,
    },
    Coded { id: "label-salt", title: "Salt or nonce behind its name", anchors: &["salt", "nonce"], check: salt },
    Coded {
        id: "label-pin",
        title: "PIN or one-time code behind its name",
        anchors: &["pin", "otp", "verification code", "one-time code", "security code"],
        check: pin,
    },
    Coded { id: "device-secret", title: "Secret of a network device", anchors: places::DEVICE, check: places::device },
    Coded {
        id: "call-password",
        title: "Password by its place in a call",
        anchors: places::CALLS,
        check: places::call,
    },
    Coded {
        id: "signing-call",
        title: "Key given to a call that signs",
        anchors: places::SIGNERS,
        check: places::signer,
    },
    Coded {
        id: "hook-address",
        title: "Address of a hook",
        anchors: &["/webhook/", "/webhooks/", "/hooks/", "/services/"],
        check: places::hook,
    },
    Coded { id: "bearer-token", title: "Bearer token", anchors: &["bearer"], check: bearer },
    Coded {
        id: "basic-auth-call",
        title: "Name and password of a call",
        anchors: &["login(", "connect("],
        check: login_call,
    },
    Coded {
        id: "command-password",
        title: "Password in a command's option",
        anchors: flags::NAMES,
        check: flags::command,
    },
    Coded {
        id: "htpasswd-password",
        title: "Password given to htpasswd",
        anchors: &["htpasswd "],
        check: flags::htpasswd,
    },
    Coded { id: "net-use-password", title: "Password given to net use", anchors: &["net use "], check: flags::net_use },
    Coded {
        id: "piped-password",
        title: "Password piped into a command",
        anchors: &["echo ", "printf "],
        check: flags::echo,
    },
    Coded {
        id: "pass-source",
        title: "Password given as pass:",
        anchors: &["-pass pass:", "-passin pass:", "-passout pass:"],
        check: flags::pass_source,
    },
    Coded {
        id: "sql-password",
        title: "Password of a database user",
        anchors: &["identified"],
        check: flags::identified,
    },
    Coded {
        id: "stored-password-hash",
        title: "Stored password hash",
        anchors: &[
            "$6$",
            "$5$",
            "$1$",
            "$2y$",
            "$2b$",
            "$2a$",
            "$y$",
            "$7$",
            "$apr1$",
            "$argon2",
            "{ssha}",
            "{ssha256}",
            "{ssha512}",
            "{smd5}",
            "{sha}",
            "pbkdf2_sha",
            "$pbkdf2-",
        ],
        check: lines::stored_hash,
    },
    Coded {
        id: "pgpass-password",
        title: "Password in a line of .pgpass",
        anchors: &[":5432:", ":5433:", ":6432:", "*:*:"],
        check: lines::pgpass,
    },
    Coded { id: "session-cookie", title: "Session in a cookie header", anchors: &["cookie"], check: lines::cookies },
    Coded {
        id: "request-signature",
        title: "Signature of an address or a request",
        anchors: &["sig=", "signature=", "response="],
        check: lines::signature,
    },
    Coded {
        id: "login-token",
        title: "Token given to a login command",
        anchors: &["vault login "],
        check: flags::login_token,
    },
    Coded { id: "query-code", title: "Code or key in an address", anchors: &["code=", "appid="], check: lines::query },
    Coded {
        id: "recovery-codes",
        title: "Recovery codes",
        anchors: &[
            "recovery code",
            "backup code",
            "recovery_code",
            "backup_code",
            "recoverycode",
            "backupcode",
            "scratch code",
        ],
        check: lines::recovery_codes,
    },
    Coded {
        id: "seed-phrase",
        title: "Seed phrase",
        anchors: &[
            "mnemonic",
            "seed phrase",
            "seed_phrase",
            "seedphrase",
            "recovery phrase",
            "seed words",
            "secret phrase",
        ],
        check: lines::seed_words,
    },
];

fn password(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if matches!(cursor.before(hit.start), Some(b' ' | b',' | b'\t' | b';' | b'`' | b'"'))
        && let Some(found) = places::column(cursor, hit)
    {
        return Some(found);
    }
    // A statement of its own in Python, on every other page.
    if matches!(cursor.at(hit.end), Some(b'\n' | b'\r'))
        && matches!(cursor.before(hit.start), Some(b' ' | b'\t' | b'\n'))
    {
        return None;
    }
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
    labelled(cursor, hit, &TOKENS)
}

fn key(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &KEY)
}

fn auth(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &AUTH).or_else(|| flags::second_text(cursor, hit.end, true))
}

fn login_call(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    flags::second_text(cursor, hit.end - 1, false).or_else(|| places::third_text(cursor, hit))
}

/// `Bearer` and a token, wherever it stands.
fn bearer(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let quoted = cursor.run(hit.end, 6, const { Class::of(" %20:=\"'`") });
    let end = cursor.run(quoted, 512, TOKEN);
    let value = cursor.slice(quoted, end);
    let candidate = Candidate {
        value,
        kind: Kind::Token,
        link: Link::Colon,
        quoted: true,
        schemed: true,
        wrapped: false,
        tight: true,
        name: b"bearer",
    };
    (quoted > hit.end && value.len() >= 16 && candidate.is_secret()).then_some(Found {
        start: quoted,
        end,
        then: Then::Run(TOKEN),
    })
}

fn credential(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &CREDENTIAL).or_else(|| flags::second_text(cursor, hit.end, false)).or_else(|| {
        let found = lines::pair(cursor, hit.end)?;
        let value = cursor.slice(found.start, found.end);
        let candidate = Candidate {
            value,
            kind: Kind::Password,
            link: Link::Prose,
            quoted: false,
            schemed: false,
            wrapped: false,
            tight: false,
            name: b"credentials",
        };
        candidate.is_secret().then_some(found)
    })
}

fn other(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &OTHER)
}

fn salt(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &SALT)
}

fn pin(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    labelled(cursor, hit, &PIN)
}

/// Name, operator, value, judgement.
fn labelled(cursor: &Cursor<'_>, hit: Hit, word: &Word) -> Option<Found> {
    let label = name::read(cursor, hit, word)?;
    let before = (label.start > hit.floor).then(|| cursor.before(label.start)).flatten();
    let place = operator::read(cursor, label, before == Some(b'<'))?;
    let (place, headed) = below_colon(cursor, place);
    let line = starts_line(cursor, label.start, hit.floor);
    let flag = cursor.at(label.start) == Some(b'-') || before == Some(b'-');
    let bounds = match before {
        Some(b'?' | b'&') => Bounds::Query,
        _ if line
            && (place.tight || label.kind == Kind::Password && matches!(place.link, Link::Colon | Link::Assign)) =>
        {
            Bounds::Line
        }
        _ => Bounds::Code,
    };
    if place.link == Link::Blank && !flag && !is_telling(cursor, place.at) {
        return None;
    }
    let given = place.link == Link::Blank
        && (flag
            || line && !cursor.is_any_case(label.end.saturating_sub(4), "pass") && is_at_quote(cursor, place.at)
            || is_given(cursor, label.start, hit.floor));
    let place = if given { Place { link: Link::Assign, tight: true, ..place } } else { place };
    let kind = if bounds == Bounds::Query && label.kind == Kind::Key { Kind::Token } else { label.kind };
    let value = value::read(cursor, place, bounds)?;
    let fits = match place.link {
        Link::Blank | Link::Call => {
            let alone = line && matches!(cursor.at(value.end), None | Some(b'\n' | b'\r'));
            let long = value.end - value.start >= 16 && matches!(kind, Kind::Token | Kind::Secret);
            let with = label.start >= hit.floor + 5 && cursor.is(label.start - 5, "with ");
            alone || long || with || label.end - label.start > 4 && (value.quoted || line)
        }
        Link::Below => (line || headed) && matches!(cursor.at(value.end), None | Some(b'\n' | b'\r')),
        Link::Argument => value.quoted && is_first_argument(cursor, label.start),
        Link::Element => {
            cursor.at(value.start) != Some(b'@')
                && !matches!(cursor.at(value.end), Some(b'<') if cursor.at(value.end + 1) != Some(b'/'))
        }
        _ => true,
    };
    if !fits {
        return None;
    }
    let candidate = Candidate {
        value: cursor.slice(value.start, value.end),
        kind,
        link: place.link,
        quoted: value.quoted,
        schemed: value.schemed,
        wrapped: value.wrapped,
        tight: place.tight || value.below,
        name: cursor.slice(label.start, label.end),
    };
    if candidate.is_secret() {
        let end = if value.then == Then::Stop { places::list_end(cursor, &value) } else { value.end };
        return Some(Found { start: value.start, end, then: value.then });
    }
    words_of_phrase(cursor, candidate, value)
}

/// A colon or "is" that ends a line: the value may stand alone on the next. True when it was so.
fn below_colon(cursor: &Cursor<'_>, place: Place) -> (Place, bool) {
    let ends = matches!(place.link, Link::Colon | Link::Prose);
    let next = cursor.run(place.at, 2, Class::of("\r\n"));
    let indented = cursor.at(next).is_some_and(|byte| byte.is_ascii_whitespace());
    if ends && next > place.at && !indented { (Place { link: Link::Below, ..place }, true) } else { (place, false) }
}

/// A passphrase without quotes takes its line.
fn words_of_phrase(cursor: &Cursor<'_>, candidate: Candidate<'_>, value: Value) -> Option<Found> {
    let tail = candidate.name.len().saturating_sub(6);
    let named = candidate.name.get(tail..).is_some_and(|tail| tail.eq_ignore_ascii_case(b"phrase"));
    if !named || value.quoted || cursor.at(value.end) != Some(b' ') {
        return None;
    }
    let end = cursor.run(value.start, 160, const { Class::of("a-z ") });
    let found = Found { start: value.start, end, then: Then::Stop };
    let candidate = Candidate { value: cursor.slice(value.start, end), link: Link::Assign, ..candidate };
    candidate.is_secret().then_some(found)
}

/// What stands before a name on its line when a value follows without an operator: `setenv NAME value`,
/// `login NAME password value`.
fn is_given(cursor: &Cursor<'_>, start: usize, floor: usize) -> bool {
    const BEFORE: &[&str] = &["setx", "setenv", "ENV", "WITH", "ENCRYPTED", "USER", "ROLE"];
    const EARLIER: &[&str] = &["login ", "username ", "config ", "USER ", "ROLE "];
    let behind = cursor.slice(start - 48.min(start - floor), start);
    let line = behind.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let within = if line.is_empty() { behind } else { line };
    BEFORE.iter().any(|before| line.ends_with(before.as_bytes()))
        || within.windows(2).enumerate().any(|(at, pair)| {
            // What the words end with: few others do.
            let word = within.get(..at + 2).unwrap_or_default();
            matches!(pair, [b'n' | b'e' | b'g' | b'R' | b'E', b' '])
                && EARLIER.iter().any(|before| word.ends_with(before.as_bytes()))
        })
}

/// The word behind a label is no word of a sentence: it has a digit, a symbol or a capital inside.
fn is_telling(cursor: &Cursor<'_>, at: usize) -> bool {
    let end = cursor.run(at, 24, const { Class::of(" \t\r\n").not() });
    let word = cursor.slice(at, end);
    word.iter().skip(1).any(|byte| !byte.is_ascii_lowercase() && !b".,;:!?)".contains(byte)) || is_at_quote(cursor, at)
}

fn is_at_quote(cursor: &Cursor<'_>, at: usize) -> bool {
    matches!(cursor.at(at), Some(b'"' | b'\''))
}

/// True for the name in `put("name", …)`, false for one of many strings in a list.
fn is_first_argument(cursor: &Cursor<'_>, start: usize) -> bool {
    let quote = cursor.run_back(start, 4, const { Class::of("\"'`\\") });
    matches!(cursor.before(cursor.run_back(quote, 4, const { Class::of(" ") })), Some(b'(' | b'{'))
        || cursor.before(quote) == Some(b' ') && cursor.before(quote - 1) == Some(b'"')
}

/// True when only blanks, `export` and the like stand before the name on its line.
fn starts_line(cursor: &Cursor<'_>, start: usize, floor: usize) -> bool {
    let behind = cursor.slice(start - 24.min(start - floor), start);
    // What may stand right before the name; the ordinary case is another sign.
    if !matches!(behind.last(), None | Some(b' ' | b'\t' | b'\n' | b'\r' | b'+' | b'*' | b'>' | b':' | b'-')) {
        return false;
    }
    let line = behind.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = line.trim_ascii();
    line.is_empty()
        || line.len() <= 10
            && [
                &b"export"[..],
                b"set",
                b"ENV",
                b"env",
                b"-",
                b"+",
                b"setx",
                b"declare -x",
                b"local",
                b"*",
                b">",
                b"- export",
                b":",
                b"setenv",
            ]
            .contains(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the checks find in a text, in order.
    fn found(text: &str) -> Vec<String> {
        let (cursor, lower) = (Cursor::new(text.as_bytes(), true), text.to_ascii_lowercase());
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for coded in CODE {
            for (start, anchor) in coded.anchors.iter().flat_map(|anchor| lower.match_indices(anchor)) {
                let hit = Hit { start, end: start + anchor.len(), floor: 0 };
                spans.extend((coded.check)(&cursor, hit).map(|found| (found.start, found.end)));
            }
        }
        spans.sort_unstable();
        spans.dedup();
        spans.iter().map(|(start, end)| text[*start..*end].to_owned()).collect()
    }

    fn finds(template: &str, value: &str) {
        let text = template.replace('@', value);
        assert!(found(&text).iter().any(|found| found == value), "{text:?} gives {:?}", found(&text));
    }

    /// Letters and digits without a pattern, made here so that no such text stands in the source.
    fn random(len: usize) -> String {
        let mut state = 0x9e37_79b9_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"8fK3aQ9cZ0eX7bW2mTd4R1J6v5Gp"[(state >> 16) as usize % 28] as char
        };
        (0..len).map(|_| draw()).collect()
    }

    #[test]
    fn a_token_is_found_behind_every_operator() {
        for template in [
            "api_key = \"@\"",
            "API_TOKEN=@",
            "\"authToken\": \"@\"",
            "'client_secret' => '@',",
            "accessKey := `@`",
            "let token: &str = \"@\";",
            "var apiToken string = \"@\"",
            "<apiToken>@</apiToken>",
            "<add key=\"ApiKey\" value=\"@\" />",
            "{\"name\": \"API_KEY\", \"value\": \"@\"}",
            "- name: API_KEY\n  value: @",
            "{\\\"api_key\\\": \\\"@\\\"}",
            "api_token:\n  \"@\"",
            "--api-key @",
            "x-api-key: @",
            "https://example.com/c?d=1&access_token=@&e=2",
            "Authorization: Bearer @",
            "the API key is @",
            "os.environ.get(\"API_KEY\", \"@\")",
            "variable \"api_token\" {\n  default = \"@\"\n}",
        ] {
            finds(template, &random(32));
        }
    }

    #[test]
    fn a_password_may_be_weak_where_it_is_given() {
        for template in [
            "password = \"@\"",
            "DB_PASSWORD=@",
            "dbPassword: '@'",
            "Server=a;Uid=b;Pwd=@;",
            "sshpass -p '@' ssh a",
            "mysql -u a -p@ b",
            "docker login -u a -p @ b",
            "redis-cli -a @ ping",
            "curl -u a:@ https://b",
            "auth=('a', '@')",
            "echo @ | sudo -S ls",
            "CREATE USER a IDENTIFIED BY '@';",
            "machine a login b password @",
            "the password is @",
            "*:*:*:user:@",
            "net use x: \\\\a\\b @ /user:c",
        ] {
            finds(template, "Tr0ub4dor!");
        }
    }

    #[test]
    fn what_only_speaks_of_a_secret_is_left() {
        for text in [
            "max_tokens = 4096",
            "let token = self.next_token();",
            "password = get_password(\"db\")",
            "password: String,",
            "password=password",
            "apiKey: \"test\"",
            "api_key = os.environ[\"API_KEY\"]",
            "API_KEY=${API_KEY}",
            "if apiKey == \"\" {",
            "primary_key = \"id\"",
            "password is required",
            "the token is invalid",
            "password: [REDACTED]",
            "password=*****",
            "token: \"<YOUR_TOKEN>\"",
            "password: {{ vault_password }}",
            "secretName: my-tls-secret",
            "token_url = \"https://example.com/oauth2/token\"",
            "keyboard = \"qwerty-us-1\"",
            "password_file: /run/secrets/db_password",
            "\"passwordTooShort\": \"Must have 8 characters.\"",
            "docker run -u 1000:1000 a",
            "private_key: \"./keys/server1.pem\"",
            "secrets: inherit",
            "error: unexpected token '}'",
            "pass\n",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn a_list_of_codes_and_a_seed_phrase_are_taken_whole() {
        finds("Recovery codes:\n@\n", "8f3a-9c0e\n7b2d-4165\n1a2b-3c4d");
        finds("mnemonic: \"@\"", &["harbor", "velvet", "copper", "garden"].map(|word| [word; 3].join(" ")).join(" "));
    }

    #[test]
    fn repeating_a_label_makes_no_finding_and_no_panic() {
        for unit in ["key=", "password: ", "token_", "pw=", "psk \"", "auth('a',", "curl -u ", "$6$", "cookie: a=b;"] {
            assert_eq!(found(&unit.repeat(20)), Vec::<String>::new(), "{unit:?}");
        }
    }
}
