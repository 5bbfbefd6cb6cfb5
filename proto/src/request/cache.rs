//! The answers in memory, for those who look after them.

use serde::{Deserialize, Serialize};

use super::Source;
use crate::{Fact, list};

wire! {
    /// Parameters of `cache.list`.
    pub struct CacheListRequest {
        /// Directory of the project; empty: all projects of the asking user.
        pub cwd: String,
    }

    /// Result of `cache.list`.
    pub struct CacheReport {
        /// Last used first.
        #[serde(deserialize_with = "list::any")]
        pub answers: Vec<CachedAnswer>,
    }

    /// One answer in memory.
    pub struct CachedAnswer {
        /// Id for `cache.why` and `cache.reject`.
        pub id: String,
        /// Project root.
        pub project: String,
        /// The question, redacted.
        pub question: String,
        /// The model that answered.
        pub model: String,
        /// Seconds since it was answered.
        pub age_s: u64,
        /// Seconds since it was last served; the age when it never was.
        pub used_s: u64,
        /// Times it was served.
        pub hits: u32,
        /// Files, listings and searches it rests on.
        pub dependencies: u32,
        /// Bytes of question and answer.
        pub bytes: u64,
        /// What it cost, in US dollars; none when unknown.
        pub cost_usd: Option<f64>,
    }

    /// Parameters of `cache.why`.
    pub struct CacheWhyRequest {
        /// Directory of the project.
        pub cwd: String,
        /// The question as it would be asked; empty: the last one that was asked in the project.
        pub question: String,
        /// Model name; empty: the configured one.
        pub model: String,
    }

    /// Result of `cache.why`.
    pub struct WhyReport {
        /// The question, redacted.
        pub question: String,
        /// What it comes to: `exact`, `near`, `verdict` are hits, `model` is a miss.
        pub outcome: Source,
        /// In one sentence.
        pub reason: String,
        /// The answer that is served, or the nearest that is not.
        pub answer: Option<CachedAnswer>,
        /// How much of the two questions is the same, 0 to 1.
        pub score: f64,
        /// The guard that told the two questions apart; empty when none did.
        pub guard: String,
        /// The dependency that has changed; empty when none has.
        pub changed: String,
        /// What else there is to say: what the answer rests on, what was looked at.
        #[serde(deserialize_with = "list::any")]
        pub facts: Vec<Fact>,
    }

    /// Parameters of `cache.reject`.
    pub struct CacheRejectRequest {
        /// Directory of the project.
        pub cwd: String,
        /// Id of the answer, or its first characters; empty: the one that was served last in the project.
        pub id: String,
    }

    /// Result of `cache.reject`.
    pub struct RejectReport {
        /// Id of the answer that was taken out.
        pub id: String,
        /// Its question, redacted.
        pub question: String,
        /// True once the project gets exact hits only, after two rejections of others.
        pub exact_only: bool,
    }

    /// Parameters of `cache.clear`.
    pub struct CacheClearRequest {
        /// Directory of the project; empty: all projects of the asking user.
        pub cwd: String,
    }

    /// Result of `cache.clear`.
    pub struct CacheClearReport {
        /// Answers dropped.
        pub cleared: u32,
    }

    /// Parameters of `cache.stats`: none.
    pub struct CacheStatsRequest {}

    /// Result of `cache.stats`.
    pub struct CacheStatsReport {
        /// Counts and sums since the start, by stable names.
        #[serde(deserialize_with = "list::any")]
        pub facts: Vec<Fact>,
    }
}
