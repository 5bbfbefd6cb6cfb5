//! Values that the model knows by their markers only: how files with them are read, searched, edited and replaced.

use super::*;
use crate::redact::Redactor;

const KEY: &str = "k-1234567890-of-a-test";
/// More than one line, as a key file is.
const BLOCK: &str = "first-line-of-it\nsecond-line-of-it\nthird-line-of-it";

fn bench_with(values: &[&str]) -> Bench {
    let mut bench = bench();
    let redactor = Redactor::new(values.iter().map(|value| (*value).to_owned()));
    bench.context.view = ModelView::new(redactor, Arc::default());
    bench
}

/// A project whose one file was read: it holds the key between two lines.
async fn read() -> Bench {
    let bench = bench_with(&[KEY]);
    bench.file("c.toml", format!("name = \"a\"\nkey = \"{KEY}\"\nport = 1\n"));
    let text = bench.good("read_text_file", json!({"path": "c.toml"})).await;
    assert_eq!(
        text,
        "name = \"a\"\nkey = \"[REDACTED:1]\"\nport = 1\n\n[1 value is hidden in this view, not in the file; keep its \
         [REDACTED:n] as it is when you edit]"
    );
    bench
}

fn edit(from: &str, to: &str) -> Value {
    json!({"path": "c.toml", "edits": [{"oldText": from, "newText": to}]})
}

#[tokio::test]
async fn an_edit_around_a_hidden_value_keeps_it_and_never_shows_it() {
    let bench = read().await;
    let diff =
        bench.good("edit_file", edit("key = \"[REDACTED:1]\"\nport = 1", "port = 2\nkey = '[REDACTED:1]'")).await;
    assert_eq!(bench.text("c.toml"), format!("name = \"a\"\nport = 2\nkey = '{KEY}'\n"));
    assert!(diff.contains("+key = '[REDACTED:1]'") && !diff.contains(KEY), "{diff}");
    let dry = json!({"path": "c.toml", "edits": [{"oldText": "port = 2", "newText": "port = 3"}], "dryRun": true});
    let dry = bench.good("edit_file", dry).await;
    assert!(dry.contains("[REDACTED:1]") && !dry.contains(KEY), "{dry}");
}

#[tokio::test]
async fn removing_a_hidden_value_on_purpose_is_possible() {
    let bench = read().await;
    bench.good("edit_file", edit("key = \"[REDACTED:1]\"\n", "")).await;
    assert_eq!(bench.text("c.toml"), "name = \"a\"\nport = 1\n");
}

#[tokio::test]
async fn a_marker_is_never_written_and_what_is_refused_changes_nothing() {
    let bench = read().await;
    let before = bench.text("c.toml");
    for (from, to, word) in [
        ("port = 1", "port = \"[REDACTED:7]\"", "[REDACTED:7] stands for no value"),
        ("port = 1", "port = \"[REDACTED]\"", "is not written to a file"),
        ("port = 1", "port = \"[REDACTED:aws-key]\"", "is not written to a file"),
        ("key = \"[REDACTED:1]\"", "key = \"[REDACTED]\"", "is not written to a file"),
    ] {
        let said = bench.bad("edit_file", edit(from, to)).await;
        assert!(said.contains(word) && said.contains("nothing was written") && !said.contains(KEY), "{said}");
    }
    for (content, word) in [
        ("name = \"b\"\n", "would drop 1 of the file's hidden values"),
        ("key = \"[REDACTED]\"\n", "is not written to a file"),
        ("key = \"[REDACTED:2]\"\n", "stands for no value"),
    ] {
        let said = bench.bad("write_file", json!({"path": "c.toml", "content": content})).await;
        assert!(said.contains(word) && said.contains("nothing was written"), "{said}");
    }
    assert_eq!(bench.text("c.toml"), before);
}

#[tokio::test]
async fn a_replaced_file_keeps_its_hidden_value() {
    let bench = read().await;
    let content = "# new\nkey = \"[REDACTED:1]\"\n";
    let said = bench.good("write_file", json!({"path": "c.toml", "content": content})).await;
    assert_eq!(bench.text("c.toml"), format!("# new\nkey = \"{KEY}\"\n"));
    assert!(!said.contains(KEY));
}

#[tokio::test]
async fn a_hidden_value_is_not_copied_to_another_file() {
    let bench = read().await;
    bench.file("README.md", "Public.\n");
    bench.good("read_text_file", json!({"path": "README.md"})).await;
    for (tool, arguments) in [
        ("write_file", json!({"path": "new.txt", "content": "[REDACTED:1]"})),
        ("write_file", json!({"path": "README.md", "content": "[REDACTED:1]"})),
        ("edit_file", json!({"path": "README.md", "edits": [{"oldText": "Public.", "newText": "[REDACTED:1]"}]})),
    ] {
        let said = bench.bad(tool, arguments).await;
        assert!(said.contains("not copied to another place") && !said.contains(KEY), "{said}");
    }
    assert!(!bench.root.join("new.txt").exists() && bench.text("README.md") == "Public.\n");
}

#[tokio::test]
async fn a_file_that_says_redacted_itself_can_be_edited() {
    let bench = bench_with(&[KEY]);
    bench.file("doc.md", format!("We show [REDACTED:1] or [REDACTED].\nkey {KEY}\n"));
    let text = bench.good("read_text_file", json!({"path": "doc.md"})).await;
    assert!(text.contains("We show [REDACTED:1] or [REDACTED].\nkey [REDACTED:2]\n"), "{text}");
    let edits = json!([{"oldText": "show [REDACTED:1] or [REDACTED]", "newText": "write [REDACTED] or [REDACTED:1]"}]);
    bench.good("edit_file", json!({"path": "doc.md", "edits": edits})).await;
    assert_eq!(bench.text("doc.md"), format!("We write [REDACTED] or [REDACTED:1].\nkey {KEY}\n"));
}

#[tokio::test]
async fn names_patterns_and_commands_take_no_marker() {
    let bench = read().await;
    let judge = |tool: &str, arguments: Value| bench.toolbox.get(tool).unwrap().judge(&bench.context, &arguments);
    for (tool, arguments) in [
        ("read_text_file", json!({"path": "[REDACTED:1]"})),
        ("write_file", json!({"path": "a-[REDACTED:1]", "content": "x"})),
        ("move_file", json!({"source": "c.toml", "destination": "[REDACTED:1]"})),
        ("search_content", json!({"path": ".", "pattern": "[REDACTED:1]"})),
        ("shell_execute", json!({"command": ["echo", "[REDACTED:1]"]})),
        ("shell_execute", json!({"command": ["grep", "-r", "[REDACTED:1]", "."]})),
        ("shell_execute", json!({"command": ["tee", "c.toml"], "stdin": "key = [REDACTED]"})),
        ("shell_execute", json!({"command": ["sh", "-c", "echo '[REDACTED:aws-key]' > c.toml"]})),
    ] {
        let judgement = judge(tool, arguments.clone());
        assert!(
            matches!(&judgement, Judgement::Deny { reason } if reason.contains("hidden value")),
            "{tool} {arguments}: {judgement:?}"
        );
    }
    let search = json!({"path": ".", "pattern": "\\[REDACTED\\]"});
    assert_eq!(judge("search_content", search), Judgement::Allow);
}

#[tokio::test]
async fn a_part_of_a_secret_stays_hidden_where_only_that_part_is_read() {
    let bench = bench_with(&[BLOCK]);
    bench.file("id", format!("head\n{BLOCK}\ntail\n"));
    for arguments in [
        json!({"path": "id", "offset": 3, "limit": 1}),
        json!({"path": "id", "offset": 3}),
        json!({"path": "id", "tail": 2}),
        json!({"path": "id", "head": 3}),
    ] {
        let text = bench.good("read_text_file", arguments.clone()).await;
        assert!(!text.contains("-line-of-it") && text.contains("[REDACTED:1]"), "{arguments}: {text}");
    }
    let found = bench.good("search_content", json!({"path": ".", "pattern": "line|tail"})).await;
    assert!(!found.contains("-line-of-it") && found.contains("id:3: [REDACTED:1]"), "{found}");
    assert!(found.contains("id:5: tail"), "{found}");
}

/// A key file of made-up bytes, put together here so that no source file holds one.
fn key_file() -> String {
    let name = ["PRIVATE", "KEY"].join(" ");
    let body: String = (0..12).map(|n| format!("MIIabCdEfGhIjKlMnOpQrStUvWxYz0123456789+/{n:02}xQ7\n")).collect();
    format!("-----BEGIN {name}-----\n{body}-----END {name}-----\n")
}

#[tokio::test]
async fn a_key_file_stays_hidden_in_parts_hits_diffs_and_output_and_survives_an_edit() {
    let bench = bench_with(&[]);
    let file = format!("# one\n{}# two\n", key_file());
    bench.file("notes", &file);
    for arguments in [
        json!({"path": "notes"}),
        json!({"path": "notes", "tail": 5}),
        json!({"path": "notes", "head": 5}),
        json!({"path": "notes", "offset": 4, "limit": 3}),
    ] {
        let text = bench.good("read_text_file", arguments.clone()).await;
        assert!(!text.contains("abCdEf") && text.contains("[REDACTED:"), "{arguments}: {text}");
    }
    let found = bench.good("search_content", json!({"path": ".", "pattern": "MIIab|two"})).await;
    assert!(!found.contains("abCdEf") && found.contains("# two"), "{found}");
    let edits = json!([{"oldText": "# two", "newText": "# 2"}]);
    let diff = bench.good("edit_file", json!({"path": "notes", "edits": edits})).await;
    assert!(!diff.contains("abCdEf") && diff.contains("+# 2"), "{diff}");
    assert_eq!(bench.text("notes"), file.replace("# two", "# 2"));
}

#[tokio::test]
async fn a_secret_at_the_cut_of_a_result_or_a_line_leaves_no_half() {
    let mut bench = bench_with(&[KEY]);
    bench.context.limits.result_cap = 1000;
    for before in 700..760 {
        bench.file("long", format!("{} {KEY} {}", "a".repeat(before), "b".repeat(3000)));
        let text = bench.good("read_text_file", json!({"path": "long"})).await;
        assert!(!text.contains("k-123"), "{before}: {text}");
    }
    for before in 270..300 {
        bench.file("long", format!("{} {KEY} {}", "a".repeat(before), "b".repeat(300)));
        let text = bench.good("search_content", json!({"path": "long", "pattern": "aaa"})).await;
        assert!(!text.contains("k-123"), "{before}: {text}");
    }
}
