//! Every way a question can fail at the provider: the exit code, the words, the number of tries.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use tests::provider::{Balance, FakeProvider, Options, Rules, Scenario, Step, TEST_KEY};

use crate::desk::{DEADLINE, Desk, desk, says};

/// A desk whose home has this variable.
fn desk_with(scenario: Scenario, name: &str, value: &str) -> Desk {
    Desk::with(Options { scenario, ..Options::default() }, |home| home.set_env(name, value))
}

#[test]
fn an_answer_is_exit_code_0() {
    let desk = desk(Scenario::new().text("forty-two"));
    let output = desk.ask(["what", "is", "it?"]).run().expect_ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("forty-two\n", ""));
    desk.close();
}

#[test]
fn a_failure_of_no_other_kind_is_exit_code_1() {
    let desk = desk(Scenario::new());
    desk.fails(["-c", "and?"], 1, &["no conversation yet", "without -c"]);
    assert!(desk.chats().is_empty());
    desk.close();
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let desk = desk(Scenario::new());
    desk.fails(["  "], 2, &["nothing was asked", "agentctl ask"]);
    let output = desk.ask(["--nonsense", "x"]).run().expect_code(2);
    assert!(output.stderr.contains("--nonsense"), "{}", output.stderr);
    desk.close();
}

#[test]
fn an_absent_daemon_is_exit_code_3() {
    let desk = Desk::cold(Scenario::new());
    desk.fails(["--no-autostart", "x"], 3, &["agentd is not running", "agentctl daemon start"]);
    desk.home.assert_no_leftovers();
    desk.close();
}

#[test]
fn an_answer_that_the_content_filter_withheld_is_exit_code_4() {
    let desk = desk(Scenario::new().step(Step::text("half a").finish("content_filter")));
    desk.fails(["x"], 4, &["content filter", "other words"]);
    assert_eq!(desk.chats().len(), 1, "the same question would be filtered again");
    desk.close();
}

#[test]
fn a_reached_limit_is_exit_code_5() {
    let desk = desk(Scenario::new().step(Step::text("part").finish("length").times(0)));
    desk.fails(["--max-turns", "1", "x"], 5, &["no answer after 1 model calls", "--max-turns"]);
    desk.close();
}

#[test]
fn a_wrong_key_is_exit_code_6_and_the_message_names_its_variable() {
    let desk = desk_with(Scenario::new(), "DEEPSEEK_API_KEY", "sk-wrong-9999-wrong");
    let output = desk.fails(["x"], 6, &["401", "DEEPSEEK_API_KEY", "agentctl daemon restart"]);
    assert!(!output.stderr.contains("9999"), "{}", output.stderr);
    assert_eq!((desk.chats().len(), output.stdout.as_str()), (1, ""), "a wrong key stays wrong");
    desk.close();
}

#[test]
fn a_missing_key_is_exit_code_6_and_nothing_is_sent() {
    let desk = Desk::with(Options::default(), |home| home.remove_env("DEEPSEEK_API_KEY"));
    desk.fails(["x"], 6, &["DEEPSEEK_API_KEY is not set", "agentctl daemon restart"]);
    assert!(desk.provider.requests().is_empty());
    desk.close();
}

#[test]
fn an_empty_balance_is_exit_code_6_without_another_try() {
    let desk = Desk::with(Options { balance: Balance::exhausted(), ..Options::default() }, |_| {});
    desk.fails(["x"], 6, &["no balance", "top up"]);
    assert_eq!(desk.chats().len(), 1);
    desk.close();
}

#[test]
fn a_busy_provider_is_asked_again_after_the_seconds_it_named() {
    let desk = desk(Scenario::new().step(Step::status(429).retry_after("1")).text("later"));
    let output = desk.ask(["-v", "x"]).run().expect_ok();
    assert_eq!(output.stdout, "later\n");
    assert!(output.elapsed >= Duration::from_secs(1), "{:?}", output.elapsed);
    assert!(output.stderr.contains("429") && output.stderr.contains("attempt 2"), "{}", output.stderr);
    desk.close();
}

#[test]
fn a_busy_provider_is_asked_again_at_the_date_it_named() {
    let desk = desk(Scenario::new());
    // Whole seconds: three from now are more than two.
    let date = desk.home.command("/bin/date").args(["-u", "-d", "+3 seconds", "+%a, %d %b %Y %H:%M:%S GMT"]);
    let date = date.env("LC_ALL", "C").run().expect_ok().stdout;
    desk.provider.play(Scenario::new().step(Step::status(429).retry_after(date.trim())).text("later"));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!(output.stdout, "later\n");
    assert!(output.elapsed >= Duration::from_secs(1), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn a_wait_longer_than_the_user_grants_is_said_at_once() {
    let desk = desk(Scenario::new().step(Step::status(429).retry_after("3600").times(0)));
    let output = desk.fails(["x"], 6, &["asks to wait 3600 s", "ask again in 3600 s"]);
    assert!(output.elapsed < Duration::from_secs(10), "{:?}", output.elapsed);
    assert_eq!(desk.chats().len(), 1);
    desk.close();
}

#[test]
fn a_provider_that_stays_busy_is_exit_code_6_after_the_configured_tries() {
    let scenario = Scenario::new().step(Step::status(429).times(0));
    let desk = desk_with(scenario, "AGENTD_PROVIDER_MAX_ATTEMPTS", "3");
    desk.fails(["x"], 6, &["asked too often", "tried 3 times"]);
    assert_eq!(desk.chats().len(), 3);
    desk.close();
}

#[test]
fn server_faults_are_tried_again_and_answered() {
    for status in [500, 503] {
        let desk = desk(Scenario::new().step(Step::status(status)).text("well again"));
        let output = desk.ask(["-v", "x"]).run().expect_ok();
        assert_eq!(output.stdout, "well again\n");
        assert!(output.stderr.contains(&status.to_string()), "the user sees why it took longer: {}", output.stderr);
        assert_eq!(desk.chats().len(), 2);
        desk.close();
    }
}

#[test]
fn a_proxys_error_page_is_shown_as_its_title() {
    let scenario = Scenario::new().step(Step::html(502).times(0));
    let desk = desk_with(scenario, "AGENTD_PROVIDER_MAX_ATTEMPTS", "2");
    let output = desk.fails(["x"], 6, &["502", "tried 2 times"]);
    assert!(!output.stderr.contains('<'), "no tags: {}", output.stderr);
    desk.close();
}

#[test]
fn a_web_page_in_place_of_an_answer_is_explained() {
    let desk = desk(Scenario::new().step(Step::html(200)));
    desk.fails(["x"], 6, &["web page", "provider.base_url"]);
    desk.close();
}

#[test]
fn a_refused_endpoint_ends_within_the_time_out() {
    // A port that was free a moment ago and is not listened on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = desk_with(Scenario::new(), "AGENTD_PROVIDER_BASE_URL", &format!("http://127.0.0.1:{port}"));
    let output = desk.fails(["--timeout", "2", "x"], 6, &["cannot reach", &port.to_string(), "provider.base_url"]);
    assert!(output.elapsed < Duration::from_secs(6), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn an_endpoint_that_does_not_exist_ends_within_the_time_out() {
    let desk = desk_with(Scenario::new(), "AGENTD_PROVIDER_BASE_URL", "https://no-such-host.invalid");
    let output = desk.ask(["--timeout", "2", "x"]).run();
    assert!(matches!(output.code, Some(6 | 7)), "{output:?}");
    says(&output.stderr, &["no-such-host.invalid"]);
    assert!(output.elapsed < Duration::from_secs(6), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn an_endpoint_that_accepts_and_never_speaks_is_exit_code_7() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let desk = desk_with(Scenario::new(), "AGENTD_PROVIDER_BASE_URL", &url);
    let output = desk.fails(["--timeout", "1", "x"], 7, &["no sign of life", "--timeout"]);
    assert!(output.elapsed < Duration::from_secs(5), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn a_time_out_can_come_from_the_configuration() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let desk = Desk::with(Options::default(), |home| {
        home.set_env("AGENTD_PROVIDER_BASE_URL", &url);
        home.set_env("AGENTD_PROVIDER_IDLE_TIMEOUT", "0.3");
    });
    let output = desk.fails(["x"], 7, &["no sign of life", "0.3 s"]);
    assert!(output.elapsed < Duration::from_secs(5), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn a_conversation_that_does_not_fit_is_told_apart_from_a_bad_request() {
    let rules = Rules { context_tokens: 100, reasoning_everywhere: false };
    let desk = Desk::with(Options { rules, ..Options::default() }, |_| {});
    desk.fails(["x"], 6, &["too long", "ask without -c to begin a new conversation"]);
    let body = r#"{"error":{"message":"Input token exceed the limit","type":"invalid_request_error","param":null,"code":"quota_limit_reached"}}"#;
    let other = FakeProvider::start(Scenario::new().step(Step::status(400).body(body)));
    let second = desk_with(Scenario::new(), "AGENTD_PROVIDER_BASE_URL", &other.base_url());
    second.fails(["x"], 6, &["too long", "ask without -c to begin a new conversation"]);
    assert_eq!((desk.chats().len(), other.chats().len()), (1, 1), "not worth another try");
    desk.close();
    second.close();
}

#[test]
fn a_retired_model_name_is_explained() {
    let desk = desk(Scenario::new());
    desk.fails(
        ["-m", "deepseek-chat", "x"],
        6,
        &["2026-07-24", "deepseek-flash", "deepseek-v4-pro", "thinking = false"],
    );
    desk.fails(["-m", "deepseek-reasoner", "x"], 6, &["2026-07-24", "thinking = true"]);
    desk.close();
}

#[test]
fn an_unknown_model_lists_todays() {
    let desk = desk(Scenario::new());
    desk.fails(["-m", "gpt-4o", "x"], 6, &["`gpt-4o`", "`deepseek-flash` and `deepseek-v4-pro`", "agentctl models"]);
    assert_eq!(desk.chats().len(), 1);
    desk.close();
}

#[test]
fn the_daemon_goes_on_after_every_failure() {
    let desk = desk(Scenario::new().step(Step::status(402)).step(Step::html(200)).text("still here"));
    let pid = desk.daemon_pid();
    desk.ask(["a"]).run().expect_code(6);
    desk.ask(["b"]).run().expect_code(6);
    assert_eq!(desk.answer(["c"]), "still here\n");
    assert_eq!(desk.home.daemon_pid(), pid);
    desk.close();
}

#[test]
fn a_killed_daemon_in_the_middle_is_exit_code_3_and_the_next_ask_works() {
    let mut desk = desk(Scenario::new().step(Step::text("never whole").delay(60_000)).text("back"));
    let running = desk.ask(["x"]).start();
    desk.provider.wait_for(1, DEADLINE);
    let before = Instant::now();
    desk.kill_daemon();
    let output = running.finish().expect_code(3);
    assert!(before.elapsed() < DEADLINE);
    says(&output.stderr, &["agentd"]);
    assert_eq!(desk.answer(["again"]), "back\n");
    assert_eq!(TEST_KEY, desk.provider.key());
    desk.close();
}
