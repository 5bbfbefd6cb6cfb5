use super::*;

fn met(a: &str, b: &str) -> Match {
    compare(&Question::new(a), &Question::new(b))
}

#[test]
#[ignore = "prints what was read of TEXT"]
fn show_a_reading() {
    let text = std::env::var("TEXT").unwrap();
    for one in text.split('|') {
        let reading = Reading::of(&normalise::tidy(one));
        println!("{one}\n  {:?} change {} self {}", reading.head, reading.asks_for_change, reading.self_contained);
        for item in &reading.items {
            println!(
                "  {:12} {:12} {:?} link {:?} chunk {} of {} verb {:?} passive {} light {}",
                item.term, item.text, item.kind, item.link, item.chunk, item.of, item.verb, item.passive, item.light
            );
        }
    }
    let mut parts = text.split('|');
    if let (Some(a), Some(b)) = (parts.next(), parts.next()) {
        println!("{:?} {:?}", met(a, b), difference(&Question::new(a), &Question::new(b)));
    }
}

#[test]
#[ignore = "prints the slips found among the words of WORDS"]
fn show_slips() {
    let path = std::env::var("WORDS").unwrap();
    for word in std::fs::read_to_string(path).unwrap().lines() {
        if let Some(meant) = Rules::builtin().meant(word) {
            println!("SLIP {word} {meant}");
        }
    }
}

#[test]
#[ignore = "prints what is served wrongly of NEAR"]
fn show_near() {
    let path = std::env::var("NEAR").unwrap();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let (a, b) = line.split_once('|').unwrap();
        match met(a, b) {
            Match::Same => println!("SERVED {line}"),
            Match::Undecided => println!("undecided {line} {:?}", difference(&Question::new(a), &Question::new(b))),
            Match::Differs(guard) => println!("differs {line} {guard:?}"),
        }
    }
}
