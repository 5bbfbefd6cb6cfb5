//! One secret planted at each door: it leaves through none of them, and survives in the file where it belongs.

use std::fs;

use serde_json::{Value, json};
use tests::provider::{Options, Scenario, Step};

use crate::{
    desk::{Desk, text_of},
    secrets::nowhere,
    work::{Asker, result, run_approved},
};

/// A value that no rule recognises: the daemon knows it from its environment.
const SECRET: &str = "plum-otter-4711-velvet";
/// The part of it that also shows a half.
const CORE: &str = "otter-4711";

/// A desk whose daemon knows the secret, with a file that holds it.
fn desk(scenario: Scenario) -> Desk {
    let desk = Desk::with(Options { scenario, ..Options::default() }, |home| {
        home.set_env("PLANTED_PASSWORD", SECRET);
        home.set_env("AGENTD_LOG_LEVEL", "trace");
    });
    fs::write(desk.project.join("c.toml"), format!("user = \"a\"\npass = \"{SECRET}\"\nport = 1\n")).unwrap();
    desk
}

/// Every form in which the secret could have left.
fn forms() -> Vec<String> {
    let hex: String = CORE.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![CORE.to_owned(), hex.to_uppercase(), hex, CORE.replace('-', "%2D")]
}

/// Panics when a request of this desk holds the secret.
#[track_caller]
fn not_sent(desk: &Desk) {
    for chat in desk.chats() {
        let raw = String::from_utf8_lossy(&chat.raw).into_owned();
        for form in forms() {
            assert!(!raw.contains(&form), "{form} in {raw}");
        }
    }
}

/// Panics when anything that people see, or any file but the project's own, holds the secret.
#[track_caller]
fn not_kept(desk: Desk) {
    let mut seen = String::new();
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["daemon", "logs", "-n", "1000"],
        &["sessions", "show", "--json"],
        &["sessions", "list", "--json"],
    ] {
        let output = desk.ctl(arguments).run();
        seen += &format!("{}{}", output.stdout, output.stderr);
    }
    for file in ["c.toml", "AGENTS.md", "print.sh"] {
        let _absent = fs::remove_file(desk.project.join(file));
    }
    for form in forms() {
        assert!(!seen.contains(&form), "{form} in {seen}");
        nowhere(&desk, &form);
    }
    desk.close();
}

fn call(tool: &str, arguments: Value) -> Step {
    Step::call(tool, arguments)
}

#[test]
fn a_question_an_attachment_and_instructions_leave_without_it() {
    let desk = desk(Scenario::new());
    fs::write(desk.project.join("AGENTS.md"), format!("Log in with {SECRET}.\n")).unwrap();
    let output = desk.ask(["--json", "why is"]).arg(SECRET).arg("refused?").stdin(format!("p: {SECRET}\n")).run();
    let answer = output.expect_ok().json();
    assert_eq!(answer["redactions"], 3, "{answer}");
    let asked = text_of(desk.chats()[0].last_message()).to_owned();
    assert_eq!(asked.matches("[REDACTED:1]").count(), 3, "the same value, the same number: {asked}");
    let shown = desk.ctl(["sessions", "show"]).run().expect_ok().stdout;
    assert!(shown.contains("why is [REDACTED] refused?"), "{shown}");
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn what_tools_read_reaches_the_model_without_it() {
    for (tool, arguments) in [
        ("read_text_file", json!({ "path": "c.toml" })),
        ("read_multiple_files", json!({ "paths": ["c.toml", "notes.txt"] })),
        ("search_content", json!({ "path": ".", "pattern": "pass" })),
        ("shell_execute", json!({ "command": ["cat", "c.toml"] })),
        ("read_text_file", json!({ "path": format!("no/{SECRET}") })),
        ("search_content", json!({ "path": ".", "pattern": format!("({SECRET}") })),
        (SECRET, json!({})),
    ] {
        let desk = desk(Scenario::new().step(call(tool, arguments)).text("seen"));
        let output = desk.ask(["-v", "look"]).run().expect_ok();
        for form in forms() {
            assert!(!output.stderr.contains(&form) && !output.stdout.contains(&form), "{tool}: {output:?}");
        }
        not_sent(&desk);
        assert!(tool == SECRET || result(&desk).contains("[REDACTED:1]"), "{tool}: {}", result(&desk));
        not_kept(desk);
    }
}

#[test]
fn what_a_command_prints_reaches_the_model_without_it_in_any_form() {
    let script = "cat c.toml; cat c.toml >&2; grep -o '\"p[^\"]*\"' c.toml | tr -d '\"\\n' | base64; \
                  grep -o '\"p[^\"]*\"' c.toml | tr -d '\"\\n' | od -An -v -tx1 | tr -d ' \\n'; exit 3";
    let desk =
        desk(Scenario::new().step(call("shell_execute", json!({ "command": ["sh", "-c", script] }))).text("seen"));
    run_approved(&desk);
    let text = result(&desk);
    assert!(text.contains("[stderr]") && text.ends_with("[exit code 3]"), "{text}");
    assert!(text.matches("[REDACTED:1]").count() == 2 && text.matches("[REDACTED:").count() >= 4, "{text}");
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn what_is_hidden_of_a_stream_is_counted_once_and_told() {
    let cat = call("shell_execute", json!({ "command": ["cat", "c.toml"] }));
    let said = Step::text(format!("It is {SECRET}.")).chunks(2, 0);
    let desk = desk(Scenario::new().step(cat).step(said));
    let answer = desk.json(["look"]);
    assert_eq!((&answer["redactions"], &answer["answer"]), (&json!(2), &json!("It is [REDACTED].")), "{answer}");
    desk.provider.play(Scenario::new().step(call("read_text_file", json!({ "path": "c.toml" }))).text("seen"));
    let footer = desk.ask(["-v", "look"]).run().expect_ok().stderr;
    assert!(footer.contains("1 secret redacted"), "{footer}");
    let status = desk.ctl(["status", "--json"]).run().expect_ok().json();
    let facts = status["facts"].as_array().unwrap();
    let redacted = facts.iter().find(|fact| fact["name"] == "redacted").unwrap();
    assert!(redacted["value"].as_str().unwrap().starts_with("known-value "), "{status}");
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn only_an_exchange_that_is_worth_it_is_kept_and_without_the_secret() {
    let answer = "The daemon listens in listen.rs, where the socket gets its mode.";
    let error = "Error: file not found, so nothing at all can be said about that.";
    let desk = desk(Scenario::new().text(answer).text(SECRET).text(error));
    for question in ["where is the socket bound?", "which password is it?", "what does the other file say?"] {
        desk.answer(["--fresh", question]);
    }
    let kept = desk.ctl(["memory", "export"]).run().expect_ok().stdout;
    assert!(kept.contains("where is the socket bound?") && kept.contains(answer), "{kept}");
    for text in ["which password", "[REDACTED]", "what does the other file", "file not found"] {
        assert!(!kept.contains(text), "{text} in {kept}");
    }
    not_kept(desk);
}

#[test]
fn what_the_provider_echoes_is_not_told() {
    let echo = json!({ "error": { "message": format!("bad input: {} {SECRET}", "x".repeat(280)) } }).to_string();
    let scenario = Scenario::new()
        .step(Step::status(400).body(echo.clone()))
        .step(Step::status(503).body(echo))
        .step(Step::text(format!("You wrote {SECRET}, I think.")).chunks(3, 0).reasoning(format!("{SECRET} it is")));
    let desk = desk(scenario);
    let mut seen = format!("{:?}", desk.ask(["-v", "x"]).run());
    let output = desk.ask(["-v", "x"]).run().expect_ok();
    assert_eq!(output.stdout, "You wrote [REDACTED], I think.\n");
    seen += &output.stderr;
    assert!(forms().iter().all(|form| !seen.contains(form)), "{seen}");
    desk.answer(["-c", "and now?"]);
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn an_approval_is_asked_for_without_it() {
    let line = format!("echo {} {SECRET}", "x".repeat(180));
    let step = call("shell_execute", json!({ "command": ["sh", "-c", line] }));
    let desk = desk(Scenario::new().step(step).text("seen"));
    let mut asker = Asker::ask(&desk, "run it");
    let approval = asker.decide("no").to_string();
    assert!(!approval.contains("plum") && !approval.contains(CORE), "{approval}");
    asker.answer();
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn an_edit_of_a_file_with_a_secret_keeps_the_secret() {
    let read = call("read_text_file", json!({ "path": "c.toml" }));
    let edits =
        json!([{ "oldText": "pass = \"[REDACTED:1]\"\nport = 1", "newText": "pass = \"[REDACTED:1]\"\nport = 2" }]);
    let edit = call("edit_file", json!({ "path": "c.toml", "edits": edits }));
    let content = "pass = \"[REDACTED:1]\"\nport = 3\n";
    let write = call("write_file", json!({ "path": "c.toml", "content": content }));
    let desk = desk(Scenario::new().step(read).step(edit).step(write).text("done"));
    let mut asker = Asker::ask(&desk, "change the port");
    let asked = format!("{}{}", asker.decide("once"), asker.decide("once"));
    assert!(!asked.contains(CORE), "{asked}");
    assert_eq!(asker.answer()["answer"], "done");
    let now = fs::read_to_string(desk.project.join("c.toml")).unwrap();
    assert_eq!(now, format!("pass = \"{SECRET}\"\nport = 3\n"));
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn a_placeholder_never_replaces_a_secret() {
    let read = call("read_text_file", json!({ "path": "c.toml" }));
    let write = |content: &str| call("write_file", json!({ "path": "c.toml", "content": content }));
    let scenario = Scenario::new().step(read).step(write("pass = \"[REDACTED]\"\n")).step(write("port = 2\n"));
    let desk = desk(scenario.text("done"));
    let before = fs::read_to_string(desk.project.join("c.toml")).unwrap();
    let mut asker = Asker::ask(&desk, "change the port");
    asker.decide("once");
    asker.decide("once");
    asker.answer();
    assert_eq!(fs::read_to_string(desk.project.join("c.toml")).unwrap(), before);
    assert!(result(&desk).contains("hidden values; keep their [REDACTED:n] markers"), "{}", result(&desk));
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn a_secret_that_the_model_made_up_is_written_as_it_is() {
    let write = call("write_file", json!({ "path": "print.sh", "content": format!("echo {SECRET}\n") }));
    let desk = desk(Scenario::new().step(write).text("done"));
    run_approved(&desk);
    assert_eq!(fs::read_to_string(desk.project.join("print.sh")).unwrap(), format!("echo {SECRET}\n"));
    not_sent(&desk);
    not_kept(desk);
}

#[test]
fn switched_off_towards_the_provider_only_the_daemons_own_values_are_hidden_and_status_says_so() {
    let on = desk(Scenario::new());
    on.answer(["x"]);
    let said = on.ctl(["status"]).run().expect_ok().stdout;
    assert!(said.contains("outbound on") && said.contains(" known value"), "{said}");
    on.close();
    let off = Desk::with(Options::default(), |home| {
        home.set_env("PLANTED_PASSWORD", SECRET);
        home.set_env("AGENTD_REDACT_REDACT_OUTBOUND", "false");
    });
    off.answer(["what is", SECRET]);
    let said = off.ctl(["status"]).run().expect_ok().stdout;
    assert!(said.contains("NOT applied to what is sent to the provider"), "{said}");
    not_sent(&off);
    not_kept(off);
}

#[test]
fn rules_are_checked_when_the_configuration_is_read_and_taken_at_reload() {
    let desk = desk(Scenario::new());
    let mut rpc = desk.home.rpc();
    desk.home.config("[redact]\nrules = { ticket = '(TCK' }\n");
    let refused = rpc.call("reload", &json!({})).unwrap_err();
    assert!(refused.message.contains("redact.rules: the expression of the rule ticket is not valid"), "{refused:?}");
    desk.home.config("[redact]\nrules = { ticket = 'TCK-[0-9]+' }\n");
    assert_eq!(rpc.call("reload", &json!({})).unwrap()["changed"], json!(["redact.rules"]));
    let said = desk.ctl(["status"]).run().expect_ok().stdout;
    assert!(said.contains("1 rule of yours"), "{said}");
    desk.close();
}
