//! One turn from the client's side: open a connection, ask, and ask again when the daemon was just leaving.

use std::{
    thread,
    time::{Duration, Instant},
};

use proto::{Answer, ApproveRequest, AskRequest, ErrorKind, Event, Response};

use crate::{
    app::{self, App},
    autostart::DRAIN_DEADLINE,
    client::Observer,
    exit::Stop,
    signals::Interrupts,
};

/// Pause before a draining daemon is asked again.
const DRAIN_PAUSE: Duration = Duration::from_millis(100);

/// Asks and hands the events to `observer` until the answer.
///
/// # Errors
/// What the daemon answers, kinds `unreachable`, `timeout` and `cancelled`, and a closed output.
pub fn run(
    app: &App,
    request: &AskRequest,
    observer: &mut dyn Observer,
    interrupts: &Interrupts,
) -> Result<Answer, Stop> {
    interrupts.arm();
    let given_up = Instant::now() + DRAIN_DEADLINE;
    loop {
        let mut watched = Watched { observer, begun: false };
        let outcome =
            app.open().map_err(Stop::from).and_then(|mut client| client.ask(request.clone(), &mut watched, interrupts));
        let begun = watched.begun;
        match outcome {
            Ok(Response::Ask(answer)) => return Ok(answer),
            Ok(_) => return Err(app::unexpected().into()),
            Err(Stop::Failed(failure))
                if failure.kind == ErrorKind::Draining && !begun && !interrupts.seen() && Instant::now() < given_up =>
            {
                thread::sleep(DRAIN_PAUSE);
            }
            Err(stop) => return Err(stop),
        }
    }
}

/// Remembers whether the turn began: a question that may have had effects is never asked twice.
struct Watched<'a> {
    observer: &'a mut dyn Observer,
    begun: bool,
}

impl Observer for Watched<'_> {
    fn event(&mut self, event: Event, interrupts: &Interrupts) -> Result<Option<ApproveRequest>, Stop> {
        self.begun = true;
        self.observer.event(event, interrupts)
    }

    fn tick(&mut self) {
        self.observer.tick();
    }

    fn pace(&self) -> Option<Duration> {
        self.observer.pace()
    }
}
