//! What the provider was sent, for assertions.
//!
//! Keeps every request in order, without the key: headers, the body raw and parsed, time, connection, how it was
//! answered and how that ended. Waiting is on a condition with a deadline.

use std::{
    fs::File,
    io::Write,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json, value::RawValue};

use super::{http::HttpRequest, verdict};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Running,
    /// Sent to its end.
    Sent,
    /// Cut on purpose.
    Cut,
    /// The client closed the connection before the end.
    ClientGone,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Number, from 1, over all requests.
    pub number: u64,
    /// When its last byte had come.
    pub at: SystemTime,
    /// The same on the clock for differences.
    pub instant: Instant,
    /// Connection, from 1.
    pub connection: u64,
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Headers, names in lower case, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// True when the key was the right one.
    pub authorized: bool,
    /// Body as it came.
    pub raw: Vec<u8>,
    /// Body as JSON; null when it is none.
    pub body: Value,
    /// Status of the answer; 0 while it is not decided.
    pub status: u16,
    /// How the answer ended.
    pub outcome: Outcome,
}

impl Recorded {
    /// True for a chat request.
    pub fn is_chat(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/chat/completions")
    }

    /// The first header of that name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The messages.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The last message; null when there is none.
    pub fn last_message(&self) -> &Value {
        self.messages().last().unwrap_or(&Value::Null)
    }

    /// The two questions, when it only asks whether they are the same.
    pub fn verdict(&self) -> Option<(String, String)> {
        verdict::pair(self.last_message()["content"].as_str()?)
    }

    /// Names of the offered tools, in order.
    pub fn tool_names(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect()
    }

    /// The raw JSON of one top-level field.
    pub fn raw_field(&self, name: &str) -> Option<String> {
        let fields: std::collections::HashMap<String, &RawValue> = serde_json::from_slice(&self.raw).ok()?;
        fields.get(name).map(|raw| raw.get().to_owned())
    }

    /// The raw JSON of each message.
    pub fn raw_messages(&self) -> Vec<String> {
        let raw = self.raw_field("messages").unwrap_or_default();
        let list: Vec<&RawValue> = serde_json::from_str(&raw).unwrap_or_default();
        list.into_iter().map(|message| message.get().to_owned()).collect()
    }

    /// Panics unless `later` keeps this request's prompt prefix: the same tools and, byte for byte, all of its
    /// messages at the front.
    #[track_caller]
    pub fn assert_prefix_of(&self, later: &Self) {
        assert_eq!(self.raw_field("tools"), later.raw_field("tools"), "the tools changed: the whole prefix is lost");
        let (before, after) = (self.raw_messages(), later.raw_messages());
        assert!(before.len() <= after.len(), "history shrank from {} to {} messages", before.len(), after.len());
        for (at, (old, new)) in before.iter().zip(&after).enumerate() {
            assert_eq!(old, new, "message {at} changed: the prefix is lost from there");
        }
    }

    /// Panics unless both requests have the same tools and the same first message: what is frozen over all
    /// conversations.
    #[track_caller]
    pub fn assert_same_frozen_part(&self, other: &Self) {
        assert_eq!(self.raw_field("tools"), other.raw_field("tools"), "the tools differ");
        assert_eq!(self.raw_messages().first(), other.raw_messages().first(), "the system prompts differ");
    }

    /// One line of JSON for the record file.
    pub fn to_line(&self) -> String {
        let at_ms = self.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut line = json!({
            "number": self.number, "at_ms": u64::try_from(at_ms).unwrap_or(u64::MAX), "connection": self.connection,
            "method": self.method, "path": self.path, "authorized": self.authorized, "headers": headers,
            "body": self.body,
        });
        if self.body.is_null() && !self.raw.is_empty() {
            line["raw"] = json!(String::from_utf8_lossy(&self.raw));
        }
        line.to_string()
    }
}

/// All requests of one provider.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Mutex<Vec<Recorded>>,
    changed: Condvar,
    file: Mutex<Option<File>>,
}

impl Log {
    /// A log that is also appended to a file, one JSON object a line.
    pub(super) fn new(file: Option<File>) -> Self {
        Self { file: Mutex::new(file), ..Self::default() }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; returns its number.
    pub(super) fn add(&self, connection: u64, request: &HttpRequest, body: Value, authorized: bool) -> u64 {
        let mut entries = self.entries();
        let number = entries.len() as u64 + 1;
        let entry = Recorded {
            number,
            at: SystemTime::now(),
            instant: Instant::now(),
            connection,
            method: request.method.clone(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            headers: request.headers.iter().filter(|(name, _)| name != "authorization").cloned().collect(),
            authorized,
            raw: request.body.clone(),
            body,
            status: 0,
            outcome: Outcome::Running,
        };
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = file.write_all(format!("{}\n", entry.to_line()).as_bytes());
        }
        entries.push(entry);
        self.changed.notify_all();
        number
    }

    /// Notes how a request is answered, and how that ended.
    pub(super) fn settle(&self, number: u64, status: u16, outcome: Outcome) {
        let mut entries = self.entries();
        let at = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        if let Some(entry) = entries.get_mut(at) {
            entry.status = status;
            entry.outcome = outcome;
        }
        self.changed.notify_all();
    }

    /// All requests so far.
    pub(super) fn all(&self) -> Vec<Recorded> {
        self.entries().clone()
    }

    /// Waits until the requests satisfy `done`; then, and at the deadline, returns them with the verdict.
    pub(super) fn wait(&self, deadline: Duration, done: impl Fn(&[Recorded]) -> bool) -> (Vec<Recorded>, bool) {
        let entries = self.entries();
        let (entries, _) = self
            .changed
            .wait_timeout_while(entries, deadline, |entries| !done(entries))
            .unwrap_or_else(PoisonError::into_inner);
        (entries.clone(), done(&entries))
    }
}
