//! What may depend on what, who may name a package, and what a manifest looks like.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use tests::{Home, bins};

use crate::{assert_none, document, is_test_file, names, root, rust};

/// Cargo may have to wait for another one's lock.
const CARGO_DEADLINE: Duration = Duration::from_secs(120);

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

fn normal_dependencies(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let package = metadata.packages.iter().find(|one| one.name.as_str() == package).unwrap();
    let normal = package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal && !one.optional);
    normal.map(|one| one.name.clone()).collect()
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let of = |package: &str, other: &str| {
        let package = metadata.packages.iter().find(|one| one.name.as_str() == package).unwrap();
        package.dependencies.iter().any(|dependency| dependency.name == other)
    };
    let members = ["agentd", "agentctl", "proto", "tests"];
    let allowed =
        [("agentctl", "proto"), ("agentd", "proto"), ("tests", "agentctl"), ("tests", "agentd"), ("tests", "proto")];
    for from in members {
        for to in members {
            assert_eq!(of(from, to), allowed.contains(&(from, to)), "{from} -> {to}");
        }
    }
}

#[test]
fn the_protocol_has_few_dependencies() {
    let wanted = ["bincode", "serde", "serde_json", "thiserror"].map(str::to_owned);
    assert_eq!(normal_dependencies(&metadata(), "proto"), BTreeSet::from(wanted));
}

#[test]
fn the_client_is_thin() {
    let home = Home::with(bins!());
    // As the client is built alone; cargo's metadata would unite its features with the daemon's.
    let tree =
        home.command(env!("CARGO")).args(["tree", "--locked", "-p", "agentctl", "-e", "normal", "--prefix", "none"]);
    let tree = tree.env("CARGO_HOME", cargo_home()).env("RUSTUP_HOME", rustup_home());
    let output = tree.cwd(root()).timeout(CARGO_DEADLINE).run().expect_ok();
    let names: BTreeSet<&str> = output.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("agentctl") && names.contains("interprocess"), "{names:?}");
    for heavy in ["tokio", "reqwest", "hyper", "sled", "rustls", "ring", "agentd", "schemars"] {
        assert!(
            !names.contains(heavy),
            "agentctl depends on {heavy}: cargo tree -p agentctl -i {heavy} shows through what"
        );
    }
}

/// Where cargo and rustup keep their things, in a home that is not the developer's.
fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME")
        .map_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"), Into::into)
}

fn rustup_home() -> PathBuf {
    std::env::var_os("RUSTUP_HOME")
        .map_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".rustup"), Into::into)
}

#[test]
fn each_replaceable_package_is_named_where_it_belongs_only() {
    let homes = [
        ("bincode", &["proto/src/codec.rs"][..]),
        // rmcp's HTTP transport takes a client of reqwest's; each file builds its own, with its own rules.
        ("reqwest", &["agentd/src/llm/http.rs", "agentd/src/mcp/client/http.rs"]),
        ("daemonize", &["agentd/src/start.rs"]),
        ("sled", &["agentd/src/memory/store/disk.rs"]),
        ("rmcp", &["agentd/src/mcp/client/"]),
    ];
    let (mut broken, mut at_home) = (Vec::new(), BTreeSet::new());
    for source in rust(&["proto/src", "agentd/src", "agentctl/src"]).iter().filter(|one| !is_test_file(&one.path)) {
        for (number, line) in source.statements() {
            for (package, home) in homes.into_iter().filter(|(package, _)| names(line, package)) {
                match home
                    .iter()
                    .any(|home| source.path == *home || home.ends_with('/') && source.path.starts_with(home))
                {
                    true => _ = at_home.insert(package),
                    false => {
                        broken.push(format!("{}:{number} names {package}, which belongs to {home:?}", source.path));
                    }
                }
            }
        }
    }
    assert_eq!(at_home.len(), homes.len(), "the search finds each where it belongs: {at_home:?}");
    assert_none("a package that may be swapped is named where it belongs", &broken);
}

#[test]
fn processes_are_started_in_one_place_on_each_side() {
    let starts = |path: &str| path.starts_with("agentd/src/process") || path == "agentctl/src/autostart.rs";
    let mut broken = Vec::new();
    for source in rust(&["proto/src", "agentd/src", "agentctl/src"]) {
        if starts(&source.path) || is_test_file(&source.path) {
            continue;
        }
        let spawning = source.statements().filter(|(_, line)| {
            ["process::Command", "Command::new(", "posix_spawn", "fork("].iter().any(|word| line.contains(word))
        });
        broken.extend(spawning.map(|(number, line)| format!("{}:{number} {}", source.path, line.trim())));
    }
    assert_none("children start in agentd/src/process* and in agentctl/src/autostart.rs", &broken);
}

/// `section` to its lines, comments and blank lines included.
fn sections(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in manifest.lines() {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(section) => name = section.to_owned(),
            None => found.entry(name.clone()).or_default().push(line.to_owned()),
        }
    }
    found
}

#[test]
fn members_take_every_version_from_the_one_table() {
    let mut broken = Vec::new();
    for member in ["proto", "agentd", "agentctl", "tests"] {
        let manifest = document(&format!("{member}/Cargo.toml"));
        for (section, lines) in sections(&manifest) {
            let own = |line: &&String| !line.trim().is_empty() && !line.starts_with('#');
            match section.as_str() {
                name if name.ends_with("dependencies") => broken.extend(
                    lines
                        .iter()
                        .filter(own)
                        .filter(|line| !line.replace(' ', "").contains("workspace=true"))
                        .map(|line| format!("{member}: {line}")),
                ),
                name if name.contains("dependencies.") => broken.push(format!("{member}: [{section}]")),
                _ => {}
            }
        }
    }
    assert_none("a member says `workspace = true`", &broken);
}

#[test]
fn every_package_has_a_reason() {
    let manifest = document("Cargo.toml");
    let table = sections(&manifest)["workspace.dependencies"].clone();
    let (mut reason, mut broken) = (false, Vec::new());
    for line in table {
        match line.trim() {
            "" => reason = false,
            line if line.starts_with('#') => reason = true,
            line if reason || line.contains("path = ") => {}
            line => broken.push(line.to_owned()),
        }
    }
    assert_none("a comment above a package, or above its group, says why it is here", &broken);
}
