//! Long-lived children: MCP servers. Each runs under a supervisor of its own, as commands do.

use std::{ffi::OsString, fs::File, time::Duration};

/// A service to start.
#[derive(Debug)]
pub struct ServiceCommand {
    /// Program and arguments; the program is looked up in the search path.
    pub argv: Vec<OsString>,
    /// Working directory, as an open handle.
    pub directory: File,
    /// Variables beside those that every child inherits.
    pub env: Vec<(OsString, OsString)>,
}

/// How long a service may take to leave after its standard input was closed, before it is sent TERM.
pub const CLOSE_GRACE: Duration = Duration::from_secs(2);
