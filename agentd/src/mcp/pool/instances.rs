//! Which instance a name means to whom, and when instances come and go.

use std::{cmp::Reverse, path::Path, sync::Arc};

use super::{Books, Pool, PoolError, View};
use crate::{
    config::{McpServer, McpServers, Scope, mcp::secrets::server_secrets},
    mcp::{
        server::{Instance, Key, Source, State},
        shown::Listed,
    },
    sync::lock,
};

/// Instances that are held. One of a project that is idle or has failed costs a few kilobytes, and the failed one a try
/// now and then; beyond this the longest unused go.
const INSTANCES_MAX: usize = 256;
/// Servers of projects that run at the same time: 60 MB and more each. Beyond this the longest unused are stopped, as
/// they would be after ten minutes in any case; one that is at work stays.
const RUNNING_MAX: usize = 16;

impl View {
    /// What the view sees under a name.
    pub(super) fn server(&self, name: &str) -> Option<(Source, &McpServer)> {
        let own = || self.own.get(name).filter(|_| self.project.is_some()).map(|config| (Source::Project, config));
        self.user.get(name).map(|config| (Source::Config, config)).or_else(own)
    }

    /// All that it sees: the user's by name, then the project's by name.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&str, Source, &McpServer)> {
        let own = self.own.iter().filter(|(name, _)| self.project.is_some() && !self.user.contains_key(*name));
        let user = self.user.iter().map(|(name, config)| (name.as_str(), Source::Config, config));
        user.chain(own.map(|(name, config)| (name.as_str(), Source::Project, config)))
    }

    /// The project whose instance serves, or the reason why none does.
    pub(super) fn key(&self, name: &str, source: Source, config: &McpServer) -> Option<Key> {
        let is_shared = source == Source::Config && config.scope == Scope::User;
        let project = if is_shared { None } else { Some(self.project.clone()?) };
        Some(Key { name: name.to_owned(), project })
    }
}

impl Pool {
    /// The instance that a name means in a view, made if need be, and the view's word on who may call what.
    pub(super) fn instance<'v>(&self, view: &'v View, name: &str) -> Result<(&'v McpServer, Arc<Instance>), PoolError> {
        let unknown = || PoolError::Unknown(name.to_owned());
        let (source, seen) = view.server(name).ok_or_else(unknown)?;
        let not_ready = |state, why: &str| PoolError::NotReady { server: name.to_owned(), state, why: why.to_owned() };
        if !seen.enabled {
            return Err(not_ready(State::Disabled, ""));
        }
        let mut books = lock(&self.books);
        if self.common.stopped.is_cancelled() {
            return Err(not_ready(State::Stopping, "agentd stops"));
        }
        // A turn may still hold a configuration that is not in force any more: nothing is started with it.
        let servers = Arc::clone(&books.servers);
        let own = view.project.as_deref().and_then(|project| books.own.get(project)).cloned();
        let wanted = match (source, &own) {
            (Source::Config, _) => servers.get(name).filter(|config| config.enabled).ok_or_else(unknown)?,
            // Nor with a project's file whose approval was withdrawn meanwhile.
            (Source::Project, Some(own)) => own.get(name).filter(|config| config.enabled).ok_or_else(unknown)?,
            (Source::Project, None) => seen,
        };
        let key = view.key(name, source, wanted);
        let key = key.ok_or_else(|| not_ready(State::Idle, "it works for one project, and there is none here"))?;
        let instance = self.hold(&mut books, key, source, wanted);
        instance.map(|instance| (seen, instance)).ok_or_else(|| not_ready(State::Idle, "agentd is not ready yet"))
    }

    /// The instance, if there is one already.
    pub(super) fn running(&self, view: &View, name: &str) -> Option<Arc<Instance>> {
        let (source, config) = view.server(name)?;
        let key = view.key(name, source, config)?;
        lock(&self.books).instances.get(&key).cloned()
    }

    /// The tools of a server as far as they are known. A project's server is made known by asking for it here.
    pub(super) fn listed(&self, view: &View, name: &str, config: &McpServer) -> Option<Listed> {
        let of_instance = self.instance(view, name).ok().and_then(|(_, instance)| instance.listed(&self.common));
        of_instance.or_else(|| {
            let remembered = self.common.known.get(config, self.project_of(view, name).as_deref())?;
            Some(Listed::of(&remembered.tools, &[], &self.common.texts))
        })
    }

    fn project_of(&self, view: &View, name: &str) -> Option<std::path::PathBuf> {
        let (source, config) = view.server(name)?;
        view.key(name, source, config)?.project
    }

    /// The instance of that key with that configuration.
    fn hold(&self, books: &mut Books, key: Key, source: Source, wanted: &McpServer) -> Option<Arc<Instance>> {
        if let Some(instance) = books.instances.get(&key) {
            if instance.source == source {
                if *instance.config() != *wanted {
                    instance.configure(Arc::new(wanted.clone()));
                }
                return Some(Arc::clone(instance));
            }
            self.drop_instance(books, &key);
        }
        let runtime = books.runtime.clone().or_else(|| tokio::runtime::Handle::try_current().ok())?;
        make_room(books);
        let instance = Instance::spawn(key.clone(), source, Arc::new(wanted.clone()), &self.common, &runtime);
        rest_others(books, &key);
        books.instances.insert(key, Arc::clone(&instance));
        Some(instance)
    }

    fn drop_instance(&self, books: &mut Books, key: &Key) {
        if let Some(gone) = books.instances.remove(key) {
            tracing::info!(server = %key.name, "no longer configured as it was");
            gone.stop();
            self.common.note_change();
        }
    }

    /// Makes the instances follow the user's servers.
    pub(super) fn take_servers(&self, books: &mut Books) {
        let servers = Arc::clone(&books.servers);
        let keys: Vec<Key> = books.instances.keys().cloned().collect();
        for key in keys {
            let Some(instance) = books.instances.get(&key) else { continue };
            let wanted = servers.get(&key.name).filter(|config| config.enabled);
            let is_wanted = match instance.source {
                Source::Config => wanted.is_some_and(|config| (config.scope == Scope::User) == key.project.is_none()),
                // A name that the user has is the user's.
                Source::Project => !servers.contains_key(&key.name),
            };
            let changed = wanted.filter(|wanted| *instance.config() != **wanted);
            let is_idle = || key.project.is_some() && instance.status().state == State::Idle;
            match changed {
                _ if !is_wanted => self.drop_instance(books, &key),
                // The next question there makes it anew: a reload is no reason to start one in each project.
                Some(_) if is_idle() => self.drop_instance(books, &key),
                Some(wanted) => instance.configure(Arc::new(wanted.clone())),
                None => {}
            }
        }
        if self.common.stopped.is_cancelled() {
            return;
        }
        let shared = servers.iter().filter(|(_, config)| config.enabled && config.scope == Scope::User);
        for (name, config) in shared {
            self.hold(books, Key { name: name.clone(), project: None }, Source::Config, config);
        }
    }

    /// Takes what the file of a project says now. Ends those of its servers that it does not name any more, or that the
    /// user no longer approves. True when there are other secrets in it than before.
    pub(super) fn note_own(&self, books: &mut Books, view: &View) -> bool {
        let Some(project) = view.project.as_deref() else { return false };
        let before = books.own.get(project);
        if before.is_some_and(|before| *before == view.own) {
            return false;
        }
        let has_learnt = before.map(|before| secrets(before)).unwrap_or_default() != secrets(&view.own);
        let is_here = |key: &Key, instance: &Instance| {
            key.project.as_deref() == Some(project) && instance.source == Source::Project
        };
        let here = books.instances.iter().filter(|(key, instance)| is_here(key, instance)).map(|(key, _)| key);
        let here: Vec<Key> = here.cloned().collect();
        if before.is_none() && view.own.is_empty() && here.is_empty() {
            return false;
        }
        let gone = here.iter().filter(|key| !view.own.get(&key.name).is_some_and(|config| config.enabled));
        gone.for_each(|key| self.drop_instance(books, key));
        if books.own.len() >= INSTANCES_MAX {
            // Each is taken anew with the next question there: nothing is lost.
            books.own.clear();
        }
        // Of a project that has none any more, too: a turn may still hold those that it had.
        books.own.insert(Path::to_owned(project), Arc::clone(&view.own));
        self.common.note_change();
        has_learnt
    }
}

/// What the servers of a project's file are given that is secret by its name. References to the environment have been
/// put in by now, so no variable is left to look up.
pub(super) fn secrets(own: &McpServers) -> Vec<String> {
    own.values().flat_map(|server| server_secrets(server, &|_| None)).collect()
}

/// Has the longest unused servers of projects rest, so that there is room for one more.
pub(super) fn rest_others(books: &Books, newcomer: &Key) {
    if newcomer.project.is_none() {
        return;
    }
    let others = books.instances.values().filter(|one| one.key.project.is_some() && one.key != *newcomer);
    let mut running: Vec<_> = others.filter(|one| one.status().state.is_coming()).collect();
    let surplus = (running.len() + 1).saturating_sub(RUNNING_MAX);
    running.sort_by_cached_key(|one| Reverse(one.figures.unused_for()));
    running.iter().take(surplus).for_each(|one| one.rest());
}

fn make_room(books: &mut Books) {
    if books.instances.len() < INSTANCES_MAX {
        return;
    }
    let is_spare = |instance: &Instance| {
        instance.key.project.is_some() && matches!(instance.status().state, State::Idle | State::Failed)
    };
    let longest = books.instances.values().filter(|instance| is_spare(instance));
    if let Some(instance) = longest.max_by_key(|instance| instance.figures.unused_for()).cloned() {
        instance.stop();
        books.instances.remove(&instance.key);
    }
}
