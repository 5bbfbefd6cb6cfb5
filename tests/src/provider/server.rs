//! Connections and routes of the fake provider.
//!
//! One thread accepts, one serves each connection, request after request. All of them end when the provider is
//! dropped: it shuts their sockets, which wakes every wait.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, BufReader},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    cache::PrefixCache,
    chat::Chat,
    error::ApiError,
    http::{HttpRequest, ReadError, read_request},
    options::Options,
    record::{Log, Outcome},
    reply::Reply,
    scenario::{Fallback, Fault, HttpAnswer, Scenario, Step},
    stream, tour,
    verdict::{self, Verdict},
    wire,
};

/// What all threads of a provider share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) log: Log,
    script: Mutex<Script>,
    cache: Mutex<PrefixCache>,
    connections: Mutex<HashMap<u64, TcpStream>>,
    next_connection: AtomicU64,
    running: AtomicUsize,
    stopping: AtomicBool,
}

/// The script and how often each step was used.
#[derive(Debug)]
struct Script {
    steps: Vec<(Step, u32)>,
    fallback: Fallback,
    verdict: Option<Verdict>,
}

impl Script {
    fn new(scenario: Scenario) -> Self {
        let Scenario { steps, fallback, verdict, .. } = scenario;
        Self { steps: steps.into_iter().map(|step| (step, 0)).collect(), fallback, verdict }
    }

    fn take(&mut self, role: &str, text: &str) -> Option<Step> {
        let fits =
            |(step, used): &&mut (Step, u32)| (step.times == 0 || *used < step.times) && step.when.fits(role, text);
        let (step, used) = self.steps.iter_mut().find(fits)?;
        *used = used.saturating_add(1);
        Some(step.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a running chat request; the count falls on drop.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An answer that is decided.
enum Answer {
    Whole { status: u16, content_type: String, retry_after: Option<String>, body: String, delay_ms: u64 },
    Completion { step: Box<Step>, streamed: bool, data: Vec<String> },
}

impl Answer {
    fn json(status: u16, body: String) -> Self {
        Self::Whole { status, content_type: "application/json".to_owned(), retry_after: None, body, delay_ms: 0 }
    }

    fn error(error: &ApiError) -> Self {
        Self::json(error.status, error.body())
    }

    fn scripted(http: &HttpAnswer, delay_ms: u64) -> Self {
        let kind = http.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        Self::Whole {
            status: http.status,
            content_type: kind,
            retry_after: http.retry_after.clone(),
            body: http.body.clone().unwrap_or_else(|| ApiError::of_status(http.status).body()),
            delay_ms,
        }
    }
}

impl Shared {
    pub(super) fn new(mut options: Options) -> io::Result<Self> {
        let file = match &options.record {
            Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
            None => None,
        };
        let scenario = std::mem::take(&mut options.scenario);
        Ok(Self {
            options,
            log: Log::new(file),
            script: Mutex::new(Script::new(scenario)),
            cache: Mutex::default(),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(1),
            running: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        })
    }

    pub(super) fn push(&self, step: Step) {
        lock(&self.script).steps.push((step, 0));
    }

    pub(super) fn play(&self, scenario: Scenario) {
        *lock(&self.script) = Script::new(scenario);
    }

    pub(super) fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut threads = Vec::new();
        for stream in listener.incoming() {
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
            let Ok(stream) = stream else {
                std::thread::sleep(Duration::from_millis(5)); // Out of descriptors: let some close.
                continue;
            };
            let shared = Arc::clone(self);
            threads.retain(|thread: &std::thread::JoinHandle<()>| !thread.is_finished());
            threads.push(std::thread::spawn(move || shared.serve_connection(stream)));
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    pub(super) fn stop(&self, address: SocketAddr) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(address); // Wakes the acceptor.
        for stream in lock(&self.connections).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve_connection(&self, stream: TcpStream) {
        let id = self.next_connection.fetch_add(1, Ordering::SeqCst);
        let (Ok(()), Ok(handle), Ok(reader)) = (stream.set_nodelay(true), stream.try_clone(), stream.try_clone())
        else {
            return;
        };
        lock(&self.connections).insert(id, handle);
        // Checked after the insertion: a stop that came before it has not shut this socket.
        if !self.stopping.load(Ordering::SeqCst) {
            self.serve_requests(id, stream, BufReader::new(reader));
        }
        lock(&self.connections).remove(&id);
    }

    fn serve_requests(&self, connection: u64, mut stream: TcpStream, mut reader: BufReader<TcpStream>) {
        loop {
            let request = match read_request(&mut reader, &mut stream) {
                Ok(request) => request,
                Err(ReadError::Gone) => return,
                Err(ReadError::Bad(status, message)) => {
                    let body = ApiError { status, ..ApiError::bad(message) }.body();
                    wire::send_whole(&mut stream, status, "application/json", None, &body);
                    return;
                }
            };
            if self.serve_one(connection, &request, &mut stream) != Outcome::Sent || request.wants_close() {
                return;
            }
        }
    }

    fn serve_one(&self, connection: u64, request: &HttpRequest, stream: &mut TcpStream) -> Outcome {
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let expected = format!("Bearer {}", self.options.key);
        let authorized = request.header("authorization") == Some(expected.as_str());
        let (running, _counted) = if request.path.contains("/chat/completions") {
            (self.running.fetch_add(1, Ordering::SeqCst) + 1, Some(Running(&self.running)))
        } else {
            (0, None)
        };
        let number = self.log.add(connection, request, body.clone(), authorized);
        let answer = match self.decide(request, &body, authorized, running, number) {
            Ok(answer) => answer,
            Err(error) => Answer::error(&error),
        };
        let status = if let Answer::Whole { status, .. } = &answer { *status } else { 200 };
        self.log.settle(number, status, Outcome::Running);
        let outcome = send(answer, stream);
        self.log.settle(number, status, outcome);
        outcome
    }

    fn decide(
        &self,
        request: &HttpRequest,
        body: &Value,
        authorized: bool,
        running: usize,
        number: u64,
    ) -> Result<Answer, ApiError> {
        if !authorized {
            return Err(ApiError::of_status(401));
        }
        let path = request.path.split('?').next().unwrap_or_default();
        let expected = match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => "POST",
            "/models" | "/user/balance" => "GET",
            _ => return Err(ApiError::of_status(404)),
        };
        match (request.method == expected, path.rsplit('/').next()) {
            (false, _) => Err(ApiError::of_status(405)),
            (true, Some("models")) => Ok(Answer::json(200, models())),
            (true, Some("balance")) => Ok(Answer::json(200, self.options.balance.body())),
            _ => self.chat(request, body, running, number),
        }
    }

    fn chat(&self, request: &HttpRequest, body: &Value, running: usize, number: u64) -> Result<Answer, ApiError> {
        if running > self.options.max_concurrent {
            return Err(ApiError::of_status(429));
        }
        if !self.options.balance.available {
            return Err(ApiError::of_status(402));
        }
        let chat = Chat::check(&request.body, body, self.options.rules)?;
        let step = self.next_step(&chat, verdict::is_verdict(&chat)?);
        if let Some(http) = &step.http {
            return Ok(Answer::scripted(http, step.delay_ms));
        }
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut reply = Reply::new(&step, &chat, number, created);
        let owner = (chat.user_id.clone(), chat.model.to_owned());
        let hit = lock(&self.cache).pass(owner, &chat.prompt, &reply.rendered());
        reply.count_prompt(chat.prompt.len(), hit);
        reply.tokens = step.tokens.unwrap_or(reply.tokens);
        let data = if chat.stream {
            stream::chunks(&step, &chat, &reply)
        } else {
            vec![reply.body(step.usage != Some(super::UsagePlace::None))]
        };
        Ok(Answer::Completion { step: Box::new(step), streamed: chat.stream, data })
    }

    fn next_step(&self, chat: &Chat, is_verdict: bool) -> Step {
        let (role, text) = chat.messages.last().map_or(("", ""), |last| (last.role.name(), last.text.as_str()));
        let mut script = lock(&self.script);
        if let Some(verdict) = script.verdict.filter(|_| is_verdict) {
            return verdict.step();
        }
        match (script.take(role, text), script.fallback) {
            (Some(step), _) => step,
            (None, Fallback::Echo) => Step::text(format!("echo: {text}")),
            (None, Fallback::RepoTour) => tour::step(chat),
        }
    }
}

fn send(answer: Answer, stream: &mut TcpStream) -> Outcome {
    match answer {
        Answer::Whole { status, content_type, retry_after, body, delay_ms } => {
            if !wire::wait(stream, Duration::from_millis(delay_ms)) {
                return Outcome::ClientGone;
            }
            let sent = wire::send_whole(stream, status, &content_type, retry_after.as_deref(), &body);
            if sent { Outcome::Sent } else { Outcome::ClientGone }
        }
        Answer::Completion { step, streamed, data } => {
            if !wire::wait(stream, Duration::from_millis(step.delay_ms)) {
                return Outcome::ClientGone;
            }
            let (framing, content_type) = if streamed {
                (wire::Framing::Events, "text/event-stream; charset=utf-8")
            } else {
                (wire::Framing::Plain, "application/json")
            };
            let reset = step.faults.contains(&Fault::Reset);
            wire::play(stream, content_type, wire::plan(&step, framing, &data), reset)
        }
    }
}

fn models() -> String {
    let model = |id: &str| json!({ "id": id, "object": "model", "owned_by": "deepseek" });
    json!({ "object": "list", "data": [model("deepseek-flash"), model("deepseek-v4-pro")] }).to_string()
}
