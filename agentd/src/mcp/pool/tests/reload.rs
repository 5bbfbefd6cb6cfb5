//! What a new configuration starts, stops and leaves alone.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time;

use crate::{
    config::{McpServer, Scope, StdioServer, Transport},
    mcp::{
        pool::{PoolError, Serve as _, View},
        testing::*,
    },
};

#[tokio::test(start_paused = true)]
async fn a_reload_starts_stops_and_changes_only_what_changed() {
    let bench = Bench::new();
    let before = servers([("keep", server("k")), ("gone", server("g")), ("change", server("c")), ("off", server("o"))]);
    bench.configure(&before);
    for name in ["keep", "gone", "change", "off"] {
        bench.until(&view(&before), name, "ready").await;
    }
    let old = bench.fake.line("change");
    let after = servers([
        ("keep", McpServer { startup_timeout: Some(Duration::from_secs(9)), required: true, ..server("k") }),
        ("change", server("other")),
        ("off", McpServer { enabled: false, ..server("o") }),
        ("new", server("n")),
    ]);
    bench.configure(&after);
    bench.until(&view(&after), "new", "ready").await;
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.row(&after, "change").state, "ready");
    assert!(old.was_stopped.load(Ordering::SeqCst));
    let starts = ["keep", "gone", "change", "off", "new"].map(|name| bench.fake.starts(name).len());
    assert_eq!(starts, [1, 1, 2, 1, 1]);
    for name in ["gone", "off"] {
        assert!(bench.fake.line(name).was_stopped.load(Ordering::SeqCst), "{name}");
    }
    assert!(!bench.fake.line("keep").was_stopped.load(Ordering::SeqCst));
    assert_eq!(bench.pool.call(&view(&after), call("gone", "read")).await, Err(PoolError::Unknown("gone".to_owned())));
    // Whoever still holds the old configuration starts nothing with it.
    assert_eq!(bench.pool.call(&view(&before), call("gone", "read")).await, Err(PoolError::Unknown("gone".to_owned())));
    assert_eq!(bench.pool.describe(), "3 of 3 ready");
    bench.configure(&after);
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(["keep", "change", "new"].map(|name| bench.fake.starts(name).len()), [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_failed_is_tried_again_when_its_configuration_changes() {
    let bench = Bench::new();
    let error = crate::mcp::connect::ConnectError { what: "no".to_owned(), cure: String::new(), retry: false };
    bench.fake.plan("a", [Plan { error: Some(error), ..Plan::default() }, Plan::default()]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "failed").await;
    let user = servers([("a", server("y"))]);
    bench.configure(&user);
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.row(&user, "a").state, "ready");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_lazy_any_more_is_started() {
    let bench = Bench::new();
    let lazy = servers([("a", McpServer { lazy: true, ..server("x") })]);
    bench.configure(&lazy);
    bench.until(&view(&lazy), "a", "ready").await;
    bench.until(&view(&lazy), "a", "idle").await;
    let eager = servers([("a", server("x"))]);
    bench.configure(&eager);
    bench.until(&view(&eager), "a", "ready").await;
    time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(bench.row(&eager, "a").state, "ready");
}

#[tokio::test(start_paused = true)]
async fn a_projects_own_servers_are_its_own_and_end_with_their_approval() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    let own = servers([("a", server("evil")), ("p", McpServer { scope: Scope::Project, ..server("mine") })]);
    let approved = View { own, ..view_in(&user, "/one") };
    let other = view_in(&user, "/two");
    bench.pool.call(&approved, call("p", "read")).await.unwrap();
    bench.pool.call(&approved, call("a", "read")).await.unwrap();
    assert_eq!(bench.fake.line("p").target.project, Some(PathBuf::from("/one")));
    assert_eq!(bench.fake.line("a").target.project, None, "a name that the user has is the user's");
    assert_eq!(bench.row_of(&approved, "p").source, "project");
    assert_eq!(bench.pool.call(&other, call("p", "read")).await, Err(PoolError::Unknown("p".to_owned())));
    assert_eq!(bench.pool.catalog(&other).tools.len(), 2);
    assert_eq!(bench.pool.catalog(&approved).tools.len(), 4);
    let withdrawn = View { own: Arc::default(), ..approved.clone() };
    bench.pool.note_project(&withdrawn);
    assert_eq!(bench.pool.report(&withdrawn).len(), 1);
    assert_eq!(bench.pool.catalog(&withdrawn).tools.len(), 2);
    time::sleep(Duration::from_secs(1)).await;
    assert!(bench.fake.line("p").was_stopped.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_began_before_a_projects_file_changed_starts_nothing_of_the_older_one() {
    let bench = Bench::new();
    let user = servers([]);
    bench.configure(&user);
    let own = |command| servers([("p", McpServer { scope: Scope::Project, ..server(command) })]);
    let before = View { own: own("old"), ..view_in(&user, "/one") };
    bench.pool.note_project(&before);
    bench.pool.call(&before, call("p", "read")).await.unwrap();
    let changed = View { own: own("new"), ..before.clone() };
    bench.pool.note_project(&changed);
    for view in [&changed, &before, &changed, &before] {
        bench.pool.call(view, call("p", "read")).await.unwrap();
    }
    assert_eq!(bench.fake.starts("p").len(), 2, "the older file does not come back");
    let withdrawn = View { own: Arc::default(), ..before.clone() };
    bench.pool.note_project(&withdrawn);
    assert_eq!(bench.pool.call(&before, call("p", "read")).await, Err(PoolError::Unknown("p".to_owned())));
    assert!(bench.pool.catalog(&withdrawn).tools.is_empty());
    time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.fake.starts("p").len(), 2, "nothing runs that is not approved");
    // Approved again, it is there again.
    bench.pool.note_project(&before);
    bench.pool.call(&before, call("p", "read")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_does_not_start_the_idle_servers_of_all_projects() {
    let bench = Bench::new();
    let user = |command| servers([("a", McpServer { scope: Scope::Project, ..server(command) })]);
    let (before, after) = (user("x"), user("y"));
    bench.configure(&before);
    for number in 0..5 {
        let view = view_in(&before, &format!("/p{number}"));
        bench.pool.call(&view, call("a", "read")).await.unwrap();
    }
    time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(bench.fake.starts("a").len(), 5);
    bench.configure(&after);
    time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.fake.starts("a").len(), 5);
    bench.pool.call(&view_in(&after, "/p0"), call("a", "read")).await.unwrap();
    assert_eq!(bench.fake.starts("a").len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_a_projects_file_gives_to_its_servers_is_told_before_they_start() {
    let bench = Bench::new();
    let user = servers([]);
    bench.configure(&user);
    let stdio = |value: &str| {
        let env = [("API_TOKEN".to_owned(), value.to_owned()), ("LANG".to_owned(), "de_DE.UTF-8".to_owned())].into();
        let stdio = StdioServer { command: "x".to_owned(), env, ..StdioServer::default() };
        McpServer { scope: Scope::Project, ..McpServer::new(Transport::Stdio(stdio)) }
    };
    let own = |value| servers([("p", stdio(value))]);
    let told = Arc::new(AtomicU32::default());
    let count = Arc::clone(&told);
    bench.pool.on_secrets(Box::new(move || _ = count.fetch_add(1, Ordering::SeqCst)));
    let view = View { own: own("tell-nobody-1"), ..view_in(&user, "/one") };
    bench.pool.note_project(&view);
    bench.pool.note_project(&View { own: own("tell-nobody-1"), ..view.clone() });
    assert_eq!((told.load(Ordering::SeqCst), bench.pool.project_secrets()), (1, vec!["tell-nobody-1".to_owned()]));
    assert!(bench.fake.starts("p").is_empty());
    bench.pool.note_project(&View { own: own("tell-nobody-2"), ..view.clone() });
    assert_eq!((told.load(Ordering::SeqCst), bench.pool.project_secrets()), (2, vec!["tell-nobody-2".to_owned()]));
}
