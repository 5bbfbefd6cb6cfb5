//! An MCP server that misbehaves as it is told; see [`tests::mcp::chaos`].

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    tests::mcp::chaos::run(&arguments)
}
