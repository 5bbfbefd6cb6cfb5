//! Reads one streamed reply: bytes to events to chunks to a [`Completion`], with the listener told on the way.
//!
//! Owns when a stream is over and when it is too quiet. Refuses a stream that ends without `[DONE]`. Any byte is a sign
//! of life, comments too; but a stream of nothing but comments ends as well. Knows nothing of HTTP and of retries.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::{
    Completion, Delta,
    assemble::Assembler,
    classify::Subject,
    error::LlmError,
    http::Fault,
    retry::{Ended, Life, Voice},
    sse::{SseEvent, SseItem, SseParser},
    wire::Chunk,
};

/// Longest time without an event while comments come: DeepSeek closes after 10 minutes without inference; one minute
/// more lets it do so itself.
const EVENTLESS_MAX: Duration = Duration::from_secs(11 * 60);
/// Longest reply. The largest output of today, 384K tokens, takes about two hours at 50 tokens a second; a stream that
/// drips for ever must not hold a slot for ever.
const REPLY_MAX: Duration = Duration::from_secs(3 * 3600);
/// How long the end of the body is waited for after `[DONE]`. It usually lies in the same packet; only with it can the
/// connection serve the next call, which saves a TLS handshake.
const END_WAIT: Duration = Duration::from_millis(20);
/// The event after which nothing comes.
const DONE: &str = "[DONE]";

/// What is known of a reply beside its content.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Times {
    /// When the first event came.
    pub(super) first_event: Option<Instant>,
}

/// Reads the reply to its end.
///
/// # Errors
/// The class says which: silence, cancellation, a broken connection, a stream that ends too early or that is no reply,
/// an error event, or a stop reason that is no success.
pub(super) async fn read(
    mut body: impl Stream<Item = Result<Bytes, Fault>> + Unpin,
    subject: &Subject,
    model: &str,
    life: &mut Life,
    voice: &mut Voice<'_>,
    times: &mut Times,
) -> Result<Completion, LlmError> {
    let mut reader = Reader::new(subject, model);
    let begun = Instant::now();
    let mut last_event = begun;
    loop {
        let piece =
            life.within(voice.cancel(), body.next()).await.map_err(|ended| ended_error(ended, subject, life))?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|fault| subject.fault(fault, times.first_event.is_some()))?;
        let step = reader.push(&piece);
        if reader.events > 0 {
            last_event = Instant::now();
            times.first_event.get_or_insert(last_event);
            reader.events = 0;
        }
        // What came before the fault was sent, so it is heard.
        for delta in std::mem::take(&mut reader.deltas) {
            voice.say(delta).await?;
        }
        // Only now: a slow listener is not the provider's silence.
        life.touch();
        step?;
        if reader.done {
            let _ = tokio::time::timeout(END_WAIT, body.next()).await;
            return reader.assembler.finish().map_err(|flaw| subject.flaw(flaw));
        }
        for (since, limit) in [(last_event, EVENTLESS_MAX), (begun, REPLY_MAX)] {
            if since.elapsed() > limit {
                return Err(subject.endless(limit));
            }
        }
    }
    reader.end()
}

/// The error for a wait that ended.
pub(super) fn ended_error(ended: Ended, subject: &Subject, life: &Life) -> LlmError {
    match ended {
        Ended::Cancelled => LlmError::cancelled(),
        Ended::Silent => subject.silent(life.idle()),
    }
}

struct Reader<'a> {
    subject: &'a Subject,
    model: &'a str,
    parser: SseParser,
    assembler: Assembler,
    deltas: Vec<Delta>,
    events: usize,
    done: bool,
}

impl<'a> Reader<'a> {
    fn new(subject: &'a Subject, model: &'a str) -> Self {
        Self {
            subject,
            model,
            parser: SseParser::new(),
            assembler: Assembler::default(),
            deltas: Vec::new(),
            events: 0,
            done: false,
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), LlmError> {
        let mut events = Vec::new();
        let parsed = self.parser.push(piece, |item| match item {
            SseItem::Event(event) => events.push(event),
            SseItem::Comment => {}
        });
        for event in events {
            self.events += 1;
            self.accept(&event)?;
        }
        parsed.map_err(|error| self.subject.garbage(&error.to_string()))
    }

    fn accept(&mut self, event: &SseEvent) -> Result<(), LlmError> {
        let data = event.data.trim();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == DONE {
            self.done = true;
            return Ok(());
        }
        if event.name == "error" {
            let value = serde_json::from_str(data).unwrap_or_else(|_| serde_json::Value::from(data));
            return Err(self.subject.event_error(&value, self.model));
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| {
            tracing::debug!(bytes = data.len(), line = error.line(), column = error.column(), "unreadable chunk");
            self.subject.garbage("an event of the stream is no chunk of a chat")
        })?;
        if let Some(error) = &chunk.error {
            return Err(self.subject.event_error(error, self.model));
        }
        self.assembler.accept(chunk, &mut self.deltas).map_err(|flaw| self.subject.flaw(flaw))
    }

    /// The stream is over. Some servers leave out the empty line after their last event.
    fn end(self) -> Result<Completion, LlmError> {
        let last = self.parser.finish();
        if last.is_some_and(|event| event.data.trim() == DONE) {
            return self.assembler.finish().map_err(|flaw| self.subject.flaw(flaw));
        }
        Err(self.subject.truncated("the stream ended without [DONE]"))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::prelude::*;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        config::ProviderKind,
        llm::{Finish, Usage, error::Class, http::BaseUrl},
    };

    const CHAT: &str = concat!(
        ": keep-alive\n\n",
        "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"\"}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Hm.\"},\"finish_reason\":null}]}\n\n",
        ": keep-alive\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüße \"},\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"日本\"},\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    );

    fn subject() -> Subject {
        Subject { base: BaseUrl::parse("http://a").unwrap(), kind: ProviderKind::Deepseek, key: None }
    }

    /// Reads the pieces; gives the outcome and what was heard.
    async fn read_pieces(pieces: Vec<Result<Bytes, Fault>>) -> (Result<Completion, LlmError>, Vec<Delta>) {
        read_stream(stream::iter(pieces), 30, &CancellationToken::new()).await
    }

    async fn read_stream(
        body: impl Stream<Item = Result<Bytes, Fault>>,
        idle: u64,
        cancel: &CancellationToken,
    ) -> (Result<Completion, LlmError>, Vec<Delta>) {
        let (sender, mut receiver) = mpsc::channel(1000);
        let mut voice = Voice::new(&sender, cancel);
        let mut life = Life::start(Duration::from_secs(idle));
        let body = std::pin::pin!(body);
        let outcome = read(body, &subject(), "m", &mut life, &mut voice, &mut Times::default()).await;
        receiver.close();
        let mut heard = Vec::new();
        while let Some(delta) = receiver.recv().await {
            heard.push(delta);
        }
        (outcome, heard)
    }

    fn ok(text: &str) -> Vec<Result<Bytes, Fault>> {
        vec![Ok(Bytes::copy_from_slice(text.as_bytes()))]
    }

    async fn class_of(text: &str) -> Class {
        read_pieces(ok(text)).await.0.unwrap_err().class
    }

    fn whole(outcome: Result<Completion, LlmError>) {
        let reply = outcome.unwrap();
        assert_eq!((reply.text.as_str(), reply.reasoning.as_str(), reply.finish), ("Grüße 日本", "Hm.", Finish::Stop));
        assert_eq!(reply.usage, Some(Usage { prompt: 5, completion: 2, hit: 0, miss: 5 }));
    }

    fn heard_text(heard: &[Delta]) -> String {
        heard.iter().filter_map(|d| if let Delta::Text(text) = d { Some(text.as_str()) } else { None }).collect()
    }

    #[tokio::test]
    async fn a_reply_is_the_same_wherever_it_is_cut_and_whatever_ends_its_lines() {
        for text in [CHAT.to_owned(), CHAT.replace('\n', "\r\n"), CHAT.replace('\n', "\r"), format!("\u{feff}{CHAT}")] {
            for at in 0..text.len() {
                let (left, right) = text.as_bytes().split_at(at);
                let pieces = [left, right].map(|piece| Ok(Bytes::copy_from_slice(piece)));
                let (reply, heard) = read_pieces(pieces.into()).await;
                whole(reply);
                assert_eq!(heard_text(&heard), "Grüße 日本");
            }
            let bytes = text.bytes().map(|byte| Ok(Bytes::from(vec![byte]))).collect();
            whole(read_pieces(bytes).await.0);
        }
    }

    #[tokio::test]
    async fn a_stream_without_done_is_truncated_and_one_that_lacks_the_last_empty_line_is_whole() {
        let (before, _) = CHAT.split_once("data: [DONE]").unwrap();
        assert_eq!(class_of(before).await, Class::Truncated);
        assert_eq!(class_of("").await, Class::Truncated);
        assert_eq!(class_of("data: [DON").await, Class::Truncated);
        whole(read_pieces(ok(CHAT.trim_end())).await.0);
    }

    #[tokio::test]
    async fn a_broken_connection_is_unreachable_before_the_first_event_and_truncated_after_it() {
        let broken = || Err(Fault::Broken("reset".to_owned()));
        let (outcome, _) = read_pieces(vec![Ok(Bytes::from_static(b": hi\n\n")), broken()]).await;
        assert_eq!(outcome.unwrap_err().class, Class::Unreachable);
        let (outcome, heard) = read_pieces(vec![Ok(Bytes::from_static(&CHAT.as_bytes()[..400])), broken()]).await;
        assert_eq!(outcome.unwrap_err().class, Class::Truncated);
        assert!(!heard.is_empty());
    }

    #[tokio::test]
    async fn garbage_is_named_and_what_came_before_it_is_heard() {
        let start = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        for garbage in ["data: {\"choices\":\n\n", "data: \0\u{1}\n\n", "data: [1]\n\n", "data: {\"choices\":7}\n\n"] {
            let (outcome, heard) = read_pieces(ok(&format!("{start}{garbage}{CHAT}"))).await;
            assert_eq!(outcome.unwrap_err().class, Class::Garbage, "{garbage:?}");
            assert_eq!(heard_text(&heard), "a");
        }
    }

    #[tokio::test]
    async fn an_error_event_in_the_stream_ends_it_with_its_class() {
        let text =
            "data: {\"error\":{\"message\":\"Server overloaded\",\"type\":\"server_error\"}}\n\ndata: [DONE]\n\n";
        assert_eq!(class_of(text).await, Class::Overloaded);
        assert_eq!(class_of("event: error\ndata: {\"message\":\"rate limit\"}\n\n").await, Class::RateLimited);
        assert_eq!(class_of("event: error\ndata: boom\n\n").await, Class::ServerFault);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused_instead_of_kept() {
        let block = Bytes::from(vec![b'x'; 1 << 20]);
        let (outcome, _) = read_stream(stream::repeat_with(|| Ok(block.clone())), 30, &CancellationToken::new()).await;
        assert_eq!(outcome.unwrap_err().class, Class::Garbage);
    }

    #[tokio::test(start_paused = true)]
    async fn comments_rearm_the_silence_clock() {
        let pieces = stream::unfold(0, |number| async move {
            tokio::time::sleep(Duration::from_secs(29)).await;
            let text = if number < 10 { ": keep-alive\n\n" } else { CHAT };
            (number <= 10).then(|| (Ok(Bytes::from_static(text.as_bytes())), number + 1))
        });
        whole(read_stream(pieces, 30, &CancellationToken::new()).await.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_ends_after_the_idle_time_out() {
        let begun = Instant::now();
        let pieces = stream::iter(ok(": hi\n\n")).chain(stream::pending());
        let (outcome, _) = read_stream(pieces, 30, &CancellationToken::new()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.class, Class::Timeout);
        assert!(error.message.contains("for 30 s"), "{error}");
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn comments_alone_do_not_hold_a_call_for_ever() {
        let begun = Instant::now();
        let pieces = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok(Bytes::from_static(b": keep-alive\n\n")), ()))
        });
        let (outcome, _) = read_stream(pieces, 30, &CancellationToken::new()).await;
        assert_eq!(outcome.unwrap_err().class, Class::Timeout);
        assert!(begun.elapsed() <= EVENTLESS_MAX + Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_listener_is_not_the_providers_silence() {
        let (sender, mut receiver) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let mut voice = Voice::new(&sender, &cancel);
        let mut life = Life::start(Duration::from_secs(1));
        let subject = subject();
        let pieces = stream::iter(CHAT.split_inclusive("\n\n").map(|piece| Ok(Bytes::from_static(piece.as_bytes()))));
        let mut times = Times::default();
        let reading = read(pieces, &subject, "m", &mut life, &mut voice, &mut times);
        let listening = async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                assert!(receiver.recv().await.is_some());
            }
        };
        let (outcome, ()) = tokio::join!(reading, listening);
        whole(outcome);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_the_reading_at_once() {
        let cancel = CancellationToken::new();
        let pieces = stream::iter(ok(": hi\n\n")).chain(stream::pending());
        let begun = Instant::now();
        let ((outcome, _), ()) = tokio::join!(read_stream(pieces, 30, &cancel), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            cancel.cancel();
        });
        assert_eq!(outcome.unwrap_err().class, Class::Cancelled);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_left_open_after_done_delays_the_answer_by_the_end_wait_only() {
        let begun = Instant::now();
        let pieces = stream::iter(ok(CHAT)).chain(stream::pending());
        whole(read_stream(pieces, 30, &CancellationToken::new()).await.0);
        assert!(begun.elapsed() <= END_WAIT * 2);
    }

    proptest! {
        #[test]
        fn hostile_streams_end_in_an_error_and_never_in_a_panic(
            lines in prop::collection::vec(prop::sample::select(vec![
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}", "data: {}", "data: null",
                "data: {\"choices\":null}", "data: {\"error\":null}", "data: {\"error\":{}}", "data: \"x\"", ":", "", "data",
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":18446744073709551615}]}}]}", "event: error",
            ]), 0..20),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let text = lines.join("\n");
            prop_assert!(runtime.block_on(read_pieces(ok(&text))).0.is_err());
        }
    }
}
