//! Which provider answers: the configured one, the first that is there, or none.
//!
//! Owns the order of `auto`: a key, a configured address, Ollama on this machine, offline. Refuses half a
//! configuration with a failure that names what is missing, and sends the key of DeepSeek to no foreign endpoint that
//! was chosen by kind. The choice is kept, so that a warm ask pays nothing for it and all asks share one bound.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proto::{ErrorKind, Failure};
use tokio::sync::Mutex;

use super::{
    classify::Subject,
    http::{BaseUrl, Http},
    key::{Key, KeySource},
    provider::{MODELS_WAIT, Provider, list_models},
};
use crate::{
    config::{ProviderConfig, ProviderKind},
    sync::lock,
};

/// DeepSeek's address.
const DEEPSEEK_URL: &str = "https://api.deepseek.com";
/// DeepSeek's model when none is configured: the cheaper of today's two.
const DEEPSEEK_MODEL: &str = "deepseek-flash";
/// The variable whose key is DeepSeek's, and nobody else's.
const DEEPSEEK_VARIABLE: &str = "DEEPSEEK_API_KEY";
/// Where Ollama listens unless told otherwise.
const OLLAMA_URL: &str = "http://127.0.0.1:11434";
/// How long Ollama on this machine may take to list its models: it answers within milliseconds, and an ask without
/// any model must not wait for a port that something else holds.
const OLLAMA_WAIT: Duration = Duration::from_millis(500);
/// How long a choice that rests on a look at the network is kept: long enough that a warm ask pays nothing, short
/// enough that an Ollama just started is soon found.
const LOOK_KEPT: Duration = Duration::from_secs(30);

/// Who answers.
#[derive(Debug, Clone)]
pub enum Choice {
    /// This provider.
    Online(Arc<Provider>),
    /// Nobody: the offline answer does.
    Offline {
        /// Why, in one sentence.
        reason: String,
    },
}

/// Reads an environment variable by name.
type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Chooses the provider, and keeps the choice and the connections. One for the daemon.
pub struct Chooser {
    http: Arc<Http>,
    variable: Variables,
    ollama_url: String,
    kept: std::sync::Mutex<Option<Arc<Kept>>>,
    /// Held over a look at the network: asks that come together look once and share what was found.
    deciding: Mutex<()>,
}

struct Kept {
    config: ProviderConfig,
    key: Option<Key>,
    outcome: Result<Choice, Failure>,
    /// When it was made.
    at: Instant,
    /// It rests on a look at the network.
    looked: bool,
}

impl std::fmt::Debug for Chooser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chooser").finish_non_exhaustive()
    }
}

impl Default for Chooser {
    fn default() -> Self {
        Self::new()
    }
}

impl Chooser {
    /// A chooser that reads the daemon's environment. Opens no connection yet.
    pub fn new() -> Self {
        Self {
            http: Arc::new(Http::default()),
            variable: Box::new(|name| std::env::var(name).ok()),
            ollama_url: OLLAMA_URL.to_owned(),
            kept: std::sync::Mutex::default(),
            deciding: Mutex::default(),
        }
    }

    /// Who answers under this configuration. The same configuration and key give the same [`Provider`].
    ///
    /// Takes microseconds, or up to 10 s when it has to look at the network; safe to drop at any point.
    ///
    /// # Errors
    /// The configuration lacks something for its kind, or the key cannot be used.
    pub async fn choose(&self, config: &ProviderConfig) -> Result<Choice, Failure> {
        let key = match config.kind {
            ProviderKind::Offline => None,
            _ => Key::find(config, &self.variable)?,
        };
        let asked = Instant::now();
        let known = || lock(&self.kept).clone();
        if let Some(kept) = known().filter(|kept| kept.serves(config, key.as_ref(), asked)) {
            return kept.outcome.clone();
        }
        let _one = self.deciding.lock().await;
        let before = known();
        if let Some(kept) = before.as_ref().filter(|kept| kept.serves(config, key.as_ref(), asked)) {
            return kept.outcome.clone();
        }
        let decided = self.decide(config, key.clone()).await;
        let looked = decided.as_ref().is_ok_and(|(_, looked)| *looked);
        let mut outcome = decided.map(|(choice, _)| choice);
        let before = before.filter(|old| old.config == *config && old.key == key);
        if let (Some(Ok(old)), Ok(new)) = (before.as_ref().map(|old| &old.outcome), &outcome)
            && same(old, new)
        {
            outcome = Ok(old.clone());
        }
        log(&outcome);
        let kept = Kept { config: config.clone(), key, outcome: outcome.clone(), at: Instant::now(), looked };
        *lock(&self.kept) = Some(Arc::new(kept));
        outcome
    }

    /// The choice, and whether it rests on a look at the network.
    async fn decide(&self, config: &ProviderConfig, key: Option<Key>) -> Result<(Choice, bool), Failure> {
        match config.kind {
            ProviderKind::Offline => Ok((Choice::Offline { reason: "provider.kind is \"offline\"".to_owned() }, false)),
            ProviderKind::Deepseek => Ok((self.deepseek(config, key)?, false)),
            ProviderKind::Openai => {
                let url = config.base_url.as_deref().ok_or_else(|| missing("openai", "base_url"))?;
                let model = config.model.clone().ok_or_else(|| missing("openai", "model"))?;
                Ok((self.online(config, ProviderKind::Openai, base(url)?, key, model), false))
            }
            ProviderKind::Ollama => self.ollama(config, key).await,
            ProviderKind::Auto if key.is_some() => Ok((self.deepseek(config, key)?, false)),
            ProviderKind::Auto => match config.base_url.as_deref() {
                Some(url) => self.keyless(config, base(url)?).await,
                None => self.ollama_or_offline(config).await,
            },
        }
    }

    fn deepseek(&self, config: &ProviderConfig, key: Option<Key>) -> Result<Choice, Failure> {
        let key = key.ok_or_else(|| no_key(config))?;
        let base = base(config.base_url.as_deref().unwrap_or(DEEPSEEK_URL))?;
        let model = config.model.clone().unwrap_or_else(|| DEEPSEEK_MODEL.to_owned());
        Ok(self.online(config, ProviderKind::Deepseek, base, Some(key), model))
    }

    /// A configured address without a key.
    async fn keyless(&self, config: &ProviderConfig, base: BaseUrl) -> Result<(Choice, bool), Failure> {
        if is_deepseek(&base) {
            return Err(no_key(config));
        }
        let kind = ProviderKind::Openai;
        if let Some(model) = config.model.clone() {
            return Ok((self.online(config, kind, base, None, model), false));
        }
        let subject = Subject { base: base.clone(), kind, key: None };
        let model = first_model(&list_models(&self.http, &subject, MODELS_WAIT).await?);
        let model = model.ok_or_else(|| {
            Failure::new(ErrorKind::Provider, format!("{base} lists no model")).hint("set provider.model")
        })?;
        Ok((self.online(config, kind, base, None, model), true))
    }

    async fn ollama(&self, config: &ProviderConfig, key: Option<Key>) -> Result<(Choice, bool), Failure> {
        let kind = ProviderKind::Ollama;
        let base = base(config.base_url.as_deref().unwrap_or(&self.ollama_url))?.with_v1();
        if let Some(model) = config.model.clone() {
            return Ok((self.online(config, kind, base, key, model), false));
        }
        let subject = Subject { base: base.clone(), kind, key: sendable(config, kind, &base, key.clone()) };
        let model = first_model(&list_models(&self.http, &subject, MODELS_WAIT).await?);
        let model = model.ok_or_else(|| {
            Failure::new(ErrorKind::Provider, format!("Ollama at {base} has no model"))
                .hint("type: ollama pull MODEL, or set provider.model")
        })?;
        Ok((self.online(config, kind, base, key, model), true))
    }

    async fn ollama_or_offline(&self, config: &ProviderConfig) -> Result<(Choice, bool), Failure> {
        let kind = ProviderKind::Ollama;
        let base = base(&self.ollama_url)?.with_v1();
        let subject = Subject { base: base.clone(), kind, key: None };
        let listed = list_models(&self.http, &subject, OLLAMA_WAIT).await;
        let found = listed.map(|models| config.model.clone().filter(|m| models.contains(m)).or(first_model(&models)));
        let why = match found {
            Ok(Some(model)) => return Ok((self.online(config, kind, base, None, model), true)),
            Ok(None) => "the Ollama on this machine has no model",
            Err(_) => "no Ollama answers on this machine",
        };
        let reason = format!("{} is not set, no provider.base_url is configured, and {why}", config.api_key_env);
        Ok((Choice::Offline { reason }, true))
    }

    fn online(
        &self,
        config: &ProviderConfig,
        kind: ProviderKind,
        base: BaseUrl,
        key: Option<Key>,
        model: String,
    ) -> Choice {
        let key = sendable(config, kind, &base, key);
        if key.is_some() && !base.is_tls() && !base.is_loopback() {
            tracing::warn!(endpoint = %base, "the key travels unencrypted: provider.base_url begins with http://");
        }
        let subject = Subject { base, kind, key };
        Choice::Online(Arc::new(Provider::new(self.http.clone(), subject, model, config)))
    }
}

impl Kept {
    /// Whether this is still the answer to a question of the time `asked`. A failure is shared only with those who
    /// waited for it.
    fn serves(&self, config: &ProviderConfig, key: Option<&Key>, asked: Instant) -> bool {
        let fresh = match &self.outcome {
            Ok(_) => !self.looked || self.at.elapsed() < LOOK_KEPT,
            Err(_) => self.at >= asked,
        };
        fresh && self.config == *config && self.key.as_ref() == key
    }
}

/// The same endpoint and model: the old provider knows its bound and its rules.
fn same(old: &Choice, new: &Choice) -> bool {
    match (old, new) {
        (Choice::Online(old), Choice::Online(new)) => {
            old.endpoint() == new.endpoint() && old.kind() == new.kind() && old.default_model() == new.default_model()
        }
        _ => false,
    }
}

fn log(outcome: &Result<Choice, Failure>) {
    match outcome {
        Ok(Choice::Online(provider)) => tracing::info!(
            endpoint = %provider.endpoint(), kind = ?provider.kind(), model = %provider.default_model(), "provider chosen"
        ),
        Err(failure) => {
            tracing::warn!(kind = failure.kind.name(), reason = %failure.message, "no provider can be chosen");
        }
        Ok(Choice::Offline { reason }) => tracing::info!(%reason, "no provider: answers come from the project's files"),
    }
}

fn is_deepseek(base: &BaseUrl) -> bool {
    base.host() == "deepseek.com" || base.host().ends_with(".deepseek.com")
}

/// The key, if it may go to this endpoint. `api_key_env` names DeepSeek's variable by default; a user who points
/// another kind elsewhere has not said that this key may go there.
fn sendable(config: &ProviderConfig, kind: ProviderKind, base: &BaseUrl, key: Option<Key>) -> Option<Key> {
    key.filter(|key| {
        let deepseeks = key.source == KeySource::Variable(DEEPSEEK_VARIABLE.to_owned());
        let chosen = config.kind == ProviderKind::Auto || kind == ProviderKind::Deepseek;
        !deepseeks || chosen || is_deepseek(base) || base.is_loopback()
    })
}

/// The first listed model that talks: Ollama lists embedding models among the others.
fn first_model(models: &[String]) -> Option<String> {
    models.iter().find(|name| !name.contains("embed")).cloned()
}

fn base(url: &str) -> Result<BaseUrl, Failure> {
    BaseUrl::parse(url).map_err(|why| {
        Failure::new(ErrorKind::Usage, format!("provider.base_url {why}"))
            .hint("example: base_url = \"http://127.0.0.1:8080/v1\"; see `agentctl config show`")
    })
}

fn missing(kind: &str, setting: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("provider.kind = \"{kind}\" needs provider.{setting}"))
        .hint(format!("set {setting} under [provider] (`agentctl config path` shows the file)"))
}

fn no_key(config: &ProviderConfig) -> Failure {
    let name = &config.api_key_env;
    Failure::new(ErrorKind::Auth, format!("DeepSeek needs a key, and {name} is not set")).hint(format!(
        "set {name} and type `agentctl daemon restart`, or set provider.api_key_file to a file of mode 0600"
    ))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::llm::{
        key::tests::config,
        testserver::{Step, TestServer, response},
    };

    /// A port that nothing serves: the discard service, which needs a privilege to open.
    const NOBODY: &str = "http://127.0.0.1:9";

    fn chooser(ollama_url: &str, variables: &[(&'static str, &'static str)]) -> Chooser {
        let variables = variables.to_vec();
        Chooser {
            variable: Box::new(move |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())),
            ollama_url: ollama_url.to_owned(),
            ..Chooser::new()
        }
    }

    const KEY: &[(&str, &str)] = &[("DEEPSEEK_API_KEY", "sk-1234567890")];

    async fn online(chooser: &Chooser, config: &ProviderConfig) -> Arc<Provider> {
        match chooser.choose(config).await {
            Ok(Choice::Online(provider)) => provider,
            other => panic!("{other:?}"),
        }
    }

    fn models(names: &[&str]) -> Step {
        let data: Vec<_> = names.iter().map(|name| serde_json::json!({ "id": name })).collect();
        Step::Send(response(
            200,
            "content-type: application/json\r\n",
            &serde_json::json!({ "data": data }).to_string(),
        ))
    }

    #[tokio::test]
    async fn a_key_comes_first_and_means_deepseek() {
        let provider = online(&chooser(NOBODY, KEY), &config()).await;
        assert_eq!((provider.endpoint().as_str(), provider.kind()), (DEEPSEEK_URL, ProviderKind::Deepseek));
        assert_eq!(provider.default_model(), "deepseek-flash");
        assert_eq!(provider.secrets().unwrap().expose_secret(), "sk-1234567890");
        let own = ProviderConfig {
            base_url: Some("http://127.0.0.1:1/".to_owned()),
            model: Some("x".to_owned()),
            ..config()
        };
        let provider = online(&chooser(NOBODY, KEY), &own).await;
        assert_eq!((provider.endpoint().as_str(), provider.default_model()), ("http://127.0.0.1:1", "x"));
        assert_eq!(provider.kind(), ProviderKind::Deepseek);
    }

    #[tokio::test]
    async fn a_configured_address_works_without_a_key() {
        let server = TestServer::start([models(&["nomic-embed-text", "first", "second"])]).await;
        let config = ProviderConfig { base_url: Some(format!("{}/v1/", server.url)), ..config() };
        let provider = online(&chooser(NOBODY, &[]), &config).await;
        assert_eq!((provider.kind(), provider.default_model()), (ProviderKind::Openai, "first"));
        assert!(provider.secrets().is_none());
        assert!(!server.seen()[0].head.contains("authorization"));
    }

    #[tokio::test]
    async fn ollama_is_found_and_asked_once_for_many_asks() {
        let server = TestServer::start([models(&["qwen3:8b"])]).await;
        let chooser = chooser(&server.url, &[]);
        let provider = online(&chooser, &config()).await;
        assert_eq!((provider.endpoint(), provider.kind()), (format!("{}/v1", server.url), ProviderKind::Ollama));
        assert_eq!(provider.default_model(), "qwen3:8b");
        let again = online(&chooser, &config()).await;
        assert!(Arc::ptr_eq(&provider, &again));
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn without_anything_the_choice_is_offline_with_the_reason() {
        for url in [NOBODY.to_owned(), TestServer::start([models(&[])]).await.url.clone()] {
            let choice = chooser(&url, &[]).choose(&config()).await.unwrap();
            assert!(matches!(&choice, Choice::Offline { reason } if reason.contains("DEEPSEEK_API_KEY")), "{choice:?}");
        }
        let configured = ProviderConfig { kind: ProviderKind::Offline, ..config() };
        assert!(matches!(chooser(NOBODY, KEY).choose(&configured).await, Ok(Choice::Offline { .. })));
    }

    #[tokio::test]
    async fn an_ollama_that_does_not_answer_holds_nobody_up() {
        let server = TestServer::start([Step::Hang(Vec::new())]).await;
        let begun = Instant::now();
        let choice = chooser(&server.url, &[]).choose(&config()).await.unwrap();
        assert!(matches!(choice, Choice::Offline { .. }));
        assert!(begun.elapsed() < OLLAMA_WAIT * 6, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn asks_that_wait_for_the_same_look_share_its_outcome() {
        let server = TestServer::start([Step::Send(response(500, "", "no"))]).await;
        let config = ProviderConfig { base_url: Some(server.url.clone()), ..config() };
        let chooser = chooser(NOBODY, &[]);
        let outcomes = futures_util::future::join_all((0..5).map(|_| chooser.choose(&config))).await;
        assert!(outcomes.iter().all(Result::is_err));
        assert_eq!(server.seen().len(), 1);
        assert!(chooser.choose(&config).await.is_err());
        assert_eq!(server.seen().len(), 2, "a later ask looks again");
    }

    #[tokio::test]
    async fn a_kind_without_what_it_needs_names_what_is_missing() {
        let of =
            |kind, base_url: Option<&str>| ProviderConfig { kind, base_url: base_url.map(str::to_owned), ..config() };
        for (config, kind, word) in [
            (of(ProviderKind::Deepseek, None), ErrorKind::Auth, "DEEPSEEK_API_KEY"),
            (of(ProviderKind::Auto, Some("https://api.deepseek.com")), ErrorKind::Auth, "DEEPSEEK_API_KEY"),
            (of(ProviderKind::Openai, None), ErrorKind::Usage, "provider.base_url"),
            (of(ProviderKind::Openai, Some("http://a")), ErrorKind::Usage, "provider.model"),
            (of(ProviderKind::Auto, Some("nonsense")), ErrorKind::Usage, "provider.base_url"),
            (of(ProviderKind::Ollama, Some(NOBODY)), ErrorKind::Provider, NOBODY),
        ] {
            let failure = chooser(NOBODY, &[]).choose(&config).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{failure:?}");
            assert!(failure.message.contains(word) && !failure.hint.is_empty(), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn the_key_of_deepseek_goes_to_no_foreign_endpoint_of_another_kind() {
        let at = |url: &str, variable: &str| ProviderConfig {
            kind: ProviderKind::Openai,
            base_url: Some(url.to_owned()),
            model: Some("x".to_owned()),
            api_key_env: variable.to_owned(),
            ..config()
        };
        let chooser = chooser(NOBODY, &[("DEEPSEEK_API_KEY", "sk-1234567890"), ("OTHER_KEY", "ok-1234567890")]);
        assert!(online(&chooser, &at("https://api.example.com/v1", "DEEPSEEK_API_KEY")).await.secrets().is_none());
        assert!(online(&chooser, &at("https://api.example.com/v1", "OTHER_KEY")).await.secrets().is_some());
        assert!(online(&chooser, &at("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY")).await.secrets().is_some());
        assert!(online(&chooser, &at("http://127.0.0.1:1", "DEEPSEEK_API_KEY")).await.secrets().is_some());
    }

    #[tokio::test]
    async fn a_changed_configuration_gives_a_new_provider_and_the_same_one_the_old() {
        let chooser = chooser(NOBODY, KEY);
        let first = online(&chooser, &config()).await;
        assert!(Arc::ptr_eq(&first, &online(&chooser, &config()).await));
        let other = ProviderConfig { model: Some("deepseek-v4-pro".to_owned()), ..config() };
        let second = online(&chooser, &other).await;
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(second.default_model(), "deepseek-v4-pro");
    }
}
