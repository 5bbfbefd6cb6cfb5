//! What must be equal, whatever the words, for two asks to share an answer.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{config::RedactConfig, memory::kept::Fingerprint, redact};

/// Whose answers, of which project, given under which conditions. A hard border: nothing is matched across it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Who asks.
    pub uid: u32,
    /// Project root; the asker's directory when there is no project.
    pub project: PathBuf,
    /// False when there is no project.
    pub has_project: bool,
    /// Of all that is here and all conditions.
    pub fingerprint: Fingerprint,
}

/// The conditions of an ask.
pub struct Conditions<'a> {
    /// Who asks.
    pub uid: u32,
    /// Project root; the asker's directory when there is no project.
    pub project: &'a Path,
    /// False when there is no project.
    pub has_project: bool,
    /// The asker's directory: the model is told it, and names without a path mean what lies there.
    pub cwd: &'a Path,
    /// The model that would answer.
    pub model: &'a str,
    /// Where it is.
    pub endpoint: &'a str,
    /// Whether it thinks first.
    pub thinking: bool,
    /// Of the system prompt and the tool list.
    pub prefix: Fingerprint,
    /// What is hidden from the model.
    pub redact: &'a RedactConfig,
    /// Where tool results are cut: bytes of a result, bytes of a command's output.
    pub cuts: (usize, usize),
}

impl Scope {
    /// The scope of an ask.
    pub fn new(of: &Conditions<'_>) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // With its length before it, so that no two lists of parts read the same.
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(&of.uid.to_le_bytes());
        part(of.project.as_os_str().as_encoded_bytes());
        part(of.cwd.as_os_str().as_encoded_bytes());
        part(of.model.as_bytes());
        part(of.endpoint.as_bytes());
        part(&of.prefix);
        part(&of.cuts.0.to_le_bytes());
        part(&of.cuts.1.to_le_bytes());
        part(&redact::kinds_version().to_le_bytes());
        let redact = of.redact;
        part(&[of.has_project.into(), of.thinking.into(), redact.outbound.into(), redact.personal.into()]);
        redact.rules.iter().for_each(|(name, rule)| {
            part(name.as_bytes());
            part(rule.as_bytes());
        });
        redact.allow.iter().for_each(|value| part(value.as_bytes()));
        Self {
            uid: of.uid,
            project: of.project.to_path_buf(),
            has_project: of.has_project,
            fingerprint: hash.finalize().into(),
        }
    }
}

/// Of a list of texts; zeros for none.
pub fn fingerprint<'a>(texts: impl IntoIterator<Item = &'a str>) -> Fingerprint {
    let mut hash: Option<Sha256> = None;
    for text in texts {
        let hash = hash.get_or_insert_with(Sha256::new);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.map(|hash| hash.finalize().into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_makes_a_scope_of_its_own() {
        let redact = crate::config::Config::default().redact;
        let mut other_redact = redact.clone();
        other_redact.allow.push("x".into());
        let base = || Conditions {
            uid: 1,
            project: Path::new("/p"),
            has_project: true,
            cwd: Path::new("/p"),
            model: "m",
            endpoint: "e",
            thinking: true,
            prefix: [0; 32],
            redact: &redact,
            cuts: (1, 1),
        };
        let all = [
            base(),
            Conditions { uid: 2, ..base() },
            Conditions { project: Path::new("/q"), ..base() },
            Conditions { has_project: false, ..base() },
            Conditions { cwd: Path::new("/p/a"), ..base() },
            Conditions { model: "n", ..base() },
            Conditions { endpoint: "f", ..base() },
            Conditions { thinking: false, ..base() },
            Conditions { prefix: [1; 32], ..base() },
            Conditions { redact: &other_redact, ..base() },
            Conditions { cuts: (2, 1), ..base() },
            Conditions { cuts: (1, 2), ..base() },
            Conditions { model: "me", endpoint: "", ..base() },
        ];
        let prints: std::collections::HashSet<_> = all.iter().map(|of| Scope::new(of).fingerprint).collect();
        assert_eq!(prints.len(), all.len());
        assert_eq!(Scope::new(&base()), Scope::new(&base()));
    }

    #[test]
    fn a_list_of_texts_is_not_their_concatenation() {
        assert_eq!(fingerprint([]), [0; 32]);
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
    }
}
