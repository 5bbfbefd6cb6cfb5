//! The documents tell the truth: commands exist, exit codes are the errors' own.

use std::{collections::BTreeSet, fs};

use proto::ErrorKind;
use tests::{Home, bins};

use crate::{assert_none, document, root};

/// The words of each `agentctl` command of a shell line; a word with bars stands for each of its alternatives.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut skip = false; // The file behind a redirection.
    let mut letters = line.chars().peekable();
    let push = |words: &mut Vec<String>, word: &mut Option<String>, skip: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(skip)
        {
            words.push(word);
        }
    };
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => push(&mut words, &mut word, &mut skip),
            (None, '>' | '<') => {
                push(&mut words, &mut word, &mut skip);
                skip = true;
            }
            (None, '|') if word.is_some() && letters.peek().is_some_and(|next| *next != ' ') => {
                word.get_or_insert_default().push('|');
            }
            (None, '|' | ';' | '&' | ')') => {
                push(&mut words, &mut word, &mut skip);
                all.push(std::mem::take(&mut words));
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    push(&mut words, &mut word, &mut skip);
    all.push(words);
    let ours = |words: &Vec<String>| words.first().is_some_and(|first| first.rsplit('/').next() == Some("agentctl"));
    all.into_iter().filter(ours).flat_map(|words| alternatives(&words)).collect()
}

fn alternatives(words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for word in words.iter().skip(1) {
        let choices: Vec<&str> = if word.contains(' ') { vec![word] } else { word.split('|').collect() };
        all = all
            .iter()
            .flat_map(|before: &Vec<String>| {
                choices.iter().map(|choice| [before.as_slice(), &[(*choice).to_owned()]].concat())
            })
            .collect();
    }
    all
}

/// Every `agentctl` command that a document shows, in code blocks and in the text.
fn shown_commands(text: &str) -> Vec<Vec<String>> {
    let (mut found, mut block) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = block.is_none().then_some(language);
        } else if block == Some("sh") {
            found.extend(commands(line));
        } else if block.is_none() {
            let spans = line.split('`').skip(1).step_by(2).filter(|span| !span.contains("->"));
            found.extend(spans.flat_map(commands));
        }
    }
    found
}

#[test]
fn shell_lines_are_read_as_a_shell_reads_them() {
    let words = |line: &str| commands(line).iter().map(|words| words.join("_")).collect::<Vec<_>>();
    assert_eq!(words("git diff | agentctl ask \"review this\" # why"), ["ask_review this"]);
    assert_eq!(words("agentctl status; target/release/agentctl doctor > f"), ["status", "doctor"]);
    assert_eq!(words("agentctl completions bash|zsh"), ["completions_bash", "completions_zsh"]);
    assert_eq!(words("echo agentctl"), [""; 0]);
}

#[test]
fn every_command_that_the_documents_show_is_one() {
    let home = Home::with(bins!());
    let mut broken = Vec::new();
    for (path, least) in [
        ("README.md", 10),
        ("proto/PROTOCOL.md", 2),
        ("agentd/README.md", 0),
        ("SECURITY.md", 0),
        ("CONTRIBUTING.md", 0),
        ("CHANGELOG.md", 0),
    ] {
        let found: BTreeSet<Vec<String>> = shown_commands(&document(path)).into_iter().collect();
        assert!(found.len() >= least, "{path} shows {} commands: {found:?}", found.len());
        for words in found {
            // Nothing is done: arguments before --help must be right, then help is printed. What follows `--` is another
            // program's, and so would --help be.
            let ours = words.iter().position(|word| word == "--").unwrap_or(words.len());
            let output = home.agentctl(&words[..ours]).arg("--help").run();
            if output.code != Some(0) {
                broken.push(format!("{path}: agentctl {}\n{}", words.join(" "), output.stderr));
            }
        }
    }
    assert_none("a document shows commands that exist", &broken);
    assert_eq!(home.agentctl(["no-such-command", "--help"]).run().code, Some(2), "the check can fail");
    assert_eq!(home.agentctl(["ask", "--no-such-flag", "--help"]).run().code, Some(2), "the check can fail");
    home.assert_no_leftovers();
}

fn exit_codes() -> BTreeSet<u8> {
    ErrorKind::ALL.iter().map(|kind| kind.exit_code()).chain([0]).collect()
}

#[test]
fn the_readmes_exit_codes_are_those_of_the_errors() {
    let readme = document("README.md");
    let table = readme.split("## Exit codes").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let listed: BTreeSet<u8> =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(listed, exit_codes());
    assert!(table.contains("78"), "what agentd itself ends with");
}

#[test]
fn the_manual_documents_every_exit_code() {
    let home = Home::with(bins!());
    let page = home.agentctl(["man"]).run().expect_ok().stdout;
    let exit = page.lines().skip_while(|line| *line != ".SH \"EXIT STATUS\"");
    let exit: Vec<&str> =
        exit.enumerate().take_while(|(at, line)| *at == 0 || !line.starts_with(".SH")).map(|(_, line)| line).collect();
    assert!(!exit.is_empty(), "no section about the exit status");
    for code in exit_codes() {
        let code = code.to_string();
        let described = exit.windows(2).any(|pair| pair[0] == format!(".B {code}") && !pair[1].starts_with('.'));
        assert!(described, "the manual does not say what {code} means:\n{}", exit.join("\n"));
    }
    home.assert_no_leftovers();
}

#[test]
fn the_readmes_test_command_is_there_and_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    assert!(document("README.md").contains("\ntests/run\n"));
    let mode = fs::metadata(root().join("tests/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}
