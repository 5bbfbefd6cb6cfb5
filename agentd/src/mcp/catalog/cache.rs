//! The catalogs that were made, so that asking again is cheap and what is equal is the same.
//!
//! It is on the way of an answer from memory: with nothing changed, a catalog costs a look into a map under a lock.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{Catalog, McpTool};
use crate::{config::McpServers, mcp::pool::View, sync::lock};

/// Projects whose catalogs are held. One more, and all are made anew, which costs a millisecond each.
const PROJECTS_MAX: usize = 256;

/// The catalog of one project.
struct Entry {
    user: Arc<McpServers>,
    own: Arc<McpServers>,
    changes: u64,
    catalog: Catalog,
}

#[derive(Default)]
struct Made {
    none: Option<Entry>,
    projects: HashMap<PathBuf, Entry>,
}

impl Made {
    fn entry(&mut self, project: Option<&Path>) -> Option<&mut Entry> {
        match project {
            Some(project) => self.projects.get_mut(project),
            None => self.none.as_mut(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.none.iter().chain(self.projects.values())
    }
}

/// The catalogs that were made.
#[derive(Default)]
pub(in crate::mcp) struct Catalogs(Mutex<Made>);

impl Catalogs {
    /// The catalog of a view, if it was made and nothing has changed since.
    pub(in crate::mcp) fn get(&self, view: &View, changes: u64) -> Option<Catalog> {
        let mut made = lock(&self.0);
        let entry = made.entry(view.project.as_deref())?;
        (entry.changes == changes && is_same(&mut entry.user, &view.user) && is_same(&mut entry.own, &view.own))
            .then(|| entry.catalog.clone())
    }

    /// Keeps a catalog that was made of what there was when there had been so many changes. When one with the same tools
    /// is held already, that one is it.
    pub(in crate::mcp) fn put(&self, view: &View, changes: u64, tools: Vec<McpTool>) -> Catalog {
        let mut made = lock(&self.0);
        let own_first = made.entry(view.project.as_deref()).map(|entry| entry.catalog.clone());
        let held = own_first.into_iter().chain(made.entries().map(|entry| entry.catalog.clone()));
        let equal = { held }.find(|held| *held.tools == *tools);
        let catalog = equal.unwrap_or_else(|| Catalog { tools: tools.into() });
        let (user, own) = (Arc::clone(&view.user), Arc::clone(&view.own));
        let entry = Entry { user, own, changes, catalog: catalog.clone() };
        match &view.project {
            None => made.none = Some(entry),
            Some(project) => {
                if made.projects.len() >= PROJECTS_MAX && !made.projects.contains_key(project) {
                    made.projects.clear();
                }
                made.projects.insert(project.clone(), entry);
            }
        }
        catalog
    }
}

/// Whether both say the same. Then the newer is held: the next comparison is one of addresses.
fn is_same(held: &mut Arc<McpServers>, new: &Arc<McpServers>) -> bool {
    if Arc::ptr_eq(held, new) {
        return true;
    }
    let same = held == new;
    if same {
        *held = Arc::clone(new);
    }
    same
}
