//! The fake provider: a model endpoint with DeepSeek's rules, a script, and a memory of what it was sent.
//!
//! Plain threads and sockets, so that it can cut, stall, drip and corrupt. As strict as the real service: what that
//! refuses is refused here in the same words, else a client would pass its tests and fail its users. Listens on
//! 127.0.0.1 only. Adds no latency of its own: no Nagle, one write per group of events.
//!
//! Invariants: the key is never recorded; every wait has a deadline or ends when the provider is dropped; a request
//! that is refused takes no step of the script.

mod cache;
mod chat;
mod error;
mod http;
mod message;
mod options;
mod prompt;
mod record;
mod reply;
mod scenario;
mod server;
mod stream;
mod tour;
mod verdict;
mod wire;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

pub use chat::Rules;
pub use options::{Balance, Options, TEST_KEY};
pub use record::{Outcome, Recorded};
pub use scenario::{CallStep, Fallback, Fault, HttpAnswer, Scenario, Step, Tokens, UsagePlace, When};
pub use verdict::Verdict;

use server::Shared;

/// A running fake provider; dropping it closes every connection and ends its threads.
#[derive(Debug)]
pub struct FakeProvider {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl FakeProvider {
    /// Starts one with this script and otherwise default settings. Panics when it cannot listen.
    #[track_caller]
    pub fn start(scenario: Scenario) -> Self {
        Self::start_with(Options { scenario, ..Options::default() })
    }

    /// Starts one with these settings. Panics when it cannot listen.
    #[track_caller]
    pub fn start_with(options: Options) -> Self {
        match Self::try_start(options) {
            Ok(provider) => provider,
            Err(e) => panic!("the fake provider does not start: {e}"),
        }
    }

    /// Starts one with these settings.
    ///
    /// # Errors
    /// When the port is taken or the record file cannot be opened.
    pub fn try_start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options)?);
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("fake-provider".to_owned()).spawn(move || shared.accept(&listener))?
        };
        Ok(Self { shared, address, acceptor: Some(acceptor) })
    }

    /// The base URL, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The accepted key.
    pub fn key(&self) -> &str {
        &self.shared.options.key
    }

    /// Adds a step to the running script.
    pub fn push(&self, step: Step) {
        self.shared.push(step);
    }

    /// Replaces the running script.
    pub fn play(&self, scenario: Scenario) {
        self.shared.play(scenario);
    }

    /// Every request so far, of all paths, also refused ones.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.all()
    }

    /// The chat requests so far, also refused ones.
    pub fn chats(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(Recorded::is_chat).collect()
    }

    /// Waits for the `n`-th chat request and returns all so far. Panics at the deadline.
    #[track_caller]
    pub fn wait_for(&self, n: usize, deadline: Duration) -> Vec<Recorded> {
        self.wait_until(deadline, &format!("{n} chat requests"), |chats| chats.len() >= n)
    }

    /// Waits until `n` chat answers have ended this way and returns all chat requests. Panics at the deadline.
    #[track_caller]
    pub fn wait_for_outcome(&self, outcome: Outcome, n: usize, deadline: Duration) -> Vec<Recorded> {
        let ended = |chats: &[&Recorded]| chats.iter().filter(|chat| chat.outcome == outcome).count() >= n;
        self.wait_until(deadline, &format!("{n} answers that end as {outcome:?}"), ended)
    }

    #[track_caller]
    fn wait_until(&self, deadline: Duration, what: &str, done: impl Fn(&[&Recorded]) -> bool) -> Vec<Recorded> {
        let (all, reached) = self.shared.log.wait(deadline, |all| {
            let chats: Vec<&Recorded> = all.iter().filter(|one| one.is_chat()).collect();
            done(&chats)
        });
        let chats: Vec<Recorded> = all.into_iter().filter(Recorded::is_chat).collect();
        if !reached {
            let seen: Vec<_> = chats.iter().map(|chat| (chat.status, chat.outcome)).collect();
            panic!("the fake provider waited {deadline:?} for {what} and saw {seen:?}");
        }
        chats
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.shared.stop(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
