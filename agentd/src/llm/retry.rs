//! When a failed call is tried again, and when it is not.
//!
//! Owns the silence clock of a call and the plan of its tries. Refuses to try again what fails again ([`Class::worth`])
//! and to wait beyond the silence a user has granted: with the endpoint down a call ends within its idle time-out, all
//! tries and waits together. A wait that the provider asks for is kept to the second or not at all.
//!
//! [`Class::worth`]: super::error::Class::worth

use std::{future::Future, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Delta,
    error::{Class, LlmError, Worth},
};

/// First wait of the exponential back-off, before jitter.
const BACKOFF_BASE: Duration = Duration::from_millis(500);
/// Longest wait of our own choice: a user at a terminal gives up after about that long.
const BACKOFF_CAP: Duration = Duration::from_secs(20);
/// Longest wait that a provider may ask for. Asked for more, the call fails at once and says how long: coming back
/// earlier than told would only prolong the ban, and waiting longer looks like a hang.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60);
/// Spread on top of a wait that the provider asked for, so that not all callers come back in the same moment.
const RETRY_AFTER_SPREAD: Duration = Duration::from_millis(250);

/// Why waiting ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The user cancelled.
    Cancelled,
    /// The silence lasted too long.
    Silent,
}

/// The silence clock: how long nothing has come from the provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    last: Instant,
    idle: Duration,
}

impl Life {
    /// Starts now.
    pub(super) fn start(idle: Duration) -> Self {
        Self { last: Instant::now(), idle }
    }

    /// A sign of life.
    pub(super) fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// The longest silence allowed.
    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.idle.saturating_sub(self.last.elapsed())
    }

    /// The outcome of `work`, unless the silence or the user ends it first.
    pub(super) async fn within<T>(
        &self,
        cancel: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Ended::Cancelled),
            done = work => Ok(done),
            () = tokio::time::sleep(self.left()) => Err(Ended::Silent),
        }
    }
}

/// Who listens to the call.
pub(super) struct Voice<'a> {
    deltas: &'a mpsc::Sender<Delta>,
    cancel: &'a CancellationToken,
    /// Text or reasoning of this try was heard.
    said: bool,
}

impl<'a> Voice<'a> {
    /// A listener that has heard nothing yet.
    pub(super) fn new(deltas: &'a mpsc::Sender<Delta>, cancel: &'a CancellationToken) -> Self {
        Self { deltas, cancel, said: false }
    }

    /// The user's cancellation.
    pub(super) fn cancel(&self) -> &'a CancellationToken {
        self.cancel
    }

    /// Tells the listener, who may be slow; one who left is no error.
    pub(super) async fn say(&mut self, delta: Delta) -> Result<(), LlmError> {
        self.said |= matches!(delta, Delta::Text(_) | Delta::Reasoning(_));
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(LlmError::cancelled()),
            _gone = self.deltas.send(delta) => Ok(()),
        }
    }

    /// Announces the next try, after `wait`.
    pub(super) async fn announce(&mut self, attempt: u32, wait: Duration, error: &LlmError) -> Result<(), LlmError> {
        if std::mem::take(&mut self.said) {
            self.say(Delta::Void).await?;
        }
        self.say(Delta::Retry { attempt, wait, reason: error.message.clone() }).await
    }
}

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Plan {
    attempt: u32,
    max_attempts: u32,
    charged: bool,
    random: fastrand::Rng,
}

impl Plan {
    /// A plan of at most `max_attempts` tries; the first is under way.
    pub(super) fn new(max_attempts: u32) -> Self {
        Self { attempt: 1, max_attempts, charged: false, random: fastrand::Rng::new() }
    }

    /// Number of the try under way, from 1.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The try failed: waits until the next one may begin.
    ///
    /// # Errors
    /// There is no next one: the same error, or the cancellation.
    pub(super) async fn rest(&mut self, error: LlmError, life: &Life, voice: &mut Voice<'_>) -> Result<(), LlmError> {
        let wait = match self.next_wait(&error, life.left()) {
            Ok(wait) => wait,
            Err(why) => return Err(give_up(error, self.attempt, why)),
        };
        self.attempt += 1;
        voice.announce(self.attempt, wait, &error).await?;
        tokio::select! {
            biased;
            () = voice.cancel().cancelled() => Err(LlmError::cancelled()),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    fn next_wait(&mut self, error: &LlmError, silence_left: Duration) -> Result<Duration, Stop> {
        let again = match error.class.worth() {
            Worth::Never => false,
            Worth::Once => !std::mem::replace(&mut self.charged, true),
            Worth::Attempts => true,
        };
        if !again || self.attempt >= self.max_attempts {
            return Err(Stop::Tries);
        }
        let wait = match error.retry_after.filter(|asked| !asked.is_zero()) {
            Some(asked) if asked > RETRY_AFTER_CAP || asked > silence_left => return Err(Stop::Asked(asked)),
            Some(asked) => asked + self.up_to(RETRY_AFTER_SPREAD),
            None => {
                let doubled = BACKOFF_BASE.saturating_mul(1 << (self.attempt - 1).min(16));
                self.up_to(doubled.min(BACKOFF_CAP))
            }
        };
        if wait < silence_left { Ok(wait) } else { Err(Stop::Silence) }
    }

    /// Full jitter: callers that failed together must not come back together.
    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.f64())
    }
}

/// Why there is no next try.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// Not worth it, or not allowed any more.
    Tries,
    /// The provider asks to wait longer than a caller can.
    Asked(Duration),
    /// The wait would not fit into the silence that is left.
    Silence,
}

fn give_up(mut error: LlmError, attempt: u32, why: Stop) -> LlmError {
    if let Stop::Asked(wait) = why {
        error.message = format!("{}; it asks to wait {} s", error.message, wait.as_secs());
        error.hint = format!("ask again in {} s", wait.as_secs());
    } else if attempt > 1 && error.class != Class::Cancelled {
        error.message = format!("{}; tried {attempt} times", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(class: Class) -> LlmError {
        LlmError::new(class, "it failed", "do it")
    }

    fn asked(wait: u64) -> LlmError {
        LlmError { retry_after: Some(Duration::from_secs(wait)), ..failed(Class::RateLimited) }
    }

    /// Lets every try fail with `error`; gives the error at the end, what was heard and how long it took.
    async fn run(error: LlmError, max_attempts: u32, idle: u64) -> (LlmError, Vec<Delta>, Duration) {
        let (sender, mut receiver) = mpsc::channel(100);
        let cancel = CancellationToken::new();
        let (life, mut voice, mut plan) =
            (Life::start(Duration::from_secs(idle)), Voice::new(&sender, &cancel), Plan::new(max_attempts));
        let begun = Instant::now();
        let last = loop {
            if let Err(last) = plan.rest(error.clone(), &life, &mut voice).await {
                break last;
            }
        };
        receiver.close();
        let mut heard = Vec::new();
        while let Some(delta) = receiver.recv().await {
            heard.push(delta);
        }
        (last, heard, begun.elapsed())
    }

    fn waits(heard: &[Delta]) -> Vec<Duration> {
        heard
            .iter()
            .map(|delta| if let Delta::Retry { wait, .. } = delta { *wait } else { panic!("{delta:?}") })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_failure_is_tried_up_to_the_limit_with_growing_bounded_waits() {
        for _ in 0..50 {
            let (last, heard, took) = run(failed(Class::Overloaded), 8, 600).await;
            assert_eq!((last.class, last.message.as_str()), (Class::Overloaded, "it failed; tried 8 times"));
            let waits = waits(&heard);
            assert_eq!(waits.len(), 7);
            for (number, wait) in waits.iter().enumerate() {
                assert!(*wait <= BACKOFF_CAP.min(BACKOFF_BASE * (1 << number)), "{waits:?}");
            }
            assert!(took >= waits.iter().sum::<Duration>());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_again_is_not_tried_again() {
        for class in
            [Class::Auth, Class::Balance, Class::BadRequest, Class::ContextOverflow, Class::Timeout, Class::Garbage]
        {
            let (last, heard, took) = run(failed(class), 8, 600).await;
            assert_eq!((last, heard.len(), took), (failed(class), 0, Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_off_answer_is_tried_again_once_since_it_was_charged() {
        assert_eq!(run(failed(Class::Truncated), 8, 600).await.1.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_the_provider_asks_for_is_kept() {
        let (_, heard, _) = run(asked(7), 4, 600).await;
        for wait in waits(&heard) {
            assert!((Duration::from_secs(7)..=Duration::from_millis(7250)).contains(&wait), "{wait:?}");
        }
        assert_eq!(heard.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_over_the_cap_or_over_the_silence_ends_the_call_at_once() {
        for (wait, idle) in [(61, 600), (30, 20)] {
            let (last, heard, took) = run(asked(wait), 4, idle).await;
            assert!(last.message.contains(&format!("asks to wait {wait} s")), "{last:?}");
            assert_eq!((heard.len(), took), (0, Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_waits_together_end_within_the_silence() {
        for _ in 0..50 {
            let (last, _, took) = run(failed(Class::Unreachable), 1000, 5).await;
            assert_eq!(last.class, Class::Unreachable);
            assert!(took <= Duration::from_secs(5), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_a_wait_at_once() {
        let (sender, _receiver) = mpsc::channel(100);
        let cancel = CancellationToken::new();
        let life = Life::start(Duration::from_secs(600));
        let (mut voice, mut plan) = (Voice::new(&sender, &cancel), Plan::new(4));
        let begun = Instant::now();
        let (outcome, ()) = tokio::join!(plan.rest(asked(50), &life, &mut voice), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cancel.cancel();
        });
        assert_eq!(outcome, Err(LlmError::cancelled()));
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_call_does_not_wait_for_a_listener_who_does_not_listen() {
        let (sender, _receiver) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let mut voice = Voice::new(&sender, &cancel);
        voice.say(Delta::Text("a".to_owned())).await.unwrap();
        cancel.cancel();
        assert_eq!(voice.say(Delta::Text("b".to_owned())).await, Err(LlmError::cancelled()));
    }

    #[tokio::test(start_paused = true)]
    async fn text_that_was_heard_is_void_before_the_next_try() {
        let (sender, mut receiver) = mpsc::channel(100);
        let cancel = CancellationToken::new();
        let life = Life::start(Duration::from_secs(600));
        let (mut voice, mut plan) = (Voice::new(&sender, &cancel), Plan::new(4));
        voice.say(Delta::Text("half".to_owned())).await.unwrap();
        plan.rest(failed(Class::Interrupted), &life, &mut voice).await.unwrap();
        plan.rest(failed(Class::Interrupted), &life, &mut voice).await.unwrap();
        assert_eq!(receiver.recv().await, Some(Delta::Text("half".to_owned())));
        assert_eq!(receiver.recv().await, Some(Delta::Void));
        for number in [2, 3] {
            assert!(matches!(receiver.recv().await, Some(Delta::Retry { attempt, .. }) if attempt == number));
        }
        assert!(receiver.try_recv().is_err());
    }
}
