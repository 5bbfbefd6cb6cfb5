//! Preferences: what a user wants of every answer, everywhere or in one project.
//!
//! Owns their bounds and which of them apply: one of the project hides one of the same name that applies everywhere.
//! Holds them in RAM; what the store has to write comes back as [`Change`]s. Names are free. Well known, because the
//! model is told about them: `language`, `style` and `answer_length` of answers, and the project's `test_command`,
//! `build_command` and `lint_command`.
//!
//! Refuses what does not belong on the disk or into every prompt: a value that holds a secret, control characters,
//! long texts, a long list. Invariant: at most [`PREFERENCES_MAX`] per uid; nothing of one uid is seen by another.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::kept::{Change, Fingerprint, Kept, PreferenceRecord};
use crate::redact::Redactor;

/// Most preferences of one user, over all projects: they go into prompts, and nobody reads a longer list.
pub const PREFERENCES_MAX: usize = 50;
/// Longest name in bytes.
pub const NAME_MAX: usize = 64;
/// Longest value in characters: a few sentences. What is longer belongs into AGENTS.md.
pub const VALUE_MAX: usize = 500;

/// Why a preference is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unset {
    /// The name is none.
    #[error("a preference's name has 1 to {NAME_MAX} letters, digits, '-', '_' or '.'")]
    Name,
    /// The value is none.
    #[error("a preference's value has 1 to {VALUE_MAX} characters and no control characters")]
    Value,
    /// The redactor would change it.
    #[error("it holds a secret: preferences are written to disk and sent to the model")]
    Secret,
    /// There are too many.
    #[error("there are {PREFERENCES_MAX} preferences already")]
    TooMany,
}

/// Where a preference applies and what it is called.
type Place = (u32, Option<PathBuf>, String);

/// All preferences of the daemon.
#[derive(Debug, Default)]
pub struct Preferences {
    kept: BTreeMap<Place, PreferenceRecord>,
}

/// A preference as a user or the model wants it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whose.
    pub uid: u32,
    /// Where it applies; `None`: everywhere.
    pub project: Option<&'a Path>,
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

/// What setting a preference came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// As it is kept now.
    pub record: PreferenceRecord,
    /// It had another value before.
    pub replaced: bool,
    /// For the store; empty when nothing changed.
    pub changes: Vec<Change>,
}

impl Preferences {
    /// Takes what the store holds.
    pub fn load(&mut self, records: impl IntoIterator<Item = PreferenceRecord>) {
        for record in records {
            self.kept.insert((record.uid, record.project.clone(), record.name.clone()), record);
        }
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = &PreferenceRecord> {
        self.kept.values()
    }

    /// Sets a preference.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changed.
    pub fn set(&mut self, wanted: &Wanted<'_>, redactor: &Redactor, now: SystemTime) -> Result<Set, Unset> {
        let value = check(wanted, redactor)?;
        let place = (wanted.uid, wanted.project.map(Path::to_path_buf), wanted.name.to_owned());
        let old = self.kept.get(&place);
        if old.is_none() && self.kept.keys().filter(|(uid, ..)| *uid == wanted.uid).count() >= PREFERENCES_MAX {
            return Err(Unset::TooMany);
        }
        let replaced = old.is_some_and(|old| old.value.as_str() != value);
        if let Some(same) = old.filter(|_| !replaced) {
            return Ok(Set { record: same.clone(), replaced, changes: Vec::new() });
        }
        let record = PreferenceRecord {
            uid: wanted.uid,
            project: place.1.clone(),
            name: place.2.clone(),
            value: redactor.text(value),
            set: now,
        };
        self.kept.insert(place, record.clone());
        let changes = vec![Change::Keep(Kept::Preference(record.clone()))];
        Ok(Set { record, replaced, changes })
    }

    /// Removes one; no change when there is none. Only the named place is looked at.
    pub fn unset(&mut self, uid: u32, project: Option<&Path>, name: &str) -> Vec<Change> {
        let place = (uid, project.map(Path::to_path_buf), name.to_owned());
        self.kept.remove(&place).map(|record| Change::Remove(Kept::Preference(record))).into_iter().collect()
    }

    /// The preferences that apply in a project, or everywhere, by name.
    pub fn effective(&self, uid: u32, project: Option<&Path>) -> Vec<PreferenceRecord> {
        let applies = |record: &&PreferenceRecord| {
            record.uid == uid && record.project.as_deref().is_none_or(|own| Some(own) == project)
        };
        let mut found: BTreeMap<&str, &PreferenceRecord> = BTreeMap::new();
        // In the map's order those that apply everywhere come first, so that those of the project replace them.
        for record in self.kept.values().filter(applies) {
            found.insert(&record.name, record);
        }
        found.into_values().cloned().collect()
    }

    /// Of what applies in a project: equal when the model was told the same.
    pub fn digest(&self, uid: u32, project: Option<&Path>) -> Fingerprint {
        digest_of(&self.effective(uid, project))
    }

    /// Where a preference belongs that was set without saying where: one of this name in the project stays there, a
    /// command is the project's, everything else is the user's. `project` as given or `None`.
    pub fn place_of<'p>(&self, uid: u32, project: Option<&'p Path>, name: &str) -> Option<&'p Path> {
        let project = project?;
        let known = self.kept.contains_key(&(uid, Some(project.to_path_buf()), name.to_owned()));
        (known || is_command(name)).then_some(project)
    }

    /// Takes those that are not known.
    pub fn add(&mut self, records: impl IntoIterator<Item = PreferenceRecord>) {
        for record in records {
            self.kept.entry((record.uid, record.project.clone(), record.name.clone())).or_insert(record);
        }
    }

    /// Removes what is selected, and returns it.
    pub fn remove(&mut self, is_selected: &dyn Fn(&PreferenceRecord) -> bool) -> Vec<Kept> {
        let places: Vec<Place> =
            self.kept.iter().filter(|(_, record)| is_selected(record)).map(|(place, _)| place.clone()).collect();
        places.iter().filter_map(|place| self.kept.remove(place)).map(Kept::Preference).collect()
    }
}

/// Of preferences in the order of their names.
pub fn digest_of(preferences: &[PreferenceRecord]) -> Fingerprint {
    let mut hash = Sha256::new();
    for preference in preferences {
        // Neither a name nor a value holds these.
        hash.update(preference.name.as_bytes());
        hash.update([0]);
        hash.update(preference.value.as_str().as_bytes());
        hash.update([b'\n']);
    }
    hash.finalize().into()
}

/// True for the names whose values are commands of one project.
fn is_command(name: &str) -> bool {
    name.ends_with("_command")
}

/// The value as it is kept.
///
/// # Errors
/// What is wrong with the preference, whatever there is already.
pub fn check<'w>(wanted: &Wanted<'w>, redactor: &Redactor) -> Result<&'w str, Unset> {
    let Wanted { name, value, .. } = *wanted;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_name) {
        return Err(Unset::Name);
    }
    let value = value.trim();
    // Line separators would make one preference read as two.
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if value.is_empty() || value.chars().count() > VALUE_MAX || value.chars().any(breaks) {
        return Err(Unset::Value);
    }
    // Also as the prompt shows it: behind a telling name a value is a secret that alone is a word.
    let shown = [value.to_owned(), format!("{name}: {value}"), format!("{name}={value}")];
    let project = wanted.project.map(|project| project.display().to_string());
    if shown.iter().chain(&project).any(|text| redactor.text(text).as_str() != text) {
        return Err(Unset::Secret);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: &str = "k-1234567890";
    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn redactor() -> Redactor {
        Redactor::new([KEY.to_owned()])
    }

    fn wanted<'a>(uid: u32, project: Option<&'a str>, name: &'a str, value: &'a str) -> Wanted<'a> {
        Wanted { uid, project: project.map(Path::new), name, value }
    }

    fn set(kept: &mut Preferences, uid: u32, project: Option<&str>, name: &str, value: &str) -> Set {
        kept.set(&wanted(uid, project, name, value), &redactor(), NOW).unwrap()
    }

    fn shown(kept: &Preferences, uid: u32, project: Option<&str>) -> Vec<String> {
        let found = kept.effective(uid, project.map(Path::new));
        found.iter().map(|record| format!("{}: {}", record.name, record.value)).collect()
    }

    #[test]
    fn one_of_the_project_hides_one_of_the_user_and_both_come_by_name() {
        let mut kept = Preferences::default();
        set(&mut kept, 1, None, "style", "brief");
        set(&mut kept, 1, None, "language", "German");
        set(&mut kept, 1, Some("/p"), "style", "long");
        set(&mut kept, 1, Some("/p"), "a.b-c", "x");
        assert_eq!(shown(&kept, 1, Some("/p")), ["a.b-c: x", "language: German", "style: long"]);
        assert_eq!(shown(&kept, 1, Some("/q")), ["language: German", "style: brief"]);
        assert_eq!(shown(&kept, 1, None), ["language: German", "style: brief"]);
    }

    #[test]
    fn nothing_of_one_user_is_seen_or_counted_or_forgotten_by_another() {
        let mut kept = Preferences::default();
        (0..PREFERENCES_MAX).for_each(|n| drop(set(&mut kept, 1, None, &format!("n{n}"), "x")));
        assert_eq!(shown(&kept, 2, None), [""; 0]);
        set(&mut kept, 2, None, "style", "brief");
        assert_eq!(kept.unset(1, None, "style"), []);
        assert_eq!(kept.remove(&|record| record.uid == 1).len(), PREFERENCES_MAX);
        assert_eq!(shown(&kept, 2, None), ["style: brief"]);
    }

    #[test]
    fn setting_and_removing_say_what_the_store_has_to_do() {
        let mut kept = Preferences::default();
        let first = set(&mut kept, 1, None, "style", "  brief ");
        assert_eq!((first.record.value.as_str(), first.replaced), ("brief", false));
        assert_eq!(first.changes, [Change::Keep(Kept::Preference(first.record.clone()))]);
        let later = kept.set(&wanted(1, None, "style", "brief"), &redactor(), NOW + Duration::from_secs(9)).unwrap();
        assert_eq!((later.record.set, later.replaced, later.changes), (NOW, false, vec![]), "nothing changed");
        let second = set(&mut kept, 1, None, "style", "long");
        assert!(second.replaced);
        assert_eq!(kept.unset(1, Some(Path::new("/p")), "style"), [], "only the named place");
        assert_eq!(kept.unset(1, None, "style"), [Change::Remove(Kept::Preference(second.record))]);
        assert_eq!(kept.unset(1, None, "style"), []);
    }

    #[test]
    fn a_name_and_a_value_have_bounds() {
        let mut kept = Preferences::default();
        let mut fault = |name: &str, value: &str| kept.set(&wanted(1, None, name, value), &redactor(), NOW).err();
        for name in ["", "a b", "a/b", "\u{e9}", "a\n", &"a".repeat(NAME_MAX + 1)] {
            assert_eq!(fault(name, "x"), Some(Unset::Name), "{name:?}");
        }
        for value in ["", "  ", "a\nb", "a\u{1b}b", "a\u{2028}b", &"\u{e9}".repeat(VALUE_MAX + 1)] {
            assert_eq!(fault("a", value), Some(Unset::Value), "{value:?}");
        }
        assert_eq!(fault(&"a".repeat(NAME_MAX), &"\u{e9}".repeat(VALUE_MAX)), None);
    }

    #[test]
    fn a_secret_is_no_preference_wherever_it_stands() {
        let mut kept = Preferences::default();
        let project = format!("/p/{KEY}");
        for (project, name, value) in [
            (None, "a", format!("use {KEY}")),
            (None, KEY, "x".to_owned()),
            (None, "password", "Tr0ub4dor-and-3-more".to_owned()),
            (Some(project.as_str()), "a", "x".to_owned()),
        ] {
            let fault = kept.set(&wanted(1, project, name, &value), &redactor(), NOW).err();
            assert_eq!(fault, Some(Unset::Secret), "{project:?} {name}: {value}");
        }
        assert_eq!(kept.records().count(), 0);
    }

    #[test]
    fn a_user_has_at_most_fifty_and_may_still_change_them() {
        let mut kept = Preferences::default();
        (0..PREFERENCES_MAX).for_each(|n| drop(set(&mut kept, 1, Some("/p"), &format!("n{n}"), "x")));
        assert_eq!(kept.set(&wanted(1, None, "style", "brief"), &redactor(), NOW).err(), Some(Unset::TooMany));
        assert!(set(&mut kept, 1, Some("/p"), "n0", "y").replaced);
    }

    #[test]
    fn the_digest_tells_what_applies_and_nothing_else() {
        let mut kept = Preferences::default();
        let (everywhere, project) = (None, Some(Path::new("/p")));
        let none = kept.digest(1, everywhere);
        set(&mut kept, 1, Some("/p"), "style", "brief");
        assert_eq!(kept.digest(1, everywhere), none);
        let in_project = kept.digest(1, project);
        assert_ne!(in_project, none);
        set(&mut kept, 1, None, "style", "long");
        assert_eq!(kept.digest(1, project), in_project, "hidden by the project's");
        kept.unset(1, project, "style");
        assert_ne!(kept.digest(1, project), in_project);
    }

    #[test]
    fn a_command_belongs_to_the_project_and_what_is_the_projects_stays_there() {
        let mut kept = Preferences::default();
        let project = Some(Path::new("/p"));
        assert_eq!(kept.place_of(1, project, "test_command"), project);
        assert_eq!(kept.place_of(1, project, "language"), None);
        assert_eq!(kept.place_of(1, None, "test_command"), None);
        set(&mut kept, 1, Some("/p"), "language", "German");
        assert_eq!(kept.place_of(1, project, "language"), project);
        assert_eq!(kept.place_of(2, project, "language"), None);
    }

    #[test]
    fn what_the_store_held_is_there_again_and_a_project_is_forgotten_alone() {
        let mut kept = Preferences::default();
        set(&mut kept, 1, None, "style", "brief");
        set(&mut kept, 1, Some("/p"), "style", "long");
        let mut again = Preferences::default();
        again.load(kept.records().cloned());
        assert_eq!(shown(&again, 1, Some("/p")), ["style: long"]);
        assert_eq!(again.remove(&|record| record.uid == 1 && record.project.is_some()).len(), 1);
        assert_eq!(shown(&again, 1, Some("/p")), ["style: brief"]);
    }
}
