//! Everything that can happen, in any order: at the end one connection serves and nothing else is left.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{task::JoinSet, time};

use crate::{
    config::{McpServer, McpServers},
    mcp::{
        client::Told,
        connect::ConnectError,
        pool::{Serve as _, Wait},
        testing::*,
    },
};

fn random_plan(rng: &mut fastrand::Rng) -> Plan {
    let mut millis = |most: u64| Duration::from_millis(rng.u64(0..most));
    let mut plan = Plan {
        delay: millis(2_000),
        list_delay: millis(500),
        stop_takes: millis(4_000),
        call_delay: millis(5_000),
        ..Plan::default()
    };
    match rng.u8(0..8) {
        0 => plan.dies_after = Some(Duration::from_millis(rng.u64(0..3_000))),
        1 => plan.delay = Duration::from_secs(100),
        2 => plan.list_delay = Duration::from_secs(100),
        3 => {
            let retry = rng.bool();
            plan.error = Some(ConnectError { what: "no".to_owned(), cure: String::new(), retry });
        }
        4 => plan.is_blind = true,
        _ => {}
    }
    plan
}

fn random_servers(rng: &mut fastrand::Rng) -> Arc<McpServers> {
    let command = ["x", "y"][rng.usize(0..2)];
    let config = McpServer { lazy: rng.bool(), enabled: rng.u8(0..8) > 0, required: rng.bool(), ..server(command) };
    if rng.u8(0..12) == 0 { servers([]) } else { servers([("a", config)]) }
}

async fn misfortune(bench: &Bench, user: &mut Arc<McpServers>, calls: &mut JoinSet<()>, rng: &mut fastrand::Rng) {
    let line = bench.fake.lines("a").pop();
    match (rng.u8(0..8), line) {
        (0, Some(line)) => line.kill("signal 9"),
        (1, Some(line)) => line.is_wedged.store(true, Ordering::SeqCst),
        (2, Some(line)) => line.is_closed.store(true, Ordering::SeqCst),
        (3, Some(line)) => _ = line.told.try_send(Told::ToolsChanged),
        (4, _) => {
            *user = random_servers(rng);
            bench.configure(user);
        }
        (5, _) => {
            let (pool, view) = (Arc::clone(&bench.pool), view(user));
            calls.spawn(async move { _ = pool.restart(&view, "a").await });
        }
        (_, _) => {
            let (pool, view) = (Arc::clone(&bench.pool), view(user));
            let mut call = call("a", if rng.bool() { "read" } else { "write" });
            call.timeout = Some(Duration::from_secs(rng.u64(1..20)));
            call.wait = if rng.bool() { Wait::Not } else { Wait::ForStart };
            if rng.u8(0..4) == 0 {
                call.cancel.cancel();
            }
            calls.spawn(async move { _ = pool.call(&view, call).await });
        }
    }
    time::sleep(Duration::from_millis(rng.u64(0..3_000))).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_every_call_ends_one_connection_serves_and_no_other_is_left() {
    for seed in 0..16 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let bench = Bench::new();
        let plans: Vec<_> = (0..200).map(|_| random_plan(&mut rng)).collect();
        bench.fake.plan("a", plans);
        let mut user = servers([("a", server("x"))]);
        let mut calls = JoinSet::new();
        bench.configure(&user);
        for _ in 0..60 {
            misfortune(&bench, &mut user, &mut calls, &mut rng).await;
        }
        let all = async { while calls.join_next().await.is_some() {} };
        assert!(time::timeout(Duration::from_secs(300), all).await.is_ok(), "seed {seed}: a call hangs");
        bench.fake.plan("a", [Plan::default()]);
        user = servers([("a", server("z"))]);
        bench.configure(&user);
        bench.until(&view(&user), "a", "ready").await;
        // Longer than any end.
        time::sleep(Duration::from_secs(10)).await;
        bench.pool.call(&view(&user), call("a", "write")).await.unwrap();
        let left = bench.fake.lines("a").iter().filter(|line| !line.is_dead()).count();
        assert_eq!(left, 1, "seed {seed}");
        bench.pool.stop().await;
        assert!(bench.fake.lines("a").iter().all(|line| line.is_dead()), "seed {seed}");
    }
}
