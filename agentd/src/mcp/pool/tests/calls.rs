//! Calls, and what becomes of them when their server has a bad day.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{self, Instant};

use crate::{
    config::{McpServer, Role},
    mcp::{
        client::{ClientError, Part},
        pool::{PoolError, Serve as _, Wait},
        server::State,
        testing::*,
    },
};

fn slow() -> Plan {
    Plan { call_delay: Duration::from_secs(2), ..Plan::default() }
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_hears_of_the_death_at_once_even_when_its_client_does_not() {
    for is_blind in [false, true] {
        let bench = Bench::new();
        bench.fake.plan("a", [Plan { is_blind, ..slow() }]);
        let user = servers([("a", server("x"))]);
        bench.configure(&user);
        bench.until(&view(&user), "a", "ready").await;
        let view = view(&user);
        let kill = async {
            time::sleep(Duration::from_secs(1)).await;
            bench.fake.line("a").kill("signal 9");
            Instant::now()
        };
        let (outcome, died) = tokio::join!(bench.pool.call(&view, call("a", "write")), kill);
        assert!(died.elapsed() < Duration::from_millis(100), "{:?}", died.elapsed());
        let expected = PoolError::Failed { server: "a".to_owned(), error: ClientError::Closed };
        assert_eq!(outcome.unwrap_err(), expected);
        assert_eq!((bench.row(&user, "a").calls, bench.row(&user, "a").failures), (1, 1));
        assert_eq!(bench.fake.starts("a").len(), 1, "what changes something is not sent again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_only_reads_is_made_once_more_after_the_restart() {
    let bench = Bench::new();
    let dies = Plan { dies_after: Some(Duration::from_secs(1)), ..slow() };
    bench.fake.plan("a", [dies.clone(), Plan::default(), dies]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    let result = bench.pool.call(&view(&user), call("a", "read")).await.unwrap();
    assert_eq!(result.content, [Part::Text("read by a".to_owned())]);
    assert_eq!((bench.fake.starts("a").len(), bench.row(&user, "a").calls), (2, 2));
    // Twice, and no more.
    bench.fake.plan("a", [Plan { dies_after: Some(Duration::from_millis(300)), ..slow() }]);
    bench.pool.restart(&view(&user), "a").await.unwrap();
    assert!(bench.pool.call(&view(&user), call("a", "read")).await.is_err());
    assert_eq!(bench.row(&user, "a").calls, 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_wait_long_for_a_server_that_does_not_come_back() {
    let bench = Bench::new();
    let gone = Plan { delay: Duration::from_secs(20), ..Plan::default() };
    bench.fake.plan("a", [Plan { dies_after: Some(Duration::from_secs(1)), ..slow() }, gone]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    let began = Instant::now();
    let outcome = bench.pool.call(&view(&user), call("a", "read")).await;
    assert!(matches!(outcome, Err(PoolError::Failed { error: ClientError::Closed, .. })), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_millis(6_200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_time_outs_in_a_row_have_the_server_asked_whether_it_lives() {
    let bench = Bench::new();
    let user = servers([("a", McpServer { tool_timeout: Some(Duration::from_secs(3)), ..server("x") })]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let line = bench.fake.line("a");
    line.is_wedged.store(true, Ordering::SeqCst);
    for checks in [0, 1] {
        let outcome = bench.pool.call(&view(&user), call("a", "write")).await;
        assert!(matches!(outcome, Err(PoolError::Failed { error: ClientError::Timeout(_), .. })));
        time::sleep(Duration::from_millis(10)).await;
        assert_eq!(line.checks.load(Ordering::SeqCst), checks);
    }
    assert_eq!((bench.row(&user, "a").timeouts, bench.row(&user, "a").failures), (2, 2));
    let began = Instant::now();
    bench.until(&view(&user), "a", "restarting").await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(bench.row(&user, "a").error.is_empty() || bench.row(&user, "a").error.contains("did not answer"));
}

#[tokio::test(start_paused = true)]
async fn who_has_a_built_in_tool_does_not_wait_but_gets_the_server_started() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { delay: Duration::from_secs(5), ..Plan::default() }]);
    let user = servers([("a", McpServer { lazy: true, ..server("x") })]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    bench.until(&view(&user), "a", "idle").await;
    let began = Instant::now();
    let mut hasty = call("a", "read");
    hasty.wait = Wait::Not;
    let refused = bench.pool.call(&view(&user), hasty.clone()).await;
    assert!(matches!(refused, Err(PoolError::NotReady { .. })) && began.elapsed() < Duration::from_millis(5));
    bench.pool.count_fallback(&view(&user), "a");
    time::sleep(Duration::from_secs(6)).await;
    assert!(bench.pool.call(&view(&user), hasty).await.is_ok());
    bench.pool.count_cut(&view(&user), "a", 70_000);
    let row = bench.row(&user, "a");
    assert_eq!((row.fallbacks, row.truncated, row.truncated_bytes, row.calls), (1, 1, 70_000, 1));
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_are_served_after_a_restart() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { stop_takes: Duration::from_secs(2), ..Plan::default() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    bench.until(&view(&user), "a", "ready").await;
    let view = view(&user);
    let late = async {
        time::sleep(Duration::from_millis(100)).await;
        tokio::join!(bench.pool.call(&view, call("a", "read")), bench.pool.call(&view, call("a", "write")))
    };
    let (row, (one, two)) = tokio::join!(bench.pool.restart(&view, "a"), late);
    assert!(row.is_ok() && one.is_ok() && two.is_ok());
    assert_eq!(bench.fake.starts("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_no_longer_than_it_may_whatever_its_role() {
    let bench = Bench::new();
    let never = Plan { call_delay: Duration::from_secs(7_200), ..Plan::default() };
    let wish = Some(Duration::from_secs(2));
    let user = servers([
        ("command", McpServer { role: Some(Role::Command), ..server("x") }),
        ("usual", server("y")),
        ("wish", McpServer { tool_timeout: wish, role: Some(Role::Command), ..server("z") }),
    ]);
    for (name, _) in user.iter() {
        bench.fake.plan(name, [never.clone()]);
    }
    bench.configure(&user);
    for (name, seconds) in [("command", 35), ("usual", 60), ("wish", 2)] {
        bench.until(&view(&user), name, "ready").await;
        let outcome = bench.pool.call(&view(&user), call(name, "write")).await;
        let expected = ClientError::Timeout(Duration::from_secs(seconds));
        assert_eq!(outcome.unwrap_err(), PoolError::Failed { server: name.to_owned(), error: expected });
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_is_let_go_in_every_state() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { delay: Duration::from_secs(9), call_delay: Duration::from_secs(50), ..slow() }]);
    let user = servers([("a", server("x"))]);
    bench.configure(&user);
    for wait in [1, 20] {
        let given_up = call("a", "read");
        let cancel = given_up.cancel.clone();
        time::sleep(Duration::from_secs(wait)).await;
        tokio::spawn(async move {
            time::sleep(Duration::from_secs(1)).await;
            cancel.cancel();
        });
        let began = Instant::now();
        let outcome = bench.pool.call(&view(&user), given_up).await;
        assert!(matches!(outcome, Err(PoolError::Failed { error: ClientError::Cancelled, .. })), "{outcome:?}");
        assert!(began.elapsed() < Duration::from_millis(1_100));
    }
    assert_eq!(bench.row(&user, "a").failures, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_switched_off_is_refused_by_name() {
    let bench = Bench::new();
    let user = servers([
        ("off", McpServer { enabled: false, ..server("x") }),
        ("some", McpServer { disabled_tools: vec!["write".to_owned()], ..server("y") }),
        ("each", McpServer { scope: crate::config::Scope::Project, ..server("z") }),
    ]);
    bench.configure(&user);
    let view = view(&user);
    let refused = bench.pool.call(&view, call("none", "x")).await.unwrap_err();
    assert_eq!(refused, PoolError::Unknown("none".to_owned()));
    let refused = bench.pool.call(&view, call("off", "x")).await.unwrap_err();
    assert!(matches!(refused, PoolError::NotReady { state: State::Disabled, .. }));
    let refused = bench.pool.call(&view, call("each", "x")).await.unwrap_err();
    assert!(matches!(refused, PoolError::NotReady { state: State::Idle, .. }));
    let refused = bench.pool.call(&view, call("some", "write")).await.unwrap_err();
    assert!(refused.to_string().contains("switches the tool \"write\" off"), "{refused}");
    bench.pool.call(&view, call("some", "read")).await.unwrap();
    assert_eq!(bench.row(&user, "off").state, "disabled");
    assert_eq!(bench.row(&user, "some").tools, 1);
}

#[tokio::test(start_paused = true)]
async fn an_ask_waits_for_servers_that_are_required_and_for_no_other() {
    let bench = Bench::new();
    bench.fake.plan("a", [Plan { delay: Duration::from_secs(3), ..Plan::default() }]);
    bench.fake.plan("b", [Plan { delay: Duration::from_secs(20), ..Plan::default() }]);
    let needed = |command: &str| McpServer { required: true, ..server(command) };
    let user = servers([("a", needed("x")), ("b", server("y"))]);
    bench.configure(&user);
    let began = Instant::now();
    bench.pool.required(&view(&user)).await.unwrap();
    assert!((3.0..3.2).contains(&began.elapsed().as_secs_f64()));
    let error = crate::mcp::connect::ConnectError { what: "broken".to_owned(), cure: String::new(), retry: true };
    bench.fake.plan("c", [Plan { error: Some(error), ..Plan::default() }]);
    let user = servers([("c", needed("z"))]);
    bench.configure(&user);
    let refused = bench.pool.required(&view(&user)).await.unwrap_err();
    assert!(matches!(&refused, PoolError::NotReady { why, .. } if why == "broken"), "{refused:?}");
}
