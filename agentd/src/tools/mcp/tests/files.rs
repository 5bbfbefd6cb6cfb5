//! Plain names over files, served by a server that is like the reference one.

use std::os::unix::fs::symlink;

use super::*;

/// A bench whose files a server serves that is like the reference server.
fn files() -> Bench {
    bench_in(tempfile::tempdir().unwrap(), |root| {
        let root = root.to_path_buf();
        Fake::new(move |call| filesystem(&root, call)).with_role(Role::Filesystem, "files")
    })
}

/// A bench whose file server always answers so.
fn answering(answer: Answer) -> Bench {
    bench(Fake::new(move |_| answer.clone()).with_role(Role::Filesystem, "files"))
}

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Wv3Qe9\nq1c8b2Zt5y6u7i8o9p0aSdFg\n-----END RSA PRIVATE KEY-----\n";

fn furnish(bench: &Bench) {
    bench.file("a.txt", "one\ntwo\nthree\n");
    bench.file("b.txt", &format!("key = {SECRET}\nport = 1\n"));
    bench.file("sub/key.txt", &format!("before\n{KEY}after\n"));
    bench.file("sub/deep/c", "c");
    bench.file("empty", "");
    bench.file("binary", "a\0b");
    fs::write(bench.root.join("latin"), [b'a', 0xe9, b'\n']).unwrap();
    symlink("a.txt", bench.root.join("link")).unwrap();
}

/// Every read that a server serves, and how it may go wrong.
fn reads() -> Vec<(&'static str, Value)> {
    let read = |arguments| ("read_text_file", arguments);
    vec![
        read(json!({"path": "a.txt"})),
        read(json!({"path": "b.txt"})),
        read(json!({"path": "link"})),
        read(json!({"path": "empty"})),
        read(json!({"path": "a.txt", "head": 2})),
        read(json!({"path": "a.txt", "tail": 2})),
        read(json!({"path": "sub/key.txt", "head": 3})),
        read(json!({"path": "sub/key.txt", "tail": 3})),
        read(json!({"path": "binary"})),
        read(json!({"path": "latin"})),
        ("read_multiple_files", json!({"paths": ["b.txt", "nothing", "a.txt", "sub/key.txt"]})),
        ("list_directory", json!({"path": "."})),
        ("list_directory", json!({"path": "sub"})),
        ("get_file_info", json!({"path": "a.txt"})),
        ("get_file_info", json!({"path": "sub"})),
    ]
}

#[tokio::test]
async fn every_read_of_a_server_is_as_the_built_in_tool_s_and_as_verifiable() {
    let bench = files();
    furnish(&bench);
    for (tool, arguments) in reads() {
        let built_in = bench.built_in(tool, arguments.clone()).await;
        let served = bench.call(tool, arguments.clone()).await;
        assert_eq!(served.text, built_in.text, "{tool} {arguments}");
        assert_eq!((served.ok, &served.files), (built_in.ok, &built_in.files), "{tool} {arguments}");
        assert!(served.rests != Rests::Unknown, "{tool} {arguments}");
        assert_eq!((served.server.as_str(), served.fallback.as_str()), ("files", ""), "{tool} {arguments}");
    }
    assert_eq!(bench.fake.asked().len(), reads().len());
    for call in bench.fake.asked() {
        assert_eq!((call.wait, call.timeout), (Wait::Not, Some(Duration::from_secs(5))));
        let path = call.arguments.get("path").and_then(Value::as_str);
        assert!(path.is_none_or(|path| path.starts_with('/') && !path.ends_with('/')), "{path:?}");
    }
}

#[tokio::test]
async fn what_the_model_sees_of_a_secret_does_not_depend_on_who_reads() {
    let bench = files();
    furnish(&bench);
    let output = bench.call("read_text_file", json!({"path": "b.txt"})).await;
    assert!(output.text.contains("[REDACTED:1]") && output.text.contains("1 value is hidden"), "{}", output.text);
    // Nobody checks what only this server says.
    let other = format!("before\n{KEY}after\nmore");
    let bench = answering(said(other));
    bench.file("key.txt", "something else");
    let part = bench.call("read_text_file", json!({"path": "key.txt", "tail": 4})).await;
    assert!(!part.text.contains("q1c8b2Zt"), "{}", part.text);
    assert_eq!((part.server.as_str(), part.rests), ("files", Rests::Unknown));
    assert_eq!(bench.context.view.hidden(), 1, "what is hidden counts once");
}

#[tokio::test]
async fn every_change_by_a_server_is_told_as_the_built_in_tool_tells_it() {
    let (served, plain) = (files(), files());
    for bench in [&served, &plain] {
        furnish(bench);
    }
    let edits = json!([{"oldText": "two", "newText": "2 $& `x`"}, {"oldText": "three\n", "newText": "3\n4\n"}]);
    let calls = [
        ("read_text_file", json!({"path": "a.txt"})),
        ("edit_file", json!({"path": "a.txt", "edits": edits})),
        ("write_file", json!({"path": "a.txt", "content": "new\n"})),
        ("write_file", json!({"path": "sub/made", "content": "é"})),
        ("edit_file", json!({"path": "sub/made", "edits": [{"oldText": "é", "newText": "e"}]})),
        ("create_directory", json!({"path": "x/y/z"})),
        ("create_directory", json!({"path": "x/y/z"})),
        ("move_file", json!({"source": "sub", "destination": "x/moved"})),
        ("edit_file", json!({"path": "x/moved/made", "edits": [{"oldText": "e", "newText": "f"}]})),
    ];
    for (tool, arguments) in calls {
        let (one, two) = (served.call(tool, arguments.clone()).await, plain.built_in(tool, arguments.clone()).await);
        assert!(two.ok, "{tool} {arguments}: {}", two.text);
        assert_eq!((&one.text, one.ok, &one.files), (&two.text, two.ok, &two.files), "{tool} {arguments}");
        assert_eq!(one.server, "files", "{tool} {arguments}");
    }
    for name in ["a.txt", "x/moved/made"] {
        assert_eq!(served.text(name), plain.text(name));
    }
}

#[tokio::test]
async fn what_the_built_in_tool_refuses_reaches_no_server() {
    let bench = files();
    furnish(&bench);
    bench.file(".env", "A=1");
    symlink("/etc/passwd", bench.root.join("out")).unwrap();
    symlink("nowhere", bench.root.join("dangling")).unwrap();
    let edit = json!([{"oldText": "one", "newText": "1"}]);
    let calls = [
        ("read_text_file", json!({"path": "/etc/passwd"})),
        ("read_text_file", json!({"path": "out"})),
        ("read_text_file", json!({"path": ".env"})),
        ("read_text_file", json!({"path": "nothing"})),
        ("read_text_file", json!({"path": "a.txt", "bad": 1})),
        ("read_multiple_files", json!({"paths": ["../x", ".env"]})),
        ("list_directory", json!({"path": ".."})),
        ("get_file_info", json!({"path": "out"})),
        ("edit_file", json!({"path": "a.txt", "edits": edit})),
        ("write_file", json!({"path": "a.txt", "content": "unread"})),
        ("write_file", json!({"path": ".env.local", "content": "A=1"})),
        ("write_file", json!({"path": "no/such/directory", "content": "A=1"})),
        ("write_file", json!({"path": "dangling", "content": "A=1"})),
        ("create_directory", json!({"path": "../x"})),
        ("move_file", json!({"source": "a.txt", "destination": "b.txt"})),
        ("move_file", json!({"source": ".env", "destination": "env"})),
    ];
    for (tool, arguments) in calls {
        let built_in = bench.built_in(tool, arguments.clone()).await;
        let output = bench.call(tool, arguments.clone()).await;
        assert_eq!((&output.text, output.ok), (&built_in.text, built_in.ok), "{tool} {arguments}");
        assert_eq!((output.server.as_str(), output.fallback.as_str()), ("", ""), "{tool} {arguments}");
    }
    assert_eq!(bench.fake.asked().len(), 0);
}

#[tokio::test]
async fn what_a_server_could_not_do_the_same_way_stays_built_in() {
    let bench = files();
    furnish(&bench);
    bench.file("dos.txt", "a\r\nb\r\n");
    for path in ["b.txt", "dos.txt", "link"] {
        bench.built_in("read_text_file", json!({"path": path})).await;
    }
    let edit = |old: &str, new: &str| json!([{"oldText": old, "newText": new}]);
    let calls = [
        ("read_text_file", json!({"path": "a.txt", "offset": 2, "limit": 1})),
        ("search_files", json!({"path": ".", "pattern": "*.txt"})),
        ("directory_tree", json!({"path": "."})),
        ("search_content", json!({"path": ".", "pattern": "two"})),
        ("edit_file", json!({"path": "b.txt", "edits": edit("key = [REDACTED:1]", "name = [REDACTED:1]")})),
        ("edit_file", json!({"path": "dos.txt", "edits": edit("b", "c")})),
        ("edit_file", json!({"path": "a.txt", "edits": edit("two", "2"), "dryRun": true})),
        ("write_file", json!({"path": "b.txt", "content": "name = [REDACTED:1]\n"})),
        ("move_file", json!({"source": "link", "destination": "other"})),
    ];
    for (tool, arguments) in calls {
        let output = bench.call(tool, arguments.clone()).await;
        assert!(output.ok, "{tool} {arguments}: {}", output.text);
        assert_eq!((output.server.as_str(), output.fallback.as_str()), ("", ""), "{tool} {arguments}");
    }
    assert_eq!(bench.fake.asked().len(), 0);
    assert_eq!(bench.text("b.txt"), format!("name = {SECRET}\n"));
    assert_eq!(bench.text("dos.txt"), "a\r\nc\r\n");
    assert!(bench.root.join("other").is_symlink());
}

#[tokio::test]
async fn a_server_that_does_not_serve_is_stood_in_for_and_named() {
    let slow = ClientError::Timeout(Duration::from_secs(5));
    let reasons = [
        (not_ready(), "files is starting"),
        (failed(ClientError::Closed), "files: the server ended before it answered"),
        (failed(slow), "files: no answer within 5 s"),
        (Err(PoolError::Unknown("files".into())), "files is not there any more"),
        (
            refused("Access denied - path outside allowed directories: /p not in /q"),
            "files is set up for other directories",
        ),
        (refused("MCP error -32602: Tool read_text_file not found"), "files does not take the call of read_text_file"),
        (
            Ok(crate::mcp::client::CallResult { content: vec![], structured: None, is_error: false }),
            "files answered in another form",
        ),
    ];
    for (answer, why) in reasons {
        let bench = answering(answer);
        bench.file("a.txt", "one\n");
        let output = bench.call("read_text_file", json!({"path": "a.txt"})).await;
        assert_eq!((output.text.as_str(), output.ok, output.fallback.as_str()), ("one\n", true, why));
        assert!(output.server.is_empty() && output.rests != Rests::Unknown);
        assert_eq!(bench.fake.fallbacks.load(Ordering::Relaxed), 1);
    }
    let bench = answering(said("no list at all"));
    let output = bench.call("list_directory", json!({"path": "."})).await;
    assert_eq!((output.text.as_str(), output.fallback.as_str()), ("[DIR] .git", "files answered in another form"));
}

#[tokio::test]
async fn a_failure_that_is_the_server_s_own_is_the_answer() {
    let bench = bench_in(tempfile::tempdir().unwrap(), |root| {
        let words = format!("EACCES: permission denied, open '{}/a.txt'", root.display());
        Fake::new(move |_| refused(words.clone())).with_role(Role::Filesystem, "files")
    });
    bench.file("a.txt", "one\n");
    let output = bench.call("read_text_file", json!({"path": "a.txt"})).await;
    assert_eq!((output.text.as_str(), output.ok), ("EACCES: permission denied, open 'a.txt'", false));
    assert_eq!((output.server.as_str(), output.rests), ("files", Rests::Unknown));
    let output = bench.call("write_file", json!({"path": "new", "content": "x"})).await;
    assert!(!output.ok && !bench.root.join("new").exists() && output.server == "files");
}

#[tokio::test]
async fn a_change_that_may_have_been_made_is_not_made_again() {
    let bench = answering(failed(ClientError::Closed));
    bench.file("a.txt", "one\n");
    bench.built_in("read_text_file", json!({"path": "a.txt"})).await;
    let edit = json!({"path": "a.txt", "edits": [{"oldText": "one", "newText": "one one"}]});
    for (tool, arguments) in [("edit_file", edit), ("move_file", json!({"source": "a.txt", "destination": "b.txt"}))] {
        let output = bench.call(tool, arguments).await;
        assert!(!output.ok && output.text.contains("look at the file before you go on"), "{}", output.text);
        assert_eq!(bench.text("a.txt"), "one\n");
    }
    assert_eq!(bench.fake.asked().len(), 2);
}

#[tokio::test]
async fn a_silent_server_may_still_write_so_nothing_is_written_in_its_place() {
    let bench = answering(failed(ClientError::Timeout(Duration::from_secs(60))));
    let output = bench.call("write_file", json!({"path": "new", "content": "x"})).await;
    assert!(!output.ok && output.text.contains("look at the file before you go on"), "{}", output.text);
    assert!(!bench.root.join("new").exists() && output.fallback.is_empty());
}

#[tokio::test]
async fn a_change_that_is_the_same_when_made_twice_is_made_by_the_built_in_tool() {
    // The server had made the file, and died before it said so.
    let bench = bench_in(tempfile::tempdir().unwrap(), |root| {
        let root = root.to_path_buf();
        let answer = move |call: &PoolCall| {
            let _done = filesystem(&root, call);
            failed(ClientError::Closed)
        };
        Fake::new(answer).with_role(Role::Filesystem, "files")
    });
    for (tool, arguments) in
        [("write_file", json!({"path": "new", "content": "x"})), ("create_directory", json!({"path": "d/e"}))]
    {
        let output = bench.call(tool, arguments).await;
        assert!(output.ok, "{}", output.text);
        assert_eq!(output.fallback, "files: the server ended before it answered");
    }
    assert_eq!(bench.text("new"), "x");
    assert!(bench.root.join("d/e").is_dir());
}

#[tokio::test]
async fn a_server_that_says_done_and_did_nothing_is_not_believed() {
    let bench = answering(said("Successfully done"));
    bench.file("a.txt", "one\n");
    bench.built_in("read_text_file", json!({"path": "a.txt"})).await;
    let calls = [
        ("write_file", json!({"path": "a.txt", "content": "two"})),
        ("write_file", json!({"path": "new", "content": "x"})),
        ("edit_file", json!({"path": "a.txt", "edits": [{"oldText": "one", "newText": "1"}]})),
        ("move_file", json!({"source": "a.txt", "destination": "b.txt"})),
        ("create_directory", json!({"path": "d"})),
    ];
    for (tool, arguments) in calls {
        let output = bench.call(tool, arguments.clone()).await;
        assert!(!output.ok && output.server == "files", "{tool} {arguments}: {}", output.text);
    }
}

#[tokio::test]
async fn a_server_is_asked_for_what_it_offers_and_for_anything_while_that_is_not_known() {
    let only = |offered: Vec<&'static str>| {
        let bench = bench(Fake { offered, ..Fake::new(|_| not_ready()).with_role(Role::Filesystem, "files") });
        bench.file("a.txt", "one\n");
        bench
    };
    let bench = only(vec!["write_file"]);
    let output = bench.call("read_text_file", json!({"path": "a.txt"})).await;
    assert_eq!((output.fallback.as_str(), bench.fake.asked().len()), ("", 0), "it never said it would");
    let bench = only(vec!["nothing that is known"]);
    let output = bench.call("read_text_file", json!({"path": "a.txt"})).await;
    assert_eq!((output.fallback.as_str(), bench.fake.asked().len()), ("files is starting", 1));
}
