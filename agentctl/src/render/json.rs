//! Answers and events for programs: one object, or one object a line.

use std::io::Write as _;

use proto::{Answer, ApproveRequest, ErrorKind, Event, Failure};
use serde::Serialize;

use crate::{client::Observer, exit::Stop, output::Out, signals::Interrupts};

/// Writes a value as one line.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(value: &impl Serialize) -> Result<(), Stop> {
    let mut line = serde_json::to_vec(value).map_err(|e| Stop::from(not_json(&e)))?;
    line.push(b'\n');
    Ok(Out.write_all(&line)?)
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("cannot write the result as JSON: {error}"))
}

/// A value's fields behind its type.
#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    fields: &'a T,
}

/// The event as one flat object, `{"text":{"delta":...}}` becoming `{"type":"text","delta":...}`.
fn event_line(event: &Event) -> Result<String, serde_json::Error> {
    let nested = serde_json::to_string(event)?;
    // Every event is one variant around one struct, so the outer object has exactly one key.
    let flat = nested.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|rest| rest.split_once(":{"));
    Ok(match flat {
        Some((kind, "}")) => format!("{{\"type\":{kind}}}\n"),
        Some((kind, fields)) => format!("{{\"type\":{kind},{fields}\n"),
        None => nested + "\n",
    })
}

/// `--output-format stream-json`: one event a line as it comes.
#[derive(Debug, Default)]
pub struct StreamView;

impl Observer for StreamView {
    fn event(&mut self, event: Event, _: &Interrupts) -> Result<Option<ApproveRequest>, Stop> {
        let line = event_line(&event).map_err(|e| Stop::from(not_json(&e)))?;
        Out.write_all(line.as_bytes())?;
        Ok(None)
    }
}

impl StreamView {
    /// The last line: the answer.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn finish(answer: &Answer) -> Result<(), Stop> {
        print(&Tagged { kind: "result", fields: answer })
    }
}

/// `--json`: nothing until the end.
#[derive(Debug, Default)]
pub struct SilentView;

impl Observer for SilentView {
    fn event(&mut self, _: Event, _: &Interrupts) -> Result<Option<ApproveRequest>, Stop> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proto::{Delta, TextEnd};

    use super::*;

    #[test]
    fn an_event_becomes_one_flat_object_with_its_type() {
        let line = event_line(&Event::Text(Delta { delta: "a\u{1b}\n:{".into() })).unwrap();
        assert_eq!(line, "{\"type\":\"text\",\"delta\":\"a\\u001b\\n:{\"}\n");
        let line = event_line(&Event::TextEnd(TextEnd { void: true })).unwrap();
        assert_eq!(line, "{\"type\":\"text_end\",\"void\":true}\n");
    }

    #[test]
    fn the_answer_has_every_field_and_null_for_an_unknown_price() {
        let value = serde_json::to_value(Answer::default()).unwrap();
        for field in [
            "answer",
            "source",
            "session",
            "conversation",
            "model",
            "usage",
            "cost_usd",
            "saved_usd",
            "turns",
            "tool_calls",
            "redactions",
            "elapsed_ms",
        ] {
            assert!(value.get(field).is_some(), "{field}");
        }
        assert!(value["cost_usd"].is_null());
    }
}
