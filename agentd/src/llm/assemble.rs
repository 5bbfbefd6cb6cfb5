//! Joins the chunks of one reply to a [`Completion`].
//!
//! Owns what counts as a whole reply: a known stop reason, and text or tool calls to show for it. Refuses replies over
//! the caps below, before they are held. Knows nothing of bytes, time or retries.
//!
//! Invariants: pieces of tool calls join by index, whatever their order; a count of tokens replaces the one before and
//! is never added to it; nothing is a success that stopped for another reason than `stop`, `tool_calls` or `length`.

use super::{
    Completion, Delta, Finish, RawToolCall, Usage,
    wire::{CallPiece, ChoiceDelta, Chunk},
};

/// Longest text in bytes: the largest output of today, 384K tokens, is about 1.5 MB; a frame to the client holds 8 MiB.
pub(super) const TEXT_MAX: usize = 4 << 20;
/// Longest reasoning in bytes; it goes back with every later request.
pub(super) const REASONING_MAX: usize = 4 << 20;
/// Longest arguments of all tool calls together, in bytes: a written file travels in them.
pub(super) const ARGUMENTS_MAX: usize = 4 << 20;
/// Most tool calls of one reply: as many as a request may define tools.
pub(super) const CALLS_MAX: usize = 128;
/// Longest id or name in bytes; longer ones are cut, so that they match nothing.
const NAME_MAX: usize = 256;

/// Why chunks make no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A part is over its cap; which.
    TooLong(&'static str),
    /// The stream was marked as done without a stop reason.
    NoFinish,
    /// A stop reason that this build does not know.
    UnknownFinish(String),
    /// `content_filter`.
    Filtered,
    /// `insufficient_system_resource` or `aborted`: the provider broke off.
    Interrupted(String),
    /// `stop` with nothing to show.
    Blank,
    /// `tool_calls` without a call that has a name.
    NoCalls,
}

/// One reply in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    text: String,
    reasoning: String,
    calls: Vec<(u64, RawToolCall)>,
    arguments_len: usize,
    finish: Option<String>,
    usage: Option<Usage>,
    model: String,
}

impl Assembler {
    /// Takes the next chunk and adds what a listener should hear to `deltas`.
    pub(super) fn accept(&mut self, chunk: Chunk, deltas: &mut Vec<Delta>) -> Result<(), Flaw> {
        if let Some(model) = chunk.model.filter(|model| !model.is_empty()) {
            self.model = cut(&model).to_owned();
        }
        self.usage = chunk.usage.or(self.usage);
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            self.finish = choice.finish_reason.filter(|reason| !reason.is_empty()).or(self.finish.take());
            self.accept_delta(choice.delta.unwrap_or_default(), deltas)?;
        }
        Ok(())
    }

    fn accept_delta(&mut self, delta: ChoiceDelta, deltas: &mut Vec<Delta>) -> Result<(), Flaw> {
        let reasoning = delta.reasoning_content.filter(|text| !text.is_empty()).or(delta.reasoning);
        if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
            fits(self.reasoning.len() + text.len(), REASONING_MAX, "reasoning")?;
            self.reasoning.push_str(&text);
            match deltas.last_mut() {
                Some(Delta::Reasoning(last)) => last.push_str(&text),
                _ => deltas.push(Delta::Reasoning(text)),
            }
        }
        if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
            fits(self.text.len() + text.len(), TEXT_MAX, "text")?;
            self.text.push_str(&text);
            match deltas.last_mut() {
                Some(Delta::Text(last)) => last.push_str(&text),
                _ => deltas.push(Delta::Text(text)),
            }
        }
        delta.tool_calls.into_iter().flatten().try_for_each(|piece| self.accept_call(&piece))
    }

    fn accept_call(&mut self, piece: &CallPiece) -> Result<(), Flaw> {
        let index = piece.index.unwrap_or(0);
        let id = piece.id.as_deref().unwrap_or("");
        // Some servers give every call the index 0 and tell them apart by id only.
        let known = self
            .calls
            .iter()
            .rposition(|(at, call)| *at == index && (id.is_empty() || call.id.is_empty() || call.id == cut(id)));
        let at = match known {
            Some(at) => at,
            None => {
                fits(self.calls.len() + 1, CALLS_MAX, "list of tool calls")?;
                self.calls.push((index, RawToolCall::default()));
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at].1;
        if call.id.is_empty() {
            call.id = cut(id).to_owned();
        }
        let Some(function) = &piece.function else { return Ok(()) };
        if call.name.is_empty() {
            call.name = cut(function.name.as_deref().unwrap_or("")).to_owned();
        }
        let arguments = function.arguments();
        self.arguments_len += arguments.len();
        fits(self.arguments_len, ARGUMENTS_MAX, "text of tool arguments")?;
        call.arguments.push_str(&arguments);
        Ok(())
    }

    /// The whole reply. To be called only when the stream said that it is done.
    pub(super) fn finish(mut self) -> Result<Completion, Flaw> {
        let mut tool_calls = self.take_calls();
        let finish = match self.finish.as_deref() {
            None => return Err(Flaw::NoFinish),
            Some("content_filter") => return Err(Flaw::Filtered),
            Some(reason @ ("insufficient_system_resource" | "aborted")) => {
                return Err(Flaw::Interrupted(reason.to_owned()));
            }
            Some("length") => {
                // The last call is cut somewhere, and nothing says which one that is.
                tool_calls.clear();
                Finish::Length
            }
            Some("stop" | "tool_calls") if !tool_calls.is_empty() => Finish::ToolCalls,
            Some("tool_calls") => return Err(Flaw::NoCalls),
            Some("stop") if self.text.trim().is_empty() => return Err(Flaw::Blank),
            Some("stop") => Finish::Stop,
            Some(unknown) => return Err(Flaw::UnknownFinish(cut(unknown).to_owned())),
        };
        Ok(Completion {
            text: self.text,
            reasoning: self.reasoning,
            tool_calls,
            finish,
            usage: self.usage,
            model: self.model,
        })
    }

    /// The calls that have a name, in index order, each with an id that no other one has: results are paired by id.
    fn take_calls(&mut self) -> Vec<RawToolCall> {
        self.calls.sort_by_key(|(index, _)| *index);
        let mut seen = std::collections::HashSet::new();
        let named = std::mem::take(&mut self.calls).into_iter().map(|(_, call)| call).filter(|c| !c.name.is_empty());
        named
            .enumerate()
            .map(|(number, mut call)| {
                if call.id.is_empty() || !seen.insert(call.id.clone()) {
                    call.id = format!("call_{number}_{}", fastrand::u32(..));
                }
                call
            })
            .collect()
    }
}

fn fits(len: usize, max: usize, part: &'static str) -> Result<(), Flaw> {
    if len > max { Err(Flaw::TooLong(part)) } else { Ok(()) }
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= NAME_MAX).last();
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn feed(chunks: &[Value]) -> (Result<Completion, Flaw>, Vec<Delta>) {
        let mut assembler = Assembler::default();
        let mut deltas = Vec::new();
        for chunk in chunks {
            let chunk = serde_json::from_value(chunk.clone()).unwrap();
            if let Err(flaw) = assembler.accept(chunk, &mut deltas) {
                return (Err(flaw), deltas);
            }
        }
        (assembler.finish(), deltas)
    }

    fn delta(delta: impl Into<Value>) -> Value {
        json!({"model": "m", "choices": [{"index": 0, "delta": delta.into(), "finish_reason": null}], "usage": null})
    }

    fn end(reason: &str) -> Value {
        json!({"choices": [{"index": 0, "delta": {"content": "", "reasoning_content": null}, "finish_reason": reason}]})
    }

    fn piece(index: u64, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
        delta(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}))
    }

    fn call(id: &str, name: &str, arguments: &str) -> RawToolCall {
        RawToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn text_and_reasoning_join_and_flow() {
        let (reply, deltas) = feed(&[
            delta(json!({"role": "assistant", "content": null, "reasoning_content": ""})),
            delta(json!({"content": null, "reasoning_content": "Need "})),
            delta(json!({"reasoning_content": "it."})),
            delta(json!({"content": "Hel", "reasoning_content": null})),
            delta(json!({"content": "lo"})),
            end("stop"),
        ]);
        let reply = reply.unwrap();
        assert_eq!((reply.text.as_str(), reply.reasoning.as_str(), reply.finish), ("Hello", "Need it.", Finish::Stop));
        assert_eq!((reply.model.as_str(), reply.usage), ("m", None));
        assert_eq!(deltas, [Delta::Reasoning("Need it.".to_owned()), Delta::Text("Hello".to_owned())]);
    }

    #[test]
    fn interleaved_pieces_of_tool_calls_join_by_index() {
        let (reply, deltas) = feed(&[
            piece(1, Some("b"), Some("write"), ""),
            piece(0, Some("a"), Some("read"), "{\"p"),
            piece(1, None, None, "{\"q\""),
            piece(0, None, None, "\":1}"),
            piece(1, None, None, ":2}"),
            end("tool_calls"),
        ]);
        let reply = reply.unwrap();
        assert_eq!(reply.finish, Finish::ToolCalls);
        assert_eq!(reply.tool_calls, [call("a", "read", "{\"p\":1}"), call("b", "write", "{\"q\":2}")]);
        assert!(deltas.is_empty());
    }

    #[test]
    fn calls_that_share_the_index_but_not_the_id_stay_apart() {
        let (reply, _) =
            feed(&[piece(0, Some("a"), Some("read"), "{}"), piece(0, Some("b"), Some("list"), "{}"), end("stop")]);
        assert_eq!(reply.unwrap().tool_calls, [call("a", "read", "{}"), call("b", "list", "{}")]);
    }

    #[test]
    fn a_call_without_an_id_gets_one_and_arguments_may_be_an_object() {
        let chunk = delta(json!({"tool_calls": [{"function": {"name": "read", "arguments": {"p": 1}}}]}));
        let (reply, _) = feed(&[chunk, end("tool_calls")]);
        let calls = reply.unwrap().tool_calls;
        assert_eq!((calls[0].name.as_str(), calls[0].arguments.as_str()), ("read", "{\"p\":1}"));
        assert!(!calls[0].id.is_empty());
    }

    #[test]
    fn usage_is_taken_from_the_finish_chunk_an_extra_chunk_or_both_and_never_added() {
        let count = json!({"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 6});
        let mut with_usage = end("stop");
        with_usage["usage"] = count.clone();
        let extra = json!({"choices": [], "usage": count});
        let null_choices = json!({"choices": null, "usage": count});
        let no_count = json!({"choices": [], "usage": null});
        let text = delta(json!({"content": "x"}));
        let expected = Some(Usage { prompt: 10, completion: 2, hit: 6, miss: 4 });
        for tail in [
            vec![with_usage.clone()],
            vec![end("stop"), extra.clone()],
            vec![with_usage, extra, null_choices, no_count],
        ] {
            let chunks: Vec<Value> = std::iter::once(text.clone()).chain(tail).collect();
            assert_eq!(feed(&chunks).0.unwrap().usage, expected);
        }
    }

    #[test]
    fn each_stop_reason_is_a_success_or_its_own_error() {
        let outcome = |reason: &str| feed(&[delta(json!({"content": "x"})), end(reason)]).0.map(|c| c.finish);
        assert_eq!(outcome("stop"), Ok(Finish::Stop));
        assert_eq!(outcome("length"), Ok(Finish::Length));
        assert_eq!(outcome("content_filter"), Err(Flaw::Filtered));
        for reason in ["insufficient_system_resource", "aborted"] {
            assert_eq!(outcome(reason), Err(Flaw::Interrupted(reason.to_owned())));
        }
        assert_eq!(outcome("eos"), Err(Flaw::UnknownFinish("eos".to_owned())));
        assert_eq!(outcome("tool_calls"), Err(Flaw::NoCalls));
        assert_eq!(feed(&[delta(json!({"content": "x"}))]).0, Err(Flaw::NoFinish));
    }

    #[test]
    fn blank_text_is_no_answer() {
        for blank in ["", " ", "\n\n \t"] {
            let (reply, _) = feed(&[delta(json!({"content": blank, "reasoning_content": "hm"})), end("stop")]);
            assert_eq!(reply, Err(Flaw::Blank));
        }
    }

    #[test]
    fn a_cut_reply_offers_no_tool_calls() {
        let (reply, _) = feed(&[piece(0, Some("a"), Some("read"), "{\"p"), end("length")]);
        let reply = reply.unwrap();
        assert_eq!((reply.finish, reply.tool_calls), (Finish::Length, vec![]));
    }

    #[test]
    fn other_choices_than_the_first_are_ignored() {
        let other = json!({"choices": [{"index": 1, "delta": {"content": "y"}, "finish_reason": "length"}]});
        assert_eq!(feed(&[delta(json!({"content": "x"})), other, end("stop")]).0.unwrap().text, "x");
    }

    #[test]
    fn every_part_has_its_cap() {
        let block = "x".repeat(1 << 20);
        for (part, chunk) in [
            ("text", delta(json!({ "content": block }))),
            ("reasoning", delta(json!({ "reasoning_content": block }))),
            ("text of tool arguments", piece(0, Some("a"), Some("read"), &block)),
        ] {
            assert_eq!(feed(&vec![chunk.clone(); 5]).0, Err(Flaw::TooLong(part)));
        }
        let calls: Vec<Value> = (0..=CALLS_MAX as u64).map(|i| piece(i * 1_000_000_007, None, Some("f"), "")).collect();
        assert_eq!(feed(&calls).0, Err(Flaw::TooLong("list of tool calls")));
    }

    proptest! {
        #[test]
        fn any_interleaving_gives_the_same_calls(order in prop::collection::vec(0u64..4, 0..60)) {
            let mut expected = vec![String::new(); 4];
            let mut chunks: Vec<Value> = (0..4).map(|i| piece(i, Some(&format!("id{i}")), Some("f"), "")).collect();
            for (number, index) in order.iter().enumerate() {
                expected[*index as usize].push_str(&format!("{number},"));
                chunks.push(piece(*index, None, None, &format!("{number},")));
            }
            chunks.push(end("tool_calls"));
            let got: Vec<String> = feed(&chunks).0.unwrap().tool_calls.into_iter().map(|c| c.arguments).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
