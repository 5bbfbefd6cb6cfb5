//! From what the provider did to a class and to words.
//!
//! Owns the reading of statuses, error bodies, faults of the connection and flaws of a reply, for one provider.
//! Invariants: status and message both count, since a 400 may mean four things; text of the provider is scrubbed of
//! the key first, then shortened; no message holds a control character.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{
    assemble::Flaw,
    error::{Class, LlmError},
    http::{BaseUrl, Fault, Media},
    key::{Key, KeySource},
};
use crate::{config::ProviderKind, redact::Redactor};

/// Longest piece of the provider's text in a message, in characters: a terminal line or three.
const QUOTE_MAX: usize = 300;
/// Largest Retry-After that is read; anything longer is as good as for ever, and sums must not overflow.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// DeepSeek's models of November 2026, for the error that names them.
const DEEPSEEK_MODELS: &str = "`deepseek-flash` and `deepseek-v4-pro`";
/// Names that DeepSeek took out of service, and what to use.
const RETIRED: [(&str, &str); 2] =
    [("deepseek-chat", "with provider.thinking = false"), ("deepseek-reasoner", "with provider.thinking = true")];
/// When it did.
const RETIRED_AT: &str = "2026-07-24 15:59 UTC";

/// What needs no configuration: the table, and the environment's secrets.
static PLAIN: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Redactor::environment_secrets()));

/// The provider, as far as an error message needs it.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) base: BaseUrl,
    pub(super) kind: ProviderKind,
    pub(super) key: Option<Key>,
}

/// What an error body says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    message: String,
    /// `type` and `code`, in lower case.
    tags: String,
    /// A `code` that is an HTTP status.
    status: Option<u16>,
}

impl Subject {
    /// A reply whose status is no success, or whose body is no stream.
    pub(super) fn refusal(
        &self,
        status: u16,
        media: Media,
        head: (Option<&str>, Option<&str>),
        body: &str,
        model: &str,
    ) -> LlmError {
        let (retry_after, location) = head;
        let said = self.read(body, media);
        let mut error = match status {
            200..300 if media == Media::Html => self.web_page(&said),
            200..300 if body.contains("\"error\"") => self.classified(None, &said, model),
            200..300 => self.no_stream(&said),
            300..400 => self.redirect(location),
            _ => self.classified(Some(status), &said, model),
        };
        error.status = Some(status);
        error.retry_after = retry_after.and_then(|text| parse_retry_after(text, SystemTime::now()));
        error
    }

    /// An error that came as an event of a running stream.
    pub(super) fn event_error(&self, error: &Value, model: &str) -> LlmError {
        let said = self.said(error);
        self.classified(said.status, &said, model)
    }

    /// No reply, or the end of it.
    pub(super) fn fault(&self, fault: Fault, begun: bool) -> LlmError {
        let base = &self.base;
        match fault {
            Fault::NoCertificates => LlmError::new(
                Class::Tls,
                format!("no CA certificates on this machine, so the identity of {base} cannot be checked"),
                "install the package ca-certificates, or set SSL_CERT_FILE to a certificate bundle, then `agentctl daemon restart`",
            ),
            Fault::Untrusted(why) => LlmError::new(
                Class::Tls,
                format!("the certificate of {base} is not trusted: {}", self.quote(&why)),
                "check provider.base_url and the clock; for an own authority set SSL_CERT_FILE, then `agentctl daemon restart`",
            ),
            Fault::Setup(why) => LlmError::new(
                Class::BadRequest,
                format!("a request to {base} cannot be made: {}", self.quote(&why)),
                "check [provider] with `agentctl config show`",
            ),
            Fault::Connect(why) => LlmError::new(
                Class::Unreachable,
                format!("cannot reach {base}: {}", self.quote(&why)),
                self.reach_hint(),
            ),
            Fault::Broken(why) if begun => self.truncated(&self.quote(&why)),
            Fault::Broken(why) => LlmError::new(
                Class::Unreachable,
                format!("the connection to {base} broke before a reply came: {}", self.quote(&why)),
                self.reach_hint(),
            ),
        }
    }

    /// Chunks that make no reply.
    pub(super) fn flaw(&self, flaw: Flaw) -> LlmError {
        let base = &self.base;
        match flaw {
            Flaw::TooLong(part) => self.garbage(&format!("its {part} is too long")),
            Flaw::NoFinish => self.garbage("it was marked as done without a stop reason"),
            Flaw::UnknownFinish(reason) => self.garbage(&format!("unknown stop reason `{}`", self.quote(&reason))),
            Flaw::NoCalls => self.garbage("it stopped for tool calls and made none"),
            Flaw::Filtered => LlmError::new(
                Class::Filtered,
                format!("{base} withheld the answer: its content filter stopped it"),
                "ask in other words, or about other files",
            ),
            Flaw::Interrupted(reason) => LlmError::new(
                Class::Interrupted,
                format!("{base} broke off the answer ({reason})"),
                "ask again in a minute",
            ),
            Flaw::Blank => LlmError::new(Class::Blank, format!("{base} sent an empty answer"), "ask again"),
        }
    }

    /// A stream that ended too early.
    pub(super) fn truncated(&self, why: &str) -> LlmError {
        let message = format!("the answer of {} broke off before it was whole: {why}", self.base);
        LlmError::new(Class::Truncated, message, "ask again")
    }

    /// Bytes that are no reply.
    pub(super) fn garbage(&self, why: &str) -> LlmError {
        let message = format!("{} sent a reply that cannot be read: {why}", self.base);
        LlmError::new(
            Class::Garbage,
            message,
            "ask again; if it stays, check provider.base_url (`agentctl config show`)",
        )
    }

    /// No sign of life.
    pub(super) fn silent(&self, idle: Duration) -> LlmError {
        LlmError::new(
            Class::Timeout,
            format!("no sign of life from {} for {} s", self.base, idle.as_secs_f32()),
            "ask again, or wait longer with --timeout SECONDS",
        )
    }

    /// Signs of life, but no answer.
    pub(super) fn endless(&self, limit: Duration) -> LlmError {
        LlmError::new(
            Class::Timeout,
            format!("{} kept the line open for {} s without an answer", self.base, limit.as_secs()),
            "ask again later",
        )
    }

    fn web_page(&self, said: &Said) -> LlmError {
        let message = format!("{} answers with a web page, not with a model: {}", self.base, said.message);
        LlmError::new(Class::BadRequest, message, "check provider.base_url, and any proxy or login page in between")
    }

    fn no_stream(&self, said: &Said) -> LlmError {
        let message = format!("{} answers without a stream: {}", self.base, said.message);
        LlmError::new(Class::Garbage, message, "check provider.base_url (`agentctl config show`)")
    }

    fn redirect(&self, location: Option<&str>) -> LlmError {
        let to = location.map(|to| format!(" to {}", self.quote(to))).unwrap_or_default();
        let message = format!("{} redirects{to}; redirects are not followed, the key would travel along", self.base);
        LlmError::new(Class::BadRequest, message, "set provider.base_url to the address of the provider itself")
    }

    fn classified(&self, status: Option<u16>, said: &Said, model: &str) -> LlmError {
        let class = class(status, said);
        let base = &self.base;
        let why = match status {
            Some(status) if said.message.is_empty() => format!("status {status}"),
            Some(status) => format!("{status}: {}", said.message),
            None => said.message.clone(),
        };
        let message = match class {
            Class::Auth => match &self.key {
                Some(key) => format!("{base} does not accept the key from {} ({why})", key.source),
                None => format!("{base} wants a key and none is set ({why})"),
            },
            Class::Balance => format!("the account at {base} has no balance left ({why})"),
            Class::RateLimited => format!("{base} is asked too often ({why})"),
            Class::Overloaded => format!("{base} is overloaded ({why})"),
            Class::ContextOverflow => format!("the conversation is too long for `{model}` ({why})"),
            Class::ReasoningRule => format!("{base} does not accept the reasoning of earlier answers ({why})"),
            Class::UnknownModel => self.unknown_model(model, &why),
            Class::BadRequest => format!("{base} refuses the request ({why})"),
            _ => format!("{base} failed ({why})"),
        };
        LlmError { status, ..LlmError::new(class, message, self.hint(class, model)) }
    }

    fn unknown_model(&self, model: &str, why: &str) -> String {
        let retired = RETIRED.iter().any(|(name, _)| *name == model);
        match self.kind {
            ProviderKind::Deepseek if retired => format!(
                "{} has no model `{model}` any more: that name ended on {RETIRED_AT}; today's models are {DEEPSEEK_MODELS} ({why})",
                self.base
            ),
            ProviderKind::Deepseek => {
                format!("{} has no model `{model}`; today's models are {DEEPSEEK_MODELS} ({why})", self.base)
            }
            _ => format!("{} has no model `{model}` ({why})", self.base),
        }
    }

    fn hint(&self, class: Class, model: &str) -> String {
        match class {
            Class::Auth => return self.key_hint(),
            Class::UnknownModel => return self.model_hint(model),
            _ => {}
        }
        match class {
            Class::Balance => "top up the account at the provider, then ask again",
            Class::RateLimited => "wait a little, then ask again",
            Class::Overloaded | Class::ServerFault => "ask again in a minute",
            Class::ContextOverflow => "ask without -c to begin a new conversation, and about fewer or smaller files",
            Class::ReasoningRule => "ask without -c to begin a new conversation",
            _ => "check provider.base_url and provider.model (`agentctl config show`)",
        }
        .to_owned()
    }

    fn key_hint(&self) -> String {
        match &self.key {
            Some(Key { source: KeySource::Variable(name), .. }) => {
                format!("set {name} to a valid key, then `agentctl daemon restart`")
            }
            Some(Key { source: KeySource::File(path), .. }) => format!("write a valid key into {}", path.display()),
            None => "set provider.api_key_file to a file of mode 0600 that holds the key, or provider.api_key_env to \
                     the variable that does, then `agentctl daemon restart`"
                .to_owned(),
        }
    }

    fn model_hint(&self, model: &str) -> String {
        match (self.kind, RETIRED.iter().find(|(name, _)| *name == model)) {
            (ProviderKind::Ollama, _) => {
                format!("type: ollama pull {model}, or choose one of `agentctl models` with -m")
            }
            (ProviderKind::Deepseek, Some((_, how))) => format!("use `-m deepseek-flash` {how}"),
            (ProviderKind::Deepseek, None) => "use `-m deepseek-flash`, or one of `agentctl models`".to_owned(),
            _ => "choose one of `agentctl models` with -m or provider.model".to_owned(),
        }
    }

    fn reach_hint(&self) -> &'static str {
        match self.kind {
            ProviderKind::Ollama => "start it: ollama serve",
            _ if self.base.is_loopback() => "start the server, or correct provider.base_url (`agentctl config show`)",
            _ => "check the network, the proxy variables and provider.base_url (`agentctl config show`)",
        }
    }

    fn read(&self, body: &str, media: Media) -> Said {
        match serde_json::from_str::<Value>(body.trim_start()) {
            Ok(value) if media != Media::Html => self.said(&value),
            _ => Said { message: self.quote(&plain(body)), ..Said::default() },
        }
    }

    /// The shapes in use: `{"error": {...}}`, `{"error": "text"}`, the inner object alone, any of them in a list.
    fn said(&self, value: &Value) -> Said {
        let value = value.get(0).unwrap_or(value);
        let inner = value.get("error").filter(|inner| !inner.is_null()).unwrap_or(value);
        let message = ["message", "detail", "msg"].iter().find_map(|name| inner.get(*name)).unwrap_or(inner);
        let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        let code = inner.get("code");
        let tag = |name: &str| inner.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let number = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
        Said {
            message: self.quote(&message),
            tags: format!("{} {}", tag("type"), tag("code")),
            status: number.and_then(|number| u16::try_from(number).ok()).filter(|status| (400..600).contains(status)),
        }
    }

    /// Text of the provider: without the key and other secrets, on one line, short. Redacted before it is shortened:
    /// whoever tells the message redacts it again, and would not recognise half a secret.
    pub(super) fn quote(&self, text: &str) -> String {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.scrub(text));
        shorten(PLAIN.text(&text).as_str())
    }
}

/// One line without control characters, at most [`QUOTE_MAX`] characters.
fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut left = QUOTE_MAX;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        let room = left;
        out.extend(word.chars().take(room));
        left = left.saturating_sub(word.chars().count() + 1);
        if left == 0 {
            out.push('…');
            break;
        }
    }
    out
}

/// The title of a web page, or its text without tags; other text as it is.
fn plain(body: &str) -> String {
    if !body.trim_start().starts_with('<') {
        return body.to_owned();
    }
    let lower = body.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|from| Some(&body[from..from + lower[from..].find("</title>")?]));
    if let Some(title) = title.filter(|title| !title.trim().is_empty()) {
        return title.to_owned();
    }
    let pieces = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_tag, text)| text));
    pieces.collect::<Vec<_>>().join(" ")
}

fn class(status: Option<u16>, said: &Said) -> Class {
    let text = said.message.to_ascii_lowercase();
    match status {
        Some(401 | 403 | 407) => Class::Auth,
        Some(402) => Class::Balance,
        Some(413) => Class::ContextOverflow,
        Some(429) if said.tags.contains("insufficient_quota") => Class::Balance,
        Some(429) => Class::RateLimited,
        Some(502 | 503 | 504 | 529) => Class::Overloaded,
        Some(408 | 500..) => Class::ServerFault,
        Some(400 | 404 | 422) => class_by_text(&text, &said.tags).unwrap_or(Class::BadRequest),
        Some(_) => Class::BadRequest,
        None => class_by_text(&text, &said.tags).unwrap_or_else(|| class_by_tags(&text, &said.tags)),
    }
}

fn class_by_text(text: &str, tags: &str) -> Option<Class> {
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let tagged = |words: &[&str]| words.iter().any(|word| tags.contains(word));
    if text.contains("reasoning_content") {
        return Some(Class::ReasoningRule);
    }
    let overflow_tags = ["quota_limit_reached", "context_length_exceeded", "exceed_context_size"];
    let overflow =
        ["maximum context length", "input token exceed", "context window", "prompt is too long", "context size"];
    if tagged(&overflow_tags) || any(&overflow) {
        return Some(Class::ContextOverflow);
    }
    let unknown =
        ["not exist", "not found", "unknown model", "invalid model", "supported api model names", "unsupported model"];
    if tagged(&["model_not_found"]) || (text.contains("model") && any(&unknown)) {
        return Some(Class::UnknownModel);
    }
    None
}

/// An error event has no status; what it calls itself must do.
fn class_by_tags(text: &str, tags: &str) -> Class {
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word) || tags.contains(word));
    match () {
        () if any(&["insufficient_quota", "insufficient balance"]) => Class::Balance,
        () if any(&["rate_limit", "rate limit", "too many requests"]) => Class::RateLimited,
        () if any(&["authentication", "invalid_api_key"]) => Class::Auth,
        () if any(&["overloaded", "unavailable", "busy"]) => Class::Overloaded,
        () if any(&["content_filter"]) => Class::Filtered,
        () if tags.contains("invalid_request") => Class::BadRequest,
        () => Class::ServerFault,
    }
}

/// Seconds or an HTTP date.
pub(super) fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            Duration::from_secs_f64(seconds.min(RETRY_AFTER_MAX.as_secs_f64()))
        }
        Ok(_) => return None,
        Err(_) => {
            let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
            let at = SystemTime::from(parser.parse_timestamp(text).ok()?);
            at.duration_since(now).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    fn subject(kind: ProviderKind) -> Subject {
        let source = KeySource::Variable("DEEPSEEK_API_KEY".to_owned());
        let key = Key { source, secret: SecretString::from("sk-1234567890") };
        Subject { base: BaseUrl::parse("https://api.deepseek.com").unwrap(), kind, key: Some(key) }
    }

    fn refused(status: u16, body: &str, model: &str) -> LlmError {
        let media = if body.starts_with('<') { Media::Html } else { Media::Json };
        subject(ProviderKind::Deepseek).refusal(status, media, (None, None), body, model)
    }

    fn body(message: &str, code: &str) -> String {
        json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}}).to_string()
    }

    #[test]
    fn each_status_and_wording_has_its_class() {
        let bad = "invalid_request_error";
        for (status, message, code, class) in [
            (
                400,
                "The `reasoning_content` in the thinking mode must be passed back to the API.",
                bad,
                Class::ReasoningRule,
            ),
            (
                400,
                "Missing `reasoning_content` field in the assistant message at message index 3",
                bad,
                Class::ReasoningRule,
            ),
            (
                400,
                "This model's maximum context length is 64 tokens. However, you requested 80 tokens (70 in the messages, \
                   10 in the completion). Please reduce the length of the messages or completion.",
                bad,
                Class::ContextOverflow,
            ),
            (400, "Input token exceed the limit", "quota_limit_reached", Class::ContextOverflow),
            (400, "too long", "quota_limit_reached", Class::ContextOverflow),
            (400, "Model Not Exist", bad, Class::UnknownModel),
            (404, "model 'qwen3' not found", bad, Class::UnknownModel),
            (404, "no such page", bad, Class::BadRequest),
            (400, "messages: content or tool_calls must be set", bad, Class::BadRequest),
            (401, "Authentication Fails", "x", Class::Auth),
            (402, "Insufficient Balance", "x", Class::Balance),
            (413, "", "x", Class::ContextOverflow),
            (422, "max_tokens must be positive", bad, Class::BadRequest),
            (429, "slow down", "x", Class::RateLimited),
            (429, "You exceeded your current quota", "insufficient_quota", Class::Balance),
            (500, "oops", "x", Class::ServerFault),
            (502, "oops", "x", Class::Overloaded),
            (503, "oops", "x", Class::Overloaded),
            (504, "oops", "x", Class::Overloaded),
        ] {
            let error = refused(status, &body(message, code), "m");
            assert_eq!((error.class, error.status), (class, Some(status)), "{status} {message}");
            assert!(!error.hint.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn a_wrong_key_names_the_setting_and_never_the_key() {
        let error = refused(401, &body("Your api key: sk-1234567890 is invalid", "x"), "m");
        assert!(error.message.contains("DEEPSEEK_API_KEY") && error.hint.contains("DEEPSEEK_API_KEY"), "{error:?}");
        assert!(!format!("{error:?}").contains("1234567890"), "{error:?}");
        let long = refused(500, &format!("{} sk-1234567890", "x".repeat(QUOTE_MAX - 6)), "m");
        assert!(!format!("{long:?}").contains("sk-1"), "half a key is shown: {long:?}");
        let keyless = Subject { key: None, ..subject(ProviderKind::Openai) };
        let error = keyless.refusal(401, Media::Json, (None, None), "{}", "m");
        assert!(error.hint.contains("provider.api_key_file"), "{error:?}");
    }

    #[test]
    fn an_unknown_model_names_todays_models_and_a_retired_one_says_when_it_ended() {
        let unknown = refused(400, &body("Model Not Exist", "x"), "deepseek-x");
        assert!(unknown.message.contains("`deepseek-flash` and `deepseek-v4-pro`"), "{unknown:?}");
        assert!(!unknown.message.contains("2026-07-24"));
        for (name, how) in RETIRED {
            let retired = refused(400, &body("Model Not Exist", "x"), name);
            assert!(retired.message.contains("2026-07-24 15:59 UTC"), "{retired:?}");
            assert!(retired.hint.contains("deepseek-flash") && retired.hint.contains(how), "{retired:?}");
        }
        let error = subject(ProviderKind::Ollama).refusal(
            404,
            Media::Json,
            (None, None),
            &body("model 'q' not found", ""),
            "q",
        );
        assert!(error.hint.contains("ollama pull q"));
    }

    #[test]
    fn a_web_page_is_told_by_its_title_and_stays_short() {
        let page =
            format!("<html><head><title>502 Bad\nGateway</title></head><body>{}</body></html>", "x".repeat(9000));
        let error = refused(502, &page, "m");
        assert_eq!(error.class, Class::Overloaded);
        assert!(error.message.ends_with("(502: 502 Bad Gateway)"), "{error:?}");
        let bare = refused(403, "<p>Access <b>denied</b></p>\x1b[31m", "m");
        assert!(bare.message.contains("Access denied [31m"), "{bare:?}");
        let login = refused(200, "<title>Hotel login</title>", "m");
        assert_eq!(login.class, Class::BadRequest);
        assert!(login.message.contains("Hotel login"));
    }

    #[test]
    fn long_and_odd_error_bodies_become_one_short_line() {
        for text in [
            "",
            "\0\x07",
            "null",
            "[]",
            "[{\"error\":\"a\"}]",
            "{\"error\":null}",
            &"ä".repeat(5000),
            &"a ".repeat(5000),
        ] {
            let error = refused(500, text, "m");
            assert!(error.message.chars().count() < QUOTE_MAX + 80, "{error:?}");
            assert!(!error.message.contains(char::is_control), "{error:?}");
        }
        assert!(refused(500, "[{\"error\":\"a b\"}]", "m").message.contains("(500: a b)"));
        assert!(refused(500, "{\"detail\":\"no\"}", "m").message.contains("(500: no)"));
    }

    #[test]
    fn a_redirect_is_refused_and_its_target_named() {
        let head = (None, Some("https://evil.example/sk-1234567890"));
        let error = subject(ProviderKind::Deepseek).refusal(302, Media::Stream, head, "", "m");
        assert_eq!(error.class, Class::BadRequest);
        assert!(error.message.contains("evil.example/[REDACTED]"), "{error:?}");
    }

    #[test]
    fn an_error_event_is_classed_by_what_it_calls_itself() {
        let class = |value: Value| subject(ProviderKind::Deepseek).event_error(&value, "m").class;
        assert_eq!(class(json!({"message": "x", "type": "rate_limit_error"})), Class::RateLimited);
        assert_eq!(class(json!({"message": "Server busy"})), Class::Overloaded);
        assert_eq!(class(json!({"message": "x", "code": 503})), Class::Overloaded);
        assert_eq!(class(json!({"message": "x", "code": "429"})), Class::RateLimited);
        assert_eq!(class(json!({"message": "x", "type": "invalid_request_error"})), Class::BadRequest);
        assert_eq!(class(json!({"message": "This model's maximum context length is 1"})), Class::ContextOverflow);
        assert_eq!(class(json!("boom")), Class::ServerFault);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_is_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |text| parse_retry_after(text, now);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("1e300"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("Fri, 06 Nov 2094 08:49:37 GMT"), Some(RETRY_AFTER_MAX));
        for nonsense in ["", "soon", "-1", "NaN", "inf"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
