//! `agentctl memory export`: all that is kept, as text or as one JSON object.
//!
//! It comes in pages; nothing is written before the last one is here, so that what is written is whole. A record is an
//! object of the daemon's making whose fields are shown as they are named: a new field needs no new client.

use std::{fmt::Write as _, path::Path};

use proto::{ErrorKind, ExportPage, ExportRequest, Failure, Request, Response};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    app::{self, App},
    client,
    commands::print,
    exit::Outcome,
    input,
    render::{json, sanitize},
};

/// Most pages: each brings at least one record, and the daemon's own caps are far below this. More is a daemon that
/// never comes to an end.
const PAGES_MAX: usize = 20_000;
/// Deeper than this a record is shown as JSON.
const DEPTH_MAX: usize = 6;

/// The object of `--json`.
#[derive(Serialize)]
struct Export {
    records: Vec<Box<RawValue>>,
}

pub(super) fn run(app: &App, all: bool, directory: Option<&Path>, as_json: bool) -> Outcome {
    let cwd = if all { String::new() } else { input::directory(directory)? };
    let mut client = app.open()?;
    let records = collect(|after| {
        let request = ExportRequest { cwd: cwd.clone(), after };
        match client.call(Request::Export(request), client::QUICK)? {
            Response::Export(page) => Ok(page),
            _ => Err(app::unexpected()),
        }
    })?;
    if as_json {
        let records = records.into_iter().map(raw).collect::<Result<_, _>>()?;
        return json::print(&Export { records }).map(|()| 0);
    }
    print(&sanitize::neutralise(&text(&records)))
}

/// All records of all pages.
fn collect(mut page: impl FnMut(String) -> Result<ExportPage, Failure>) -> Result<Vec<String>, Failure> {
    let (mut records, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let page = page(after.clone())?;
        records.extend(page.records);
        match page.next {
            next if next.is_empty() => return Ok(records),
            next if next == after => break,
            next => after = next,
        }
    }
    Err(Failure::new(ErrorKind::Failure, "agentd's export does not come to an end; nothing was written")
        .hint("agentctl daemon restart, then try again"))
}

fn raw(record: String) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(record)
        .map_err(|e| Failure::new(ErrorKind::Failure, format!("agentd exported something that is not JSON: {e}")))
}

fn text(records: &[String]) -> String {
    if records.is_empty() {
        return "nothing is kept\n".to_owned();
    }
    let mut text = String::new();
    for record in records {
        match serde_json::from_str(record) {
            Ok(value) => write_value(&mut text, &value, 0),
            Err(_) => text.push_str(record),
        }
        text.push('\n');
    }
    text
}

/// A value as indented lines: fields by name, texts as they are, lists with dashes.
fn write_value(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if depth < DEPTH_MAX => {
            for (name, value) in fields {
                write_field(text, &indent, &format!("{name}:"), value, depth);
            }
        }
        Value::Array(values) if depth < DEPTH_MAX => {
            for value in values {
                write_field(text, &indent, "-", value, depth);
            }
        }
        other => {
            let _ = writeln!(text, "{indent}{}", plain(other));
        }
    }
}

fn write_field(text: &mut String, indent: &str, label: &str, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let _ = writeln!(text, "{indent}{label}");
            write_value(text, value, depth + 1);
        }
        Value::Array(values) if !values.is_empty() => {
            let _ = writeln!(text, "{indent}{label}");
            write_value(text, value, depth + 1);
        }
        Value::String(lines) if lines.trim_end().contains('\n') => {
            let _ = writeln!(text, "{indent}{label}");
            for line in lines.trim_end().lines() {
                let _ = writeln!(text, "{indent}  {line}");
            }
        }
        other => {
            let _ = writeln!(text, "{indent}{label} {}", plain(other));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end().to_owned(),
        Value::Null => "unknown".to_owned(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: &[&str], next: &str) -> ExportPage {
        ExportPage { records: records.iter().map(|&record| record.to_owned()).collect(), next: next.into() }
    }

    #[test]
    fn pages_are_asked_for_until_the_last_one() {
        let mut asked = Vec::new();
        let records = collect(|after| {
            asked.push(after.clone());
            Ok(if after.is_empty() { page(&["1", "2"], "b") } else { page(&["3"], "") })
        });
        assert_eq!(records.unwrap(), ["1", "2", "3"]);
        assert_eq!(asked, ["", "b"]);
    }

    #[test]
    fn an_export_without_an_end_is_given_up() {
        let failure = collect(|_| Ok(page(&[], "same"))).unwrap_err();
        assert!(failure.message.contains("does not come to an end"), "{failure}");
        let mut n = 0;
        let endless = collect(|_| {
            n += 1;
            Ok(page(&[], &n.to_string()))
        });
        assert!(endless.is_err() && n == PAGES_MAX);
    }

    #[test]
    fn a_failure_of_one_page_is_the_failure_of_all() {
        let result = collect(|after| match after.as_str() {
            "" => Ok(page(&["1"], "b")),
            _ => Err(Failure::new(ErrorKind::Limit, "no")),
        });
        assert_eq!(result.unwrap_err().kind, ErrorKind::Limit);
    }

    #[test]
    fn a_record_is_shown_field_by_field() {
        let record = r#"{"kind":"conversation","cost_usd":null,"hits":2,"files":[],
            "exchanges":[{"question":"why?","answer":"a\nb\n"}]}"#;
        let expected = "\
kind: conversation
cost_usd: unknown
hits: 2
files: none
exchanges:
  -
    question: why?
    answer:
      a
      b

";
        assert_eq!(text(&[record.to_owned()]), expected);
        assert_eq!(text(&[]), "nothing is kept\n");
        assert_eq!(text(&["not json".into()]), "not json\n");
    }

    #[test]
    fn a_deep_record_does_not_indent_for_ever() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert!(text(&[deep]).lines().all(|line| line.len() < 120));
    }

    #[test]
    fn the_json_holds_the_records_as_they_came() {
        let record = r#"{"b":1,"a":2.50}"#;
        let export = Export { records: vec![raw(record.to_owned()).unwrap()] };
        assert_eq!(serde_json::to_string(&export).unwrap(), format!("{{\"records\":[{record}]}}"));
        assert!(raw("not json".into()).is_err());
    }
}
