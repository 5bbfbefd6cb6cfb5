//! What is known of one key of the configuration.

use super::{Config, Kind, Value, kind::Raw};

/// Whether a running daemon takes a new value at reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// From the next request on.
    Live,
    /// Only a new start does.
    Restart,
}

/// What a project's own file may do to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// Nothing.
    Never,
    /// Lower it.
    Lower,
    /// Set it to this one value.
    Only(&'static str),
    /// Switch it on.
    OnlyTrue,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name in the section.
    pub name: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// Default as an environment variable would give it; empty for none.
    pub default: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// See [`Reload`].
    pub reload: Reload,
    /// See [`Project`].
    pub project: Project,
    /// The variable of the earlier system that still works; `AGENTD_…` wins over it.
    pub legacy: Option<&'static str>,
    pub(super) set: fn(&mut Config, &Value),
    pub(super) get: fn(&Config) -> Value,
}

impl Key {
    /// `section.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `AGENTD_SECTION_NAME`.
    pub fn variable(&self) -> String {
        format!("AGENTD_{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    /// What a configuration holds for this key.
    pub fn value(&self, config: &Config) -> Value {
        (self.get)(config)
    }

    pub(super) fn store(&self, config: &mut Config, value: &Value) {
        (self.set)(config, value);
    }

    pub(super) fn default_value(&self) -> Value {
        if self.default.is_empty() && !matches!(self.kind, Kind::Ids | Kind::Texts | Kind::Rules) {
            return Value::Unset;
        }
        self.kind.check(&Raw::from_text(self.kind, self.default), None).unwrap_or(Value::Unset)
    }
}
