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
