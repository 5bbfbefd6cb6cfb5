//! The line under an answer: where it came from, which servers took part, tokens, price, time; above it, why it is not
//! from memory.

use std::collections::BTreeMap;

use proto::{Answer, Cached, Similar, Source, ToolCallReport};

use super::{
    figures::{counted, dollars, elapsed, grouped, percent, span},
    sanitize,
};

/// Most characters of a question in the footer: enough to know it again, and the line stays one.
const QUESTION_MAX: usize = 60;

/// The footer of an answer.
pub fn footer(answer: &Answer) -> String {
    let mut parts = vec![source(answer)];
    parts.extend(answer.cached.as_ref().map(rests));
    parts.extend(servers(&answer.tool_calls));
    let usage = &answer.usage;
    if usage.prompt_tokens + usage.completion_tokens > 0 {
        parts.push(format!(
            "{} tokens in{}, {} out",
            grouped(usage.prompt_tokens),
            cache_share(usage.cache_hit_tokens, usage.prompt_tokens),
            grouped(usage.completion_tokens)
        ));
    }
    match (answer.cost_usd, answer.source) {
        // What was free is told by what it saved.
        (Some(0.0), Source::Exact | Source::Near) => {}
        (Some(cost), _) => parts.push(dollars(cost)),
        (None, Source::Model | Source::Verdict) => parts.push("price unknown".to_owned()),
        (None, _) => {}
    }
    if let Some(saved) = answer.saved_usd {
        parts.push(format!("saved {}", dollars(saved)));
    }
    match answer.redactions {
        0 => {}
        1 => parts.push("1 secret redacted".to_owned()),
        n => parts.push(format!("{n} secrets redacted")),
    }
    parts.push(elapsed(answer.elapsed_ms));
    parts.join(" · ")
}

/// Why the answer is not from memory though something like it is there: a line each, none when there is nothing to say,
/// or when the notices of the turn have said it.
pub fn notes(answer: &Answer, noticed: &str) -> Vec<String> {
    let untold = |why: &&str| !why.is_empty() && !noticed.contains(why);
    let miss = Some(answer.miss.trim()).filter(untold).map(|why| missed(why, answer.source));
    miss.into_iter().chain(answer.similar.as_ref().map(offered)).collect()
}

fn source(answer: &Answer) -> String {
    match answer.source {
        Source::Model if answer.model.is_empty() => "model".to_owned(),
        Source::Model => answer.model.clone(),
        Source::Exact => from_memory("exact", None, answer.cached.as_ref()),
        Source::Near => from_memory("near", answer.cached.as_ref(), answer.cached.as_ref()),
        Source::Verdict => from_memory("verdict", answer.cached.as_ref(), answer.cached.as_ref()),
        Source::Offline => "offline: found without a model".to_owned(),
    }
}

/// `asked`: the answer whose question is shown, because it was put in other words.
fn from_memory(kind: &str, asked: Option<&Cached>, cached: Option<&Cached>) -> String {
    let lenient = if cached.is_some_and(|cached| cached.lenient) { ", lenient" } else { "" };
    let question = asked.map(|cached| format!(": {}", quoted(&cached.question))).unwrap_or_default();
    format!("from memory ({kind}{lenient}{question})")
}

fn rests(cached: &Cached) -> String {
    let verified = match cached.dependencies {
        0 => "rests on no file".to_owned(),
        n => format!("{} verified", counted(n.into(), "dependency", "dependencies")),
    };
    format!("asked {} ago · {verified}", span(cached.age_s))
}

/// Which MCP servers served calls, and for which of them built-in tools did.
fn servers(calls: &[ToolCallReport]) -> Vec<String> {
    let (mut served, mut stood_in) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    for call in calls {
        if !call.server.is_empty() {
            *served.entry(&call.server).or_default() += 1;
        }
        // A reason begins with the server's name.
        let name = call.fallback.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).next();
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            *stood_in.entry(name).or_default() += 1;
        }
    }
    let line = |(server, calls): (&str, u64), how: &str| {
        format!("{} {how} {}", counted(calls, "call", "calls"), sanitize::one_line(server, QUESTION_MAX))
    };
    let served = served.into_iter().map(|served| line(served, "via"));
    served.chain(stood_in.into_iter().map(|stood_in| line(stood_in, "built in for"))).collect()
}

fn missed(why: &str, source: Source) -> String {
    match source {
        Source::Model => format!("{why}: asked anew"),
        _ => why.to_owned(),
    }
}

fn offered(similar: &Similar) -> String {
    let (score, question) = (percent(similar.score), quoted(&similar.question));
    format!("similar answer in memory, {score}, {} old: {question}; --reuse takes it", span(similar.age_s))
}

/// A question in quotation marks, cut to what a footer holds.
pub fn quoted(question: &str) -> String {
    format!("\"{}\"", sanitize::one_line(question, QUESTION_MAX))
}

fn cache_share(hit: u64, prompt: u64) -> String {
    if hit == 0 || prompt == 0 {
        return String::new();
    }
    format!(" ({} % from the prefix cache)", (hit.saturating_mul(100) / prompt).min(100))
}

#[cfg(test)]
mod tests {
    use proto::Usage;

    use super::*;

    #[test]
    fn the_footer_names_source_tokens_cache_price_and_time() {
        let answer = Answer {
            model: "deepseek-chat".into(),
            usage: Usage {
                prompt_tokens: 12_345,
                completion_tokens: 321,
                cache_hit_tokens: 12_000,
                cache_miss_tokens: 345,
            },
            cost_usd: Some(0.000_39),
            elapsed_ms: 2_410,
            ..Answer::default()
        };
        assert_eq!(
            footer(&answer),
            "deepseek-chat · 12,345 tokens in (97 % from the prefix cache), 321 out · $0.00039 · 2.4 s"
        );
    }

    #[test]
    fn the_footer_names_the_servers_that_took_part_and_those_that_were_stood_in_for() {
        let call = |server: &str, fallback: &str| ToolCallReport {
            server: server.into(),
            fallback: fallback.into(),
            ..ToolCallReport::default()
        };
        let tool_calls = vec![call("git", ""), call("", ""), call("", "files is starting"), call("git", "")];
        let answer = Answer { model: "m".into(), cost_usd: Some(0.1), tool_calls, ..Answer::default() };
        let shown = footer(&answer);
        assert!(shown.starts_with("m · 2 calls via git · 1 call built in for files · "), "{shown}");
    }

    #[test]
    fn an_unknown_price_is_said_and_an_offline_answer_has_none() {
        let mut answer = Answer { model: "m".into(), ..Answer::default() };
        assert_eq!(footer(&answer), "m · price unknown · 0 ms");
        answer.source = Source::Offline;
        assert_eq!(footer(&answer), "offline: found without a model · 0 ms");
    }

    fn hit(source: Source, dependencies: u32) -> Answer {
        let question = "how are panics handled in a request handler of the daemon, and who is told about it?".into();
        let cached = Cached { id: "0a1b".into(), question, age_s: 190, dependencies, lenient: false };
        Answer { source, cached: Some(cached), saved_usd: Some(0.000_41), elapsed_ms: 2, ..Answer::default() }
    }

    #[test]
    fn an_exact_hit_tells_its_age_what_was_verified_and_what_it_saved() {
        let answer = hit(Source::Exact, 20);
        assert_eq!(
            footer(&answer),
            "from memory (exact) · asked 3 min ago · 20 dependencies verified · saved $0.00041 · 2 ms"
        );
        assert!(footer(&hit(Source::Exact, 1)).contains("1 dependency verified"));
        assert!(footer(&hit(Source::Exact, 0)).contains("rests on no file"));
        let free = Answer { cost_usd: Some(0.0), ..answer };
        assert!(!footer(&free).contains("$0 "), "{}", footer(&free));
        assert!(notes(&free, "").is_empty());
    }

    #[test]
    fn a_hit_in_other_words_shows_the_words_it_was_asked_in() {
        let near = footer(&hit(Source::Near, 2));
        let shown = "\"how are panics handled in a request handler of the daemon, …\"";
        assert!(near.starts_with(&format!("from memory (near: {shown}) · asked 3 min ago")), "{near}");
        let mut answer = hit(Source::Verdict, 2);
        answer.cost_usd = Some(0.000_02);
        let verdict = footer(&answer);
        assert!(verdict.starts_with("from memory (verdict: ") && verdict.contains(" · $0.00002 · saved "), "{verdict}");
    }

    #[test]
    fn a_lenient_hit_is_labelled() {
        let mut answer = hit(Source::Near, 2);
        answer.cached.as_mut().unwrap().lenient = true;
        assert!(footer(&answer).starts_with("from memory (near, lenient: \"how are"), "{}", footer(&answer));
    }

    #[test]
    fn a_hit_of_a_daemon_that_tells_no_more_is_still_a_hit() {
        let answer = Answer { source: Source::Near, ..Answer::default() };
        assert_eq!(footer(&answer), "from memory (near) · 0 ms");
    }

    #[test]
    fn a_miss_says_why_and_what_could_be_reused() {
        let similar = Similar { question: "how do\npanics end?".into(), score: 0.8149, age_s: 7_200 };
        let mut answer =
            Answer { miss: "src/a.rs has changed since 10:04".into(), similar: Some(similar), ..Answer::default() };
        assert_eq!(
            notes(&answer, ""),
            [
                "src/a.rs has changed since 10:04: asked anew",
                "similar answer in memory, 81 %, 2 h 00 min old: \"how do panics end?\"; --reuse takes it"
            ]
        );
        answer.source = Source::Offline;
        assert_eq!(notes(&answer, "")[0], "src/a.rs has changed since 10:04", "nobody was asked");
        let told = notes(&answer, "asked anew: src/a.rs has changed since 10:04\n");
        assert!(
            told.len() == 1 && told[0].starts_with("similar"),
            "what a notice has said is not said again: {told:?}"
        );
    }
}
