//! The tool that remembers what the user wants of every answer.
//!
//! Every call needs the user's own word, with name and value before their eyes: a preference goes into later prompts,
//! and what a file says must not get there by way of the model. Where nobody can be asked the model is told so and the
//! turn goes on, since remembering is never all that was asked.

use serde_json::{Value, json};

use super::{Arguments, spec};
use crate::{
    redact::has_marker,
    tools::{Alone, BoxFuture, Judgement, Tool, ToolContext, ToolOutput, ToolSpec},
};

/// `set_preference`.
pub(super) struct SetPreference {
    spec: ToolSpec,
}

impl SetPreference {
    pub(super) fn new() -> Self {
        let properties = json!({"name": {"type": "string"}, "value": {"type": "string"}});
        let description = "Remember a preference for later conversations, when the user asks for that: language, style, \
                           answer_length, test_command, build_command or another name.";
        Self { spec: spec("set_preference", description, properties, "name value", false) }
    }
}

fn pair(arguments: &Value) -> (&str, &str) {
    let text = |name| arguments.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    (text("name"), text("value"))
}

impl Tool for SetPreference {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn summary(&self, arguments: &Value) -> String {
        let (name, value) = pair(arguments);
        if name.is_empty() && value.is_empty() { String::new() } else { format!("{name}: {value}") }
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        let Some(door) =
            context.preferences.as_ref().filter(|_| Arguments::check(&self.spec, arguments.clone()).is_ok())
        else {
            // The call itself says what is wrong with it: asking the user about it would be noise.
            return Judgement::Allow;
        };
        let (name, value) = pair(arguments);
        if has_marker(value) {
            return Judgement::Deny { reason: "a [REDACTED] marker stands for a hidden value and is not kept".into() };
        }
        if let Err(reason) = door.check(name, value) {
            return Judgement::Deny { reason };
        }
        let scope = door.scope(name);
        let reason = format!("it would be remembered for later conversations, {scope}: {name} = {value}");
        let key = json!([self.spec.name, scope, name, value]).to_string();
        Judgement::Ask { reason, key, alone: Alone::GoOn }
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            if let Err(text) = Arguments::check(&self.spec, arguments.clone()) {
                return ToolOutput::error(text);
            }
            let Some(door) = &context.preferences else {
                return ToolOutput::error("Nothing is remembered of this question: the user asked to leave no trace.");
            };
            let (name, value) = pair(&arguments);
            match door.set(name, value).await {
                Ok(()) => ToolOutput::ok(format!("Remembered {}: {name} = {value}", door.scope(name))),
                Err(why) => ToolOutput::error(format!("Not remembered: {why}")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        redact::ModelView,
        sync::lock,
        tools::{PreferenceDoor, ToolLimits},
    };

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl PreferenceDoor for Notes {
        fn scope(&self, name: &str) -> &'static str {
            if name == "test_command" { "in this project" } else { "everywhere" }
        }

        fn check(&self, name: &str, _value: &str) -> Result<(), String> {
            if name == "bad" { Err("that is no name".into()) } else { Ok(()) }
        }

        fn set<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
            lock(&self.0).push(format!("{name}={value}"));
            Box::pin(std::future::ready(if name == "full" { Err("there are 50 already".into()) } else { Ok(()) }))
        }
    }

    fn context(preferences: Option<Arc<dyn PreferenceDoor>>) -> ToolContext {
        let second = std::time::Duration::from_secs(1);
        ToolContext {
            project: None,
            cancel: CancellationToken::new(),
            limits: ToolLimits { command_timeout: second, output_cap: 4096, result_cap: 4096 },
            seen: Arc::default(),
            view: ModelView::default(),
            preferences,
            mcp: Default::default(),
            results: Default::default(),
        }
    }

    fn judge(arguments: &Value) -> Judgement {
        SetPreference::new().judge(&context(Some(Arc::new(Notes::default()))), arguments)
    }

    #[test]
    fn the_user_sees_name_value_and_scope_and_agrees_to_just_that() {
        let of = |name: &str, value: &str| match judge(&json!({"name": name, "value": value})) {
            Judgement::Ask { reason, key, alone } => (reason, key, alone),
            other => panic!("{other:?}"),
        };
        let (reason, key, alone) = of("language", " German ");
        assert_eq!(reason, "it would be remembered for later conversations, everywhere: language = German");
        assert_eq!(alone, Alone::GoOn);
        assert_ne!(key, of("language", "French").1);
        assert!(of("test_command", "make").0.contains("in this project"));
    }

    #[test]
    fn nobody_is_asked_about_what_would_not_be_kept() {
        let bad = judge(&json!({"name": "bad", "value": "x"}));
        assert_eq!(bad, Judgement::Deny { reason: "that is no name".into() });
        assert!(matches!(judge(&json!({"name": "a", "value": "[REDACTED:1]"})), Judgement::Deny { .. }));
        assert_eq!(judge(&json!({"name": "a"})), Judgement::Allow, "the call says what is wrong");
    }

    #[tokio::test]
    async fn what_was_agreed_to_is_set_and_what_fails_is_told() {
        let (tool, notes) = (SetPreference::new(), Arc::new(Notes::default()));
        let context = context(Some(Arc::clone(&notes) as Arc<dyn PreferenceDoor>));
        let output = tool.call(&context, json!({"name": "language", "value": " German "})).await;
        assert!(output.ok && output.text == "Remembered everywhere: language = German", "{}", output.text);
        let output = tool.call(&context, json!({"name": "full", "value": "x"})).await;
        assert!(!output.ok && output.text == "Not remembered: there are 50 already", "{}", output.text);
        assert_eq!(*lock(&notes.0), ["language=German", "full=x"]);
    }

    #[tokio::test]
    async fn a_question_that_leaves_no_trace_sets_nothing() {
        let tool = SetPreference::new();
        let arguments = json!({"name": "language", "value": "German"});
        assert_eq!(tool.judge(&context(None), &arguments), Judgement::Allow);
        assert!(!tool.call(&context(None), arguments).await.ok);
    }
}
