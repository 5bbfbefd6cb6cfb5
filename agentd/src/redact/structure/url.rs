//! Secrets by their place in a URL: passwords and tokens before the host, webhook paths, signatures of signed links.
//!
//! Owns what is a password there and what is documentation. A password that is the word for itself
//! (`user:password@host`), a variable or a marker stays; `postgres:postgres@localhost` is a password.

use super::{
    super::{
        engine::{Class, Coded, Cursor, DIGIT, Found, Hit, Then},
        shape::is_placeholder,
    },
    mixed,
};

/// Longer user names and passwords than this are no URL's.
const USER_MAX: usize = 96;
const PASSWORD_MAX: usize = 256;
/// A path or a value longer than this is replaced along its run.
const VALUE_MAX: usize = 1024;
/// Shorter names before an `@` are names of people and machines.
const TOKEN_MIN: usize = 16;

const USER: Class = Class::of("A-Za-z0-9._~%+$!{}*-");
const NAME: Class = Class::of("A-Za-z0-9_-");
/// What ends a URL in any text.
const OUTSIDE: Class = Class::of("\0- \"'`<>\\");
/// What ends the part before a path.
const PATH: Class = Class::of("/?#");
const HOST: Class = Class::of("A-Za-z0-9_.[${*(%");
/// What a password is made of that is read from its end: a stream holds no other run back.
const BACKWARD: Class = Class::of("!#-&(-9;-_a-~");
const QUOTE: Class = Class::of("\"'`");
const LINK: Class = Class::of("A-Za-z0-9_/@.:=&?%+~-");
const VALUE: Class = Class::of("A-Za-z0-9_/.%+=~-");
const ENCODED: Class = Class::of("A-Za-z0-9_.~%+!*()-");

/// Words that documentation writes where a password stands.
const SAYS_PASSWORD: [&str; 26] = [
    "password",
    "pass",
    "passwd",
    "passwort",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "mypassword",
    "my_password",
    "my-password",
    "mypass",
    "yourpassword",
    "your_password",
    "your-password",
    "passw0rd",
    "p4ssw0rd",
    "credentials",
    "bar",
    "baz",
    "access_token",
    "dbpassword",
];
/// Words that documentation writes where a user name stands.
const SAYS_USER: [&str; 20] = [
    "",
    "user",
    "username",
    "usr",
    "login",
    "name",
    "me",
    "foo",
    "u",
    "myuser",
    "my_user",
    "my-user",
    "youruser",
    "your_user",
    "your_username",
    "your-username",
    "dbuser",
    "db_user",
    "userid",
    "uid",
];
/// Passwords that say: the user name is the token.
const EMPTY: [&str; 4] = ["", "x-oauth-basic", "x", "x-token-auth"];
/// Schemes whose user names are only names.
const NAMED: [&str; 6] = ["ssh", "sftp", "scp", "sip", "xmpp", "mailto"];

pub(in crate::redact) const CODE: &[Coded] = &[
    Coded {
        id: "url-credentials",
        title: "Password or token before the host of a URL",
        anchors: &["://", ":\\/\\/"],
        check: credentials,
    },
    Coded {
        id: "encoded-url-credentials",
        title: "Password in a percent-encoded URL",
        anchors: &["%3a%2f%2f"],
        check: encoded,
    },
    Coded {
        id: "dsn-password",
        title: "Password in a data source name without a scheme",
        anchors: &["@tcp(", "@tcp4(", "@tcp6(", "@unix("],
        check: source_name,
    },
    Coded {
        id: "oracle-password",
        title: "Password of an Oracle connection",
        anchors: &["oracle:thin:", "oracle:oci:"],
        check: oracle,
    },
    Coded {
        id: "webhook-url",
        title: "Webhook address that whoever knows it may call",
        anchors: &[
            "hooks.slack.com/services/",
            "hooks.slack.com/workflows/",
            "hooks.slack.com/triggers/",
            "hooks.slack-gov.com/services/",
            "hooks.slack.com\\/services\\/",
            "discord.com/api/webhooks/",
            "discordapp.com/api/webhooks/",
            "discord.com\\/api\\/webhooks\\/",
            "webhook.office.com/webhookb2/",
            "outlook.office.com/webhook/",
            "outlook.office365.com/webhook/",
            "hooks.zapier.com/hooks/catch/",
            "hook.integromat.com/",
            "hook.eu1.make.com/",
            "hook.eu2.make.com/",
            "hook.us1.make.com/",
            "hook.us2.make.com/",
            "maker.ifttt.com/trigger/",
            "hooks.chime.aws/incomingwebhooks/",
            "open.feishu.cn/open-apis/bot/",
            "open.larksuite.com/open-apis/bot/",
            "chat.googleapis.com/v1/spaces/",
            "oapi.dingtalk.com/robot/send?access_token=",
            "qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
            "events.pagerduty.com/integration/",
            "alert.victorops.com/integrations/generic/",
            "api.telegram.org/bot",
            "hc-ping.com/",
        ],
        check: webhook,
    },
    Coded {
        id: "signed-url",
        title: "Signature of a signed link",
        anchors: &["sig=", "signature=", "x-amz-security-token="],
        check: signature,
    },
];

/// `scheme://user:PASSWORD@host` and `scheme://TOKEN@host`.
fn credentials(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let user = hit.end;
    let user_end = cursor.run(user, USER_MAX, USER);
    match cursor.at(user_end)? {
        b'@' => token(cursor, hit, user_end),
        b':' => {
            let from = user_end + 1;
            let end = password_end(cursor, hit, from)?;
            if EMPTY.iter().any(|word| cursor.slice(from, end) == word.as_bytes()) {
                return token(cursor, hit, user_end);
            }
            let password = cursor.slice(from, end);
            // Hosts that the standards keep for documentation.
            let shown =
                cursor.is_any_case(end + 1, "example.") && (password.len() <= 3 || says(&SAYS_PASSWORD, password));
            let open = !shown && is_password(cursor.slice(user, user_end), password);
            open.then_some(Found { start: from, end, then: Then::Stop })
        }
        _ => None,
    }
}

/// The `@` that ends a password which may itself hold one.
fn password_end(cursor: &Cursor<'_>, hit: Hit, from: usize) -> Option<usize> {
    let port = cursor.run(from, 6, DIGIT);
    if port > from && cursor.at(port).is_none_or(|byte| PATH.has(byte) || OUTSIDE.has(byte)) {
        return None;
    }
    let web = [4, 5].into_iter().any(|length| is_web(cursor.slice(hit.start.saturating_sub(length), hit.start)));
    let (mut at, mut found) = (from, None);
    while at - from < PASSWORD_MAX
        && let Some(byte) = cursor.at(at)
        && !OUTSIDE.has(byte)
        && !(PATH.has(byte) && (web || found.is_some()))
        // Another URL: its own hit judges it, and no byte is looked at twice.
        && !(byte == b':' && cursor.is(at + 1, "//"))
    {
        if byte == b'@' && cursor.at(at + 1).is_none_or(|next| HOST.has(next) || QUOTE.has(next)) {
            found = Some(at);
        }
        at += 1;
    }
    found
}

fn says(words: &[&str], text: &[u8]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_web(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

/// True when what stands between the colon and the `@` is somebody's password.
fn is_password(user: &[u8], password: &[u8]) -> bool {
    let lower = password.to_ascii_lowercase();
    let has = |part: &str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
    let first = password.first().copied().unwrap_or_default();
    let same = password.iter().all(|byte| *byte == first);
    if password.len() < 3 || same || says(&SAYS_PASSWORD, password) && says(&SAYS_USER, user) {
        return false;
    }
    let variable = match first {
        b'$' => password.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || b"{(_".contains(byte)),
        b'%' => password.last() == Some(&b'%') || password.len() < 4 || password.get(1) == Some(&b'('),
        b'{' | b'<' | b'[' | b'(' => true,
        _ => false,
    };
    !variable
        && !["${", "{{", "#{", "...", "redacted", "***", "xxxx", "your", "%s", "placeholder", "pserver:"]
            .into_iter()
            .any(has)
}

/// A token that stands where the user name does.
fn token(cursor: &Cursor<'_>, hit: Hit, end: usize) -> Option<Found> {
    let scheme = cursor.slice(cursor.run_back(hit.start, 8, NAME), hit.start).to_ascii_lowercase();
    let value = cursor.slice(hit.end, end);
    let named = NAMED.iter().any(|name| name.as_bytes() == scheme);
    let random = value.len() >= TOKEN_MIN && mixed(value) && value.iter().all(|byte| NAME.has(*byte) || *byte == b'.');
    let is = !named && random && !is_placeholder(value) && memchr::memmem::find(value, b"0123456789").is_none();
    is.then_some(Found { start: hit.end, end, then: Then::Stop })
}

/// `scheme%3A%2F%2Fuser%3APASSWORD%40host`.
fn encoded(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let user_end = cursor.run(hit.end, USER_MAX, NAME.and(const { Class::of(".~") }));
    if !cursor.is_any_case(user_end, "%3a") {
        return None;
    }
    let from = user_end + 3;
    let mut end = from;
    while !cursor.is(end, "%40") {
        if end - from > PASSWORD_MAX || !cursor.at(end).is_some_and(|byte| ENCODED.has(byte)) {
            return None;
        }
        if cursor.is_any_case(end, "%2f") {
            return None;
        }
        end += 1;
    }
    let open = is_password(cursor.slice(hit.end, user_end), cursor.slice(from, end));
    open.then_some(Found { start: from, end, then: Then::Stop })
}

/// `user:PASSWORD@tcp(host)`.
fn source_name(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let start = cursor.run_back(hit.start, 64, BACKWARD);
    if cursor.before(start) != Some(b':') || start < hit.floor {
        return None;
    }
    let user = cursor.run_back(start - 1, 32, USER);
    let open = user < start - 1 && is_password(cursor.slice(user, start - 1), cursor.slice(start, hit.start));
    open.then_some(Found { start, end: hit.start, then: Then::Stop })
}

/// `jdbc:oracle:thin:user/PASSWORD@host`.
fn oracle(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let user_end = cursor.run(hit.end, USER_MAX, NAME);
    if cursor.at(user_end) != Some(b'/') {
        return None;
    }
    let start = user_end + 1;
    let end = cursor.run(start, PASSWORD_MAX, OUTSIDE.and(const { Class::of("@") }).not());
    let open = cursor.at(end) == Some(b'@') && is_password(cursor.slice(hit.end, user_end), cursor.slice(start, end));
    open.then_some(Found { start, end, then: Then::Stop })
}

/// What follows the address of a webhook service, as a whole.
fn webhook(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let mut end = hit.end;
    while end - hit.end < VALUE_MAX && cursor.at(end).is_some_and(|byte| is_link(cursor, end, byte)) {
        end += 1;
    }
    if end - hit.end == VALUE_MAX {
        return Some(Found { start: hit.end, end, then: Then::Run(LINK) });
    }
    let end = cursor.run_back(end, end - hit.end, const { Class::of("./:?&=@-") });
    let path = cursor.slice(hit.end, end);
    let random = path.len() >= TOKEN_MIN && mixed(path) && !is_placeholder(path);
    random.then_some(Found { start: hit.end, end, then: Then::Stop })
}

fn is_link(cursor: &Cursor<'_>, at: usize, byte: u8) -> bool {
    LINK.has(byte) || byte == b'\\' && cursor.at(at + 1) == Some(b'/')
}

/// `?sig=…`, `&X-Amz-Signature=…`, and `Signature=` at the end of a header that signs a request.
fn signature(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let name = cursor.run_back(hit.start, 24, NAME);
    let escaped = cursor.slice(name, hit.start);
    let query = match cursor.before(name) {
        Some(b'?' | b'&' | b';') => true,
        // The ampersand as JSON or a form writes it.
        Some(b'\\') => escaped.starts_with(b"u0026") || escaped.starts_with(b"u003f"),
        Some(b'%') => escaped.starts_with(b"26") || escaped.starts_with(b"3F"),
        _ => false,
    };
    let header = !query && matches!(cursor.before(name), Some(b' ' | b',')) && name == hit.start;
    if !query && !header {
        return None;
    }
    let end = cursor.run(hit.end, VALUE_MAX, VALUE);
    let then = if end - hit.end == VALUE_MAX { Then::Run(VALUE) } else { Then::Stop };
    let end = if then == Then::Stop { cursor.run_back(end, 2, const { Class::of(".") }).max(hit.end) } else { end };
    let value = cursor.slice(hit.end, end);
    let long = if header { value.len() >= 40 && value.iter().all(u8::is_ascii_hexdigit) } else { value.len() >= 20 };
    (long && mixed(value) && !is_placeholder(value)).then_some(Found { start: hit.end, end, then })
}
