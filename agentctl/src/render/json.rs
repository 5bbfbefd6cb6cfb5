//! Answers and events for programs: one object, or one object a line.

use std::io::Write as _;

use proto::{Answer, ApproveRequest, ErrorKind, Event, Failure};
use serde_json::Value;

use crate::{client::Observer, exit::Stop, output::Out, signals::Interrupts};

/// Writes a value as one line.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(value: &impl serde::Serialize) -> Result<(), Stop> {
    let mut line = serde_json::to_vec(value).map_err(|e| Stop::from(not_json(&e)))?;
    line.push(b'\n');
    Ok(Out.write_all(&line)?)
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("cannot write the result as JSON: {error}"))
}

/// An event or answer as `{"type": ..., its fields}`.
fn tagged(kind: &str, fields: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("type".to_owned(), kind.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// The event as one flat object.
fn event_object(event: &Event) -> Result<Value, serde_json::Error> {
    let nested = serde_json::to_value(event)?;
    Ok(match nested {
        Value::Object(fields) => fields.into_iter().next().map_or(Value::Null, |(kind, fields)| tagged(&kind, fields)),
        other => other,
    })
}

/// `--output-format stream-json`: one event a line as it comes.
#[derive(Debug, Default)]
pub struct StreamView;

impl Observer for StreamView {
    fn event(&mut self, event: Event, _: &Interrupts) -> Result<Option<ApproveRequest>, Stop> {
        print(&event_object(&event).map_err(|e| Stop::from(not_json(&e)))?)?;
        Ok(None)
    }
}

impl StreamView {
    /// The last line: the answer.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn finish(answer: &Answer) -> Result<(), Stop> {
        let fields = serde_json::to_value(answer).map_err(|e| Stop::from(not_json(&e)))?;
        print(&tagged("result", fields))
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
        let line = event_object(&Event::Text(Delta { delta: "a\u{1b}\n".into() })).unwrap().to_string();
        assert_eq!(line, r#"{"type":"text","delta":"a\u001b\n"}"#);
        let line = event_object(&Event::TextEnd(TextEnd { void: true })).unwrap().to_string();
        assert_eq!(line, r#"{"type":"text_end","void":true}"#);
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
