//! Calls with effects: refused without a user, asked with one; commands end and take everything with them.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tests::{
    Signal,
    provider::{Options, Outcome, Scenario, Step},
    wait_until,
};

use crate::{
    desk::{DEADLINE, Desk, desk},
    tmux::Terminal,
    work::{Asker, goes_on, only_the_daemon_runs, result, run_approved},
};

fn shell(script: &str) -> Step {
    Step::call("shell_execute", json!({ "command": ["/bin/sh", "-c", script] }))
}

/// A desk on which commands end after a second.
fn impatient(scenario: Scenario) -> Desk {
    Desk::with(Options { scenario, ..Options::default() }, |home| home.set_env("AGENTD_EXEC_COMMAND_TIMEOUT", "1"))
}

fn write(path: &str, content: &str) -> Step {
    Step::call("write_file", json!({ "path": path, "content": content }))
}

#[test]
fn a_change_that_nobody_can_approve_is_exit_code_4_and_nothing_changes() {
    for step in [
        write("new.txt", "changed\n"),
        Step::call("edit_file", json!({ "path": "notes.txt", "edits": [{ "oldText": "42", "newText": "43" }] })),
        Step::call("move_file", json!({ "source": "notes.txt", "destination": "moved.txt" })),
        Step::call("create_directory", json!({ "path": "made" })),
        shell("echo changed > notes.txt"),
    ] {
        let desk = desk(Scenario::new().step(step));
        let output = desk.fails(["change it"], 4, &["needs your approval", "terminal", "nothing was changed"]);
        assert_eq!(output.stdout, "");
        assert_eq!(fs::read_to_string(desk.project.join("notes.txt")).unwrap(), "The answer is 42.\n");
        for name in ["new.txt", "moved.txt", "made"] {
            assert!(!desk.project.join(name).exists(), "{name}");
        }
        goes_on(&desk);
        desk.close();
    }
}

#[test]
fn a_refusal_is_told_to_programs_too() {
    let desk = desk(Scenario::new().step(write("new.txt", "x")));
    let error = desk.ask(["--json", "x"]).run().expect_code(4).json()["error"].clone();
    assert_eq!((&error["code"], &error["kind"]), (&json!(4), &json!("refused")));
    desk.close();
}

#[test]
fn what_only_reads_needs_no_approval() {
    let step = Step::call("shell_execute", json!({ "command": ["ls"] }));
    let desk = desk(Scenario::new().step(step).text("seen"));
    let answer = desk.json(["look"]);
    assert_eq!(answer["tool_calls"][0]["verdict"], "allow");
    let text = result(&desk);
    assert!(text.contains("notes.txt") && text.contains("[exit code 0]"), "{text}");
    goes_on(&desk);
    desk.close();
}

#[test]
fn a_user_in_a_terminal_says_yes_or_no() {
    let scenario =
        Scenario::new().step(write("yes.txt", "agreed\n")).text("written").step(write("no.txt", "x")).text("left");
    let desk = desk(scenario);
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL ask write it; echo code=$?.");
    let screen = terminal.wait("Allow? [y]es once, [s]ession, [n]o:");
    assert!(screen.contains("write_file") && screen.contains("yes.txt") && screen.contains("why asked:"), "{screen}");
    terminal.line("maybe");
    terminal.wait("Please answer y, s or n:");
    assert!(!desk.project.join("yes.txt").exists());
    terminal.line("y");
    terminal.wait("code=0.");
    assert_eq!(fs::read_to_string(desk.project.join("yes.txt")).unwrap(), "agreed\n");
    terminal.line("clear");
    terminal.line("$CTL ask write it; echo code=$?.");
    terminal.wait("Allow? [y]es once");
    terminal.line("n");
    terminal.wait("code=0.");
    assert!(!desk.project.join("no.txt").exists());
    assert!(result(&desk).contains("declined"), "the model is told");
    drop(terminal);
    goes_on(&desk);
    desk.close();
}

#[test]
fn an_approval_for_the_session_is_asked_for_once() {
    let scenario = Scenario::new().step(write("a.txt", "a")).step(write("b.txt", "b")).text("written");
    let desk = desk(scenario.step(write("c.txt", "c")).text("again"));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL ask write them; echo code=$?.");
    terminal.wait("Allow? [y]es once");
    terminal.line("s");
    let screen = terminal.wait("code=0.");
    assert_eq!(screen.matches("Allow?").count(), 1, "{screen}");
    assert!(desk.project.join("a.txt").exists() && desk.project.join("b.txt").exists());
    drop(terminal);
    desk.answer(["headless, in the same session"]);
    assert!(desk.project.join("c.txt").exists());
    desk.provider.play(Scenario::new().step(write("d.txt", "d")));
    desk.ask(["-s", "other", "x"]).run().expect_code(4);
    assert!(!desk.project.join("d.txt").exists(), "another session is another approval");
    desk.close();
}

#[test]
fn ctrl_c_at_the_question_is_a_no_and_exit_code_130() {
    let desk = desk(Scenario::new().step(write("new.txt", "x")).text("never"));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL ask write it; echo code=$?.");
    terminal.wait("Allow? [y]es once");
    terminal.key("C-c");
    terminal.wait("code=130.");
    assert!(!desk.project.join("new.txt").exists());
    drop(terminal);
    goes_on(&desk);
    desk.close();
}

#[test]
fn a_client_that_leaves_at_the_question_has_not_agreed() {
    let desk = desk(Scenario::new().step(write("new.txt", "x")).text("never"));
    let mut asker = Asker::ask(&desk, "write it");
    asker.rpc.wait_event(asker.id, "approval");
    drop(asker);
    wait_until(DEADLINE, "no turn to run", || desk.ctl(["status", "--json"]).run().expect_ok().json()["turns"] == 0);
    assert!(!desk.project.join("new.txt").exists());
    goes_on(&desk);
    desk.close();
}

#[test]
fn a_file_is_read_before_it_is_edited() {
    let edit =
        || Step::call("edit_file", json!({ "path": "notes.txt", "edits": [{ "oldText": "42", "newText": "43" }] }));
    let read = Step::call("read_text_file", json!({ "path": "notes.txt" }));
    let desk = desk(Scenario::new().step(edit()).text("not yet").step(read).step(edit()).text("done"));
    run_approved(&desk);
    assert!(result(&desk).contains("read"), "{}", result(&desk));
    assert!(fs::read_to_string(desk.project.join("notes.txt")).unwrap().contains("42"));
    run_approved(&desk);
    assert_eq!(fs::read_to_string(desk.project.join("notes.txt")).unwrap(), "The answer is 43.\n");
    desk.close();
}

#[test]
fn a_command_that_prints_for_ever_is_ended_and_its_output_bounded() {
    let desk = impatient(Scenario::new().step(shell("while :; do echo flood; done")).text("seen"));
    let answer = run_approved(&desk);
    assert_eq!((&answer["answer"], &answer["tool_calls"][0]["ok"]), (&json!("seen"), &json!(false)));
    let text = result(&desk);
    assert!(
        text.len() < 70_000 && text.contains("flood") && text.contains("timed out after 1 s"),
        "{} bytes",
        text.len()
    );
    only_the_daemon_runs(&desk);
    goes_on(&desk);
    desk.close();
}

/// Takes 3 s: a second until the time-out, two between TERM and KILL.
#[test]
fn a_command_that_ignores_term_is_killed() {
    let desk = impatient(Scenario::new().step(shell("trap '' TERM INT HUP; while :; do sleep 0.1; done")).text("seen"));
    let answer = run_approved(&desk);
    assert_eq!(answer["answer"], "seen");
    assert!(result(&desk).contains("timed out"));
    only_the_daemon_runs(&desk);
    desk.close();
}

#[test]
fn a_command_that_forks_away_takes_nothing_with_it() {
    let script = "setsid sleep 600 & (setsid sh -c 'trap \"\" TERM; sleep 601 & wait' &) ; nohup sleep 602 >/dev/null 2>&1 & echo gone";
    let desk = desk(Scenario::new().step(shell(script)).text("seen"));
    let answer = run_approved(&desk);
    assert_eq!((&answer["answer"], &answer["tool_calls"][0]["ok"]), (&json!("seen"), &json!(true)));
    assert!(result(&desk).contains("gone"), "{}", result(&desk));
    only_the_daemon_runs(&desk);
    desk.close();
}

#[test]
fn a_command_is_told_nothing_secret_and_fails_as_itself() {
    let desk = desk(Scenario::new().step(shell("env; echo to-stderr >&2; exit 3")).text("seen"));
    run_approved(&desk);
    let text = result(&desk);
    assert!(text.contains("[stderr]\nto-stderr") && text.ends_with("[exit code 3]"), "{text}");
    assert!(!text.contains("DEEPSEEK") && !text.contains("AGENTD_") && !text.contains("REDACTED"), "{text}");
    desk.close();
}

#[test]
fn a_command_without_output_and_one_that_does_not_exist_are_told_apart() {
    let missing = Step::call("shell_execute", json!({ "command": ["no-such-program-xyz"] }));
    let desk = desk(Scenario::new().step(shell("true")).text("seen").step(missing).text("seen"));
    run_approved(&desk);
    assert_eq!(result(&desk), "(no output)\n[exit code 0]");
    run_approved(&desk);
    assert!(result(&desk).contains("no-such-program-xyz"), "{}", result(&desk));
    desk.close();
}

/// The command is up: it has written its pid.
#[track_caller]
fn pid_of_command(desk: &Desk) -> u32 {
    let file = desk.project.join("pid");
    wait_until(DEADLINE, "the command's pid", || fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')));
    fs::read_to_string(&file).unwrap().trim().parse().unwrap()
}

const LONG: &str = "echo $$ > pid; setsid sleep 600 & sleep 600";

#[test]
fn cancelling_ends_the_command_that_runs() {
    let desk = desk(Scenario::new().step(shell(LONG)).text("never"));
    let mut asker = Asker::ask(&desk, "run it");
    asker.decide("once");
    let pid = pid_of_command(&desk);
    assert!(tests::runs(pid));
    let cancelled = asker.rpc.call("cancel", &json!({ "id": asker.id })).unwrap();
    assert_eq!(cancelled["cancelled"], 1);
    assert_eq!(asker.rpc.wait_result(asker.id).unwrap_err().kind, "cancelled");
    wait_until(DEADLINE, "the command's end", || !tests::runs(pid));
    only_the_daemon_runs(&desk);
    goes_on(&desk);
    desk.close();
}

#[test]
fn a_client_that_leaves_ends_the_command_that_runs() {
    let desk = desk(Scenario::new().step(shell(LONG)).text("never"));
    let mut asker = Asker::ask(&desk, "run it");
    asker.decide("once");
    let pid = pid_of_command(&desk);
    drop(asker);
    wait_until(DEADLINE, "the command's end", || !tests::runs(pid));
    only_the_daemon_runs(&desk);
    desk.close();
}

#[test]
fn a_killed_daemon_leaves_no_command_behind() {
    let mut desk = desk(Scenario::new().step(shell(LONG)).text("never"));
    let mut asker = Asker::ask(&desk, "run it");
    asker.decide("once");
    let pid = pid_of_command(&desk);
    desk.kill_daemon();
    wait_until(DEADLINE, "the command's end", || !tests::runs(pid));
    desk.home.assert_no_leftovers();
}

#[test]
fn a_stopping_daemon_ends_the_command_that_runs() {
    let desk = Desk::with(
        Options { scenario: Scenario::new().step(shell(LONG)).text("never"), ..Options::default() },
        |home| home.set_env("AGENTD_SERVER_DRAIN_TIMEOUT", "0.2"),
    );
    let mut asker = Asker::ask(&desk, "run it");
    asker.decide("once");
    let pid = pid_of_command(&desk);
    desk.close();
    assert!(!tests::runs(pid));
}

#[test]
fn a_command_cannot_drive_the_daemon() {
    let desk = desk(Scenario::new());
    let socket = desk.home.socket();
    let ctl = tests::bins!().agentctl;
    let script = format!(
        "AGENTD_SOCKET={} XDG_STATE_HOME={}/s {} status 2>&1",
        socket.display(),
        desk.home.root().display(),
        ctl.display()
    );
    let escaped = format!("{script}; setsid sh -c '{script}' < /dev/null; echo ended");
    desk.provider.play(Scenario::new().step(shell(&escaped)).text("seen"));
    run_approved(&desk);
    let text = result(&desk);
    let pid = desk.daemon_pid().to_string();
    assert!(text.contains("error: ") && text.contains("ended"), "{text}");
    assert!(!text.contains(&format!("pid {pid}")) && !text.contains("uptime"), "{text}");
    desk.close();
}

#[test]
fn a_signal_in_the_middle_of_a_tour_keeps_what_was_whole() {
    let read = Step::call("read_text_file", json!({ "path": "notes.txt" }));
    let desk = desk(Scenario::new().step(read).step(Step::text("slow").delay(60_000)));
    let running = desk.ask(["look"]).start();
    desk.provider.wait_for(2, DEADLINE);
    running.signal(Signal::INT);
    running.finish_within(Duration::from_secs(5)).expect_code(130);
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    goes_on(&desk);
    let last = desk.chats().pop().unwrap();
    let kept: Vec<&Value> = last.messages().iter().filter(|message| message["role"] == "tool").collect();
    assert_eq!(kept.len(), 1, "the step that was whole is remembered");
    desk.close();
}
