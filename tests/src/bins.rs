//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Paths of the programs that are built with the tests.
#[derive(Debug, Clone)]
pub struct Bins {
    /// Today's daemon.
    pub agentd: PathBuf,
    /// Today's client.
    pub agentctl: PathBuf,
    /// The fake provider as a program.
    pub fake_provider: PathBuf,
    /// The MCP server that misbehaves as it is told.
    pub mcp_chaos: PathBuf,
}

/// The programs as cargo names them to an integration test of this crate.
#[macro_export]
macro_rules! bins {
    () => {
        $crate::Bins {
            agentd: env!("CARGO_BIN_EXE_test-agentd").into(),
            agentctl: env!("CARGO_BIN_EXE_test-agentctl").into(),
            fake_provider: env!("CARGO_BIN_EXE_fake-provider").into(),
            mcp_chaos: env!("CARGO_BIN_EXE_mcp-chaos").into(),
        }
    };
}

impl Bins {
    /// The programs beside the running one, which may itself be in `deps`. Panics when they are not built.
    #[track_caller]
    pub fn beside_this() -> Self {
        let this = env::current_exe().unwrap_or_default();
        let found = this.ancestors().skip(1).take(2).find(|dir| dir.join("test-agentd").is_file());
        match found {
            Some(dir) => Self::in_dir(dir),
            None => panic!("test-agentd is not built beside {}: cargo build -p tests", this.display()),
        }
    }

    fn in_dir(dir: &Path) -> Self {
        Self {
            agentd: dir.join("test-agentd"),
            agentctl: dir.join("test-agentctl"),
            fake_provider: dir.join("fake-provider"),
            mcp_chaos: dir.join("mcp-chaos"),
        }
    }
}
