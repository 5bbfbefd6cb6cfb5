//! Requests about preferences.

use proto::{
    ErrorKind, Failure, Preference, PrefsListRequest, PrefsReport, PrefsSetReport, PrefsSetRequest, PrefsUnsetReport,
    PrefsUnsetRequest,
};

use super::kept::project_of;
use crate::{
    agent::Agent,
    clock::seconds_since,
    memory::{
        kept::PreferenceRecord,
        lasting::Written,
        preferences::{Unset, Wanted},
    },
    redact::Redactor,
};

/// Where one user's preferences are looked after.
pub(super) struct Desk<'a> {
    pub(super) agent: &'a Agent,
    pub(super) uid: u32,
    pub(super) redactor: &'a Redactor,
}

impl Desk<'_> {
    /// The preferences that apply.
    pub(super) async fn list(&self, list: &PrefsListRequest) -> Result<PrefsReport, Failure> {
        let project = project_of(&list.cwd).await?;
        let found = self.agent.memory.lasting.preferences(self.uid, project.as_deref());
        Ok(PrefsReport { preferences: found.iter().map(|record| self.told(record)).collect() })
    }

    /// Sets one, and says so only when it is on disk.
    pub(super) async fn set(&self, set: &PrefsSetRequest) -> Result<PrefsSetReport, Failure> {
        let project = project_of(&set.cwd).await?;
        let wanted = Wanted { uid: self.uid, project: project.as_deref(), name: &set.name, value: &set.value };
        let now = self.agent.clock.now();
        let set = self.agent.memory.lasting.set_preference(&wanted, self.redactor, now).await;
        let (record, replaced, written) = set.map_err(refused)?;
        on_disk(written)?;
        Ok(PrefsSetReport { preference: self.told(&record), replaced })
    }

    /// Removes one.
    pub(super) async fn unset(&self, unset: &PrefsUnsetRequest) -> Result<PrefsUnsetReport, Failure> {
        let project = project_of(&unset.cwd).await?;
        let gone = self.agent.memory.lasting.unset_preference(self.uid, project.as_deref(), &unset.name);
        let (removed, written) = gone.await;
        on_disk(written)?;
        Ok(PrefsUnsetReport { removed })
    }

    /// Redacted again: the rules may be others than when it was set.
    fn told(&self, record: &PreferenceRecord) -> Preference {
        Preference {
            name: record.name.clone(),
            value: self.redactor.text(record.value.as_str()).to_string(),
            project: record.project.is_some(),
            age_s: seconds_since(&*self.agent.clock, record.set),
        }
    }
}

fn refused(unset: Unset) -> Failure {
    let hint = match unset {
        Unset::TooMany => "agentctl memory prefs unset NAME makes room",
        Unset::Secret => "keep secrets in a file that the project's tools read themselves",
        Unset::Name | Unset::Value => "agentctl memory prefs set NAME VALUE",
    };
    Failure::new(ErrorKind::Usage, unset.to_string()).hint(hint)
}

fn on_disk(written: Written) -> Result<(), Failure> {
    written.map_err(|why| {
        Failure::new(ErrorKind::Failure, format!("it holds until the daemon ends, but was not written: {why}"))
            .hint("agentctl memory status shows how the store is")
    })
}
