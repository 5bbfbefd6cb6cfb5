//! On a real terminal: layout, progress, colours, Ctrl-C, chat, two windows at one session.

use serde_json::json;
use tests::provider::{Outcome, Scenario, Step};

use crate::{
    desk::{DEADLINE, desk, roles, text_of},
    secrets::nowhere,
    tmux::Terminal,
};

const MARKDOWN: &str =
    "# Title\n\nSome **bold** words and `code`.\n\n- item \u{1b}]0;evil\u{7}\u{1b}[2J\n\n```rust\nfn main() {}\n```\n";

#[test]
fn an_answer_is_laid_out_and_the_footer_stands_under_it() {
    let desk = desk(Scenario::new().step(Step::text(MARKDOWN).chunks(5, 1)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    let screen = terminal.run("$CTL ask x", 0);
    assert!(screen.contains("Some bold words and code.") && !screen.contains("**"), "{screen}");
    assert!(screen.contains("\u{241b}]0;evil\u{2407}\u{241b}[2J"), "escapes are shown, not obeyed: {screen}");
    assert!(screen.contains("fn main() {}") && !screen.contains("```"), "{screen}");
    let footer = screen.lines().find(|line| line.contains("tokens in")).unwrap_or_else(|| panic!("{screen}"));
    assert!(footer.starts_with("deepseek-flash · ") && footer.contains('$') && footer.contains("ms"), "{footer}");
    assert!(terminal.styled().contains("\u{1b}["), "with colours");
    drop(terminal);
    desk.close();
}

#[test]
fn a_redirected_answer_is_plain_while_the_terminal_shows_progress() {
    let desk = desk(Scenario::new().step(Step::text("**bold**\n").delay(700)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL ask x > out.txt; echo code=$?.");
    terminal.wait("asking deepseek-flash");
    let screen = terminal.wait("code=0.");
    assert!(!screen.contains("bold") && screen.contains("tokens in"), "{screen}");
    assert!(!screen.contains("asking deepseek-flash"), "the spinner goes: {screen}");
    assert_eq!(std::fs::read_to_string(desk.project.join("out.txt")).unwrap(), "**bold**\n");
    drop(terminal);
    desk.close();
}

#[test]
fn no_color_takes_the_colours_and_a_dumb_terminal_gets_plain_text() {
    let desk = desk(Scenario::new().step(Step::text("Some **bold** words.\n").times(0)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.run("NO_COLOR=1 $CTL ask x", 0);
    let styled = terminal.styled();
    assert!(styled.contains("Some bold words.") && styled.contains("tokens in"), "{styled}");
    assert!(!styled.contains('\u{1b}'), "{styled:?}");
    terminal.line("clear");
    let screen = terminal.run("TERM=dumb $CTL ask x", 0);
    assert!(screen.contains("Some **bold** words.") && !screen.contains("tokens in"), "{screen}");
    terminal.line("clear");
    let screen = terminal.run("$CTL ask -q x", 0);
    assert!(screen.contains("Some bold words.") && !screen.contains("tokens in"), "{screen}");
    drop(terminal);
    desk.close();
}

#[test]
fn an_error_on_a_terminal_leaves_no_spinner_behind() {
    let desk = desk(Scenario::new().step(Step::status(402).delay(300)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    let screen = terminal.run("$CTL ask x", 6);
    assert!(screen.contains("error: ") && screen.contains("hint: top up"), "{screen}");
    assert!(!screen.contains("asking deepseek-flash"), "{screen}");
    drop(terminal);
    desk.close();
}

#[test]
fn ctrl_c_in_a_terminal_is_exit_code_130() {
    let desk = desk(Scenario::new().step(Step::text("line\n".repeat(200)).chunks(5, 50)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL ask x; echo code=$?.");
    terminal.wait("line\nline");
    terminal.key("C-c");
    terminal.wait("code=130.");
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    drop(terminal);
    desk.close();
}

#[test]
fn two_terminals_share_one_session() {
    let desk = desk(Scenario::new().text("said in the first").text("said in the second"));
    let Some(first) = Terminal::open(&desk, "a") else { return };
    let Some(second) = Terminal::open(&desk, "b") else { return };
    first.run("$CTL ask one", 0);
    second.run("$CTL ask -c two", 0);
    let screen = first.run("$CTL sessions show", 0);
    assert!(screen.contains("> two") && screen.contains("said in the second"), "{screen}");
    let chats = desk.chats();
    chats[0].assert_prefix_of(&chats[1]);
    drop((first, second));
    desk.close();
}

#[test]
fn a_chat_answers_obeys_its_commands_and_quits() {
    let desk = desk(Scenario::new().step(Step::text("a **marked-answer** here\n").times(0)));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL chat; echo code=$?.");
    terminal.wait("Ask, or /help.");
    terminal.line("marked-question one");
    terminal.wait_count("tokens in", 1);
    assert!(terminal.screen().contains("a marked-answer here"), "{}", terminal.screen());
    terminal.line("marked-question two");
    terminal.wait_count("tokens in", 2);
    terminal.line("/help");
    terminal.wait("begin a new conversation");
    terminal.line("/nonsense");
    terminal.wait("unknown command /nonsense");
    terminal.line("/model deepseek-v4-pro");
    terminal.line("/model");
    terminal.wait("model: deepseek-v4-pro");
    terminal.line("/clear");
    terminal.wait("a new conversation begins with the next question");
    terminal.line("marked-question three");
    terminal.wait_count("tokens in", 3);
    terminal.line("/session blue");
    terminal.line("marked-question four");
    terminal.wait("there is none to go on with");
    terminal.wait_count("tokens in", 4);
    terminal.line("/quit");
    terminal.wait("code=0.");
    let chats = desk.chats();
    chats[0].assert_prefix_of(&chats[1]);
    let lengths: Vec<usize> = chats.iter().map(|chat| chat.messages().len()).collect();
    assert_eq!(lengths, [2, 4, 2, 2], "a chat goes on until /clear and in another session");
    assert_eq!(
        (&chats[0].body["model"], &chats[2].body["model"]),
        (&json!("deepseek-flash"), &json!("deepseek-v4-pro"))
    );
    for marker in ["marked-question", "marked-answer"] {
        nowhere(&desk, marker);
    }
    drop(terminal);
    desk.close();
}

#[test]
fn ctrl_c_in_a_chat_cancels_the_answer_and_not_the_chat() {
    let slow = Step::text("line\n".repeat(200)).chunks(5, 50).when_contains("slow");
    let desk = desk(Scenario::new().step(slow).text("quick answer"));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL chat; echo code=$?.");
    terminal.wait("Ask, or /help.");
    terminal.line("slow");
    terminal.wait("line\nline");
    terminal.key("C-c");
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    terminal.wait("error: ");
    terminal.line("quick");
    terminal.wait("quick answer");
    let last = desk.chats().pop().unwrap();
    assert_eq!(roles(&last), ["system", "user"], "nothing of the cancelled turn is kept");
    terminal.wait_count(">", 3);
    terminal.key("C-d");
    terminal.wait("code=0.");
    drop(terminal);
    desk.close();
}

#[test]
fn a_chat_outlives_its_daemon() {
    let desk = desk(Scenario::new().text("before").text("after"));
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL chat; echo code=$?.");
    terminal.wait("Ask, or /help.");
    terminal.line("one");
    terminal.wait_count("tokens in", 1);
    let pid = desk.daemon_pid();
    tests::signal(pid, tests::Signal::KILL);
    tests::wait_until(DEADLINE, "the daemon's end", || !tests::runs(pid));
    terminal.line("two");
    terminal.wait_count("tokens in", 2);
    let screen = terminal.screen();
    assert!(screen.contains("after") && screen.contains("there is none to go on with"), "{screen}");
    terminal.line("/quit");
    terminal.wait("code=0.");
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    drop(terminal);
    desk.home.assert_no_leftovers();
}

#[test]
fn a_chat_without_a_terminal_reads_one_question_a_line() {
    let desk = desk(Scenario::new().text("one").step(Step::status(402)).text("three"));
    let output = desk.ctl(["chat"]).stdin("first\n\nsecond\nthird\n/quit\nnever\n").run().expect_code(6);
    assert_eq!(output.stdout, "one\nthree\n");
    assert!(output.stderr.contains("no balance"), "{}", output.stderr);
    let chats = desk.chats();
    assert_eq!(chats.len(), 3);
    assert_eq!(text_of(&chats[2].messages()[3]), "third", "{:?}", chats[2].messages());
    desk.close();
}
