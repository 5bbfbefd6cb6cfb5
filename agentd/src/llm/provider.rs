//! One provider: an endpoint, its rules, its key, and the calls to it.
//!
//! Owns the bound on calls at once and what was learned about the endpoint's reasoning rule. Refuses nothing by itself:
//! what the endpoint says goes through `classify`, whether to ask again through `retry`. Logs each try with status,
//! class and time, never text and never the key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, SystemTime},
};

use secrecy::SecretString;
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ChatRequest, Completion, Delta, Usage,
    classify::Subject,
    error::{Class, LlmError},
    http::{Http, Media, Reply},
    price,
    reply::{self, Times, ended_error},
    retry::{Ended, Life, Plan, Voice},
    wire::{self, Reasoning, Shape},
};
use crate::config::{ProviderConfig, ProviderKind};

/// Most bytes of an error body that are read: the message lies at its front.
const ERROR_BODY_MAX: usize = 64 << 10;
/// How long the body of an error may take once its head has come; the status alone says enough.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(5);
/// Most bytes of a model list: gateways list some hundred models of half a kilobyte.
const MODELS_BODY_MAX: usize = 1 << 20;
/// Longest wait for a model list: a user waits for it at a terminal.
pub(super) const MODELS_WAIT: Duration = Duration::from_secs(10);
/// Most models that are listed.
const MODELS_MAX: usize = 1000;

/// A model endpoint that can be asked. `Debug` shows no key.
pub struct Provider {
    http: Arc<Http>,
    subject: Subject,
    model: String,
    thinking: bool,
    max_tokens: u32,
    max_attempts: u32,
    max_concurrent: u32,
    slots: Semaphore,
    /// A [`Reasoning`] by number: what this endpoint was last content with.
    reasoning: AtomicU8,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("subject", &self.subject).field("model", &self.model).finish_non_exhaustive()
    }
}

impl Provider {
    pub(super) fn new(http: Arc<Http>, subject: Subject, model: String, config: &ProviderConfig) -> Self {
        let deepseek = subject.kind == ProviderKind::Deepseek;
        let reasoning = if deepseek && config.thinking { Reasoning::AsIs } else { Reasoning::Omit };
        let max_concurrent = config.max_concurrent.max(1);
        Self {
            http,
            subject,
            model,
            thinking: config.thinking,
            max_tokens: config.max_tokens,
            max_attempts: config.max_attempts.max(1),
            max_concurrent,
            slots: Semaphore::new(max_concurrent as usize),
            reasoning: AtomicU8::new(number(reasoning)),
        }
    }

    /// The endpoint's address, without `/chat/completions`.
    pub fn endpoint(&self) -> String {
        self.subject.base.to_string()
    }

    /// Whose rules hold: `Deepseek`, `Openai` or `Ollama`.
    pub fn kind(&self) -> ProviderKind {
        self.subject.kind
    }

    /// The model that is asked when a request names no other.
    pub fn default_model(&self) -> &str {
        &self.model
    }

    /// The key, for the redactor alone.
    pub fn secrets(&self) -> Option<SecretString> {
        self.subject.key.as_ref().map(|key| key.secret.clone())
    }

    /// What a call cost in US dollars that began at `at`: `None` when the price is unknown, 0 for Ollama.
    ///
    /// Known are DeepSeek's models where DeepSeek's rules hold, that is also behind a `base_url` of kind `deepseek`,
    /// and at api.deepseek.com.
    pub fn cost(&self, model: &str, usage: Usage, at: SystemTime) -> Option<f64> {
        match self.subject.kind {
            ProviderKind::Ollama | ProviderKind::Offline => Some(0.0),
            _ => Some(price::cost(usage, self.known_price(model, at)?)),
        }
    }

    /// The price of a model at a moment, for people; `None` when it is unknown or nothing is billed.
    pub fn price(&self, model: &str, at: SystemTime) -> Option<proto::Price> {
        let price::Price { hit, miss, output } = self.known_price(model, at)?;
        Some(proto::Price { hit, miss, output, peak: price::is_peak(at) })
    }

    fn known_price(&self, model: &str, at: SystemTime) -> Option<price::Price> {
        match self.subject.kind {
            ProviderKind::Ollama | ProviderKind::Offline => None,
            ProviderKind::Openai | ProviderKind::Auto if self.subject.base.host() != "api.deepseek.com" => None,
            _ => price::price(model, at),
        }
    }

    /// Asks the model. Text, reasoning and retries go to `deltas` as they come; the whole reply is the result.
    ///
    /// Safe to drop at any point; `cancel` ends it at once, in a wait too. A listener who left is no error.
    ///
    /// # Errors
    /// The last try's failure. All tries and waits together end `request.idle_timeout` after the last sign of life.
    pub async fn chat(
        &self,
        request: &ChatRequest,
        deltas: &mpsc::Sender<Delta>,
        cancel: &CancellationToken,
    ) -> Result<Completion, LlmError> {
        let _slot = self.slot(request.idle_timeout, cancel).await?;
        let mut life = Life::start(request.idle_timeout);
        let mut voice = Voice::new(deltas, cancel);
        let mut plan = Plan::new(if request.side.is_some() { 1 } else { self.max_attempts });
        let mut reasoning = self.reasoning();
        loop {
            let attempt = plan.attempt();
            match self.attempt(request, reasoning, attempt, &mut life, &mut voice).await {
                Ok(completion) => {
                    self.reasoning.store(number(reasoning), Ordering::Relaxed);
                    return Ok(completion);
                }
                Err(error) => match reasoning.stricter() {
                    Some(stricter) if error.class == Class::ReasoningRule => {
                        reasoning = stricter;
                        voice.announce(attempt + 1, Duration::ZERO, &error).await?;
                    }
                    _ => plan.rest(error, &life, &mut voice).await?,
                },
            }
        }
    }

    /// The models that the endpoint lists, in its order.
    ///
    /// # Errors
    /// No list within 10 s. Not tried again: whoever asks for it waits at a terminal.
    pub async fn models(&self) -> Result<Vec<String>, LlmError> {
        list_models(&self.http, &self.subject, MODELS_WAIT).await
    }

    fn reasoning(&self) -> Reasoning {
        match self.reasoning.load(Ordering::Relaxed) {
            0 => Reasoning::Omit,
            1 => Reasoning::AsIs,
            _ => Reasoning::Placeholder,
        }
    }

    /// A place among the calls at once, within the same silence that a provider is granted.
    async fn slot(&self, wait: Duration, cancel: &CancellationToken) -> Result<SemaphorePermit<'_>, LlmError> {
        match Life::start(wait).within(cancel, self.slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            Err(Ended::Cancelled) => Err(LlmError::cancelled()),
            Ok(Err(_)) | Err(Ended::Silent) => Err(LlmError::new(
                Class::Busy,
                format!("all {} model calls at once are taken (provider.max_concurrent)", self.max_concurrent),
                "ask again when other asks are done",
            )),
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        reasoning: Reasoning,
        attempt: u32,
        life: &mut Life,
        voice: &mut Voice<'_>,
    ) -> Result<Completion, LlmError> {
        let begun = Instant::now();
        let mut seen = Seen::default();
        let outcome = self.ask(request, reasoning, life, voice, &mut seen).await;
        let first_ms = seen.times.first_event.map(|at| millis(at - begun));
        let (endpoint, model, elapsed_ms) = (&self.subject.base, &request.model, millis(begun.elapsed()));
        match &outcome {
            Ok(completion) => {
                let usage = completion.usage.unwrap_or_default();
                tracing::info!(
                    %endpoint, %model, attempt, status = seen.status, elapsed_ms, first_ms, finish = ?completion.finish,
                    prompt = usage.prompt, completion = usage.completion, hit = usage.hit, "model call done"
                );
            }
            Err(error) => tracing::warn!(
                %endpoint, %model, attempt, status = error.status.or(seen.status), elapsed_ms, first_ms,
                class = ?error.class, "model call failed"
            ),
        }
        outcome
    }

    async fn ask(
        &self,
        request: &ChatRequest,
        reasoning: Reasoning,
        life: &mut Life,
        voice: &mut Voice<'_>,
        seen: &mut Seen,
    ) -> Result<Completion, LlmError> {
        let subject = &self.subject;
        let thinking = (subject.kind == ProviderKind::Deepseek).then_some(self.thinking && request.side.is_none());
        let shape = Shape { thinking, reasoning, max_tokens: request.side.unwrap_or(self.max_tokens) };
        let body = wire::body(request, shape)
            .map_err(|error| LlmError::new(Class::BadRequest, format!("the request cannot be written: {error}"), ""))?;
        let key = subject.key.as_ref().map(|key| &key.secret);
        let sent = self.http.post(&subject.base, "chat/completions", key, body);
        let mut reply = life
            .within(voice.cancel(), sent)
            .await
            .map_err(|ended| ended_error(ended, subject, life))?
            .map_err(|fault| subject.fault(fault, false))?;
        life.touch();
        seen.status = Some(reply.status);
        if !(200..300).contains(&reply.status) || reply.media != Media::Stream {
            let refusal = refusal(subject, &mut reply, &request.model);
            return Err(life.within(voice.cancel(), refusal).await.unwrap_or_else(|e| ended_error(e, subject, life)));
        }
        reply::read(reply.body, subject, &request.model, life, voice, &mut seen.times).await
    }
}

/// What the log says about a try.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    times: Times,
}

/// The error in a reply that is none.
async fn refusal(subject: &Subject, reply: &mut Reply, model: &str) -> LlmError {
    let body = timeout(ERROR_BODY_WAIT, reply.text(ERROR_BODY_MAX)).await.unwrap_or_default();
    let head = (reply.retry_after.as_deref(), reply.location.as_deref());
    subject.refusal(reply.status, reply.media, head, &body, model)
}

#[derive(Deserialize)]
struct ModelList {
    data: Option<Vec<ListedModel>>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

/// The models that an endpoint lists, within `wait`.
pub(super) async fn list_models(http: &Http, subject: &Subject, wait: Duration) -> Result<Vec<String>, LlmError> {
    let listed = timeout(wait, async {
        let key = subject.key.as_ref().map(|key| &key.secret);
        let mut reply = http.get(&subject.base, "models", key).await.map_err(|fault| subject.fault(fault, false))?;
        if !(200..300).contains(&reply.status) || reply.media == Media::Html {
            return Err(refusal(subject, &mut reply, "").await);
        }
        let list: ModelList = serde_json::from_str(reply.text(MODELS_BODY_MAX).await.trim_start())
            .map_err(|_| subject.garbage("it is no list of models"))?;
        let names = list.data.into_iter().flatten().map(|model| model.id);
        Ok(names.filter(|name| !name.is_empty() && !name.contains(char::is_control)).take(MODELS_MAX).collect())
    });
    listed.await.unwrap_or_else(|_| Err(subject.silent(wait)))
}

fn number(reasoning: Reasoning) -> u8 {
    match reasoning {
        Reasoning::Omit => 0,
        Reasoning::AsIs => 1,
        Reasoning::Placeholder => 2,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        llm::{
            Finish, Message, ToolCall,
            http::BaseUrl,
            key::{Key, KeySource, tests::config},
            testserver::{Seen as SeenRequest, Step, TestServer, alone, answer, chunked, response, stream_head},
        },
        redact::Outbound,
    };

    /// Longest a test may take; far above what any of them needs.
    const DEADLINE: Duration = Duration::from_secs(20);

    fn provider_with(url: &str, kind: ProviderKind, change: impl FnOnce(&mut ProviderConfig)) -> Provider {
        let mut config = config();
        change(&mut config);
        let source = KeySource::Variable("DEEPSEEK_API_KEY".to_owned());
        let key = Some(Key { source, secret: SecretString::from("sk-1234567890") });
        let subject = Subject { base: BaseUrl::parse(url).unwrap(), kind, key };
        Provider::new(Arc::new(Http::default()), subject, "m".to_owned(), &config)
    }

    fn provider(url: &str) -> Provider {
        provider_with(url, ProviderKind::Deepseek, |_| ())
    }

    fn request() -> ChatRequest {
        let text = Outbound::from_static;
        let call = ToolCall { id: "c1".to_owned(), name: "read".to_owned(), arguments: text("{}") };
        ChatRequest {
            model: "m".to_owned(),
            messages: vec![
                Message::User(text("hello")),
                Message::Assistant { content: text(""), reasoning: text(""), tool_calls: vec![call] },
                Message::Tool { call_id: "c1".to_owned(), content: text("x") },
            ],
            tools: [].into(),
            idle_timeout: Duration::from_secs(10),
            side: None,
        }
    }

    async fn chat(provider: &Provider, request: &ChatRequest) -> (Result<Completion, LlmError>, Vec<Delta>) {
        let (sender, mut receiver) = mpsc::channel(1000);
        let cancel = CancellationToken::new();
        let outcome = timeout(DEADLINE, provider.chat(request, &sender, &cancel)).await.expect("hangs");
        receiver.close();
        let mut heard = Vec::new();
        while let Some(delta) = receiver.recv().await {
            heard.push(delta);
        }
        (outcome, heard)
    }

    /// Serves the steps to one chat.
    async fn serve(steps: Vec<Step>) -> (Result<Completion, LlmError>, Vec<Delta>, Vec<SeenRequest>) {
        let server = TestServer::start(steps).await;
        let (outcome, heard) = chat(&provider(&server.url), &request()).await;
        (outcome, heard, server.seen())
    }

    fn stream(text: &str) -> Vec<u8> {
        format!("{}{}", stream_head(), answer(text)).into_bytes()
    }

    fn error_reply(status: u16, headers: &str, message: &str) -> Step {
        let body = serde_json::json!({"error": {"message": message, "type": "invalid_request_error"}}).to_string();
        Step::Send(response(status, &format!("content-type: application/json\r\n{headers}"), &body))
    }

    fn retries(heard: &[Delta]) -> usize {
        heard.iter().filter(|delta| matches!(delta, Delta::Retry { .. })).count()
    }

    #[tokio::test]
    async fn a_streamed_answer_arrives_with_its_usage() {
        let (outcome, heard, seen) = serve(vec![Step::Last(stream("Hi"))]).await;
        let reply = outcome.unwrap();
        assert_eq!((reply.text.as_str(), reply.finish, reply.model.as_str()), ("Hi", Finish::Stop, "m"));
        assert_eq!(reply.usage, Some(Usage { prompt: 10, completion: 2, hit: 6, miss: 4 }));
        assert_eq!(heard, [Delta::Text("Hi".to_owned())]);
        assert!(seen[0].head.starts_with("post /chat/completions http/1.1"), "{:?}", seen[0]);
        assert!(seen[0].head.contains("authorization: bearer sk-1234567890"));
        assert!(seen[0].head.contains("accept-encoding: identity"));
        assert!(seen[0].body.contains("\"reasoning_content\":\"\"") && seen[0].body.contains("\"enabled\""));
    }

    #[tokio::test]
    async fn an_answer_may_come_byte_by_byte_or_in_chunks_of_any_size() {
        let text = answer("Grüße 日本").replace('\n', "\r\n");
        let (outcome, _, _) = serve(vec![Step::Trickle(format!("{}\u{feff}{text}", stream_head()).into_bytes())]).await;
        assert_eq!(outcome.unwrap().text, "Grüße 日本");
        for size in 1..60 {
            let (outcome, _, _) = serve(vec![Step::Send(chunked(&text, size))]).await;
            assert_eq!(outcome.unwrap().text, "Grüße 日本", "chunks of {size}");
        }
    }

    #[tokio::test]
    async fn the_next_call_reuses_the_connection() {
        let server = TestServer::start([Step::Send(chunked(&answer("Hi"), 50))]).await;
        let provider = provider(&server.url);
        for _ in 0..5 {
            chat(&provider, &request()).await.0.unwrap();
        }
        assert_eq!((server.connections(), server.seen().len()), (1, 5));
    }

    #[tokio::test]
    async fn other_endpoints_get_no_field_of_deepseek() {
        let server = TestServer::start([Step::Last(stream("Hi"))]).await;
        let provider = provider_with(&server.url, ProviderKind::Openai, |_| ());
        chat(&provider, &request()).await.0.unwrap();
        let body = &server.seen()[0].body;
        assert!(!body.contains("thinking") && !body.contains("reasoning_content"), "{body}");
    }

    #[tokio::test]
    async fn client_errors_end_the_call_with_their_class_after_one_request() {
        for (status, class) in
            [(400, Class::BadRequest), (401, Class::Auth), (402, Class::Balance), (422, Class::BadRequest)]
        {
            let (outcome, heard, seen) = serve(vec![error_reply(status, "", "key sk-1234567890")]).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.class, error.status, heard.len(), seen.len()), (class, Some(status), 0, 1));
            assert!(!format!("{error:?} {error}").contains("1234567890"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn server_errors_and_a_full_queue_are_tried_again() {
        for status in [429, 500, 502, 503, 504] {
            let (outcome, heard, seen) = serve(vec![error_reply(status, "", "busy"), Step::Last(stream("Hi"))]).await;
            assert_eq!(outcome.unwrap().text, "Hi", "{status}");
            assert_eq!((retries(&heard), seen.len()), (1, 2));
            assert_eq!(seen[0].body, seen[1].body, "the prefix cache wants the same bytes");
        }
    }

    #[tokio::test]
    async fn the_attempts_are_bounded_by_the_configuration() {
        let server = TestServer::start([error_reply(503, "", "busy")]).await;
        let provider = provider_with(&server.url, ProviderKind::Deepseek, |config| config.max_attempts = 2);
        let (outcome, heard) = chat(&provider, &request()).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.class, retries(&heard), server.seen().len()), (Class::Overloaded, 1, 2));
        assert!(error.message.ends_with("tried 2 times"), "{error}");
    }

    #[tokio::test]
    async fn retry_after_is_honoured_when_short_and_ends_the_call_when_long() {
        let begun = Instant::now();
        let steps = vec![error_reply(429, "retry-after: 1\r\n", "slow"), Step::Last(stream("Hi"))];
        let (outcome, heard, _) = serve(steps).await;
        outcome.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert!(matches!(&heard[0], Delta::Retry { attempt: 2, wait, .. } if *wait >= Duration::from_secs(1)));
        let (outcome, _, seen) = serve(vec![error_reply(429, "retry-after: 3600\r\n", "slow")]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.class, seen.len()), (Class::RateLimited, 1));
        assert!(error.message.contains("asks to wait 3600 s"), "{error}");
    }

    #[tokio::test]
    async fn a_cut_answer_is_void_and_asked_for_once_more() {
        let cut = stream("Hello");
        let cut = Step::Last(cut[..cut.len() - 30].to_vec());
        let (outcome, heard, seen) = serve(vec![cut.clone(), Step::Last(stream("Hi"))]).await;
        assert_eq!(outcome.unwrap().text, "Hi");
        assert_eq!(seen.len(), 2);
        assert!(
            matches!(&heard[..], [Delta::Text(a), Delta::Void, Delta::Retry { attempt: 2, .. }, Delta::Text(b)] if a == "Hello" && b == "Hi"),
            "{heard:?}"
        );
        let (outcome, _, seen) = serve(vec![cut]).await;
        assert_eq!((outcome.unwrap_err().class, seen.len()), (Class::Truncated, 2));
    }

    #[tokio::test]
    async fn a_provider_that_broke_off_is_asked_again_and_a_filter_is_final() {
        let ended = |reason: &str| {
            Step::Last(
                String::from_utf8(stream("Hello")).unwrap().replace("\"stop\"", &format!("\"{reason}\"")).into_bytes(),
            )
        };
        for reason in ["insufficient_system_resource", "aborted"] {
            let (outcome, heard, _) = serve(vec![ended(reason), Step::Last(stream("Hi"))]).await;
            assert_eq!(outcome.unwrap().text, "Hi");
            assert!(heard.contains(&Delta::Void), "{heard:?}");
        }
        for (reason, class) in [("content_filter", Class::Filtered), ("eos", Class::Garbage)] {
            let (outcome, _, seen) = serve(vec![ended(reason)]).await;
            assert_eq!((outcome.unwrap_err().class, seen.len()), (class, 1));
        }
        assert_eq!(serve(vec![ended("length")]).await.0.unwrap().finish, Finish::Length);
    }

    #[tokio::test]
    async fn garbage_and_blank_answers_are_no_success() {
        let garbage = format!("{}data: {{\"choices\":\n\n", stream_head());
        let (outcome, _, seen) = serve(vec![Step::Last(garbage.into_bytes())]).await;
        assert_eq!((outcome.unwrap_err().class, seen.len()), (Class::Garbage, 1));
        let (outcome, _, seen) = serve(vec![Step::Last(stream(" \n"))]).await;
        assert_eq!((outcome.unwrap_err().class, seen.len()), (Class::Blank, 2));
        let page = response(200, "content-type: text/html\r\n", "<title>Login</title>");
        let (outcome, _, _) = serve(vec![Step::Send(page)]).await;
        assert!(outcome.unwrap_err().message.contains("Login"));
    }

    #[tokio::test]
    async fn a_stall_ends_at_the_idle_time_out_and_is_not_tried_again() {
        for step in [Step::Hang(Vec::new()), Step::Hang(stream("Hi")[..150].to_vec())] {
            let server = TestServer::start([step]).await;
            let request = ChatRequest { idle_timeout: Duration::from_millis(300), ..request() };
            let begun = Instant::now();
            let (outcome, _) = chat(&provider(&server.url), &request).await;
            assert_eq!(outcome.unwrap_err().class, Class::Timeout);
            assert!((300..3000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
            assert_eq!(server.seen().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_refused_connection_ends_within_the_idle_time_out() {
        let url = TestServer::start([Step::Hang(Vec::new())]).await.url.clone();
        let closed = async { while tokio::net::TcpStream::connect(&url[7..]).await.is_ok() {} };
        timeout(DEADLINE, closed).await.expect("the test server stays");
        let provider = provider_with(&url, ProviderKind::Deepseek, |config| config.max_attempts = 1000);
        let request = ChatRequest { idle_timeout: Duration::from_secs(1), ..request() };
        let begun = Instant::now();
        let (outcome, heard) = chat(&provider, &request).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.class, Class::Unreachable);
        assert!(
            error.message.contains("cannot reach http://127.0.0.1:") && error.message.contains("refused"),
            "{error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(retries(&heard) >= 1);
    }

    #[tokio::test]
    async fn cancelling_ends_a_call_that_waits_for_the_provider() {
        let server = TestServer::start([Step::Hang(stream_head().into_bytes())]).await;
        let provider = provider(&server.url);
        let (sender, _receiver) = mpsc::channel(10);
        let cancel = CancellationToken::new();
        let request = request();
        let cancelling = async {
            while server.seen().is_empty() {
                tokio::task::yield_now().await;
            }
            cancel.cancel();
        };
        let both = async { tokio::join!(provider.chat(&request, &sender, &cancel), cancelling) };
        let (outcome, ()) = timeout(DEADLINE, both).await.expect("hangs");
        assert_eq!(outcome, Err(LlmError::cancelled()));
    }

    #[tokio::test]
    async fn calls_at_once_are_bounded_and_a_call_without_a_slot_says_so() {
        let server = TestServer::start([Step::Hang(stream_head().into_bytes())]).await;
        let provider = provider_with(&server.url, ProviderKind::Deepseek, |config| config.max_concurrent = 1);
        let (sender, _receiver) = mpsc::channel(10);
        let (cancel, request) = (CancellationToken::new(), request());
        let short = ChatRequest { idle_timeout: Duration::from_millis(200), ..request.clone() };
        let second = async {
            while server.seen().is_empty() {
                tokio::task::yield_now().await;
            }
            let outcome = provider.chat(&short, &sender, &cancel).await;
            cancel.cancel();
            outcome
        };
        let both = async { tokio::join!(provider.chat(&request, &sender, &cancel), second) };
        let (first, second) = timeout(DEADLINE, both).await.expect("hangs");
        assert_eq!((first.unwrap_err().class, second.unwrap_err().class), (Class::Cancelled, Class::Busy));
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn the_reasoning_rule_is_answered_with_a_placeholder_and_remembered() {
        let rule = error_reply(400, "", "The `reasoning_content` in the thinking mode must be passed back to the API.");
        let server = TestServer::start([rule.clone(), Step::Last(stream("Hi"))]).await;
        let provider = provider(&server.url);
        let (outcome, heard) = chat(&provider, &request()).await;
        outcome.unwrap();
        assert!(matches!(&heard[0], Delta::Retry { attempt: 2, wait: Duration::ZERO, .. }), "{heard:?}");
        chat(&provider, &request()).await.0.unwrap();
        let bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
        assert!(bodies[0].contains("\"reasoning_content\":\"\""));
        assert!(bodies[1].contains("(reasoning omitted)"));
        assert_eq!(bodies[1], bodies[2]);

        let server = TestServer::start([rule]).await;
        let (outcome, heard) = chat(&self::provider(&server.url), &request()).await;
        assert_eq!((outcome.unwrap_err().class, retries(&heard), server.seen().len()), (Class::ReasoningRule, 1, 2));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = TestServer::start([Step::Last(stream("stolen"))]).await;
        let redirect = response(307, &format!("location: {}/x\r\n", elsewhere.url), "");
        let (outcome, _, _) = serve(vec![Step::Send(redirect)]).await;
        assert_eq!(outcome.unwrap_err().class, Class::BadRequest);
        assert_eq!(elsewhere.connections(), 0);
    }

    #[tokio::test]
    async fn an_endless_error_body_is_read_to_its_bound_only() {
        let body = "x".repeat(ERROR_BODY_MAX * 4);
        let (outcome, _, _) = serve(vec![Step::Send(response(400, "", &body))]).await;
        assert!(outcome.unwrap_err().message.len() < 1000);
    }

    #[tokio::test]
    async fn the_models_are_listed_in_order() {
        let list = r#" {"object":"list","data":[{"id":"b","object":"model"},{"id":"a"},{"id":""}]}"#;
        let server = TestServer::start([Step::Send(response(200, "content-type: application/json\r\n", list))]).await;
        let provider = provider(&format!("{}/v1/", server.url));
        assert_eq!(provider.models().await.unwrap(), ["b", "a"]);
        assert!(server.seen()[0].head.starts_with("get /v1/models http/1.1"));
        for (body, class) in [("{", Class::Garbage), ("[]", Class::Garbage)] {
            let server = TestServer::start([Step::Send(response(200, "", body))]).await;
            assert_eq!(self::provider(&server.url).models().await.unwrap_err().class, class);
        }
        let server = TestServer::start([error_reply(401, "", "no")]).await;
        assert_eq!(self::provider(&server.url).models().await.unwrap_err().class, Class::Auth);
    }

    #[tokio::test]
    async fn neither_debug_nor_the_endpoint_shows_the_key() {
        let provider = provider("http://127.0.0.1:1/v1/");
        assert_eq!(provider.endpoint(), "http://127.0.0.1:1/v1");
        assert!(!format!("{provider:?}").contains("1234567890"));
        assert!(provider.secrets().is_some());
    }

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_log_tells_outcomes_and_never_text_or_key() {
        // Other tests of the same process would decide which log lines are made at all.
        if !alone("llm::provider::tests::the_log_tells_outcomes_and_never_text_or_key", &[]) {
            return;
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let echo = error_reply(503, "", "sk-1234567890 and hello");
        let garbage = format!("{}data: {{\"Grüße\":\n\n", stream_head()).into_bytes();
        serve(vec![echo, Step::Last(stream("Grüße"))]).await.0.unwrap();
        serve(vec![Step::Last(garbage)]).await.0.unwrap_err();
        drop(guard);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for told in ["status=503", "class=Overloaded", "attempt=2", "status=200", "elapsed_ms=", "class=Garbage"] {
            assert!(text.contains(told), "{told} is missing: {text}");
        }
        for kept in ["1234567890", "hello", "Grüße"] {
            assert!(!text.contains(kept), "{kept} is logged: {text}");
        }
    }

    #[test]
    fn the_cost_is_known_for_deepseek_zero_for_ollama_and_else_unknown() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_300_000);
        let usage = Usage { prompt: 10_000, completion: 500, hit: 9_600, miss: 400 };
        let cost = |url, kind, model| provider_with(url, kind, |_| ()).cost(model, usage, at);
        assert!(cost("http://127.0.0.1:1", ProviderKind::Deepseek, "deepseek-flash").is_some_and(|cost| cost > 0.0));
        assert_eq!(cost("http://127.0.0.1:1", ProviderKind::Deepseek, "other"), None);
        assert_eq!(cost("http://127.0.0.1:1", ProviderKind::Openai, "deepseek-flash"), None);
        assert!(cost("https://api.deepseek.com/v1", ProviderKind::Openai, "deepseek-flash").is_some());
        assert_eq!(cost("http://127.0.0.1:1", ProviderKind::Ollama, "x"), Some(0.0));
    }

    #[test]
    fn a_chat_can_run_on_any_thread() {
        fn sendable<T: Send>(_: T) {}
        let provider = provider("http://127.0.0.1:1");
        let (sender, _receiver) = mpsc::channel(1);
        let (request, cancel) = (request(), CancellationToken::new());
        sendable(provider.chat(&request, &sender, &cancel));
    }
}
