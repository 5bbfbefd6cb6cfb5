//! HTTP to the provider. The only file that names reqwest.
//!
//! Owns the connections, TLS and the addresses. One client a daemon, built when it is first needed; a second one only
//! when both encrypted and plain, or both local and remote addresses are used. Refuses redirects, since the key would
//! travel to wherever they point, and addresses that hold a password. Knows nothing of what bodies mean, and sets no
//! time limit on a whole reply: whoever reads it watches for silence.

use std::{collections::HashMap, error::Error, fmt, sync::Mutex, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Url,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};

/// Longest wait for a connection, TLS included. A reachable provider needs well under a second; this leaves a lost
/// packet two repeats, and the next attempt its share of the silence.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pings on an open but silent HTTP/2 stream: a connection that died while the machine slept is noticed after this
/// plus [`PING_TIMEOUT`] instead of at the idle time-out.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a ping may stay unanswered.
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest redirect target and Retry-After that is kept, in bytes.
const HEADER_MAX: usize = 200;

/// Why there is no reply, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No CA certificates on this machine.
    NoCertificates,
    /// The server's certificate is not trusted; why.
    Untrusted(String),
    /// The client or the request cannot be built.
    Setup(String),
    /// No connection.
    Connect(String),
    /// The connection broke.
    Broken(String),
}

/// A checked endpoint address.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BaseUrl(Url);

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BaseUrl {
    /// An address without `/chat/completions`; that ending and slashes at the end are dropped.
    ///
    /// # Errors
    /// What is wrong with it. The text never repeats the address: it may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text.trim()).map_err(|error| format!("is no address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or password; a key belongs into api_key_file".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end before the `?` or `#`".to_owned());
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The same address, ending in `/v1`.
    pub(super) fn with_v1(mut self) -> Self {
        let path = self.0.path().trim_end_matches('/');
        if !path.ends_with("/v1") {
            let path = format!("{path}/v1");
            self.0.set_path(&path);
        }
        self
    }

    /// Host name or address.
    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// This machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// Encrypted.
    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

/// What the body claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// Server-sent events, or anything not named below: some servers do not say.
    Stream,
    /// One JSON document.
    Json,
    /// A web page.
    Html,
}

/// Status and head of a reply, with its body still to come.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) media: Media,
    pub(super) retry_after: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: BoxStream<'static, Result<Bytes, Fault>>,
}

impl Reply {
    /// At most `max` bytes of the body as text; what comes behind them is dropped. A body that breaks off gives what
    /// came.
    pub(super) async fn text(&mut self, max: usize) -> String {
        let mut bytes = Vec::new();
        while let Some(Ok(piece)) = self.body.next().await {
            let room = max - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
            if bytes.len() == max {
                break;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// How a client must be built for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flavour {
    /// Encrypted.
    pub(crate) tls: bool,
    /// On this machine: no proxy.
    pub(crate) loopback: bool,
}

/// The daemon's HTTP clients.
#[derive(Default)]
pub(super) struct Http {
    clients: Mutex<HashMap<Flavour, Client>>,
}

impl Http {
    /// Sends JSON and gives the head of the reply.
    pub(super) async fn post(
        &self,
        base: &BaseUrl,
        path: &str,
        key: Option<&SecretString>,
        body: Vec<u8>,
    ) -> Result<Reply, Fault> {
        let request = self.client(base)?.post(base.join(path)).body(body);
        // Identity: a compressor between us and the model would hold tokens back until its block is full.
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .header(ACCEPT_ENCODING, "identity");
        send(request, key).await
    }

    /// Asks for JSON and gives the head of the reply.
    pub(super) async fn get(&self, base: &BaseUrl, path: &str, key: Option<&SecretString>) -> Result<Reply, Fault> {
        send(self.client(base)?.get(base.join(path)).header(ACCEPT, "application/json"), key).await
    }

    fn client(&self, base: &BaseUrl) -> Result<Client, Fault> {
        let flavour = Flavour { tls: base.is_tls(), loopback: base.is_loopback() };
        let mut clients = crate::sync::lock(&self.clients);
        if let Some(client) = clients.get(&flavour) {
            return Ok(client.clone());
        }
        let client = build(flavour)?;
        clients.insert(flavour, client.clone());
        Ok(client)
    }
}

/// True for a host that is this machine, brackets of an address or not.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What all HTTP of the daemon has in common: no redirects, since a key would travel to wherever they point, no second
/// tries behind our back, a bounded wait for the connection.
pub(crate) fn builder(flavour: Flavour) -> ClientBuilder {
    // Without a provider the build below would panic. An error means that another one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("agentd/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT);
    if !flavour.tls {
        // No certificates wanted: without this line the build fails on machines that have none.
        builder = builder.tls_certs_only([]);
    }
    if flavour.loopback {
        builder = builder.no_proxy();
    }
    builder
}

fn build(flavour: Flavour) -> Result<Client, Fault> {
    let builder = builder(flavour).http2_keep_alive_interval(PING_INTERVAL).http2_keep_alive_timeout(PING_TIMEOUT);
    builder.build().map_err(|error| {
        let causes = causes(&error);
        if flavour.tls && causes.contains("CA certificates") { Fault::NoCertificates } else { Fault::Setup(causes) }
    })
}

async fn send(request: RequestBuilder, key: Option<&SecretString>) -> Result<Reply, Fault> {
    let request = match key {
        Some(key) => request.header(AUTHORIZATION, bearer(key)?),
        None => request,
    };
    let response = request.send().await.map_err(fault)?;
    let headers = response.headers();
    Ok(Reply {
        status: response.status().as_u16(),
        media: media(headers),
        retry_after: text_header(headers, &RETRY_AFTER),
        location: text_header(headers, &LOCATION),
        body: response.bytes_stream().map(|piece| piece.map_err(fault)).boxed(),
    })
}

fn bearer(key: &SecretString) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        .map_err(|_| Fault::Setup("the key holds characters that no header can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn text_header(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|text| text.len() <= HEADER_MAX).map(str::to_owned)
}

fn media(headers: &HeaderMap) -> Media {
    let name = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "text/html" | "application/xhtml+xml" => Media::Html,
        name if name.ends_with("json") => Media::Json,
        _ => Media::Stream,
    }
}

fn fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let causes = causes(&error);
    match () {
        () if causes.contains("certificate") => Fault::Untrusted(causes),
        () if error.is_builder() => Fault::Setup(causes),
        () if error.is_connect() && error.is_timeout() => {
            Fault::Connect(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))
        }
        () if error.is_connect() => Fault::Connect(causes),
        () => Fault::Broken(causes),
    }
}

/// What lies at the root: the outer layers only say that sending failed.
fn causes(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::testserver::alone;

    #[test]
    fn an_address_loses_its_slashes_and_the_path_of_the_call() {
        for text in ["http://a:1/x", "http://a:1/x/", " http://a:1/x// ", "http://a:1/x/chat/completions/"] {
            assert_eq!(BaseUrl::parse(text).unwrap().to_string(), "http://a:1/x", "{text:?}");
        }
        let base = BaseUrl::parse("https://api.deepseek.com/").unwrap();
        assert_eq!(base.to_string(), "https://api.deepseek.com");
        assert_eq!(base.join("chat/completions").as_str(), "https://api.deepseek.com/chat/completions");
        assert_eq!(base.host(), "api.deepseek.com");
    }

    #[test]
    fn v1_is_added_once() {
        for text in ["http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/"] {
            assert_eq!(BaseUrl::parse(text).unwrap().with_v1().to_string(), "http://a:1/v1");
        }
    }

    #[test]
    fn an_address_that_cannot_serve_is_refused_without_repeating_it() {
        for text in ["", "api.deepseek.com", "ftp://a", "http://", "https://joe:hunter22@a", "http://a?key=hunter22"] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(!error.contains("hunter22"), "{error}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.7", true),
            ("http://[::1]:8080/v1", true),
            ("http://10.0.0.1", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn the_header_with_the_key_shows_nothing() {
        let value = bearer(&SecretString::from("sk-12345678")).unwrap();
        assert!(value.is_sensitive());
        assert!(!format!("{value:?}").contains("1234"));
    }

    #[test]
    fn one_client_serves_all_addresses_of_a_flavour() {
        let http = Http::default();
        for text in ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://localhost"] {
            http.client(&BaseUrl::parse(text).unwrap()).unwrap();
        }
        assert_eq!(http.clients.lock().unwrap().len(), 1);
    }

    #[test]
    fn without_ca_certificates_plain_addresses_work_and_encrypted_ones_say_so() {
        let name = "llm::http::tests::without_ca_certificates_plain_addresses_work_and_encrypted_ones_say_so";
        let empty = tempfile::tempdir().unwrap();
        let absent = empty.path().join("absent.pem");
        let variables = [("SSL_CERT_FILE", absent.as_os_str()), ("SSL_CERT_DIR", empty.path().as_os_str())];
        if alone(name, &variables) {
            let http = Http::default();
            let client = |text| http.client(&BaseUrl::parse(text).unwrap()).map(|_| ());
            assert_eq!(client("https://api.deepseek.com"), Err(Fault::NoCertificates));
            assert_eq!(client("http://127.0.0.1:1"), Ok(()));
        }
    }
}
