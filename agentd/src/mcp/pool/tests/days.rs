//! Starts, ends and what comes between.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{self, Instant};

use crate::mcp::{
    connect::ConnectError,
    pool::{PoolCall, PoolError, Serve as _},
    server::State,
    testing::*,
};

fn failing(retry: bool) -> Plan {
    let error = ConnectError { what: "no such program: nope".to_owned(), cure: "install it".to_owned(), retry };
    Plan { error: Some(error), ..Plan::default() }
}

#[tokio::test(start_paused = true)]
async fn a_server_comes_up_serves_and_goes() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    let view = view(&user);
    assert_eq!(bench.pool.describe(), "0 of 1 ready; a is starting".replace("starting", &bench.row(&user, "a").state));
    bench.pool.call(&view, call("a", "read")).await.unwrap();
    let row = bench.row(&user, "a");
    assert_eq!((row.state.as_str(), row.era.as_str(), row.server.as_str()), ("ready", "legacy", "fake 1.0"));
    assert_eq!((row.pid, row.tools, row.calls, row.failures, row.restarts), (4711, 2, 1, 0, 0));
    assert!(row.start_ms >= 25 && row.uptime_ms >= 1 && row.call_ms_p50 >= 10.0, "{row:?}");
    assert_eq!(bench.pool.describe(), "1 of 1 ready");
    bench.pool.stop().await;
    assert!(bench.fake.line("a").was_stopped.load(Ordering::SeqCst));
    let refused = bench.pool.call(&view, call("a", "read")).await;
    assert!(matches!(refused, Err(PoolError::NotReady { state: State::Stopping, .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_at_each_start_fails_and_is_still_tried_now_and_then() {
    let bench = Bench::new();
    bench.fake.plan("a", [failing(true)]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "failed").await;
    let starts = bench.fake.starts("a");
    assert_eq!(starts.len(), 10);
    let pauses: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    for (pause, nominal) in pauses.iter().zip([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]) {
        assert!((nominal * 0.79..nominal * 1.21 + 0.05).contains(pause), "{pauses:?}");
    }
    let warning = "MCP server a has failed: no such program: nope; install it";
    assert_eq!(bench.pool.warnings(), [warning]);
    assert!(bench.row(&user, "a").next_try_ms.is_some_and(|ms| ms > 290_000));
    bench.fake.plan("a", [Plan::default()]);
    let failed = Instant::now();
    bench.until(&view(&user), "a", "ready").await;
    assert!((295.0..305.0).contains(&failed.elapsed().as_secs_f64()));
    assert_eq!((bench.pool.warnings().len(), bench.row(&user, "a").error.as_str()), (0, ""));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_helped_by_trying_fails_at_once_and_is_tried_when_it_is_needed() {
    let bench = Bench::new();
    bench.fake.plan("a", [failing(false)]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "failed").await;
    for _ in 0..5 {
        let refused = bench.pool.call(&view(&user), call("a", "read")).await;
        let Err(PoolError::NotReady { state: State::Failed, why, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(why, "no such program: nope");
    }
    assert_eq!(bench.fake.starts("a").len(), 1, "a burst of calls is no burst of starts");
    bench.fake.plan("a", [Plan::default()]);
    time::sleep(Duration::from_secs(31)).await;
    bench.pool.call(&view(&user), call("a", "read")).await.unwrap();
    assert_eq!(bench.fake.starts("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_needs_no_patience() {
    let bench = Bench::new();
    bench.fake.plan("a", [failing(false), failing(true), Plan::default()]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "failed").await;
    let began = Instant::now();
    assert!(matches!(bench.pool.restart(&view(&user), "a").await, Err(PoolError::NotReady { .. })));
    assert_eq!(bench.pool.restart(&view(&user), "a").await.unwrap().state, "ready");
    assert!(began.elapsed() < Duration::from_secs(1));
    let first = bench.fake.line("a");
    assert_eq!(bench.pool.restart(&view(&user), "a").await.unwrap().restarts, 3);
    assert!(first.was_stopped.load(Ordering::SeqCst));
    assert!(matches!(bench.pool.restart(&view(&user), "b").await, Err(PoolError::Unknown(_))));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_given_up_at_its_time_out() {
    let bench = Bench::new();
    let hour = Duration::from_secs(3600);
    bench.fake.plan("a", [Plan { delay: hour, ..Plan::default() }, Plan::default()]);
    let mute = Plan { list_delay: hour, stderr: "loading the model".to_owned(), ..Plan::default() };
    bench.fake.plan("b", [mute, Plan::default()]);
    let user = servers([("a", server("x")), ("b", server("y"))]);
    bench.configure(&user);
    let began = Instant::now();
    bench.until(&view(&user), "a", "restarting").await;
    bench.until(&view(&user), "b", "restarting").await;
    assert!((30.0..31.5).contains(&began.elapsed().as_secs_f64()));
    assert_eq!(bench.fake.given_up.load(Ordering::SeqCst), 1);
    assert!(bench.fake.lines("b")[0].was_stopped.load(Ordering::SeqCst), "nothing is left of a start that failed");
    assert_eq!(
        bench.row(&user, "b").error,
        "it did not start within 30 s; it wrote last: loading the model; see what it does with: agentctl mcp logs b; or \
             give it more time with startup_timeout_sec"
    );
    bench.until(&view(&user), "a", "ready").await;
    bench.until(&view(&user), "b", "ready").await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_is_slow() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { dies_after: Some(Duration::from_millis(100)), ..Plan::default() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    time::sleep(Duration::from_secs(3600)).await;
    // Ten tries, then one in five minutes.
    let starts = bench.fake.starts("a").len();
    assert!((18..=23).contains(&starts), "{starts}");
    assert!(bench.row(&user, "a").error.contains("exit code 1"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_up_is_back_at_once_however_often_it_dies() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    for _ in 0..25 {
        bench.until(&view(&user), "a", "ready").await;
        time::sleep(Duration::from_secs(31)).await;
        bench.fake.line("a").kill("signal 9");
        let died = Instant::now();
        bench.until(&view(&user), "a", "restarting").await;
        bench.until(&view(&user), "a", "ready").await;
        assert!(died.elapsed() < Duration::from_millis(700), "{:?}", died.elapsed());
    }
    assert_eq!(bench.row(&user, "a").restarts, 25);
}

#[tokio::test(start_paused = true)]
async fn a_wedged_server_is_found_while_it_is_idle_and_started_anew() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let first = bench.fake.line("a");
    first.is_wedged.store(true, Ordering::SeqCst);
    let began = Instant::now();
    bench.until(&view(&user), "a", "restarting").await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(first.checks.load(Ordering::SeqCst), 3);
    bench.until(&view(&user), "a", "ready").await;
    assert!(first.was_stopped.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_at_work_is_not_disturbed() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { call_delay: Duration::from_secs(300), ..Plan::default() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    let mut long = call("a", "read");
    long.timeout = Some(Duration::from_secs(400));
    bench.pool.call(&view(&user), long).await.unwrap();
    assert_eq!(bench.fake.line("a").checks.load(Ordering::SeqCst), 0);
    time::sleep(Duration::from_secs(61)).await;
    assert_eq!(bench.fake.line("a").checks.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_while_its_server_lives_is_replaced() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let first = bench.fake.line("a");
    first.is_closed.store(true, Ordering::SeqCst);
    // It only reads, so it is made again over the next connection.
    bench.pool.call(&view(&user), call("a", "read")).await.unwrap();
    assert!(first.was_stopped.load(Ordering::SeqCst));
    assert_eq!(bench.fake.lines("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_was_given_up_never_replaces_a_newer_one() {
    let bench = Bench::new();
    let slow = Plan { delay: Duration::from_secs(10), tools: vec![tool("old", true)], ..Plan::default() };
    bench.fake.plan("a", [slow, Plan { tools: vec![tool("new", true)], ..Plan::default() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    time::sleep(Duration::from_secs(1)).await;
    bench.pool.restart(&view(&user), "a").await.unwrap();
    time::sleep(Duration::from_secs(20)).await;
    assert_eq!((bench.fake.given_up.load(Ordering::SeqCst), bench.fake.lines("a").len()), (1, 1));
    assert!(bench.pool.offers(&view(&user), "a", "new") && !bench.pool.offers(&view(&user), "a", "old"));
}

#[tokio::test(start_paused = true)]
async fn the_pool_stops_during_starts_pauses_and_ends_and_nothing_starts_afterwards() {
    let bench = Bench::new();
    bench.fake.plan("starting", [Plan { delay: Duration::from_secs(20), ..Plan::default() }]);
    bench.fake.plan("listing", [Plan { list_delay: Duration::from_secs(20), ..Plan::default() }]);
    bench.fake.plan("pausing", [failing(true)]);
    let stubborn = Plan { stop_takes: Duration::from_secs(4), ..Plan::default() };
    bench.fake.plan("up", [stubborn.clone()]);
    bench.fake.plan("ending", [stubborn]);
    let names = ["starting", "listing", "pausing", "up", "ending"];
    let user = servers(names.map(|name| (name, server(name))));
    bench.configure(&user);
    time::sleep(Duration::from_secs(3)).await;
    let pool = std::sync::Arc::clone(&bench.pool);
    let view_of = view(&user);
    let restart = tokio::spawn(async move { pool.restart(&view_of, "ending").await });
    time::sleep(Duration::from_secs(1)).await;
    let starts = || names.map(|name| bench.fake.starts(name).len());
    let (before, began) = (starts(), Instant::now());
    bench.pool.stop().await;
    assert!(began.elapsed() <= Duration::from_millis(4_100), "{:?}", began.elapsed());
    for name in ["listing", "up", "ending"] {
        assert!(bench.fake.line(name).was_stopped.load(Ordering::SeqCst), "{name}");
    }
    assert!(restart.await.unwrap().is_err());
    bench.configure(&servers([("more", server("x"))]));
    time::sleep(Duration::from_secs(600)).await;
    assert_eq!(starts(), before);
    assert!(bench.fake.starts("more").is_empty());
}

#[tokio::test(start_paused = true)]
async fn servers_start_side_by_side_but_not_all_at_once() {
    let bench = Bench::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for name in names {
        bench.fake.plan(name, [Plan { delay: Duration::from_secs(1), ..Plan::default() }]);
    }
    let user = servers(names.map(|name| (name, server(name))));
    let began = Instant::now();
    bench.configure(&user);
    for name in names {
        bench.until(&view(&user), name, "ready").await;
    }
    assert_eq!(bench.fake.most_under_way.load(Ordering::SeqCst), 4);
    assert!((3.0..3.3).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lazy_server_shows_its_tools_once_and_then_runs_only_when_it_is_needed() {
    let bench = Bench::new();
    let user = servers([("a", crate::config::McpServer { lazy: true, ..server("x") })]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    bench.until(&view(&user), "a", "idle").await;
    assert!(bench.fake.line("a").was_stopped.load(Ordering::SeqCst));
    assert_eq!((bench.row(&user, "a").tools, bench.pool.describe().as_str()), (2, "0 of 1 ready; a is idle"));
    let view = view(&user);
    let one = bench.pool.call(&view, call("a", "read"));
    let two = bench.pool.call(&view, call("a", "write"));
    let (one, two) = tokio::join!(one, two);
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(bench.fake.starts("a").len(), 2, "both callers were served by one start");
    // Another start of the daemon knows the tools.
    bench.pool.stop().await;
    let later = Bench::at(std::sync::Arc::clone(&bench.dir));
    later.configure(&user);
    time::sleep(Duration::from_secs(60)).await;
    assert!(later.fake.starts("a").is_empty());
    assert!(later.pool.offers(&view, "a", "read"));
    later.pool.call(&view, call("a", "read")).await.unwrap();
    assert_eq!(later.fake.line("a").target.era, Some(crate::mcp::client::Era::Legacy), "the search is skipped");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_used_is_not_idle() {
    let bench = Bench::new();
    let user = servers([("a", crate::config::McpServer { lazy: true, ..server("x") })]);
    bench.configure(&user);
    for _ in 0..10 {
        time::sleep(Duration::from_secs(500)).await;
        bench.pool.call(&view(&user), call("a", "read")).await.unwrap();
    }
    assert_eq!(bench.fake.starts("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn thousands_of_list_changes_are_one_question() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let line = bench.fake.line("a");
    *line.tools.lock().unwrap() = vec![tool("new", true)];
    for _ in 0..2_000 {
        line.told.send(crate::mcp::client::Told::ToolsChanged).await.unwrap();
    }
    time::sleep(Duration::from_secs(5)).await;
    let lists = line.lists.load(Ordering::SeqCst);
    assert!((2..=3).contains(&lists), "one at the start and {} later", lists - 1);
    assert!(bench.pool.offers(&view(&user), "a", "new") && !bench.pool.offers(&view(&user), "a", "read"));
    // One that never stops saying so is asked every other second.
    for _ in 0..600 {
        line.told.send(crate::mcp::client::Told::ToolsChanged).await.unwrap();
        time::sleep(Duration::from_millis(100)).await;
    }
    assert!(line.lists.load(Ordering::SeqCst) - lists <= 32);
}

#[tokio::test(start_paused = true)]
async fn an_era_that_is_remembered_wrongly_is_searched_for_again() {
    let bench = Bench::new();
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    bench.pool.stop().await;
    let later = Bench::at(std::sync::Arc::clone(&bench.dir));
    later.fake.plan("a", [failing(true), Plan::default()]);
    later.configure(&user);
    assert_eq!(later.row(&user, "a").era, "legacy");
    later.until(&view(&user), "a", "ready").await;
    assert_eq!(later.fake.line("a").target.era, None);
}

#[tokio::test(start_paused = true)]
async fn a_mistake_of_ours_while_a_server_is_looked_after_ends_it_and_it_can_be_started_again() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { is_fatal: true, ..Plan::default() }, Plan::default()]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "failed").await;
    assert!(bench.row(&user, "a").error.contains("agentd itself failed"));
    time::sleep(Duration::from_secs(1)).await;
    assert!(bench.fake.line("a").was_stopped.load(Ordering::SeqCst));
    assert_eq!(bench.pool.restart(&view(&user), "a").await.unwrap().state, "ready");
    bench.pool.call(&view(&user), call("a", "read")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_the_servers_of_many_projects_the_longest_unused_make_room_and_come_back() {
    let bench = Bench::new();
    let project = crate::config::McpServer { scope: crate::config::Scope::Project, ..server("x") };
    let user = servers([("a", project)]);
    bench.fake.plan("a", [Plan { call_delay: Duration::from_secs(100), ..Plan::default() }, Plan::default()]);
    bench.configure(&user);
    let view_of = |number: usize| view_in(&user, &format!("/p{number}"));
    let (pool, first) = (std::sync::Arc::clone(&bench.pool), view_of(0));
    let long = PoolCall { timeout: Some(Duration::from_secs(200)), ..call("a", "read") };
    let at_work = tokio::spawn(async move { pool.call(&first, long).await });
    for number in 1..40 {
        time::sleep(Duration::from_secs(1)).await;
        bench.pool.call(&view_of(number), call("a", "read")).await.unwrap();
        let running = bench.fake.lines("a").iter().filter(|line| !line.is_dead()).count();
        assert!(running <= 18, "{running} run");
    }
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.fake.lines("a").iter().filter(|line| !line.is_dead()).count(), 16);
    at_work.await.unwrap().unwrap();
    assert_eq!(bench.row_of(&view_of(1), "a").state, "idle");
    bench.pool.call(&view_of(1), call("a", "read")).await.unwrap();
    time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.row_of(&view_of(1), "a").state, "ready", "who is back stays as long as any other");
}

#[tokio::test(start_paused = true)]
async fn servers_that_hang_while_they_start_hold_the_others_up_for_seconds_only() {
    let bench = Bench::new();
    let hanging = ["a", "b", "c", "d", "e", "f"];
    for name in hanging {
        bench.fake.plan(name, [Plan { delay: Duration::from_secs(3600), ..Plan::default() }]);
    }
    let slow =
        |name| (name, crate::config::McpServer { startup_timeout: Some(Duration::from_secs(120)), ..server(name) });
    let [a, b, c, d, e, f] = hanging.map(slow);
    let user = servers([a, b, c, d, e, f, ("well", server("well"))]);
    let began = Instant::now();
    bench.configure(&user);
    bench.until(&view(&user), "well", "ready").await;
    assert!(began.elapsed() < Duration::from_secs(21), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn servers_of_projects_that_failed_do_not_pile_up() {
    let bench = Bench::new();
    bench.fake.plan("a", [failing(false)]);
    let project = crate::config::McpServer { scope: crate::config::Scope::Project, ..server("x") };
    let user = servers([("a", project)]);
    bench.configure(&user);
    for number in 0..300 {
        _ = bench.pool.call(&view_in(&user, &format!("/p{number}")), call("a", "read")).await;
    }
    assert_eq!(crate::sync::lock(&bench.pool.books).instances.len(), 256);
    assert_eq!(bench.pool.warnings().len(), 1, "the same trouble is told once");
}
