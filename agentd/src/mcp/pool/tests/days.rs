//! Starts, ends and what comes between.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{self, Instant};

use crate::mcp::{
    connect::ConnectError,
    pool::{PoolError, Serve as _},
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
