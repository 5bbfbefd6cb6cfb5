//! MCP over Streamable HTTP. Beside the provider's, the only file that names reqwest.
//!
//! Owns the address, the headers and the HTTP clients. What is secret comes from the environment by name and is marked,
//! so that no log line shows it. Refuses redirects, since the token would travel to wherever they point. No OAuth: a
//! server that wants it is told apart, and the cure is a token in the environment.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, OnceLock},
};

use reqwest::{
    Client, Url,
    header::{HeaderName, HeaderValue},
};
use rmcp::transport::{
    DynamicTransportError, StreamableHttpClientTransport,
    streamable_http_client::{
        AuthRequiredError, InsufficientScopeError, StreamableHttpClientTransportConfig, StreamableHttpError,
    },
};

use super::{ClientError, LINE_MAX, greet::root};
use crate::{
    config::HttpServer,
    llm::http::{self, Flavour},
    sync::lock,
};

/// Requests on their way to one server at a time. More wait; a model seldom calls this many tools at once.
const CONCURRENT_MAX: usize = 16;
/// Most bytes of a body that only says what went wrong.
const ERROR_MAX: usize = 8 << 10;
/// What is said when a server wants somebody to log in.
const UNAUTHORIZED: &str = "the server wants a token and got none that it takes (HTTP 401 or 403)";

/// A value of the daemon's environment.
pub(crate) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A server's address with everything that goes with a request.
#[derive(Clone)]
pub(crate) struct Endpoint {
    client: Client,
    config: StreamableHttpClientTransportConfig,
}

impl Endpoint {
    /// Reads a server's configuration.
    ///
    /// # Errors
    /// What is wrong with it, and what to do about it: an address that is none, a variable that is not set, a value that
    /// no header can carry.
    pub(crate) fn new(server: &HttpServer, variable: Variable<'_>) -> Result<Self, (String, String)> {
        let url =
            Url::parse(&server.url).map_err(|error| (format!("its url is no address: {error}"), String::new()))?;
        let mut headers = HashMap::new();
        for (name, value) in &server.http_headers {
            let (name, value) = header(name, value)?;
            headers.insert(name, value);
        }
        for (name, from) in &server.env_http_headers {
            let (name, value) = header(name, &from_environment(from, variable)?)?;
            headers.insert(name, value);
        }
        let loopback = http::is_loopback(url.host_str().unwrap_or_default());
        let client = client(Flavour { tls: url.scheme() == "https", loopback }).map_err(|why| (why, String::new()))?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(server.url.as_str())
            .custom_headers(headers)
            .max_concurrent_requests(CONCURRENT_MAX)
            .max_sse_event_size(LINE_MAX)
            .max_json_response_size(LINE_MAX)
            .max_error_response_size(ERROR_MAX);
        if let Some(from) = &server.bearer_token_env_var {
            let token = from_environment(from, variable)?;
            header("authorization", &token)?;
            config = config.auth_header(token);
        }
        Ok(Self { client, config })
    }

    /// A new connection.
    pub(super) fn transport(&self) -> StreamableHttpClientTransport<Client> {
        StreamableHttpClientTransport::with_client(self.client.clone(), self.config.clone())
    }
}

fn from_environment(name: &str, variable: Variable<'_>) -> Result<String, (String, String)> {
    let value = variable(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        (format!("the variable {name} is not set"), format!("set {name} in the environment that agentd starts with"))
    })
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), (String, String)> {
    let faulty = |what: &str| (format!("the {what} of the header {name:?} cannot be sent"), String::new());
    let mut value = HeaderValue::from_str(value).map_err(|_| faulty("value"))?;
    value.set_sensitive(true);
    Ok((HeaderName::try_from(name).map_err(|_| faulty("name"))?, value))
}

/// One client for all servers of a kind, built when the first of them is connected to.
fn client(flavour: Flavour) -> Result<Client, String> {
    static CLIENTS: OnceLock<Mutex<HashMap<Flavour, Client>>> = OnceLock::new();
    let mut clients = lock(CLIENTS.get_or_init(Mutex::default));
    if let Some(client) = clients.get(&flavour) {
        return Ok(client.clone());
    }
    let built = http::builder(flavour).build();
    let client = built.map_err(|error| format!("no HTTP client can be built: {}", root(&error)))?;
    clients.insert(flavour, client.clone());
    Ok(client)
}

/// Why a message could not be sent, in one sentence; an address is not repeated.
pub(super) fn why(error: &(dyn Error + 'static)) -> String {
    if is_unauthorized(error) {
        return UNAUTHORIZED.to_owned();
    }
    match error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        // rmcp's type names no source, and this error's own text repeats the address.
        Some(StreamableHttpError::Client(error)) => match error.source() {
            Some(source) => root(source),
            None => "the request failed".to_owned(),
        },
        _ => root(error),
    }
}

/// True when [`why`] said that somebody should log in.
pub(crate) fn wants_token(why: &str) -> bool {
    why == UNAUTHORIZED
}

/// The failure of a request over HTTP; `None` when it was not sent over HTTP.
pub(super) fn failure(error: &DynamicTransportError) -> Option<ClientError> {
    let error: &(dyn Error + 'static) = error.error.as_ref();
    error.is::<StreamableHttpError<reqwest::Error>>().then(|| ClientError::Transport(why(error)))
}

fn is_unauthorized(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // rmcp has a type for a refusal that says how to log in, and for one that does not only this text.
        let text = error.to_string();
        let bare = ["HTTP 401", "HTTP 403"].iter().any(|status| text.contains(status));
        if error.is::<AuthRequiredError>() || error.is::<InsufficientScopeError>() || bare {
            return true;
        }
        next = error.source();
    }
    false
}

/// A server's address as it may be shown: without what follows the path.
pub(crate) fn shown(server: &HttpServer) -> Arc<str> {
    server.url.split(['?', '#']).next().unwrap_or_default().into()
}
