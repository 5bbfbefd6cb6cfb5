//! Values that are no secrets whatever stands before them.
//!
//! Owns the list: references to a secret, placeholders, masks, literals, types, paths, digests. Accepts nothing.

use super::{super::placeholder, choice::Choice, random::Mix};

/// Whole values, in lower case.
static LITERALS: Choice<152> = Choice::of([
    "null",
    "nil",
    "none",
    "undefined",
    "true",
    "false",
    "string",
    "str",
    "text",
    "bool",
    "boolean",
    "number",
    "integer",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "username",
    "user",
    "login",
    "admin",
    "required",
    "wrong",
    "incorrect",
    "correct",
    "timeout",
    "optional",
    "test",
    "pass",
    "mypass",
    "value",
    "input",
    "hidden",
    "type",
    "name",
    "email",
    "unknown",
    "invalid",
    "missing",
    "empty",
    "default",
    "disabled",
    "enabled",
    "error",
    "object",
    "array",
    "function",
    "bytes",
    "const",
    "static",
    "return",
    "self",
    "this",
    "async",
    "await",
    "yes",
    "no",
    "on",
    "off",
    "auto",
    "any",
    "never",
    "void",
    "data",
    "body",
    "header",
    "headers",
    "query",
    "cookie",
    "cookies",
    "basic",
    "bearer",
    "oauth",
    "oauth2",
    "http",
    "https",
    "apikey",
    "api_key",
    "api-key",
    "jwt",
    "digest",
    "scram-sha-256",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "hs256",
    "rs256",
    "base64",
    "utf8",
    "utf-8",
    "bcrypt",
    "argon2",
    "argon2id",
    "pbkdf2",
    "scrypt",
    "aes256",
    "aes-256-gcm",
    "ed25519",
    "rsa2048",
    "x509",
    "oauth1",
    "int32",
    "int64",
    "uint8",
    "uint32",
    "uint64",
    "vec<u8>",
    "hunter",
    "foo",
    "bar",
    "baz",
    "foobar",
    "qwer",
    "abc",
    "abcd",
    "secretref",
    "authorization",
    "authentication",
    "credentials",
    "credential",
    "private",
    "public",
    "session",
    "client",
    "server",
    "prompt",
    "confirm",
    "environment",
    "variable",
    "keyring",
    "keychain",
    "vault",
    "file",
    "stdin",
    "interactive",
    "trust",
    "peer",
    "ident",
    "from",
    "into",
    "with",
    "where",
    "when",
    "then",
    "that",
    "which",
    "will",
    "must",
    "should",
    "have",
]);

/// How values begin that refer to a secret kept elsewhere, or that are no value.
static REFERENCES: Choice<114> = Choice::of([
    "required|",
    "nullable|",
    "sometimes|",
    "string|",
    "min:",
    "max:",
    "$[",
    "$(",
    "{{ ",
    "#{",
    "%{",
    "@{",
    "<%",
    "[[",
    "%(",
    "vault:",
    "!vault",
    "enc(",
    "enc[",
    "env:",
    "env(",
    "op://",
    "ssm:",
    "arn:",
    "sops:",
    "secret://",
    "vault://",
    "projects/",
    "file:",
    "file(",
    "ref+",
    "secretref:",
    "keyvault",
    "@microsoft",
    "azurekeyvault",
    "os.",
    "process.",
    "env.",
    "system.",
    "config.",
    "self.",
    "this.",
    "request.",
    "req.",
    "args.",
    "params.",
    "options.",
    "settings.",
    "http://",
    "https://",
    "./",
    "../",
    "~/",
    "$env:",
    "env!(",
    "option_env",
    "std::",
    "sha256-",
    "sha512-",
    "sha384-",
    "sha1-",
    "sha256:",
    "sha512:",
    "sha1:",
    "md5:",
    "var.",
    "local.",
    "module.",
    "data.",
    "secrets.",
    "github.",
    "inputs.",
    "!ref",
    "!sub",
    "!getatt",
    "fn::",
    "resolve:",
    "{resolve",
    "aws_",
    "/run/secrets",
    "/etc/",
    "/var/",
    "/home/",
    "/usr/",
    "/opt/",
    "/tmp/",
    "mfkwewyh",
    "miibij",
    "mcowbqyd",
    "aaaac3nz",
    "aaaab3nz",
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-",
    "*mut",
    "*const",
    "&mut",
    "\\x",
    "\\u",
    "\\d",
    "\\w",
    "\\s",
    "(?",
    "^",
    "[a-z",
    "[^",
    "[0-9",
    "application/",
    "text/",
    "urn:",
    "data:",
    "mailto:",
    "s3://",
    "gs://",
]);

/// True for values that are refused under every label.
pub(super) fn always(value: &[u8], mix: &Mix) -> bool {
    let lower = value.get(..value.len().min(160)).unwrap_or_default().to_ascii_lowercase();
    let trimmed = lower.strip_suffix(b":").unwrap_or(&lower);
    mix.distinct <= 2
        || LITERALS.has(trimmed)
        || REFERENCES.begins(&lower)
        || placeholder::is_labelled(&lower)
        || is_variable(value)
        || is_wrapped(value)
        || is_constant(value)
        || matches!(
            value,
            [b')' | b']' | b',' | b';', b' ' | b'.' | b',' | b';' | b')' | b'\n', ..] | [b')' | b',' | b';' | b']']
        )
        || is_counting(&lower)
        || is_format(value, mix)
        || is_measure(value)
}

/// A path or an address without credentials.
pub(super) fn is_path(value: &[u8], mix: &Mix) -> bool {
    let slashes = value.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count();
    let rooted = matches!(value.first(), Some(b'/' | b'.' | b'~'));
    (slashes > 0 && (rooted || slashes > 1) && mix.oddness() < 40) || value.get(1..3) == Some(b":\\")
}

/// Letters, digits and joints of identifiers that make words: a name of something else.
pub(super) fn is_identifier(value: &[u8], mix: &Mix) -> bool {
    let joined = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':' | b'$' | b'?'));
    joined && mix.oddness() < 30 && mix.digits <= 1
}

/// Eight, four, four, four and twelve hex digits.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Hex of a digest's length.
pub(super) fn is_digest(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.len() <= text.len() && memchr::memmem::find(text, part).is_some()
}

/// `$NAME`, `%NAME%`, `@name@`, `:name`.
fn is_variable(value: &[u8]) -> bool {
    let name = |name: &[u8]| {
        name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':' | b'>'))
    };
    let wordy =
        |rest: &[u8]| name(rest) && Mix::of(rest).oddness() < 40 && !rest.iter().take(2).any(u8::is_ascii_digit);
    match value {
        [b'$', rest @ ..] | [b':', rest @ ..] => wordy(rest),
        [b'%', rest @ .., b'%'] | [b'@', rest @ .., b'@'] | [b'_', b'_', rest @ .., b'_', b'_'] => name(rest),
        _ => false,
    }
}

/// `UPPER_CASE_NAME`: a constant or a variable of the environment.
fn is_constant(value: &[u8]) -> bool {
    value.contains(&b'_')
        && value.first().is_some_and(u8::is_ascii_uppercase)
        && value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        && value
            .split(|byte| *byte == b'_')
            .filter(|part| part.len() > 1 && part.iter().all(u8::is_ascii_uppercase))
            .count()
            > 1
}

/// `<…>`, `[…]`, `{…}`: a slot to fill.
fn is_wrapped(value: &[u8]) -> bool {
    matches!(
        (value.first(), value.last()),
        (Some(b'<'), Some(b'>')) | (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')) | (Some(b'('), Some(b')'))
    )
}

/// `12345678`, `abcdefgh` and the like, up to the end of the value, of 9 characters and more.
fn is_counting(lower: &[u8]) -> bool {
    lower.len() > 9 && lower.windows(2).filter(|pair| pair[1].wrapping_sub(pair[0]) <= 1).count() * 4 > lower.len() * 3
}

/// Format strings: `%s`, `{}`, `{name}`.
fn is_format(value: &[u8], mix: &Mix) -> bool {
    contains(value, b"{}")
        || mix.oddness() < 40 && (contains(value, b"%s") || contains(value, b"%d"))
        || slot(value, b"<", b">")
        || value.ends_with(b">") && value.starts_with(b"<")
        || value.first() == Some(&b'{') && value.contains(&b'}')
        || slot(value, b"${", b"}")
        || slot(value, b"{{", b"}}")
        || slot(value, b"#{", b"}")
        || slot(value, b"$(", b")")
}

/// A name between `open` and `close`: filled in later.
fn slot(value: &[u8], open: &[u8], close: &[u8]) -> bool {
    let Some(inside) = memchr::memmem::find(value, open).and_then(|at| value.get(at + open.len()..)) else {
        return false;
    };
    let name = inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.:- $'\"/".contains(byte)).count();
    inside.get(name..).is_some_and(|rest| rest.starts_with(close)) || name == inside.len() && open.len() > 1
}

/// Versions, addresses, dates, object ids, numbers with a type.
fn is_measure(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let Some(b'0'..=b'9') = value.first() else { return false };
    if let Some(hex) = value.strip_prefix(b"0x") {
        return hex.len() <= 16
            && hex.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'_' | b'u' | b'U' | b'L'));
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let joints =
        value.iter().filter(|byte| matches!(byte, b'.' | b'-' | b':' | b'_' | b'/' | b'+' | b'T' | b'Z')).count();
    let number = value.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count();
    (joints > 0 && digits + joints == value.len())
        || matches!(
            value.get(number..),
            Some(
                b"u8"
                    | b"u16"
                    | b"u32"
                    | b"u64"
                    | b"usize"
                    | b"i32"
                    | b"i64"
                    | b"u"
                    | b"ul"
                    | b"ms"
                    | b"s"
                    | b"px"
                    | b"L"
            )
        )
}
