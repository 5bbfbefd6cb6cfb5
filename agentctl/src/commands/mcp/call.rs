//! `agentctl mcp call`: one call of one tool. One connection, one request: a shell loop may do thousands.

use proto::{McpCallRequest, Request, Response};

use crate::{
    app::App,
    exit::{Outcome, Stop, usage},
    input,
    render::{json, sanitize},
};

pub(super) fn run(app: &App, request: McpCallRequest, as_json: bool) -> Outcome {
    let Response::McpCall(report) = app.call(Request::McpCall(request), super::SERVER)? else {
        return super::unexpected();
    };
    if as_json {
        json::print(&report)?;
    } else {
        let end = if report.text.ends_with('\n') { "" } else { "\n" };
        super::super::print(&format!("{}{end}", sanitize::neutralise(&report.text)))?;
    }
    Ok(u8::from(!report.ok))
}

/// The arguments as one JSON object, checked before anything is started.
pub(super) fn arguments(given: Option<&str>, quiet: bool) -> Result<String, Stop> {
    let text = match given {
        None => return Ok(String::new()),
        Some("-") => input::standard_input(quiet)?,
        Some(text) => text.to_owned(),
    };
    check(&text)?;
    Ok(text)
}

fn check(text: &str) -> Result<(), Stop> {
    let hint = "quote one JSON object for the shell, such as '{\"path\":\"src/main.rs\"}', or pipe it to -";
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        Ok(_) => Err(usage("the arguments are JSON, but no object").hint(hint).into()),
        Err(e) => Err(usage(format!("the arguments are no JSON: {e}")).hint(hint).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_one_object_and_are_sent_as_they_are_typed() {
        assert_eq!(arguments(None, true).unwrap(), "");
        assert_eq!(arguments(Some("{\"a\": 1.0}"), true).unwrap(), "{\"a\": 1.0}");
        for text in ["", "[]", "{", "7", "{}{}"] {
            let Err(Stop::Failed(failure)) = arguments(Some(text), true) else { panic!("{text:?} was taken") };
            assert_eq!(failure.kind.exit_code(), 2, "{text:?}");
            assert!(!failure.hint.is_empty());
        }
    }
}
