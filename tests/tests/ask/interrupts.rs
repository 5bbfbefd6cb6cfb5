//! Signals and clients that go away: the turn ends everywhere, at once.

use std::time::Duration;

use tests::{
    Signal, bins,
    provider::{Outcome, Scenario, Step},
    wait_until,
};

use crate::desk::{DEADLINE, Desk, desk};

fn slow() -> Scenario {
    // Long enough that some of it is said while its end may still belong to a secret.
    let text = "a long answer that takes its time, ".repeat(20);
    Scenario::new().step(Step::text(text).chunks(4, 50).times(0))
}

/// Interrupts an ask in the middle of its answer.
fn interrupted_by(signal: Signal) {
    let desk = desk(slow());
    let mut running = desk.ask(["x"]).start();
    wait_until(DEADLINE, "the first words", || !running.stdout_so_far().is_empty());
    running.signal(signal);
    let output = running.finish_within(Duration::from_secs(5)).expect_code(130);
    assert!(output.stderr.contains("cancelled") || output.stderr.contains("interrupted"), "{}", output.stderr);
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    wait_until(DEADLINE, "no turn to run", || desk.ctl(["status", "--json"]).run().expect_ok().json()["turns"] == 0);
    desk.close();
}

#[test]
fn ctrl_c_is_exit_code_130_and_the_provider_sees_it() {
    interrupted_by(Signal::INT);
}

#[test]
fn term_is_exit_code_130_and_the_provider_sees_it() {
    interrupted_by(Signal::TERM);
}

#[test]
fn ctrl_c_before_the_first_word_works_too() {
    let desk = desk(Scenario::new().step(Step::text("never").delay(60_000)));
    let running = desk.ask(["--json", "x"]).start();
    desk.provider.wait_for(1, DEADLINE);
    running.signal(Signal::INT);
    let output = running.finish_within(Duration::from_secs(5)).expect_code(130);
    let error = &output.json()["error"];
    assert_eq!((error["code"].as_i64(), error["kind"].as_str()), (Some(130), Some("cancelled")));
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    desk.close();
}

#[test]
fn ctrl_c_while_the_provider_is_waited_for_works_too() {
    let desk = desk(Scenario::new().step(Step::status(429).retry_after("30").times(0)));
    let mut running = desk.ask(["-v", "x"]).start();
    wait_until(DEADLINE, "the retry to be announced", || running.stderr_so_far().contains("attempt 2"));
    running.signal(Signal::INT);
    running.finish_within(Duration::from_secs(5)).expect_code(130);
    desk.close();
}

#[test]
fn a_killed_client_cancels_its_turn() {
    let desk = desk(slow());
    let mut running = desk.ask(["x"]).start();
    wait_until(DEADLINE, "the first words", || !running.stdout_so_far().is_empty());
    running.signal(Signal::KILL);
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    assert_eq!(running.finish().signal, Some(9));
    desk.close();
}

/// Runs a shell line in the project, `$CTL` being the client.
fn shell(desk: &Desk, line: &str) -> tests::Output {
    desk.home.command("/bin/bash").args(["-c", line]).env("CTL", bins!().agentctl).cwd(&desk.project).run()
}

#[test]
fn a_reader_that_has_enough_ends_the_run_quietly() {
    let desk = desk(slow());
    let output = shell(&desk, "$CTL ask x | head -c1; echo \" ${PIPESTATUS[0]}\"").expect_ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("a 0\n", ""), "no noise about the pipe");
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    desk.close();
}

#[test]
fn a_full_disk_behind_standard_output_is_a_failure() {
    let desk = desk(Scenario::new().text("words"));
    let output = shell(&desk, "$CTL ask x > /dev/full").expect_code(1);
    assert!(output.stderr.contains("cannot write the output"), "{}", output.stderr);
    desk.close();
}

#[test]
fn a_closed_standard_output_is_no_hang_and_no_panic() {
    let desk = desk(Scenario::new().text("words"));
    let output = shell(&desk, "$CTL ask x >&-; echo \"code $?\"").expect_ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("code 0\n", ""));
    desk.close();
}
