//! `agentctl cache`: the answers in memory, and why one is served or not.

use std::fmt::Write as _;

use proto::{
    CacheClearRequest, CacheListRequest, CacheRejectRequest, CacheReport, CacheStatsRequest, CacheWhyRequest,
    CachedAnswer, RejectReport, Request, Response, Source, WhyReport,
};

use crate::{
    app::{self, App},
    cli::CacheCommand,
    client,
    exit::{Outcome, Stop},
    input,
    render::{
        figures::{counted, dollars, percent, size, span},
        footer::quoted,
        json, sanitize,
    },
};

/// Most characters of a question in a list.
const QUESTION_MAX: usize = 72;
/// Characters of an id that are shown: an id begins with the time in milliseconds, which these hold whole, so that they
/// tell answers apart and can still be typed. Programs get the whole id.
const ID_SHOWN: usize = 13;

pub(super) fn run(app: &App, command: CacheCommand) -> Outcome {
    match command {
        CacheCommand::List { all, directory, json: as_json } => {
            let cwd = if all { String::new() } else { input::directory(directory.as_deref())? };
            match app.call(Request::CacheList(CacheListRequest { cwd }), client::QUICK)? {
                Response::CacheList(report) if as_json => json::print(&report).map(|()| 0),
                Response::CacheList(report) => super::print(&sanitize::neutralise(&list(&report, all))),
                _ => unexpected(),
            }
        }
        CacheCommand::Why { words, model, directory, json: as_json } => {
            let cwd = input::directory(directory.as_deref())?;
            let request = CacheWhyRequest { cwd, question: words.join(" "), model: model.unwrap_or_default() };
            match app.call(Request::CacheWhy(request), client::QUICK)? {
                Response::CacheWhy(report) if as_json => json::print(&report).map(|()| 0),
                Response::CacheWhy(report) => super::print(&sanitize::neutralise(&why(&report))),
                _ => unexpected(),
            }
        }
        CacheCommand::Reject { id, directory, json: as_json } => {
            let cwd = input::directory(directory.as_deref())?;
            let request = CacheRejectRequest { cwd, id: id.unwrap_or_default() };
            match app.call(Request::CacheReject(request), client::QUICK)? {
                Response::CacheReject(report) if as_json => json::print(&report).map(|()| 0),
                Response::CacheReject(report) => super::print(&sanitize::neutralise(&rejected(&report))),
                _ => unexpected(),
            }
        }
        CacheCommand::Clear { all, directory, json: as_json } => {
            let cwd = if all { String::new() } else { input::directory(directory.as_deref())? };
            match app.call(Request::CacheClear(CacheClearRequest { cwd }), client::QUICK)? {
                Response::CacheClear(report) if as_json => json::print(&report).map(|()| 0),
                Response::CacheClear(report) => {
                    super::print(&format!("{} dropped\n", counted(report.cleared.into(), "answer", "answers")))
                }
                _ => unexpected(),
            }
        }
        CacheCommand::Stats { json: as_json } => stats(app, as_json),
    }
}

fn stats(app: &App, as_json: bool) -> Outcome {
    match app.call(Request::CacheStats(CacheStatsRequest {}), client::QUICK)? {
        Response::CacheStats(report) if as_json => json::print(&report).map(|()| 0),
        Response::CacheStats(report) if report.facts.is_empty() => super::print("nothing was asked yet\n"),
        Response::CacheStats(report) => {
            let rows = report.facts.iter().map(|fact| (fact.name.replace('_', " "), fact.value.clone()));
            super::print(&sanitize::neutralise(&super::table(rows, "")))
        }
        _ => unexpected(),
    }
}

fn unexpected() -> Outcome {
    Err(Stop::from(app::unexpected()))
}

fn short(id: &str) -> String {
    id.chars().take(ID_SHOWN).collect()
}

fn list(report: &CacheReport, with_project: bool) -> String {
    if report.answers.is_empty() {
        return "no answers in memory\n".to_owned();
    }
    let mut text = String::new();
    for answer in &report.answers {
        let question = sanitize::one_line(&answer.question, QUESTION_MAX);
        let _ = writeln!(text, "{}  {question}", short(&answer.id));
        let _ = writeln!(text, "{:ID_SHOWN$}  {}", "", figures_of(answer));
        if with_project {
            let _ = writeln!(text, "{:ID_SHOWN$}  in {}", "", answer.project);
        }
    }
    text
}

/// What there is to know about an answer, in one line.
fn figures_of(answer: &CachedAnswer) -> String {
    let served = match answer.hits {
        0 => "never served".to_owned(),
        n => format!("served {}, last {} ago", counted(n.into(), "time", "times"), span(answer.used_s)),
    };
    let cost = answer.cost_usd.map(|cost| format!(", cost {}", dollars(cost))).unwrap_or_default();
    format!(
        "{} ago by {}, {served}, {}, {}{cost}",
        span(answer.age_s),
        answer.model,
        counted(answer.dependencies.into(), "dependency", "dependencies"),
        size(answer.bytes)
    )
}

fn why(report: &WhyReport) -> String {
    let outcome = match report.outcome {
        Source::Exact => "from memory (exact)",
        Source::Near => "from memory (near)",
        Source::Verdict => "from memory (verdict)",
        Source::Model | Source::Offline => "not from memory",
    };
    let mut text = format!("{}\n{outcome}: {}\n", quoted(&report.question), report.reason.trim());
    let mut rows = Vec::new();
    if let Some(answer) = &report.answer {
        rows.push(("answer".to_owned(), format!("{} {}", short(&answer.id), quoted(&answer.question))));
        rows.push((String::new(), figures_of(answer)));
        rows.push(("alike".to_owned(), percent(report.score)));
    }
    for (name, value) in [("guard", &report.guard), ("changed", &report.changed)] {
        if !value.is_empty() {
            rows.push((name.to_owned(), value.clone()));
        }
    }
    let mut before = "";
    for fact in &report.facts {
        // Several of one name stand under it.
        let name = if fact.name == before { String::new() } else { fact.name.replace('_', " ") };
        rows.push((name, fact.value.clone()));
        before = &fact.name;
    }
    text.push_str(&super::table(rows, "  "));
    text
}

fn rejected(report: &RejectReport) -> String {
    let mut text = format!("{} is out: {}\n", short(&report.id), quoted(&report.question));
    if report.exact_only {
        text.push_str("this project gets exact hits only from now on: answers to other words were rejected twice\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    fn answer() -> CachedAnswer {
        CachedAnswer {
            id: "019ab3c4-d5e6-7000-8000-0a1b2c3d4e5f".into(),
            project: "/p".into(),
            question: "how are\npanics handled?".into(),
            model: "big".into(),
            age_s: 190,
            used_s: 61,
            hits: 2,
            dependencies: 20,
            bytes: 2_048,
            cost_usd: Some(0.000_41),
        }
    }

    #[test]
    fn an_answer_is_listed_with_its_question_and_figures() {
        let mut unused = answer();
        (unused.hits, unused.cost_usd, unused.dependencies) = (0, None, 1);
        let report = CacheReport { answers: vec![answer(), unused] };
        let text = list(&report, false);
        let expected = "\
019ab3c4-d5e6  how are panics handled?
               3 min ago by big, served 2 times, last 1 min ago, 20 dependencies, 2.0 kB, cost $0.00041
019ab3c4-d5e6  how are panics handled?
               3 min ago by big, never served, 1 dependency, 2.0 kB
";
        assert_eq!(text, expected);
        assert!(list(&report, true).contains("\n               in /p\n"));
        assert_eq!(list(&CacheReport::default(), true), "no answers in memory\n");
    }

    #[test]
    fn a_miss_is_explained_by_its_guard_or_the_file_that_changed() {
        let report = WhyReport {
            question: "how are errors handled?".into(),
            outcome: Source::Model,
            reason: "the nearest question asks something else".into(),
            answer: Some(answer()),
            score: 0.75,
            guard: "words: errors, panics".into(),
            changed: String::new(),
            facts: [("looked_at", "300 answers"), ("rests on", "src/a.rs"), ("rests on", "src/b.rs")]
                .map(|(name, value)| Fact { name: name.into(), value: value.into() })
                .into(),
        };
        let text = why(&report);
        for part in [
            "\"how are errors handled?\"\nnot from memory: the nearest question asks something else\n",
            "answer     019ab3c4-d5e6 \"how are panics handled?\"",
            "alike      75 %",
            "guard      words: errors, panics",
            "looked at  300 answers\n  rests on   src/a.rs\n             src/b.rs\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains("changed"), "{text}");
        let stale = WhyReport { guard: String::new(), changed: "src/a.rs".into(), ..report };
        assert!(why(&stale).contains("changed    src/a.rs\n"), "{}", why(&stale));
    }

    #[test]
    fn a_hit_is_explained_and_an_empty_memory_too() {
        let hit = WhyReport { outcome: Source::Exact, reason: "the same words".into(), ..WhyReport::default() };
        assert_eq!(why(&hit), "\"\"\nfrom memory (exact): the same words\n");
        let none = WhyReport { question: "q".into(), reason: "nothing is kept".into(), ..WhyReport::default() };
        assert_eq!(why(&none), "\"q\"\nnot from memory: nothing is kept\n");
    }

    #[test]
    fn a_rejection_says_when_only_exact_hits_are_left() {
        let mut report =
            RejectReport { id: "019ab3c4-d5e6-7000-8000-0a1b2c3d4e5f".into(), question: "q".into(), exact_only: false };
        assert_eq!(rejected(&report), "019ab3c4-d5e6 is out: \"q\"\n");
        report.exact_only = true;
        assert!(rejected(&report).ends_with("rejected twice\n"));
    }
}
