//! What a server's result is to the model.
//!
//! One of `content` and `structuredContent`, never both: servers repeat themselves. Redacted before anything of it is
//! cut; what is cut is kept for reading on. A failure is told in words that say what happened and what to do.

use std::sync::Arc;

use super::super::{ToolContext, ToolOutput, builtin};
use crate::mcp::{
    client::{CallResult, ClientError, Part},
    pool::{PoolError, Serve},
};

/// Bytes of a result that reach the model: a page of a web site or a long log, and no more of the context than that.
/// `limits.result_cap` may say less.
const SHOWN_MAX: usize = 50_000;

/// What a tool said when it said nothing.
const NOTHING: &str = "(no output)";

/// A result in one text, neither redacted nor cut.
pub(crate) fn text_of(result: &CallResult) -> String {
    let has_text = result.content.iter().any(|part| matches!(part, Part::Text(text) if !text.is_empty()));
    let structured = result.structured.as_ref().filter(|_| !has_text);
    let mut parts: Vec<String> = structured.map(ToString::to_string).into_iter().collect();
    for part in &result.content {
        match part {
            Part::Text(text) if text.is_empty() => {}
            Part::Text(text) => parts.push(text.clone()),
            Part::Other(described) => parts.push(described.clone()),
        }
    }
    if parts.is_empty() { NOTHING.to_owned() } else { parts.join("\n") }
}

/// The text of a result for the model: redacted, cut, the whole kept. With it the bytes that were cut.
fn shown(context: &ToolContext, text: &str) -> (String, usize) {
    let whole = context.view.text(text);
    let cap = context.limits.result_cap.min(SHOWN_MAX);
    if whole.as_str().len() <= cap {
        return (whole.as_str().to_owned(), 0);
    }
    let name = context.results.keep(&whole);
    let advice =
        format!("read_text_file with path {name} and offset and limit (lines; long ones are broken) shows more");
    let text = builtin::cut(whole.as_str(), cap, &advice);
    (text, whole.as_str().len().saturating_sub(cap))
}

/// What the model reads of a result. Redaction of a large one takes its time, away from the runtime's threads.
pub(super) async fn output(
    pool: &Arc<dyn Serve>,
    context: &ToolContext,
    server: &str,
    result: CallResult,
) -> ToolOutput {
    let (at, ok) = (context.clone(), !result.is_error);
    let told = tokio::task::spawn_blocking(move || shown(&at, &text_of(&result))).await;
    let Ok((text, cut)) = told else {
        return ToolOutput::error("showing the result failed inside agentd; the call itself was made");
    };
    if cut > 0 {
        pool.count_cut(&context.mcp, server, cut);
    }
    ToolOutput { text, ok, server: server.to_owned(), ..ToolOutput::default() }
}

/// What the model reads of a call that came to nothing. `only_reads`: nothing can have taken effect.
pub(super) fn failure(context: &ToolContext, error: &PoolError, only_reads: bool) -> ToolOutput {
    let text = match error {
        PoolError::Unknown(_) => format!("{error} any more. The call was not made; go on without it."),
        PoolError::NotReady { .. } => format!(
            "{error}. The call was not made. Go on without it, or tell the user what is missing: `agentctl mcp doctor` \
             says more."
        ),
        PoolError::Failed { error: ClientError::Cancelled, .. } => "Cancelled".to_owned(),
        // The server's own words; it is there and has understood.
        PoolError::Failed { error: answer @ ClientError::Rpc { .. }, .. } => answer.to_string(),
        PoolError::Failed { error: ClientError::Closed | ClientError::Transport(_), .. } if !only_reads => {
            format!("{error}\n[server died during the call; whether it took effect is not known]")
        }
        PoolError::Failed { .. } if !only_reads => {
            format!("{error}\n[whether the call took effect is not known: look before you make it again]")
        }
        PoolError::Failed { .. } => format!("{error}. Nothing was changed; the call may be made again."),
    };
    let text = builtin::cut(context.view.text(&text).as_str(), context.limits.result_cap.min(SHOWN_MAX), "");
    ToolOutput::error(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn result(content: &[Part], structured: Option<Value>) -> CallResult {
        CallResult { content: content.to_vec(), structured, is_error: false }
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn the_model_gets_the_content_or_the_structure_and_never_both() {
        let structured = Some(json!({"content": "a"}));
        assert_eq!(text_of(&result(&[text("a"), text("b")], structured.clone())), "a\nb");
        assert_eq!(text_of(&result(&[], structured.clone())), r#"{"content":"a"}"#);
        assert_eq!(text_of(&result(&[text("")], structured)), r#"{"content":"a"}"#);
        assert_eq!(text_of(&result(&[text("")], None)), NOTHING);
    }

    #[test]
    fn what_is_no_text_is_described() {
        let image = Part::Other("[image: image/png, 12 bytes]".to_owned());
        assert_eq!(text_of(&result(&[text("see"), image.clone()], None)), "see\n[image: image/png, 12 bytes]");
        assert_eq!(text_of(&result(&[image], Some(json!([1])))), "[1]\n[image: image/png, 12 bytes]");
    }
}
