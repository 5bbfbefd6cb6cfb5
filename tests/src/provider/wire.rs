//! Bytes onto the socket, with everything that can go wrong on the way.
//!
//! A reply is first planned as a list of [`Act`]s, then played. Bytes without a wait between them leave in one write.
//! Bodies of replies are chunked, so that a cut is told from an end.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use super::{
    http::reason,
    record::Outcome,
    scenario::{Fault, Step},
};

/// Below this, a wait is a plain sleep: socket time-outs are coarser.
const SHORT_WAIT: Duration = Duration::from_millis(20);

/// One step of sending a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Bytes of the body.
    Bytes(Vec<u8>),
    /// Send what there is, then wait.
    Wait(Duration),
    /// Send what there is, then nothing until the client leaves.
    Stall,
    /// Send what there is, then close inside the body.
    Cut,
}

/// How data becomes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON text.
    Plain,
}

/// Plans the body: `data` are the events, or the one JSON text.
pub(super) fn plan(step: &Step, framing: Framing, data: &[String]) -> Vec<Act> {
    let mut plan = Plan { acts: Vec::new(), framing, end: if has(step, &Fault::Crlf) { "\r\n" } else { "\n" } };
    if has(step, &Fault::Bom) {
        plan.text("\u{feff}");
    }
    for fault in &step.faults {
        if let Fault::BlankLines(count) = fault {
            plan.text(&plan.end.repeat(*count));
        }
    }
    let mut whole = true;
    for at in 0..=data.len() {
        whole = plan.faults_at(step, at, data.len());
        if !whole {
            break;
        }
        if let Some(event) = data.get(at) {
            plan.wait(step.chunk_delay_ms);
            plan.event(event);
        }
    }
    if whole && framing == Framing::Events && !has(step, &Fault::NoDone) {
        plan.event("[DONE]");
    }
    shape(step, plan.acts)
}

fn has(step: &Step, fault: &Fault) -> bool {
    step.faults.contains(fault)
}

struct Plan {
    acts: Vec<Act>,
    framing: Framing,
    end: &'static str,
}

impl Plan {
    fn text(&mut self, text: &str) {
        self.acts.push(Act::Bytes(text.as_bytes().to_vec()));
    }

    fn wait(&mut self, milliseconds: u64) {
        if milliseconds > 0 {
            self.acts.push(Act::Wait(Duration::from_millis(milliseconds)));
        }
    }

    fn event(&mut self, data: &str) {
        let end = self.end;
        match self.framing {
            Framing::Events => self.text(&format!("data: {data}{end}{end}")),
            Framing::Plain => self.text(data),
        }
    }

    fn keep_alive(&mut self) {
        let end = self.end;
        match self.framing {
            Framing::Events => self.text(&format!(": keep-alive{end}{end}")),
            Framing::Plain => self.text(end),
        }
    }

    /// Plays the faults that belong before chunk `at`; a place past the last chunk counts as the end. False: the
    /// body is over.
    fn faults_at(&mut self, step: &Step, at: usize, last: usize) -> bool {
        let pause = step.faults.iter().find_map(|fault| match fault {
            Fault::KeepAliveDelay(milliseconds) => Some(*milliseconds),
            _ => None,
        });
        for fault in &step.faults {
            match fault {
                Fault::KeepAlives(after, count) if (*after).min(last) == at => {
                    for _ in 0..*count {
                        self.wait(pause.unwrap_or(0));
                        self.keep_alive();
                    }
                }
                Fault::Garbage(after, text) if (*after).min(last) == at => self.event(text),
                Fault::ErrorEvent(after, message) if (*after).min(last) == at => {
                    let error = serde_json::json!({ "error": {
                        "message": message, "type": "server_error", "param": null, "code": "internal_error" } });
                    self.event(&error.to_string());
                    return false;
                }
                Fault::Stall(after) if (*after).min(last) == at => {
                    self.acts.push(Act::Stall);
                    return false;
                }
                Fault::CutChunks(after) if (*after).min(last) == at => {
                    self.acts.push(Act::Cut);
                    return false;
                }
                _ => {}
            }
        }
        true
    }
}

/// Applies the faults that count bytes.
fn shape(step: &Step, mut acts: Vec<Act>) -> Vec<Act> {
    for fault in &step.faults {
        match fault {
            Fault::CutBytes(count) => acts = cut_after(acts, *count),
            Fault::Drip(size, milliseconds) => acts = drip(acts, (*size).max(1), *milliseconds),
            _ => {}
        }
    }
    acts
}

fn cut_after(acts: Vec<Act>, count: usize) -> Vec<Act> {
    let mut left = count;
    let mut out = Vec::new();
    for act in acts {
        match act {
            Act::Bytes(mut bytes) => {
                let fits = bytes.len() <= left;
                bytes.truncate(left);
                left -= bytes.len();
                out.push(Act::Bytes(bytes));
                if !fits || left == 0 {
                    break;
                }
            }
            other => out.push(other),
        }
    }
    out.push(Act::Cut);
    out
}

fn drip(acts: Vec<Act>, size: usize, milliseconds: u64) -> Vec<Act> {
    let mut out = Vec::new();
    let mut pending = Vec::new();
    let flush = |pending: &mut Vec<u8>, out: &mut Vec<Act>| {
        for piece in pending.chunks(size) {
            out.push(Act::Wait(Duration::from_millis(milliseconds)));
            out.push(Act::Bytes(piece.to_vec()));
        }
        pending.clear();
    };
    for act in acts {
        match act {
            Act::Bytes(bytes) => pending.extend(bytes),
            other => {
                flush(&mut pending, &mut out);
                out.push(other);
            }
        }
    }
    flush(&mut pending, &mut out);
    out
}

/// Sends a head and a planned body; says how it ended.
///
/// # Errors
/// None: a client that is gone is [`Outcome::ClientGone`].
pub(super) fn play(to: &mut TcpStream, content_type: &str, acts: Vec<Act>, reset: bool) -> Outcome {
    let mut out = Vec::with_capacity(4096);
    let head = "Cache-Control: no-cache\r\nTransfer-Encoding: chunked";
    let _ = write!(out, "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{head}\r\n\r\n");
    for act in acts {
        let ended = match act {
            Act::Bytes(bytes) => {
                frame(&mut out, &bytes);
                continue;
            }
            Act::Wait(time) => (!(flush(to, &mut out) && wait(to, time))).then_some(Outcome::ClientGone),
            Act::Stall => {
                while flush(to, &mut out) && wait(to, Duration::from_secs(60)) {}
                Some(Outcome::ClientGone)
            }
            Act::Cut => {
                flush(to, &mut out);
                cut(to, reset);
                Some(Outcome::Cut)
            }
        };
        if let Some(outcome) = ended {
            return outcome;
        }
    }
    out.extend_from_slice(b"0\r\n\r\n");
    if flush(to, &mut out) { Outcome::Sent } else { Outcome::ClientGone }
}

fn frame(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        return; // An empty chunk would be the end of the body.
    }
    let _ = write!(out, "{:x}\r\n", bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn flush(to: &mut TcpStream, out: &mut Vec<u8>) -> bool {
    let sent = out.is_empty() || to.write_all(out).is_ok();
    out.clear();
    sent
}

fn cut(to: &TcpStream, reset: bool) {
    if reset && rustix::net::sockopt::set_socket_linger(to, Some(Duration::ZERO)).is_ok() {
        return; // The reset leaves when the last handle closes.
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Waits while watching the client; false when it left.
pub(super) fn wait(on: &TcpStream, time: Duration) -> bool {
    if time <= SHORT_WAIT {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
        return true;
    }
    let until = Instant::now() + time;
    let alive = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break true;
        }
        let _ = on.set_read_timeout(Some(left));
        match on.peek(&mut [0]) {
            Ok(0) => break false,
            Ok(_) => std::thread::sleep(left.min(SHORT_WAIT)), // The next request already waits.
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break false,
        }
    };
    let _ = on.set_read_timeout(None);
    alive
}

/// Sends a whole answer with a length; true when it left.
pub(super) fn send_whole(
    to: &mut TcpStream,
    status: u16,
    content_type: &str,
    retry_after: Option<&str>,
    body: &str,
) -> bool {
    let mut out = Vec::with_capacity(256 + body.len());
    let length = body.len();
    let phrase = reason(status);
    let _ = write!(out, "HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n");
    if let Some(value) = retry_after {
        let _ = write!(out, "Retry-After: {value}\r\n");
    }
    let _ = write!(out, "\r\n{body}");
    to.write_all(&out).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(acts: &[Act]) -> String {
        let bytes = acts.iter().filter_map(|act| match act {
            Act::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        String::from_utf8(bytes.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn a_plain_plan_ends_with_done() {
        let acts = plan(&Step::default(), Framing::Events, &["{}".to_owned()]);
        assert_eq!(text(&acts), "data: {}\n\ndata: [DONE]\n\n");
    }

    #[test]
    fn a_cut_in_bytes_keeps_exactly_so_many() {
        let step = Step::default().fault(Fault::CutBytes(7));
        let acts = plan(&step, Framing::Events, &["{}".to_owned()]);
        assert_eq!(text(&acts), "data: {");
        assert_eq!(acts.last(), Some(&Act::Cut));
    }

    #[test]
    fn a_fault_past_the_last_chunk_comes_before_done() {
        let step = Step::default().fault(Fault::CutChunks(99));
        let acts = plan(&step, Framing::Events, &["{}".to_owned()]);
        assert_eq!(text(&acts), "data: {}\n\n");
        assert_eq!(acts.last(), Some(&Act::Cut));
    }

    #[test]
    fn dripping_changes_no_byte() {
        let data = ["{\"a\":\"\u{e9}\"}".to_owned()];
        let dripped = plan(&Step::default().fault(Fault::Drip(1, 1)), Framing::Events, &data);
        assert_eq!(text(&dripped), text(&plan(&Step::default(), Framing::Events, &data)));
        assert!(dripped.len() > 20);
    }
}
