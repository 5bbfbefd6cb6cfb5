//! How a history begins.

use crate::{
    context::{self, Opening, SYSTEM_PROMPT},
    llm::Message,
    memory::session::Exchange,
    redact::{ModelView, Outbound},
};

/// The frozen prompt.
pub(super) fn system() -> Message {
    Message::System(Outbound::from_static(SYSTEM_PROMPT))
}

/// The history of a conversation that has exchanges and no messages: as if they had been asked one after the other,
/// each answered without a tool. Reasoning was never kept; an empty one is what providers demand then.
pub(super) fn replayed(view: &ModelView, opening: &Opening<'_>, exchanges: &[Exchange]) -> Vec<Message> {
    let mut messages = vec![system()];
    for (at, exchange) in exchanges.iter().enumerate() {
        let question = match at {
            0 => context::first_message(opening, &[], exchange.question.as_str()),
            _ => context::follow_up(None, &[], exchange.question.as_str()),
        };
        messages.push(Message::User(view.text(&question)));
        messages.push(Message::Assistant {
            content: view.text(exchange.answer.as_str()),
            reasoning: Outbound::default(),
            tool_calls: Vec::new(),
        });
    }
    messages
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{context::Instructions, redact::Redactor};

    fn exchange(question: &str, answer: &str) -> Exchange {
        let text = |text| Redactor::default().text(text);
        Exchange { question: text(question), answer: text(answer), replay: true }
    }

    #[test]
    fn exchanges_become_a_history_that_a_provider_accepts() {
        let instructions = Instructions::default();
        let cwd = Path::new("/p");
        let opening =
            Opening { project: Some(cwd), cwd, preferences: &[], instructions: &instructions, recollections: "" };
        let exchanges = [exchange("one?", "1"), exchange("two?", "2")];
        let messages = replayed(&ModelView::default(), &opening, &exchanges);
        let shown: Vec<String> = messages
            .iter()
            .map(|message| match message {
                Message::System(_) => "system".to_owned(),
                Message::User(text) => format!("user {}", text.as_str()),
                Message::Assistant { content, reasoning, tool_calls } => {
                    assert!(reasoning.as_str().is_empty() && tool_calls.is_empty());
                    format!("assistant {}", content.as_str())
                }
                Message::Tool { .. } => panic!("no tool was called"),
            })
            .collect();
        assert_eq!(shown, ["system", "user Project: p\n\none?", "assistant 1", "user two?", "assistant 2"]);
    }
}
