//! The provider's key: where it comes from and who may see it.
//!
//! Owns the way from a variable or a file of mode 0600 to the key. Refuses files that others may read and keys that
//! no header can carry. The key leaves this type only for the header, the redactor and the removal of echoes.

use std::{
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use proto::{ErrorKind, Failure};
use secrecy::{ExposeSecret, SecretString};

use crate::{config::ProviderConfig, paths::open_named, redact::MARKER};

/// Longest key in bytes. Keys have about 40; signed tokens of gateways some thousand.
const KEY_MAX: u64 = 16 << 10;

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySource {
    /// This environment variable of the daemon.
    Variable(String),
    /// This file.
    File(PathBuf),
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A key and its source. `Debug` shows the source only.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) source: KeySource,
    pub(super) secret: SecretString,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

impl Key {
    /// The configured key: the file when one is configured, else the variable. `None` when the variable is unset or
    /// blank.
    ///
    /// # Errors
    /// The file cannot be read or others may read it, or the key cannot travel in a header.
    pub(super) fn find(
        config: &ProviderConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Failure> {
        let (source, text) = match &config.api_key_file {
            Some(path) => (KeySource::File(path.clone()), read_private(path)?),
            None => match variable(&config.api_key_env) {
                Some(text) => (KeySource::Variable(config.api_key_env.clone()), text),
                None => return Ok(None),
            },
        };
        let text = text.trim();
        match (&source, text.is_empty()) {
            (KeySource::Variable(_), true) => return Ok(None),
            (KeySource::File(_), true) => return Err(bad_key(format!("the key file {source} is empty"), &source)),
            (_, false) => {}
        }
        if text.len() as u64 > KEY_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("the key in {source} holds blanks or other characters that no key has");
            return Err(bad_key(message, &source));
        }
        Ok(Some(Self { secret: SecretString::from(text), source }))
    }

    /// The text without the key, as it is and as it stands in a URL.
    pub(super) fn scrub(&self, text: &str) -> String {
        let secret = self.secret.expose_secret();
        let encoded: String = secret
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        text.replace(secret, MARKER).replace(&encoded, MARKER)
    }
}

fn bad_key(message: String, source: &KeySource) -> Failure {
    let hint = match source {
        KeySource::Variable(name) => format!("set {name} to the key alone, then `agentctl daemon restart`"),
        KeySource::File(path) => format!("write the key alone into {}", path.display()),
    };
    Failure::new(ErrorKind::Auth, message).hint(hint)
}

/// The content of a file that only we can read.
fn read_private(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::new(ErrorKind::Auth, format!("cannot read the key file {shown}: {error}"))
            .hint("correct provider.api_key_file (`agentctl config path` shows where), or create the file")
    };
    let (file, meta) = open_named(path, true).map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Failure::new(ErrorKind::Auth, format!("the key file {shown} belongs to another user"))
            .hint(format!("type: sudo chown \"$USER\" '{shown}'")));
    }
    if meta.mode() & 0o077 != 0 {
        let mode = meta.mode() & 0o777;
        return Err(Failure::new(
            ErrorKind::Auth,
            format!("the key file {shown} has mode {mode:04o}: others may read it"),
        )
        .hint(format!("type: chmod 600 '{shown}'")));
    }
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(KEY_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use super::*;
    use crate::config::ProviderKind;

    pub(in crate::llm) fn config() -> ProviderConfig {
        ProviderConfig {
            kind: ProviderKind::Auto,
            base_url: None,
            model: None,
            thinking: true,
            api_key_env: "DEEPSEEK_API_KEY".to_owned(),
            api_key_file: None,
            idle_timeout: Duration::from_secs(120),
            max_tokens: 8192,
            max_attempts: 4,
            max_concurrent: 32,
        }
    }

    fn of_variable(value: &str) -> Result<Option<Key>, Failure> {
        Key::find(&config(), |name| (name == "DEEPSEEK_API_KEY").then(|| value.to_owned()))
    }

    fn of_file(content: &str, mode: u32) -> Result<Option<Key>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Key::find(&ProviderConfig { api_key_file: Some(path), ..config() }, |_| None)
    }

    #[test]
    fn a_key_is_trimmed_and_a_blank_variable_is_no_key() {
        let key = of_variable(" sk-12345678\n").unwrap().unwrap();
        assert_eq!(key.secret.expose_secret(), "sk-12345678");
        assert_eq!(of_variable(" \n").unwrap(), None);
        assert_eq!(Key::find(&config(), |_| None).unwrap(), None);
    }

    #[test]
    fn a_private_file_gives_the_key_and_a_wider_one_names_the_chmod() {
        assert_eq!(of_file("sk-12345678\n", 0o600).unwrap().unwrap().secret.expose_secret(), "sk-12345678");
        assert!(of_file("sk-12345678\n", 0o400).unwrap().is_some());
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let failure = of_file("sk-12345678\n", mode).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Auth);
            assert!(failure.hint.starts_with("type: chmod 600 "), "{failure:?}");
            assert!(failure.message.contains(&format!("{mode:04o}")), "{failure:?}");
        }
    }

    #[test]
    fn an_absent_file_a_directory_an_empty_file_and_a_fifo_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [dir.path().join("absent"), dir.path().to_owned(), fifo] {
            let found = Key::find(&ProviderConfig { api_key_file: Some(path.clone()), ..config() }, |_| None);
            let failure = found.unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Auth);
            assert!(failure.message.contains(&*path.to_string_lossy()), "{failure:?}");
        }
        assert!(of_file(" \n", 0o600).unwrap_err().message.contains("empty"));
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_showing_it() {
        for text in ["sk-1234\n5678", "sk-12 345678", "schlüssel-12345678"] {
            let failure = of_variable(text).unwrap_err();
            assert!(!format!("{failure:?}").contains("345"), "{failure:?}");
        }
    }

    #[test]
    fn neither_debug_nor_a_scrubbed_text_shows_the_key() {
        let key = of_variable("sk-1234/5678").unwrap().unwrap();
        assert!(!format!("{key:?}").contains("1234"));
        assert_eq!(key.scrub("key sk-1234/5678 in ?k=sk-1234%2F5678"), "key [REDACTED] in ?k=[REDACTED]");
    }
}
