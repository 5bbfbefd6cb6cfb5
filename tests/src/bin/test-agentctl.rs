//! Today's `agentctl`, built with the tests: cargo does not build another package's programs.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentctl::main()
}
