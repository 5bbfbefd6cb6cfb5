use std::{
    fs,
    io::{Seek as _, Write as _},
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{super::Toolbox, *};

mod hidden;

/// A project with a toolbox, as the agent would use it.
struct Bench {
    _directory: tempfile::TempDir,
    root: PathBuf,
    context: ToolContext,
    toolbox: Toolbox,
}

fn bench() -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap().join("project");
    fs::create_dir_all(root.join(".git")).unwrap();
    let project = Project::find_with_home(&root, None).unwrap().map(Arc::new);
    let limits = ToolLimits { command_timeout: Duration::from_secs(20), output_cap: 4096, result_cap: 50_000 };
    let context = ToolContext {
        project,
        cancel: CancellationToken::new(),
        limits,
        seen: Arc::default(),
        view: ModelView::default(),
        preferences: None,
        mcp: Default::default(),
        results: Default::default(),
    };
    Bench { _directory: directory, root, context, toolbox: Toolbox::new(toolbox()) }
}

impl Bench {
    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap()
    }

    async fn call(&self, tool: &str, arguments: Value) -> ToolOutput {
        self.toolbox.get(tool).unwrap().call(&self.context, arguments).await
    }

    async fn good(&self, tool: &str, arguments: Value) -> String {
        let output = self.call(tool, arguments).await;
        assert!(output.ok, "{tool}: {}", output.text);
        output.text
    }

    async fn bad(&self, tool: &str, arguments: Value) -> String {
        let output = self.call(tool, arguments).await;
        assert!(!output.ok, "{tool}: {}", output.text);
        output.text
    }
}

#[test]
fn all_specs_together_fit_the_prompt_and_are_well_formed() {
    let toolbox = Toolbox::new(toolbox());
    let functions: Vec<Value> = toolbox
        .specs()
        .map(|spec| {
            json!({"type": "function", "function": {
                "name": spec.name, "description": spec.description, "parameters": spec.parameters,
            }})
        })
        .collect();
    let bytes = serde_json::to_string(&functions).unwrap().len();
    assert!(bytes <= 5_500, "{bytes} bytes");
    let names: Vec<&str> = toolbox.specs().map(|spec| spec.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "create_directory",
            "directory_tree",
            "edit_file",
            "get_file_info",
            "list_directory",
            "move_file",
            "read_multiple_files",
            "read_text_file",
            "search_content",
            "search_files",
            "set_preference",
            "shell_execute",
            "write_file",
        ]
    );
    let read_only: Vec<&str> = toolbox.specs().filter(|spec| spec.read_only).map(|spec| spec.name.as_str()).collect();
    assert_eq!(read_only.len(), 7);
    for spec in toolbox.specs() {
        assert!(spec.parameters["properties"].is_object(), "{}", spec.name);
        for required in spec.parameters["required"].as_array().unwrap() {
            assert!(spec.parameters["properties"].get(required.as_str().unwrap()).is_some(), "{}", spec.name);
        }
    }
}

#[tokio::test]
async fn wrong_arguments_are_answered_with_the_tool_and_each_fault() {
    let bench = bench();
    for (tool, arguments, faults) in [
        ("read_text_file", json!({}), "path is required"),
        ("read_text_file", json!({"path": 7}), "path must be of type string, not number"),
        ("read_text_file", json!({"path": "a", "head": 0}), "head must be at least 1"),
        ("read_text_file", json!({"path": "a", "head": -1}), "head must be of type integer, not number"),
        ("read_text_file", json!({"path": "a", "head": 1.5}), "head must be of type integer, not number"),
        ("get_file_info", json!({"path": "a", "colour": 1}), "unknown argument colour (known: path)"),
        ("read_multiple_files", json!({"paths": []}), "paths must not be empty"),
        ("read_multiple_files", json!({"paths": ["a", 1]}), "paths[1] must be of type string, not number"),
        ("edit_file", json!({"path": "a", "edits": [{"oldText": "x"}]}), "edits[0].newText is required"),
        (
            "write_file",
            json!({"path": null, "content": true}),
            "path must be of type string, not null; content must be of type string, not boolean",
        ),
        ("shell_execute", json!({"command": "ls -l"}), "command must be of type array, not string"),
        ("shell_execute", json!({"command": []}), "command must not be empty"),
        ("move_file", json!([1]), "the arguments must be of type object, not array"),
    ] {
        let expected = format!("MCP error -32602: Invalid arguments for tool {tool}: {faults}");
        assert_eq!(bench.bad(tool, arguments).await, expected);
    }
    bench.file("a", "x");
    assert_eq!(bench.good("read_text_file", json!({"path": "a", "head": null})).await, "x");
}

#[tokio::test]
async fn without_a_project_no_tool_works_and_says_why() {
    let mut bench = bench();
    bench.context.project = None;
    for (tool, arguments) in [
        ("read_text_file", json!({"path": "a"})),
        ("shell_execute", json!({"command": ["pwd"]})),
        ("list_directory", json!({"path": "."})),
    ] {
        assert_eq!(bench.bad(tool, arguments).await, NO_PROJECT);
    }
}

#[tokio::test]
async fn a_text_file_is_read_whole_by_head_by_tail_and_by_range() {
    let bench = bench();
    bench.file("a.txt", "1\n2\n3\n4\n5\n");
    bench.file("b.txt", "1\n2");
    bench.file("empty", "");
    for (arguments, expected) in [
        (json!({"path": "a.txt"}), "1\n2\n3\n4\n5\n"),
        (json!({"path": "a.txt", "head": 2}), "1\n2"),
        (json!({"path": "a.txt", "tail": 2}), "4\n5"),
        (json!({"path": "a.txt", "head": 99}), "1\n2\n3\n4\n5"),
        (json!({"path": "a.txt", "tail": 99}), "1\n2\n3\n4\n5"),
        (json!({"path": "a.txt", "offset": 2, "limit": 2}), "2\n3"),
        (json!({"path": "a.txt", "offset": 4}), "4\n5"),
        (json!({"path": "a.txt", "limit": 1}), "1"),
        (json!({"path": "b.txt", "tail": 1}), "2"),
        (json!({"path": "empty"}), "(no output)"),
        (json!({"path": "empty", "tail": 3}), "(no output)"),
        (json!({"path": "empty", "head": 3}), "(no output)"),
    ] {
        assert_eq!(bench.good("read_text_file", arguments.clone()).await, expected, "{arguments}");
    }
    let behind = bench.bad("read_text_file", json!({"path": "a.txt", "offset": 6})).await;
    assert_eq!(behind, "a.txt has 5 lines; line 6 is behind its end");
    assert!(bench.bad("read_text_file", json!({"path": "a.txt", "head": 1, "tail": 1})).await.contains("only one of"));
    let missing = bench.bad("read_text_file", json!({"path": "nope"})).await;
    assert_eq!(missing, "ENOENT: no such file or directory: nope");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn head_tail_and_range_agree_with_the_lines(
        lines in prop::collection::vec("[aé]{0,5}", 1..12), long in 0usize..3, end: bool, first in 1usize..14, count in 1usize..14,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut lines = lines;
        // Lines longer than the block that is read at a time.
        lines[0] = "é".repeat(long * 50_000) + &lines[0];
        let mut bench = bench();
        bench.context.limits.result_cap = 1 << 20;
        bench.file("f", lines.join("\n") + if end { "\n" } else { "" });
        // A final empty line without a line end is no line.
        let lines: Vec<&str> = match lines.iter().map(String::as_str).collect::<Vec<_>>() {
            all if !end && all.last() == Some(&"") => all[..all.len() - 1].to_vec(),
            all => all,
        };
        let read = |mut arguments: Value| {
            arguments["path"] = json!("f");
            runtime.block_on(bench.call("read_text_file", arguments))
        };
        let expected = |part: &[&str]| match part.join("\n") {
            text if text.is_empty() => "(no output)".to_owned(),
            text => text,
        };
        let length = lines.len();
        prop_assert_eq!(read(json!({"head": count})).text, expected(&lines[..count.min(length)]));
        prop_assert_eq!(read(json!({"tail": count})).text, expected(&lines[length.saturating_sub(count)..]));
        let range = read(json!({"offset": first, "limit": count}));
        if first <= length {
            prop_assert_eq!(range.text, expected(&lines[first - 1..(first - 1 + count).min(length)]));
        } else if first > 1 {
            prop_assert!(!range.ok);
        }
    }
}

#[tokio::test]
async fn a_file_of_two_gigabytes_is_refused_whole_but_read_in_parts() {
    let bench = bench();
    let mut file = fs::File::create(bench.root.join("huge")).unwrap();
    file.write_all("first\n".repeat(2000).as_bytes()).unwrap();
    file.set_len(2 << 30).unwrap();
    file.seek(std::io::SeekFrom::End(0)).unwrap();
    file.write_all(b"\nlast line\n").unwrap();
    let started = Instant::now();
    let refusal = bench.bad("read_text_file", json!({"path": "huge"})).await;
    assert!(refusal.starts_with("huge is 2147483659 bytes, too large") && refusal.contains("head, tail"), "{refusal}");
    assert_eq!(bench.good("read_text_file", json!({"path": "huge", "head": 1})).await, "first");
    assert_eq!(bench.good("read_text_file", json!({"path": "huge", "tail": 1})).await, "last line");
    assert_eq!(bench.good("read_text_file", json!({"path": "huge", "offset": 2, "limit": 1})).await, "first");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn binary_files_fifos_and_secret_files_are_refused_clearly() {
    let bench = bench();
    bench.file("nul", b"a\0b");
    bench.file("latin1", b"caf\xe9");
    bench.file(".env", "KEY=1");
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.root.join("fifo"), 0o600.into()).unwrap();
    for (path, part) in [
        ("nul", "binary file (it holds NUL"),
        ("latin1", "binary file (it is not UTF-8"),
        (".env", "secret file"),
        ("fifo", "is a FIFO"),
        (".", "EISDIR"),
        ("../x", "Access denied - path outside"),
    ] {
        for arguments in [json!({"path": path}), json!({"path": path, "head": 1}), json!({"path": path, "tail": 1})] {
            let text = bench.bad("read_text_file", arguments).await;
            assert!(text.contains(part), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn several_files_are_read_in_one_answer_with_failures_in_their_place() {
    let bench = bench();
    bench.file("a", "one\n");
    bench.file("b", "two");
    let output = bench.call("read_multiple_files", json!({"paths": ["a", "nope", "b"]})).await;
    assert_eq!(output.text, "a:\none\n\n\n---\nnope: Error - ENOENT: no such file or directory: nope\n---\nb:\ntwo\n");
    assert_eq!(output.files, [PathBuf::from("a"), PathBuf::from("b")]);
}

#[tokio::test]
async fn a_long_result_keeps_head_and_tail_and_says_how_to_go_on() {
    let mut bench = bench();
    bench.context.limits.result_cap = 1000;
    bench.file("a", (0..5000).map(|n| format!("line {n}\n")).collect::<String>());
    let text = bench.good("read_text_file", json!({"path": "a"})).await;
    assert!(text.starts_with("line 0\n") && text.ends_with("line 4999\n"), "{text}");
    assert!(text.contains("bytes cut; read the rest with offset and limit (lines)"), "{text}");
    assert!(text.len() < 1200);
}

#[tokio::test]
async fn an_existing_file_is_written_or_edited_only_after_it_was_read() {
    let bench = bench();
    bench.file("a", "old\n");
    let edits = json!({"path": "a", "edits": [{"oldText": "old", "newText": "new"}]});
    let refusal = "a was not read in this conversation: read it before you change it";
    assert_eq!(bench.bad("edit_file", edits.clone()).await, refusal);
    assert_eq!(bench.bad("write_file", json!({"path": "a", "content": "x"})).await, refusal);
    assert_eq!(bench.text("a"), "old\n");
    bench.good("read_text_file", json!({"path": "./a"})).await;
    bench.good("edit_file", edits).await;
    assert_eq!(bench.text("a"), "new\n");
    assert_eq!(bench.good("write_file", json!({"path": "a", "content": "x"})).await, "Successfully wrote to a");
    // A file that the model wrote itself is known to it.
    bench.good("write_file", json!({"path": "new", "content": "1"})).await;
    bench.good("write_file", json!({"path": "new", "content": "2"})).await;
    assert_eq!((bench.text("a").as_str(), bench.text("new").as_str()), ("x", "2"));
}

#[tokio::test]
async fn an_edit_answers_with_a_unified_diff_and_a_dry_run_writes_nothing() {
    let bench = bench();
    bench.file("a", "one\ntwo\nthree\n");
    bench.good("read_text_file", json!({"path": "a"})).await;
    let mut arguments = json!({"path": "a", "edits": [{"oldText": "two", "newText": "2"}], "dryRun": true});
    let diff = "```diff\n--- a\n+++ a\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n```";
    assert_eq!(bench.good("edit_file", arguments.clone()).await, diff);
    assert_eq!(bench.text("a"), "one\ntwo\nthree\n");
    arguments["dryRun"] = json!(false);
    assert_eq!(bench.good("edit_file", arguments).await, diff);
    assert_eq!(bench.text("a"), "one\n2\nthree\n");
}

#[tokio::test]
async fn edits_apply_in_order_and_all_or_none() {
    let bench = bench();
    bench.file("a", "aaa b b\n");
    bench.good("read_text_file", json!({"path": "a"})).await;
    for (edits, fault) in [
        (json!([{"oldText": "b", "newText": "c"}]), "edit 1: oldText occurs more than once"),
        (json!([{"oldText": "aa", "newText": "c"}]), "edit 1: oldText occurs more than once"),
        (json!([{"oldText": "x", "newText": "c"}]), "edit 1: oldText was not found"),
        (json!([{"oldText": "", "newText": "c"}]), "edit 1: oldText is empty"),
        (json!([{"oldText": "aaa", "newText": "aaa"}]), "edit 1: oldText and newText are equal"),
        (json!([{"oldText": "aaa", "newText": "1"}, {"oldText": "x", "newText": ""}]), "edit 2: oldText was not found"),
        (json!([{"oldText": "aaa", "newText": "1"}, {"oldText": "1", "newText": "aaa"}]), "cancel each other out"),
    ] {
        let text = bench.bad("edit_file", json!({"path": "a", "edits": edits})).await;
        assert!(text.contains(fault) && text.contains("nothing was written"), "{text}");
    }
    assert_eq!(bench.text("a"), "aaa b b\n");
    let edits = json!([{"oldText": "aaa", "newText": "one"}, {"oldText": "one b", "newText": "two"}]);
    bench.good("edit_file", json!({"path": "a", "edits": edits})).await;
    assert_eq!(bench.text("a"), "two b\n");
}

#[tokio::test]
async fn an_edit_keeps_the_line_ends_of_the_file_and_lengthens_the_fence() {
    let bench = bench();
    bench.file("dos", "one\r\ntwo\r\nthree\r\n");
    bench.good("read_text_file", json!({"path": "dos"})).await;
    bench.good("edit_file", json!({"path": "dos", "edits": [{"oldText": "one\ntwo", "newText": "1\n2"}]})).await;
    assert_eq!(bench.text("dos"), "1\r\n2\r\nthree\r\n");
    bench.file("md", "````\nx\n````\n");
    bench.good("read_text_file", json!({"path": "md"})).await;
    let diff = bench.good("edit_file", json!({"path": "md", "edits": [{"oldText": "x", "newText": "y"}]})).await;
    assert!(diff.starts_with("`````diff\n") && diff.ends_with("\n`````"), "{diff}");
}

#[tokio::test]
async fn directories_are_created_and_files_moved_but_never_over_others() {
    let bench = bench();
    bench.file("a", "a");
    bench.file("b", "b");
    assert_eq!(bench.good("create_directory", json!({"path": "x/y"})).await, "Successfully created directory x/y");
    bench.good("create_directory", json!({"path": "x/y"})).await;
    bench.good("read_text_file", json!({"path": "a"})).await;
    let text = bench.bad("move_file", json!({"source": "a", "destination": "b"})).await;
    assert_eq!(text, "EEXIST: b already exists; it is not overwritten");
    let text = bench.good("move_file", json!({"source": "a", "destination": "x/y/a"})).await;
    assert_eq!(text, "Successfully moved a to x/y/a");
    bench.good("move_file", json!({"source": "x", "destination": "z"})).await;
    bench.good("write_file", json!({"path": "z/y/a", "content": "known under its new name"})).await;
    assert_eq!(bench.text("b"), "b");
}

#[tokio::test]
async fn a_directory_is_listed_sorted_with_kinds() {
    let bench = bench();
    bench.file("b.txt", "");
    bench.file("a/x", "");
    let text = bench.good("list_directory", json!({"path": "."})).await;
    assert_eq!(text, "[DIR] .git\n[DIR] a\n[FILE] b.txt");
    assert_eq!(bench.bad("list_directory", json!({"path": "b.txt"})).await, "ENOTDIR: b.txt is not a directory");
    fs::create_dir(bench.root.join("empty")).unwrap();
    assert_eq!(bench.good("list_directory", json!({"path": "empty"})).await, "(no output)");
}

#[tokio::test]
async fn a_directory_with_many_entries_is_listed_quickly_and_says_how_many_more() {
    // Hard links to one file: many entries without many files.
    const ENTRIES: usize = 50_000;
    let bench = bench();
    fs::create_dir(bench.root.join("many")).unwrap();
    bench.file("seed", "needle\n");
    for n in 0..ENTRIES {
        fs::hard_link(bench.root.join("seed"), bench.root.join(format!("many/{n:06}"))).unwrap();
    }
    let started = Instant::now();
    let list = bench.good("list_directory", json!({"path": "many"})).await;
    assert!(list.starts_with("[FILE] 000000\n") && list.contains("[FILE] 000999\n"), "{list}");
    assert!(list.ends_with("[... 49000 more entries, 50000 in all: use search_files with a pattern ...]"), "{list}");
    let tree = bench.good("directory_tree", json!({"path": "many"})).await;
    let tree: Vec<Value> = serde_json::from_str(&tree).unwrap();
    assert!(tree.last().unwrap()["name"].as_str().unwrap().contains("more entries"));
    let found = bench.good("search_files", json!({"path": "many", "pattern": "0*"})).await;
    assert!(found.ends_with("[... 49500 more matches: use a narrower pattern ...]"), "{found}");
    let lines = bench.good("search_content", json!({"path": "many", "pattern": "needle", "max_results": 3})).await;
    assert!(lines.ends_with("many/000002:1: needle\n[... more matches; stopped at 3 ...]"), "{lines}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_tree_is_nested_json_without_ignored_files() {
    let bench = bench();
    bench.file(".gitignore", "target/\n*.log\n");
    bench.file("src/deep/a.rs", "");
    bench.file("src/b.rs", "");
    bench.file("target/out", "");
    bench.file("x.log", "");
    fs::create_dir(bench.root.join("empty")).unwrap();
    let tree: Value = serde_json::from_str(&bench.good("directory_tree", json!({"path": "."})).await).unwrap();
    let file = |name: &str| json!({"name": name, "type": "file"});
    let expected = json!([
        file(".gitignore"),
        {"name": "empty", "type": "directory", "children": []},
        {"name": "src", "type": "directory", "children": [
            file("b.rs"),
            {"name": "deep", "type": "directory", "children": [file("a.rs")]},
        ]},
    ]);
    assert_eq!(tree, expected);
}

#[tokio::test]
async fn a_tree_that_is_too_long_stays_json() {
    let mut bench = bench();
    bench.context.limits.result_cap = 2000;
    for n in 0..300 {
        bench.file(&format!("d{}/f{n}", n % 7), "");
    }
    let text = bench.good("directory_tree", json!({"path": "."})).await;
    let tree: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(text.len() <= 2000 && tree.last().unwrap()["type"] == "more");
}

#[tokio::test]
async fn files_are_found_by_glob_relative_to_the_path() {
    let bench = bench();
    bench.file(".gitignore", "ignored/\n");
    for name in ["a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/d.rs", "ignored/e.txt", ".env.txt"] {
        bench.file(name, "");
    }
    let absolute = |names: &[&str]| -> String {
        names.iter().map(|name| bench.root.join(name).display().to_string()).collect::<Vec<_>>().join("\n")
    };
    let find = |path: &'static str, pattern: &'static str| {
        bench.good("search_files", json!({"path": path, "pattern": pattern}))
    };
    assert_eq!(find(".", "*.txt").await, absolute(&["a.txt"]) + "\n(1 secret files skipped)");
    let deep = absolute(&["a.txt", "sub/b.txt", "sub/deep/c.txt"]);
    assert_eq!(find(".", "**/*.txt").await, deep + "\n(1 secret files skipped)");
    assert_eq!(find("sub", "*.txt").await, absolute(&["sub/b.txt"]));
    assert_eq!(find("sub", "nope").await, "No matches found");
    assert!(bench.bad("search_files", json!({"path": ".", "pattern": "[a"})).await.starts_with("Invalid glob"));
}

#[tokio::test]
async fn contents_are_searched_without_binary_secret_ignored_and_outside_files() {
    let bench = bench();
    let outside = bench.root.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("loot"), "needle\n").unwrap();
    symlink(&outside, bench.root.join("door")).unwrap();
    symlink(outside.join("loot"), bench.root.join("window")).unwrap();
    bench.file(".gitignore", "ignored\n");
    bench.file("a.rs", format!("x\nneedle one\n{}needle\n", "y".repeat(1000)));
    bench.file("sub/b.md", "Needle two\n");
    bench.file("nul.bin", b"needle\n\0");
    bench.file("ignored", "needle\n");
    bench.file(".env", "needle\n");
    let output = bench.call("search_content", json!({"path": ".", "pattern": "ne+dle"})).await;
    let long = format!("a.rs:3: {}…", "y".repeat(300));
    assert_eq!(output.text, format!("a.rs:2: needle one\n{long}\n(1 secret files skipped)"));
    assert_eq!(output.files, [PathBuf::from("a.rs")]);
    let search = |arguments: Value| bench.good("search_content", arguments);
    let text = search(json!({"path": "sub", "pattern": "needle", "ignore_case": true})).await;
    assert_eq!(text, "sub/b.md:1: Needle two");
    let text = search(json!({"path": ".", "pattern": "(?i)needle", "glob": "*.md"})).await;
    assert!(text.starts_with("sub/b.md:1: Needle two"), "{text}");
    assert_eq!(search(json!({"path": "a.rs", "pattern": "^x$"})).await, "a.rs:1: x");
    assert_eq!(search(json!({"path": "a.rs", "pattern": "nothing"})).await, "No matches found");
    for (path, pattern, part) in [
        (".", "(", "Invalid pattern"),
        (".", "((a{1000}){1000}){1000}", "Invalid pattern"),
        (".", "", "pattern is empty"),
        ("window", "x", "Access denied"),
        ("door", "x", "Access denied"),
        (".env", "x", "secret file"),
        ("nope", "x", "ENOENT"),
    ] {
        let text = bench.bad("search_content", json!({"path": path, "pattern": pattern})).await;
        assert!(text.starts_with(part) || text.contains(part), "{path} {pattern}: {text}");
    }
}

#[tokio::test]
async fn a_cancelled_call_ends() {
    let bench = bench();
    bench.file("a", "x\n");
    bench.context.cancel.cancel();
    for (tool, arguments) in [
        ("read_text_file", json!({"path": "a"})),
        ("list_directory", json!({"path": "."})),
        ("directory_tree", json!({"path": "."})),
        ("search_files", json!({"path": ".", "pattern": "*"})),
        ("search_content", json!({"path": ".", "pattern": "x"})),
        ("write_file", json!({"path": "b", "content": ""})),
    ] {
        assert_eq!(bench.bad(tool, arguments).await, "Cancelled", "{tool}");
    }
    assert!(!bench.root.join("b").exists());
}

#[tokio::test]
async fn file_info_is_key_and_value_lines() {
    let bench = bench();
    bench.file("a", "12345");
    let text = bench.good("get_file_info", json!({"path": "a"})).await;
    let keys: Vec<&str> = text.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(keys, ["size", "created", "modified", "accessed", "isDirectory", "isFile", "permissions"]);
    assert!(text.contains("size: 5\n") && text.contains("isFile: true\n"), "{text}");
    assert!(bench.good("get_file_info", json!({"path": "."})).await.contains("isDirectory: true"));
}

#[tokio::test]
async fn a_command_answers_with_its_output_and_exit_code() {
    let bench = bench();
    bench.file("sub/a", "");
    let run = |arguments: Value| bench.call("shell_execute", arguments);
    let output =
        run(json!({"command": ["sh", "-c", "cat; pwd; echo err >&2; exit 3"], "directory": "sub", "stdin": "in\n"}))
            .await;
    let here = bench.root.join("sub").display().to_string();
    assert_eq!((output.text, output.ok), (format!("in\n{here}\n[stderr]\nerr\n[exit code 3]"), false));
    let output = run(json!({"command": ["true"]})).await;
    assert_eq!((output.text.as_str(), output.ok), ("(no output)\n[exit code 0]", true));
    let output = run(json!({"command": ["no-such-program-here"]})).await;
    assert_eq!(output.text, "Error executing command: command not found: no-such-program-here");
    let output = run(json!({"command": ["pwd"], "directory": "../"})).await;
    assert!(output.text.starts_with("Access denied - path outside"), "{}", output.text);
}

#[tokio::test]
async fn a_command_that_prints_for_ever_is_cut_and_its_time_out_stated() {
    let mut bench = bench();
    bench.context.limits.result_cap = 3000;
    let output = bench.call("shell_execute", json!({"command": ["yes"], "timeout": 1})).await;
    assert!(!output.ok && output.text.ends_with("\n[timed out after 1 s; the command was ended]"), "{}", output.text);
    assert!(output.text.contains("bytes cut") && output.text.len() < 3200);
}

#[test]
fn a_summary_is_one_line_for_any_arguments() {
    let bench = bench();
    for spec in bench.toolbox.specs() {
        let tool = bench.toolbox.get(&spec.name).unwrap();
        for arguments in [json!({}), json!(null), json!([1]), json!({"path": 1, "command": "x"})] {
            assert_eq!(tool.summary(&arguments), "", "{}", spec.name);
        }
    }
    let tool = |name| bench.toolbox.get(name).unwrap();
    assert_eq!(tool("move_file").summary(&json!({"source": "a", "destination": "b"})), "a b");
    let line: String = tool("shell_execute").summary(&json!({"command": ["sh", "-c", "a \u{1b}[2J'b"], "stdin": "xy"}));
    assert_eq!(super::line(&line, 99), r"sh -c 'a �[2J'\''b' (with 2 bytes of input)");
}

#[test]
fn reading_is_allowed_writing_asks_and_a_dry_run_does_not() {
    let bench = bench();
    let judge = |tool: &str, arguments: Value| bench.toolbox.get(tool).unwrap().judge(&bench.context, &arguments);
    for spec in bench.toolbox.specs().filter(|spec| spec.read_only) {
        assert_eq!(judge(&spec.name, json!({"path": "a"})), Judgement::Allow);
    }
    for tool in ["write_file", "edit_file", "create_directory", "move_file"] {
        let judgement = judge(tool, json!({"path": "a"}));
        assert!(matches!(judgement, Judgement::Ask { key, .. } if key == tool));
    }
    assert_eq!(judge("edit_file", json!({"path": "a", "dryRun": true})), Judgement::Allow);
    assert_eq!(judge("shell_execute", json!({"command": ["pwd"]})), Judgement::Allow);
    assert!(matches!(judge("shell_execute", json!({"command": ["rm", "a"]})), Judgement::Ask { .. }));
    assert!(matches!(judge("shell_execute", json!({"command": ["", "a"]})), Judgement::Deny { .. }));
}
