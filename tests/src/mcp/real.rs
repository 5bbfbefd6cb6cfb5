//! Where the real servers are, and what a suite does without them.

use std::{collections::BTreeMap, env, path::Path, path::PathBuf};

use crate::Home;

/// The servers that `tests/setup-mcp.sh` has installed.
#[derive(Debug, Clone)]
pub struct RealServers {
    places: BTreeMap<String, PathBuf>,
}

impl RealServers {
    /// The installed servers. `None`, said loudly, when they are not installed: the test is to end then. Panics in
    /// place of that when `AGENTD_MCP_REQUIRED` is set, and when the script itself fails.
    #[track_caller]
    pub fn find(home: &Home) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup-mcp.sh");
        let mut check = home.command(&script).arg("--check");
        // The cache is the developer's, not this home's.
        for name in ["AGENTD_MCP_CACHE", "XDG_CACHE_HOME", "HOME"] {
            check = match env::var_os(name) {
                Some(value) => check.env(name, value),
                None => check.env_remove(name),
            };
        }
        let output = check.run();
        if output.code == Some(0) {
            let places = output.stdout.lines().filter_map(|line| line.split_once(' '));
            return Some(Self { places: places.map(|(name, path)| (name.to_owned(), path.into())).collect() });
        }
        if env::var_os("AGENTD_MCP_REQUIRED").is_some_and(|value| !value.is_empty()) {
            panic!("the real MCP servers are required here: {}", output.stderr);
        }
        #[expect(clippy::print_stderr, reason = "a test that was not run must not look like one that passed")]
        {
            eprintln!("SKIPPED: {}", output.stderr.trim());
        }
        None
    }

    /// Where this one is. Panics when the script knows none of that name.
    #[track_caller]
    pub fn path(&self, name: &str) -> &str {
        match self.places.get(name).and_then(|path| path.to_str()) {
            Some(path) => path,
            None => panic!("setup-mcp.sh does not print where {name} is: {:?}", self.places),
        }
    }
}
