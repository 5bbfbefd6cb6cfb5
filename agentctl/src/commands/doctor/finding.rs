//! What a doctor finds: one thing looked at, how bad it is, and its cure.

use std::{borrow::Cow, io::Write as _};

use serde::Serialize;

use crate::{
    exit::Outcome,
    output::Out,
    render::{json, sanitize},
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Level {
    Ok,
    Warn,
    Fail,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Finding {
    /// What was looked at, stable.
    pub(in crate::commands) name: Cow<'static, str>,
    pub(in crate::commands) level: Level,
    pub(in crate::commands) message: String,
    /// What to do; empty when all is well.
    pub(in crate::commands) cure: String,
}

impl Finding {
    pub(in crate::commands) fn ok(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { name: name.into(), level: Level::Ok, message: message.into(), cure: String::new() }
    }

    pub(in crate::commands) fn warn(
        name: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), level: Level::Warn, message: message.into(), cure: cure.into() }
    }

    pub(in crate::commands) fn fail(
        name: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), level: Level::Fail, message: message.into(), cure: cure.into() }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    findings: &'a [Finding],
}

/// Prints the findings; exit code 1 when one is a failure.
pub(in crate::commands) fn tell(findings: &[Finding], as_json: bool) -> Outcome {
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    if as_json {
        json::print(&Report { ok: !failed, findings })?;
    } else {
        Out.write_all(text(findings).as_bytes())?;
    }
    Ok(u8::from(failed))
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let level = match finding.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let (name, message) = (sanitize::neutralise(&finding.name), sanitize::neutralise(finding.message.trim()));
        text.push_str(&format!("{level}  {name:<12}  {message}\n"));
        if !finding.cure.is_empty() {
            text.push_str(&format!("{:20}cure: {}\n", "", sanitize::neutralise(&finding.cure)));
        }
    }
    text
}
