//! Answers and events for programs: one object, or one object a line.

use std::io::Write as _;

use proto::{
    Answer, ApproveRequest, Cached, ErrorKind, Event, Failure, Similar, Source, ToolCallReport, Usage, Verdict,
};
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

/// Writes the answer of `--json` as one line.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_answer(answer: &Answer) -> Result<(), Stop> {
    print(&Shown::of(answer))
}

/// An answer as programs get it: scripts rely on the names. What is about the memory is there only when there is
/// something to say; on the wire it always is, since binary frames are positional.
#[derive(Serialize)]
struct Shown<'a> {
    answer: &'a str,
    source: Source,
    session: &'a str,
    conversation: &'a str,
    model: &'a str,
    usage: &'a Usage,
    cost_usd: Option<f64>,
    saved_usd: Option<f64>,
    turns: u32,
    tool_calls: Vec<Call<'a>>,
    redactions: u32,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<&'a Cached>,
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<&'a Similar>,
    #[serde(skip_serializing_if = "str::is_empty")]
    miss: &'a str,
}

impl<'a> Shown<'a> {
    fn of(answer: &'a Answer) -> Self {
        // Taken apart in full, so that a new field on the wire cannot be forgotten here.
        let Answer {
            answer,
            source,
            session,
            conversation,
            model,
            usage,
            cost_usd,
            saved_usd,
            turns,
            tool_calls,
            redactions,
            elapsed_ms,
            cached,
            similar,
            miss,
        } = answer;
        Self {
            answer,
            source: *source,
            session,
            conversation,
            model,
            usage,
            cost_usd: *cost_usd,
            saved_usd: *saved_usd,
            turns: *turns,
            tool_calls: tool_calls.iter().map(Call::of).collect(),
            redactions: *redactions,
            elapsed_ms: *elapsed_ms,
            cached: cached.as_ref(),
            similar: similar.as_ref(),
            miss,
        }
    }
}

/// A tool call as programs get it. Servers are there only where one took part, or should have.
#[derive(Serialize)]
struct Call<'a> {
    name: &'a str,
    verdict: Verdict,
    ok: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    server: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    fallback: &'a str,
}

impl<'a> Call<'a> {
    fn of(report: &'a ToolCallReport) -> Self {
        let ToolCallReport { name, verdict, ok, server, fallback } = report;
        Self { name, verdict: *verdict, ok: *ok, server, fallback }
    }
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
        print(&Tagged { kind: "result", fields: &Shown::of(answer) })
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

    const PINNED: [&str; 12] = [
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
    ];

    fn names(answer: &Answer) -> Vec<String> {
        serde_json::to_value(Shown::of(answer)).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_answer_has_every_pinned_field_in_order_and_null_for_an_unknown_price() {
        let answer = Answer::default();
        assert_eq!(names(&answer), PINNED);
        assert!(serde_json::to_value(Shown::of(&answer)).unwrap()["cost_usd"].is_null());
    }

    #[test]
    fn a_tool_call_names_a_server_where_one_took_part_or_should_have() {
        let call = |server: &str, fallback: &str| {
            let report = ToolCallReport {
                name: "read_text_file".into(),
                server: server.into(),
                fallback: fallback.into(),
                ..ToolCallReport::default()
            };
            serde_json::to_string(&Call::of(&report)).unwrap()
        };
        let plain = r#"{"name":"read_text_file","verdict":"allow","ok":false"#;
        assert_eq!(call("", ""), format!("{plain}}}"));
        assert_eq!(call("files", ""), format!(r#"{plain},"server":"files"}}"#));
        assert_eq!(call("", "files is starting"), format!(r#"{plain},"fallback":"files is starting"}}"#));
    }

    #[test]
    fn what_the_memory_has_to_say_is_there_when_it_says_something() {
        let answer = Answer {
            source: Source::Near,
            cached: Some(Cached { id: "0a1b".into(), dependencies: 2, ..Cached::default() }),
            similar: Some(Similar { question: "q".into(), score: 0.75, age_s: 60 }),
            miss: "src/a.rs has changed".into(),
            ..Answer::default()
        };
        assert_eq!(names(&answer)[12..], ["cached", "similar", "miss"]);
        let value = serde_json::to_value(Tagged { kind: "result", fields: &Shown::of(&answer) }).unwrap();
        assert_eq!((&value["type"], &value["source"]), (&"result".into(), &"near".into()));
        assert_eq!(value["similar"], serde_json::json!({"question": "q", "score": 0.75, "age_s": 60}));
        let fields = ["id", "question", "age_s", "dependencies", "lenient"];
        assert_eq!(value["cached"].as_object().unwrap().keys().collect::<Vec<_>>(), fields);
    }
}
