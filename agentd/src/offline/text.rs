//! What a line of a source file is: a definition, a comment, code; and what the file says of itself first.
//!
//! A reading of line starts, not a parser: it must be right often, fast always, and work for a language that nobody
//! told it about. Exact outlines are another module's work.

use std::path::Path;

/// Lines in which a file introduces itself.
const HEAD_LINES: usize = 40;
/// Bytes of a line that are looked at; a longer one was written by a machine.
const LINE_MAX: usize = 400;

/// How a language marks things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `fn`, `//!`.
    Rust,
    /// Functions without a keyword.
    C,
    /// `//` or `/*`, keywords for most definitions.
    Slash,
    /// `#`, with `def` or `name()`.
    Hash,
    /// `--`.
    Dash,
    /// Headings and sentences.
    Prose,
    /// Settings and records.
    Data,
    /// Anything else.
    Other,
}

/// Language name and family by file name.
pub(super) fn language(path: &Path) -> (&'static str, Family) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "rs" => ("Rust", Family::Rust),
        "c" | "h" => ("C", Family::C),
        "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" => ("C++", Family::C),
        "go" => ("Go", Family::Slash),
        "js" | "mjs" | "cjs" | "jsx" => ("JavaScript", Family::Slash),
        "ts" | "tsx" | "mts" => ("TypeScript", Family::Slash),
        "java" => ("Java", Family::Slash),
        "kt" | "kts" => ("Kotlin", Family::Slash),
        "swift" => ("Swift", Family::Slash),
        "cs" => ("C#", Family::Slash),
        "scala" => ("Scala", Family::Slash),
        "php" => ("PHP", Family::Slash),
        "zig" | "dart" | "proto" | "css" | "scss" | "vue" | "svelte" => ("other code", Family::Slash),
        "py" | "pyi" => ("Python", Family::Hash),
        "rb" => ("Ruby", Family::Hash),
        "sh" | "bash" | "zsh" | "fish" => ("Shell", Family::Hash),
        "pl" | "pm" | "ex" | "exs" | "r" | "jl" | "nix" | "tcl" | "cmake" | "mk" => ("other code", Family::Hash),
        "lua" => ("Lua", Family::Dash),
        "sql" => ("SQL", Family::Dash),
        "hs" | "elm" | "ada" => ("other code", Family::Dash),
        "md" | "markdown" | "rst" | "adoc" | "txt" | "org" => ("documentation", Family::Prose),
        "toml" | "yaml" | "yml" | "json" | "ini" | "cfg" | "conf" | "xml" | "service" | "socket" => {
            ("configuration", Family::Data)
        }
        "html" | "htm" => ("HTML", Family::Other),
        "" if matches!(name, "Makefile" | "Dockerfile" | "Justfile" | "Rakefile" | "Gemfile") => {
            ("build", Family::Hash)
        }
        "" if matches!(name, "README" | "LICENSE" | "CHANGELOG" | "AUTHORS" | "COPYING") => {
            ("documentation", Family::Prose)
        }
        _ => ("other", Family::Other),
    }
}

/// Files that a tool wrote: every word is in them and none says anything.
pub(super) fn is_generated(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let names =
        ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum", "composer.lock", "poetry.lock"];
    let ends = [".lock", ".min.js", ".min.css", ".map", ".svg", ".snap", ".ipynb", ".csv", ".tsv", ".log", ".pb.go"];
    names.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}

/// True for a file that holds tests, benchmarks or examples.
pub(super) fn is_test(path: &Path) -> bool {
    let dirs = [
        "test",
        "tests",
        "testing",
        "spec",
        "specs",
        "bench",
        "benches",
        "fixtures",
        "testdata",
        "fuzz",
        "examples",
        "__tests__",
    ];
    let in_dir = path.parent().is_some_and(|parent| {
        parent.components().filter_map(|part| part.as_os_str().to_str()).any(|part| dirs.contains(&part))
    });
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    in_dir
        || stem == "tests"
        || stem.starts_with("test_")
        || [".test", ".spec", "_test", "_tests"].iter().any(|end| stem.ends_with(end))
}

/// One line with what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    /// Without the blanks around it, cut.
    pub(super) text: &'a str,
    /// The part that names what is defined here.
    pub(super) defines: Option<&'a str>,
    /// Belongs to the comment with which the file begins.
    pub(super) is_head: bool,
    /// In the tests at the end of a source file.
    pub(super) is_test: bool,
}

/// The lines of a file that hold anything.
pub(super) fn lines(text: &str, family: Family) -> impl Iterator<Item = Line<'_>> {
    let (mut in_tests, mut in_head) = (false, true);
    text.lines().enumerate().filter_map(move |(at, raw)| {
        let text = super::words::cut(raw, LINE_MAX).trim();
        in_tests |= family == Family::Rust && text.starts_with("#[cfg(test)]") && !raw.starts_with(' ');
        if text.is_empty() {
            return None;
        }
        in_head &= at < HEAD_LINES && (comment(text, family).is_some() || family == Family::Prose);
        let defines = definition(raw, text, family);
        Some(Line { number: at + 1, text, defines, is_head: in_head, is_test: in_tests })
    })
}

/// The file's first sentence about itself.
pub(super) fn first_doc(text: &str, family: Family) -> Option<&str> {
    let mut inside = false;
    for raw in text.lines().take(HEAD_LINES) {
        let line = super::words::cut(raw, LINE_MAX).trim();
        let words = if family == Family::Prose {
            line.trim_start_matches(['#', '=', '-', '*', ' '])
        } else if inside && comment(line, family).is_none() {
            line
        } else {
            match comment(line, family) {
                Some(words) => words,
                // Code begins; what it says of itself would have come before.
                None if !line.is_empty() && !is_preamble(line) => return None,
                None => continue,
            }
        };
        inside |= ["\"\"\"", "'''", "/*"].iter().any(|open| line.contains(open));
        if is_sentence(words) {
            return Some(words.trim_end_matches("*/").trim_end_matches("\"\"\"").trim_end());
        }
    }
    None
}

/// The words of a comment line; `None` for code.
fn comment(line: &str, family: Family) -> Option<&str> {
    let marks: &[&str] = match family {
        Family::Rust | Family::C | Family::Slash => &["//!", "///", "//", "/**", "/*!", "/*", "*/", "* ", "*"],
        Family::Hash => &["#!", "#", "r\"\"\"", "\"\"\"", "'''"],
        Family::Data => &["#", "//", ";", "<!--"],
        Family::Dash => &["---", "--[[", "--", "{-"],
        Family::Other => &["<!--", "//", "#", "--", ";;", "%"],
        Family::Prose => &[],
    };
    // A Rust attribute begins like a comment of others.
    marks.iter().find_map(|mark| line.strip_prefix(mark)).map(str::trim)
}

fn is_preamble(line: &str) -> bool {
    ["#![", "#[", "package ", "<?php", "\"use strict\"", "'use strict'", "#pragma", "<!DOCTYPE", "from __future__"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Not a licence, not a setting of an editor or a linter, not a decoration.
fn is_sentence(words: &str) -> bool {
    let lower = words.to_ascii_lowercase();
    let noise =
        ["copyright", "license", "licence", "spdx", "-*-", "vim:", "eslint", "prettier", "@flow", "usr/bin", "bin/"];
    words.chars().filter(|c| c.is_alphabetic()).count() >= 3 && !noise.iter().any(|one| lower.contains(one))
}

/// The naming part of a definition.
fn definition<'a>(raw: &str, line: &'a str, family: Family) -> Option<&'a str> {
    match family {
        Family::Prose => line.starts_with('#').then(|| line.trim_start_matches('#').trim()),
        Family::Data => line.strip_prefix('[').map(|rest| rest.trim_matches(['[', ']', ' '])),
        _ if comment(line, family).is_some() => None,
        Family::Hash => keyword(raw, line, family).or_else(|| shell_function(line)),
        Family::C => keyword(raw, line, family).or_else(|| c_function(raw, line)),
        _ => keyword(raw, line, family),
    }
}

const MODIFIERS: [&str; 24] = [
    "pub",
    "export",
    "default",
    "async",
    "unsafe",
    "extern",
    "\"C\"",
    "abstract",
    "public",
    "private",
    "protected",
    "internal",
    "final",
    "static",
    "inline",
    "override",
    "open",
    "data",
    "sealed",
    "virtual",
    "local",
    "declare",
    "typedef",
    "constexpr",
];
const KEYWORDS: [&str; 25] = [
    "fn",
    "struct",
    "enum",
    "trait",
    "impl",
    "mod",
    "type",
    "const",
    "static",
    "union",
    "macro_rules!",
    "class",
    "def",
    "function",
    "func",
    "fun",
    "interface",
    "module",
    "object",
    "namespace",
    "record",
    "protocol",
    "sub",
    "#define",
    "defmodule",
];

fn keyword<'a>(raw: &str, line: &'a str, family: Family) -> Option<&'a str> {
    let mut rest = line;
    loop {
        let (word, after) = rest.split_once([' ', '\t'])?;
        let after = after.trim_start();
        let is_item = word == "static" && family == Family::Rust;
        let more = word == "const" && after.split(' ').next().is_some_and(is_item_start);
        if more || (!is_item && (MODIFIERS.contains(&word) || word.starts_with("pub("))) {
            rest = after;
            continue;
        }
        if word.starts_with("impl<") {
            return name(rest);
        }
        // In these languages the same words name values inside functions.
        let is_value = matches!(word, "const" | "let" | "var") && family == Family::Slash;
        let known = if is_value { !raw.starts_with([' ', '\t']) } else { KEYWORDS.contains(&word) };
        return if known { name(after) } else { None };
    }
}

/// What follows `const` in `const fn` and its kin.
fn is_item_start(word: &str) -> bool {
    matches!(word, "fn" | "unsafe" | "async" | "extern")
}

/// Up to the body, the type or the arguments. A Go receiver comes before the name and is not it.
fn name(rest: &str) -> Option<&str> {
    let rest = match rest.strip_prefix('(') {
        Some(receiver) => receiver.split_once(')').map_or(rest, |(_, after)| after.trim_start()),
        None => rest,
    };
    let name = rest.split(['(', '{', '=', ';']).next().unwrap_or(rest);
    let name = name.split(": ").next().unwrap_or(name).trim_end_matches([':', ' ']);
    name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '<').then_some(name)
}

fn shell_function(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once("()")?;
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (plain && rest.trim_start().starts_with(['{', '('])).then_some(name)
}

fn c_function<'a>(raw: &str, line: &'a str) -> Option<&'a str> {
    let starts_well = raw.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let (head, _) = line.split_once('(')?;
    let first = head.split(' ').next().unwrap_or_default();
    let statement = ["if", "for", "while", "return", "else", "switch", "case", "do", "goto", "sizeof"].contains(&first);
    (starts_well && !statement && !line.ends_with(';') && !head.contains(['=', '"'])).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defines(line: &str, file: &str) -> Option<String> {
        let (_, family) = language(Path::new(file));
        lines(line, family).next().and_then(|line| line.defines.map(str::to_owned))
    }

    #[test]
    fn definitions_of_many_languages_are_seen() {
        for (file, line, name) in [
            ("a.rs", "pub(crate) async fn accept_loop(x: u8) {", "accept_loop"),
            ("a.rs", "    pub const fn new() -> Self {", "new"),
            ("a.rs", "impl<T> Drop for Guard<T> {", "impl<T> Drop for Guard<T>"),
            ("a.rs", "static KEYS: [Key; 2] = [", "KEYS"),
            ("a.py", "    async def handle(self):", "handle"),
            ("a.py", "class Server(Base):", "Server"),
            ("a.go", "func (s *Server) Accept(c net.Conn) error {", "Accept"),
            ("a.ts", "export default class Pool {", "Pool"),
            ("a.js", "export const limit = 3;", "limit"),
            ("a.java", "  public static final class Inner {", "Inner"),
            ("a.c", "static int accept_client(int fd)", "static int accept_client"),
            ("a.sh", "start_daemon() {", "start_daemon"),
            ("a.lua", "local function ask(text)", "ask"),
            ("a.md", "## Life of the daemon", "Life of the daemon"),
            ("a.toml", "[[bin]]", "bin"),
        ] {
            assert_eq!(defines(line, file).as_deref(), Some(name), "{file}: {line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_definition_is_none() {
        for (file, line) in [
            ("a.rs", "// fn old() {"),
            ("a.rs", "let function = 3;"),
            ("a.js", "  const local = 3;"),
            ("a.js", "(function () {"),
            ("a.c", "    return accept(fd);"),
            ("a.c", "if (x) {"),
            ("a.py", "type = 3"),
            ("a.txt", "class warfare"),
        ] {
            assert_eq!(defines(line, file), None, "{file}: {line}");
        }
    }

    #[test]
    fn the_first_sentence_is_found_behind_licences_and_settings() {
        for (file, text, want) in [
            ("a.rs", "// Copyright X\n//! The accept loop.\n", Some("The accept loop.")),
            ("a.rs", "#![allow(x)]\n\n//! Words.\n", Some("Words.")),
            ("a.py", "#!/usr/bin/env python3\n\"\"\"Reads mail.\"\"\"\n", Some("Reads mail.")),
            ("a.py", "\"\"\"\nReads mail.\n\"\"\"\n", Some("Reads mail.")),
            ("a.c", "/*\n * Copyright X\n * Licensed under Y\n */\n\n/* Serves. */\nint x;\n", Some("Serves.")),
            ("a.go", "package x\n\n// Package x serves.\n", Some("Package x serves.")),
            ("a.md", "\n# Title here\n\ntext\n", Some("Title here")),
            ("a.rs", "use x;\n// later\n", None),
            ("a.rs", "", None),
        ] {
            assert_eq!(first_doc(text, language(Path::new(file)).1), want, "{text:?}");
        }
    }

    #[test]
    fn tests_inside_and_beside_the_code_are_told_apart() {
        let text = "//! Head.\nfn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        let flags: Vec<_> = lines(text, Family::Rust).map(|line| (line.is_head, line.is_test)).collect();
        assert_eq!(flags, [(true, false), (false, false), (false, true), (false, true), (false, true)]);
        assert!(
            is_test(Path::new("tests/src/x.rs"))
                && is_test(Path::new("src/a_test.go"))
                && is_test(Path::new("a.spec.ts"))
        );
        assert!(!is_test(Path::new("src/latest.rs")) && !is_test(Path::new("src/contest/a.rs")));
    }
}
