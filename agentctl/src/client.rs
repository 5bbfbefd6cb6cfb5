//! One connection: requests out, events and replies in, in either codec.
//!
//! Message order is that of the protocol: any number of events, then one result or one failure per id. Replies to
//! other ids than the one waited for only show that the daemon lives. Invariants: every wait has a deadline; no more
//! than one message beyond the frame cap is ever held; a daemon that falls silent in a long turn is asked for a sign
//! of life before it is given up.

use std::{
    io::{self, Read as _, Write as _},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use interprocess::os::unix::uds_local_socket::Stream;
use proto::{
    ApproveRequest, AskRequest, Body, CancelRequest, ClientMessage, ErrorKind, Event, Failure, Request, RequestId,
    Response, ServerMessage, StatusRequest, codec,
    frame::{self, FRAME_MAX, FrameKind, HEADER_LEN},
    hello::Hello,
    rpc,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{exit::Stop, signals::Interrupts};

/// Bytes taken from the socket at once: many events of a streamed answer, one page or two of memory.
const CHUNK: usize = 16 * 1024;
/// For the small requests: the daemon answers them from memory.
pub const QUICK: Duration = Duration::from_secs(5);
/// For requests that ask the provider (the list of models): its own connect and read time-outs are shorter.
pub const PROVIDER: Duration = Duration::from_secs(60);
/// For requests that write and sync files: a backup, a restore, a rewrite of the store. A few megabytes take less than a
/// second on any disk but a network's or a dying one, which gets a minute.
pub const FILES: Duration = Duration::from_secs(60);
/// How long a turn may be silent before the daemon is asked whether it lives. A thinking model says nothing for minutes.
const SILENCE: Duration = Duration::from_secs(30);
/// How long it may then take to answer. A stopped or stuck daemon must not hold a shell or a cron job.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Without an event of the turn for this long it is over, whatever the daemon says: its own deadlines are far shorter.
const TURN_FALLBACK: Duration = Duration::from_secs(3600);
/// How long the daemon may take to confirm a cancellation.
const CANCEL_GRACE: Duration = Duration::from_secs(3);

/// Looks on while a turn runs.
pub trait Observer {
    /// Something happened. An approval may be answered at once.
    ///
    /// # Errors
    /// When its output cannot be written; the turn then ends with the connection.
    fn event(&mut self, event: Event, interrupts: &Interrupts) -> Result<Option<ApproveRequest>, Stop>;

    /// Called about every [`Observer::pace`] while nothing happens.
    fn tick(&mut self) {}

    /// How often it wants to be called; `None` for never.
    fn pace(&self) -> Option<Duration> {
        None
    }
}

/// A connection after the hellos.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    daemon: Hello,
    binary: bool,
    buffer: Vec<u8>,
    /// Bytes at the buffer's front that are done with.
    used: usize,
    /// Bytes from there that are known to hold no newline.
    scanned: usize,
    next_id: i64,
}

#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack, and nearly all are bodies")]
enum Received {
    Body(Option<RequestId>, Body),
    Woken,
    Late,
}

impl Client {
    /// Takes over a stream on which both hellos have been exchanged.
    pub fn new(stream: Stream, daemon: Hello) -> Self {
        let binary = Hello::ours("agentctl").same_wire(&daemon);
        Self { stream, daemon, binary, buffer: Vec::new(), used: 0, scanned: 0, next_id: 1 }
    }

    /// The daemon's hello.
    pub fn daemon(&self) -> &Hello {
        &self.daemon
    }

    /// A request without events.
    ///
    /// # Errors
    /// What the daemon answers; kind `unreachable` when it goes away, `timeout` after `limit`.
    pub fn call(&mut self, request: Request, limit: Duration) -> Result<Response, Failure> {
        let deadline = Instant::now() + limit;
        let method = request.method();
        let id = self.send(request)?;
        loop {
            match self.receive(method, deadline, None)? {
                Received::Body(from, Body::Done(response)) if from.as_ref() == Some(&id) => return Ok(response),
                Received::Body(from, Body::Failed(failure)) if from.is_none() || from.as_ref() == Some(&id) => {
                    return Err(failure);
                }
                Received::Body(..) | Received::Woken => {}
                Received::Late => return Err(silent(limit)),
            }
        }
    }

    /// Asks the agent and hands the events to `observer` until the answer.
    ///
    /// # Errors
    /// What the daemon answers; kind `unreachable` when it goes away in the middle, `timeout` when it falls silent,
    /// `cancelled` after a signal.
    pub fn ask(
        &mut self,
        ask: AskRequest,
        observer: &mut dyn Observer,
        interrupts: &Interrupts,
    ) -> Result<Response, Stop> {
        let id = self.send(Request::Ask(ask))?;
        let mut pace = Pace::new(Instant::now());
        loop {
            let received = match self.receive("ask", pace.next_look(observer.pace()), Some(interrupts.fd())) {
                Err(_) if pace.cancelled.is_some() => return Err(cancelled().into()),
                received => received?,
            };
            match received {
                Received::Body(Some(from), body) if from == id => match body {
                    // What still arrives after a cancellation is not wanted any more.
                    Body::Event(_) if pace.cancelled.is_some() => {}
                    Body::Event(event) => {
                        pace.event(Instant::now());
                        if let Some(answer) = observer.event(event, interrupts)? {
                            self.send(Request::Approve(answer))?;
                        }
                        // Time the user took over an approval is not the daemon's silence.
                        pace.event(Instant::now());
                    }
                    Body::Done(_) | Body::Failed(_) if pace.cancelled.is_some() => return Err(cancelled().into()),
                    Body::Done(response) => return Ok(response),
                    Body::Failed(failure) => return Err(failure.into()),
                },
                Received::Body(None, Body::Failed(failure)) => return Err(failure.into()),
                Received::Body(..) => pace.sign(Instant::now()),
                Received::Woken => {
                    interrupts.quiet();
                    if pace.cancelled.is_none() {
                        self.send(Request::Cancel(CancelRequest { id: Some(id.clone()), turn: None }))?;
                        pace.cancelled = Some(Instant::now());
                    }
                }
                Received::Late => {
                    observer.tick();
                    self.look_after(&mut pace)?;
                }
            }
        }
    }

    /// Decides what a silence means.
    fn look_after(&mut self, pace: &mut Pace) -> Result<(), Failure> {
        match pace.judge(Instant::now()) {
            Judgement::Wait => Ok(()),
            Judgement::AskForSign => self.send(Request::Status(StatusRequest {})).map(drop),
            Judgement::GiveUp(after) => Err(silent(after)),
            Judgement::Cancelled => Err(cancelled()),
        }
    }

    fn send(&mut self, request: Request) -> Result<RequestId, Failure> {
        let id = RequestId::Number(self.next_id);
        self.next_id += 1;
        let message = ClientMessage { id: id.clone(), request };
        let bytes = self.encode(&message)?;
        self.stream.write_all(&bytes).map_err(|e| went_away(&e))?;
        Ok(id)
    }

    fn encode(&self, message: &ClientMessage) -> Result<Vec<u8>, Failure> {
        let bytes = if self.binary {
            codec::encode(message)
                .map_err(|e| e.to_string())
                .and_then(|payload| frame::encode(FrameKind::Request, &payload).map_err(|e| e.to_string()))
        } else {
            rpc::write_request(message).map(String::into_bytes).map_err(|e| e.to_string())
        };
        match bytes {
            Ok(bytes) if bytes.len() <= FRAME_MAX + HEADER_LEN => Ok(bytes),
            Ok(bytes) => Err(too_large(&format!("{} bytes", bytes.len()))),
            Err(why) => Err(too_large(&why)),
        }
    }

    /// The next message, or why there is none yet.
    fn receive(
        &mut self,
        method: &'static str,
        deadline: Instant,
        wake: Option<BorrowedFd<'_>>,
    ) -> Result<Received, Failure> {
        loop {
            if let Some((id, body)) = self.take(method)? {
                return Ok(Received::Body(id, body));
            }
            match wait(self.stream.as_fd(), wake, deadline).map_err(|e| went_away(&e))? {
                Ready::Wake => return Ok(Received::Woken),
                Ready::Late => return Ok(Received::Late),
                Ready::Stream => self.fill().map_err(|e| went_away(&e))?,
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..std::mem::take(&mut self.used));
        let have = self.buffer.len();
        self.buffer.resize(have + CHUNK, 0);
        let got = match self.stream.read(&mut self.buffer[have..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        };
        self.buffer.truncate(have + got.as_ref().map_or(0, |got| *got));
        got.map(drop)
    }

    /// The next whole message in the buffer.
    fn take(&mut self, method: &str) -> Result<Option<(Option<RequestId>, Body)>, Failure> {
        if self.binary { self.take_frame() } else { self.take_line(method) }
    }

    fn take_frame(&mut self) -> Result<Option<(Option<RequestId>, Body)>, Failure> {
        let Some((header, rest)) = self.buffer[self.used..].split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let (kind, len) = frame::decode_header(*header).map_err(|e| garbled(&e.to_string()))?;
        if kind != FrameKind::Reply {
            return Err(garbled("a request where a reply was due"));
        }
        let Some(payload) = rest.get(..len) else { return Ok(None) };
        let message: ServerMessage = codec::decode(payload).map_err(|e| garbled(&e.to_string()))?;
        self.used += HEADER_LEN + len;
        Ok(Some((Some(message.id), message.body)))
    }

    fn take_line(&mut self, method: &str) -> Result<Option<(Option<RequestId>, Body)>, Failure> {
        loop {
            let unread = &self.buffer[self.used..];
            let Some(end) = unread[self.scanned..].iter().position(|byte| *byte == b'\n') else {
                self.scanned = unread.len();
                return if self.scanned > FRAME_MAX { Err(garbled("a line over the limit")) } else { Ok(None) };
            };
            let end = self.scanned + end;
            let read = rpc::read_reply(method, &unread[..end]).map_err(|e| garbled(&e.to_string()))?;
            self.used += end + 1;
            self.scanned = 0;
            // An event of a newer daemon that this build does not know reads as none: skipped.
            if read.is_some() {
                return Ok(read);
            }
        }
    }
}

/// The clock of one turn.
#[derive(Debug)]
struct Pace {
    last_event: Instant,
    last_sign: Instant,
    asked: Option<Instant>,
    cancelled: Option<Instant>,
}

#[derive(Debug, PartialEq)]
enum Judgement {
    Wait,
    AskForSign,
    GiveUp(Duration),
    Cancelled,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { last_event: now, last_sign: now, asked: None, cancelled: None }
    }

    fn event(&mut self, now: Instant) {
        self.last_event = now;
        self.sign(now);
    }

    fn sign(&mut self, now: Instant) {
        self.last_sign = now;
        self.asked = None;
    }

    fn next_look(&self, tick: Option<Duration>) -> Instant {
        let silence = self.asked.map_or(self.last_sign + SILENCE, |asked| asked + SIGN_OF_LIFE);
        let cancel = self.cancelled.map(|at| at + CANCEL_GRACE);
        let tick = tick.map(|tick| Instant::now() + tick);
        [cancel, tick].into_iter().flatten().fold(silence, Instant::min)
    }

    fn judge(&mut self, now: Instant) -> Judgement {
        if self.cancelled.is_some_and(|at| now >= at + CANCEL_GRACE) {
            return Judgement::Cancelled;
        }
        if now >= self.last_event + TURN_FALLBACK {
            return Judgement::GiveUp(TURN_FALLBACK);
        }
        match self.asked {
            Some(asked) if now >= asked + SIGN_OF_LIFE => Judgement::GiveUp(SILENCE + SIGN_OF_LIFE),
            None if now >= self.last_sign + SILENCE => {
                self.asked = Some(now);
                Judgement::AskForSign
            }
            _ => Judgement::Wait,
        }
    }
}

enum Ready {
    Stream,
    Wake,
    Late,
}

/// Waits until the stream or the wake descriptor is readable. The wake descriptor comes first.
fn wait(stream: BorrowedFd<'_>, wake: Option<BorrowedFd<'_>>, deadline: Instant) -> io::Result<Ready> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let second = wake.unwrap_or(stream);
        let mut fds = [PollFd::new(&stream, PollFlags::IN), PollFd::new(&second, PollFlags::IN)];
        let count = if wake.is_some() { 2 } else { 1 };
        match poll(&mut fds[..count], Some(&timeout)) {
            Ok(0) => return Ok(Ready::Late),
            Ok(_) if wake.is_some() && !fds[1].revents().is_empty() => return Ok(Ready::Wake),
            Ok(_) => return Ok(Ready::Stream),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Waits until `source` is readable or at its end.
///
/// # Errors
/// `TimedOut` at the deadline.
pub fn wait_readable(source: &impl AsFd, deadline: Instant) -> io::Result<()> {
    match wait(source.as_fd(), None, deadline)? {
        Ready::Late => Err(io::ErrorKind::TimedOut.into()),
        Ready::Stream | Ready::Wake => Ok(()),
    }
}

/// Reads the rest of an error line that came in place of a hello.
pub fn read_refusal(stream: &mut Stream, begun: &[u8], deadline: Instant) -> Failure {
    /// An error line is short; more is not one.
    const REFUSAL_MAX: usize = 64 * 1024;
    let mut line = begun.to_vec();
    let mut chunk = [0; 1024];
    while !line.contains(&b'\n') && line.len() < REFUSAL_MAX && wait_readable(stream, deadline).is_ok() {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(n) => line.extend_from_slice(&chunk[..n]),
        }
    }
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    match rpc::read_reply("status", &line[..end]) {
        Ok(Some((_, Body::Failed(failure)))) => failure,
        _ => garbled("neither a hello nor an error line"),
    }
}

fn garbled(why: &str) -> Failure {
    Failure::new(ErrorKind::Failure, format!("agentd sent something that this agentctl cannot read: {why}"))
        .hint("are both of the same installation? agentctl daemon restart starts the one beside this agentctl")
}

fn too_large(why: &str) -> Failure {
    Failure::new(ErrorKind::Limit, format!("the question with its attachments is too large: {why}"))
        .hint("name the files in the question instead of attaching them; the agent reads them itself")
}

fn silent(after: Duration) -> Failure {
    Failure::new(ErrorKind::Timeout, format!("agentd gave no sign of life for {} s", after.as_secs()))
        .hint("agentctl daemon logs shows what it does; agentctl daemon restart --force replaces it")
}

fn cancelled() -> Failure {
    Failure::new(ErrorKind::Cancelled, "cancelled")
}

fn went_away(error: &io::Error) -> Failure {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof, WouldBlock};
    let message = match error.kind() {
        BrokenPipe | ConnectionReset | NotConnected | UnexpectedEof => {
            "agentd went away in the middle of the answer".to_owned()
        }
        WouldBlock => "agentd does not read what it is sent".to_owned(),
        _ => format!("lost agentd in the middle of the answer: {error}"),
    };
    Failure::new(ErrorKind::Unreachable, message)
        .hint("ask again: the next ask starts it anew; agentctl daemon logs tells what happened")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_turn_is_asked_for_a_sign_of_life_and_then_given_up() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        assert_eq!(pace.judge(begun + SILENCE - Duration::from_millis(1)), Judgement::Wait);
        assert_eq!(pace.judge(begun + SILENCE), Judgement::AskForSign);
        assert_eq!(pace.judge(begun + SILENCE), Judgement::Wait, "it is asked once");
        assert_eq!(pace.judge(begun + SILENCE + SIGN_OF_LIFE), Judgement::GiveUp(SILENCE + SIGN_OF_LIFE));
    }

    #[test]
    fn a_living_daemon_is_trusted_until_the_fallback() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        let mut now = begun;
        while now + SILENCE < begun + TURN_FALLBACK {
            now += SILENCE;
            assert_eq!(pace.judge(now), Judgement::AskForSign);
            pace.sign(now);
        }
        assert_eq!(pace.judge(begun + TURN_FALLBACK), Judgement::GiveUp(TURN_FALLBACK));
    }

    #[test]
    fn a_cancellation_that_is_not_confirmed_ends_after_its_grace() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        pace.cancelled = Some(begun);
        assert!(pace.next_look(None) <= begun + CANCEL_GRACE);
        assert_eq!(pace.judge(begun + CANCEL_GRACE), Judgement::Cancelled);
    }
}
