//! Which protocol a server is spoken to in.
//!
//! Owns the order of the attempts. Each is made on a fresh connection: a server that was asked something that it does
//! not know may be in any state, or gone. How a connection is made is not known here.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Era,
    greet::{Greeting, PROBE},
};
use crate::{config::Protocol, mcp::connect::ConnectError, tools::BoxFuture};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The server did not agree, in one sentence; another greeting may please it.
    Refused(String),
    /// No greeting would help.
    Final(ConnectError),
}

/// Makes connections for the attempts.
pub(crate) trait Attempt: Send {
    /// What an attempt makes.
    type Made: Send;

    /// Connects afresh and greets, until `deadline`. What it started is gone when it fails.
    fn attempt(&mut self, greeting: Greeting, deadline: Instant) -> BoxFuture<'_, Result<Self::Made, Failed>>;

    /// True when the server starts with the connection, so that it may be slow to answer at first.
    fn starts(&self) -> bool;
}

/// What is known of a server before it is connected to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Its name in the configuration.
    pub(crate) name: &'a str,
    /// What the configuration says.
    pub(crate) protocol: Protocol,
    /// What it spoke the last time.
    pub(crate) era: Option<Era>,
}

/// Connects within `limit`.
pub(crate) async fn negotiate<A: Attempt>(
    known: Known<'_>,
    limit: Duration,
    attempts: &mut A,
) -> Result<A::Made, ConnectError> {
    let deadline = Instant::now() + limit;
    let mut reasons: Vec<String> = Vec::new();
    for (greeting, own) in plan(known, attempts.starts()) {
        let until = own.map_or(deadline, |own| deadline.min(Instant::now() + own));
        match attempts.attempt(greeting, until).await {
            Ok(made) => return Ok(made),
            Err(Failed::Final(error)) => return Err(error),
            Err(Failed::Refused(why)) => reasons.push(why),
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    Err(refused(known, &reasons, attempts.starts()))
}

fn plan(known: Known<'_>, starts: bool) -> Vec<(Greeting, Option<Duration>)> {
    // One that runs already has no excuse for silence; one that starts is not ended for being slow.
    let probe = if starts { (Greeting::Either, None) } else { (Greeting::Modern, Some(PROBE)) };
    let legacy = (Greeting::Legacy, None);
    match (known.protocol, known.era) {
        (Protocol::Legacy, _) => vec![legacy],
        (Protocol::Modern, _) => vec![(Greeting::Modern, None)],
        (Protocol::Auto, Some(Era::Legacy)) => vec![legacy, probe],
        (Protocol::Auto, _) => vec![probe, legacy],
    }
}

fn refused(known: Known<'_>, reasons: &[String], starts: bool) -> ConnectError {
    let mut what = reasons.last().cloned().unwrap_or_default();
    // The first reason is worth a word when it is another one.
    if let [first, .., last] = reasons
        && first != last
    {
        what = format!("{last}; before that: {first}");
    }
    let name = known.name;
    let look = if starts {
        format!("`agentctl mcp logs {name}` shows what it wrote")
    } else {
        format!("check that it runs, and mcp_servers.{name}.url")
    };
    let setting = match known.protocol {
        Protocol::Auto => None,
        Protocol::Legacy => Some("legacy"),
        Protocol::Modern => Some("modern"),
    };
    let cure = match setting {
        None => look,
        Some(setting) => {
            format!("mcp_servers.{name}.protocol is {setting:?}, and `auto` finds out what it speaks; {look}")
        }
    };
    ConnectError { what, cure, retry: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers attempts from a list, the next each time.
    struct Script {
        answers: Vec<Result<Era, Failed>>,
        starts: bool,
        seen: Vec<Greeting>,
    }

    impl Attempt for Script {
        type Made = Era;

        fn attempt(&mut self, greeting: Greeting, _: Instant) -> BoxFuture<'_, Result<Era, Failed>> {
            self.seen.push(greeting);
            let answer = self.answers.remove(0);
            Box::pin(async move { answer })
        }

        fn starts(&self) -> bool {
            self.starts
        }
    }

    fn refusal(why: &str) -> Result<Era, Failed> {
        Err(Failed::Refused(why.to_owned()))
    }

    async fn run(
        protocol: Protocol,
        era: Option<Era>,
        starts: bool,
        answers: Vec<Result<Era, Failed>>,
    ) -> (Result<Era, ConnectError>, Vec<Greeting>) {
        let mut script = Script { answers, starts, seen: Vec::new() };
        let known = Known { name: "fs", protocol, era };
        let result = negotiate(known, Duration::from_secs(30), &mut script).await;
        (result, script.seen)
    }

    #[tokio::test]
    async fn an_unknown_server_is_asked_and_then_greeted_in_the_older_way() {
        let answers = vec![refusal("{}"), Ok(Era::Legacy)];
        let (result, seen) = run(Protocol::Auto, None, true, answers).await;
        assert_eq!((result.unwrap(), seen), (Era::Legacy, vec![Greeting::Either, Greeting::Legacy]));
        let answers = vec![refusal("{}"), Ok(Era::Legacy)];
        let (_, seen) = run(Protocol::Auto, None, false, answers).await;
        assert_eq!(seen, [Greeting::Modern, Greeting::Legacy]);
    }

    #[tokio::test]
    async fn what_it_spoke_the_last_time_is_tried_first_and_then_forgotten() {
        let (_, seen) = run(Protocol::Auto, Some(Era::Legacy), true, vec![Ok(Era::Legacy)]).await;
        assert_eq!(seen, [Greeting::Legacy]);
        let answers = vec![refusal("no"), Ok(Era::Modern)];
        let (result, seen) = run(Protocol::Auto, Some(Era::Legacy), true, answers).await;
        assert_eq!((result.unwrap(), seen), (Era::Modern, vec![Greeting::Legacy, Greeting::Either]));
        let (_, seen) = run(Protocol::Auto, Some(Era::Modern), true, vec![Ok(Era::Modern)]).await;
        assert_eq!(seen, [Greeting::Either]);
    }

    #[tokio::test]
    async fn a_setting_is_held_to_and_named() {
        let (result, seen) = run(Protocol::Modern, Some(Era::Legacy), true, vec![refusal("it speaks only 2025")]).await;
        let error = result.unwrap_err();
        assert_eq!((&*error.what, seen), ("it speaks only 2025", vec![Greeting::Modern]));
        assert!(error.cure.contains("mcp_servers.fs.protocol is \"modern\"") && error.retry, "{}", error.cure);
        let (_, seen) = run(Protocol::Legacy, Some(Era::Modern), true, vec![refusal("no")]).await;
        assert_eq!(seen, [Greeting::Legacy]);
    }

    #[tokio::test]
    async fn what_no_greeting_helps_is_tried_once() {
        let missing = ConnectError { what: "command not found: x".into(), cure: String::new(), retry: false };
        let (result, seen) = run(Protocol::Auto, None, true, vec![Err(Failed::Final(missing.clone()))]).await;
        assert_eq!((result.unwrap_err(), seen.len()), (missing, 1));
    }

    #[tokio::test]
    async fn when_nothing_helps_the_first_and_the_last_reason_are_told() {
        let (result, _) = run(Protocol::Auto, None, true, vec![refusal("a"), refusal("b")]).await;
        assert_eq!(result.unwrap_err().what, "b; before that: a");
        let (result, _) = run(Protocol::Auto, None, true, vec![refusal("a"), refusal("a")]).await;
        assert_eq!(result.unwrap_err().what, "a");
    }
}
