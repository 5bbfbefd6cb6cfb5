//! On a real terminal: forgetting asks first, and only a clear yes erases.

use tests::provider::Scenario;

use crate::{desk::desk, tmux::Terminal};

#[test]
fn anything_but_a_yes_erases_nothing() {
    let desk = desk(Scenario::new());
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL memory forget --project; echo first=$?.");
    let screen = terminal.wait("Erase? [y]es, [n]o:");
    assert!(screen.contains("This erases everything that is kept of the project at"), "{screen}");
    terminal.line("perhaps");
    terminal.wait("Please answer y or n:");
    terminal.line("");
    let screen = terminal.wait("first=4.");
    assert!(screen.contains("error: nothing was erased"), "{screen}");
    terminal.line("$CTL memory forget --all; echo second=$?.");
    terminal.wait("This erases everything that is kept of yours");
    terminal.wait_count("Erase? [y]es, [n]o:", 2);
    terminal.key("C-c");
    terminal.wait("second=130.");
    drop(terminal);
    desk.close();
}

#[test]
fn a_yes_erases_and_says_what() {
    let desk = desk(Scenario::new());
    desk.ctl(["memory", "prefs", "set", "language", "German"]).run().expect_ok();
    let Some(terminal) = Terminal::open(&desk, "a") else { return };
    terminal.line("$CTL memory forget --all; echo code=$?.");
    terminal.wait("Erase?");
    terminal.line("y");
    let screen = terminal.wait("code=0.");
    assert!(screen.contains("erased") && screen.contains("preferences"), "{screen}");
    drop(terminal);
    assert_eq!(desk.ctl(["memory", "prefs", "list"]).run().expect_ok().stdout, "no preferences are set here\n");
    desk.close();
}
