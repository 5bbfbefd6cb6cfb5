//! The model's words on their way to the asker, redacted as they come.
//!
//! What is heard is what the final answer says: both are what the redactor makes of the whole text. A few bytes are
//! held back while they may belong to a secret, and come before whatever follows the text.

use proto::{Delta as Piece, Event, TextEnd};

use super::Ask;
use crate::redact::Stream;

/// One text and one reasoning at a time.
pub(super) struct Speech<'a> {
    ask: &'a Ask,
    text: Stream,
    reasoning: Stream,
}

impl<'a> Speech<'a> {
    pub(super) fn new(ask: &'a Ask) -> Self {
        Self { ask, text: ask.redactor.stream(), reasoning: ask.redactor.stream() }
    }

    pub(super) async fn text(&mut self, piece: &str) {
        if self.reasoning.held() > 0 {
            // The model has begun to speak: its reasoning ends before that, for the listener too.
            let rest = self.reasoning.finish();
            self.say(rest, Event::Reasoning).await;
        }
        let settled = self.text.push(piece);
        self.say(settled, Event::Text).await;
    }

    pub(super) async fn reasoning(&mut self, piece: &str) {
        if self.ask.request.reasoning {
            let settled = self.reasoning.push(piece);
            self.say(settled, Event::Reasoning).await;
        }
    }

    /// Says what was held back: nothing more comes of this text.
    pub(super) async fn finish(&mut self) {
        let (reasoning, text) = (self.reasoning.finish(), self.text.finish());
        self.say(reasoning, Event::Reasoning).await;
        self.say(text, Event::Text).await;
    }

    /// Ends the text and begins a new one.
    pub(super) async fn end(&mut self, void: bool) {
        self.finish().await;
        self.ask.events.send(Event::TextEnd(TextEnd { void })).await;
    }

    async fn say(&self, delta: String, event: fn(Piece) -> Event) {
        if !delta.is_empty() {
            self.ask.events.send(event(Piece { delta })).await;
        }
    }
}
