//! The tools that a conversation sees.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time;

use crate::{
    config::{ApprovalMode, McpServer, Role, Scope},
    mcp::{pool::Serve as _, testing::*},
    redact::Redactor,
};

fn names(bench: &Bench, view: &crate::mcp::pool::View) -> Vec<String> {
    bench.pool.catalog(view).tools.iter().map(|tool| tool.name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_the_same_while_servers_come_and_go_and_at_the_next_start() {
    let bench = Bench::new();
    let user = servers([("b", server("x")), ("a", server("y"))]);
    bench.configure(&user);
    for name in ["a", "b"] {
        bench.until(&view(&user), name, "ready").await;
    }
    let first = bench.pool.catalog(&view(&user));
    let all = ["mcp__a__read", "mcp__a__write", "mcp__b__read", "mcp__b__write"];
    assert_eq!(names(&bench, &view(&user)), all);
    assert_eq!(first.get("mcp__b__write").unwrap().tool, "write");
    bench.fake.plan("a", [Plan { delay: Duration::from_secs(3_000), ..Plan::default() }]);
    bench.fake.line("a").kill("signal 9");
    bench.until(&view(&user), "a", "starting").await;
    bench.pool.restart(&view(&user), "b").await.unwrap();
    let same = Arc::new(user.as_ref().clone());
    bench.configure(&same);
    for view in [view(&user), view(&same), view_in(&user, "/p")] {
        assert!(Arc::ptr_eq(&first.tools, &bench.pool.catalog(&view).tools));
    }
    bench.pool.stop().await;
    let later = Bench::at(Arc::clone(&bench.dir));
    assert_eq!(later.pool.catalog(&view(&user)), first, "before it is even configured");
    later.configure(&user);
    assert_eq!(later.pool.catalog(&view(&user)), first, "before any server runs");
    for name in ["a", "b"] {
        later.until(&view(&user), name, "ready").await;
    }
    assert_eq!(later.pool.catalog(&view(&user)), first);
}

#[tokio::test(start_paused = true)]
async fn a_role_keeps_its_plain_names_out_of_the_catalog() {
    let bench = Bench::new();
    let files = ["read_text_file", "list_directory", "read_media_file", "read_file"].map(|name| tool(name, true));
    bench.fake.plan("files", [Plan { tools: files.to_vec(), ..Plan::default() }]);
    let shell = ["shell_execute", "version"].map(|name| tool(name, false));
    bench.fake.plan("shell", [Plan { tools: shell.to_vec(), ..Plan::default() }]);
    let user = servers([
        ("files", McpServer { role: Some(Role::Filesystem), ..server("x") }),
        ("shell", McpServer { role: Some(Role::Command), ..server("y") }),
    ]);
    bench.configure(&user);
    let view = view(&user);
    for name in ["files", "shell"] {
        bench.until(&view, name, "ready").await;
    }
    assert_eq!(names(&bench, &view), ["mcp__files__read_media_file", "mcp__shell__version"]);
    assert_eq!(bench.pool.role(&view, Role::Command).as_deref(), Some("shell"));
    assert_eq!(bench.pool.role(&view, Role::Filesystem).as_deref(), Some("files"));
    assert!(bench.pool.offers(&view, "files", "read_text_file") && !bench.pool.offers(&view, "files", "write_file"));
    let told: Vec<_> = bench.pool.tools(&view, Some("shell")).into_iter().map(|tool| tool.name).collect();
    assert_eq!(told, ["mcp__shell__version", "shell_execute"]);
    assert_eq!(bench.pool.tools(&view, None).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_configuration_says_what_is_seen_and_how_it_is_approved_without_a_restart() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let stricter = McpServer {
        enabled_tools: Some(vec!["write".to_owned(), "absent".to_owned()]),
        approval: ApprovalMode::Approve,
        tool_approval: [("write".to_owned(), ApprovalMode::Prompt)].into(),
        parallel: true,
        role: Some(Role::Command),
        tool_timeout: Some(Duration::from_secs(1)),
        ..server("x")
    };
    let user = servers([("a", stricter)]);
    bench.configure(&user);
    let catalog = bench.pool.catalog(&view(&user));
    assert_eq!((catalog.tools.len(), catalog.tools[0].approval), (1, ApprovalMode::Prompt));
    assert!(catalog.tools[0].parallel && !catalog.tools[0].read_only);
    time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.fake.starts("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_neither_shown_nor_written() {
    let bench = Bench::new();
    bench.pool.set_redactor(Redactor::new(["hunter2-hunter2".to_owned()]));
    let mut leaky = tool("read", true);
    leaky.description = "uses hunter2-hunter2".to_owned();
    leaky.schema = serde_json::json!({"type": "object", "properties": {"a": {"default": "hunter2-hunter2"}}});
    let dies = crate::mcp::connect::ConnectError {
        what: "bad token hunter2-hunter2".to_owned(),
        cure: String::new(),
        retry: false,
    };
    bench.fake.plan("a", [Plan { tools: vec![leaky], ..Plan::default() }]);
    bench.fake.plan("b", [Plan { error: Some(dies), stderr: "hunter2-hunter2!".to_owned(), ..Plan::default() }]);
    let stdio = crate::config::StdioServer {
        command: "y".to_owned(),
        args: vec!["--token=hunter2-hunter2".to_owned()],
        ..Default::default()
    };
    let user = servers([("a", server("x")), ("b", McpServer::new(crate::config::Transport::Stdio(stdio)))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    bench.until(&view(&user), "b", "failed").await;
    let path = bench.dir.path().join("mcp-known.json");
    let shown = format!(
        "{:?}{:?}{:?}{:?}",
        bench.pool.catalog(&view(&user)),
        bench.pool.report(&view(&user)),
        bench.pool.warnings(),
        bench.pool.logs(&view(&user), "b", 10).unwrap()
    );
    bench.pool.stop().await;
    let written = fs::read_to_string(&path).unwrap();
    assert!(!shown.contains("hunter2") && shown.contains("[REDACTED]"), "{shown}");
    assert!(!written.contains("hunter2") && written.contains("[REDACTED]"), "{written}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_dropped_and_written_anew() {
    for damage in ["", "{}", "[", "{\"version\":2,\"servers\":[]}", "{\"version\":1,\"servers\":[{\"key\":1}]}"] {
        let bench = Bench::new();
        let path = bench.dir.path().join("mcp-known.json");
        fs::write(&path, damage).unwrap();
        let later = Bench::at(Arc::clone(&bench.dir));
        let user = servers([("a", server("x"))]);
        assert_eq!(names(&later, &view(&user)).len(), 0);
        later.configure(&user);
        later.until(&view(&user), "a", "ready").await;
        later.pool.stop().await;
        assert_eq!(names(&Bench::at(Arc::clone(&bench.dir)), &view(&user)).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn many_long_and_equal_names_all_have_a_place_or_a_warning() {
    let bench = Bench::new();
    let mut tools: Vec<_> = (0..498).map(|number| tool(&format!("{}{number:03}", "x".repeat(97)), true)).collect();
    tools.extend(["same.name", "same name"].map(|name| tool(name, true)));
    let left_out = vec!["100 tools are beyond the first 500".to_owned()];
    bench.fake.plan("a", [Plan { tools, left_out, ..Plan::default() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let names = names(&bench, &view(&user));
    assert_eq!(names.len(), 500);
    assert!(names.is_sorted() && names.iter().all(|name| name.len() <= 64));
    assert_eq!(bench.pool.warnings(), ["MCP server a: 100 tools are beyond the first 500"]);
}

#[tokio::test(start_paused = true)]
async fn a_projects_server_is_learnt_once_and_then_known_in_every_project() {
    let bench = Bench::new();
    let user = servers([("a", McpServer { scope: Scope::Project, ..server("x") })]);
    bench.configure(&user);
    assert!(names(&bench, &view(&user)).is_empty() && bench.fake.starts("a").is_empty());
    assert!(names(&bench, &view_in(&user, "/one")).is_empty());
    bench.until(&view_in(&user, "/one"), "a", "ready").await;
    assert_eq!(names(&bench, &view_in(&user, "/one")).len(), 2);
    assert_eq!(names(&bench, &view_in(&user, "/two")).len(), 2);
    assert_eq!(bench.fake.starts("a").len(), 1, "what is known needs no process");
    bench.pool.call(&view_in(&user, "/two"), call("a", "read")).await.unwrap();
    let projects: Vec<_> = bench.fake.lines("a").iter().map(|line| line.target.project.clone().unwrap()).collect();
    assert_eq!(projects, ["/one", "/two"].map(std::path::PathBuf::from));
    assert_eq!(bench.fake.lines("a")[0].calls.load(Ordering::SeqCst), 0, "no server sees another project's call");
}
