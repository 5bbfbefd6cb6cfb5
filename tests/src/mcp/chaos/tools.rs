//! What it says it can do.

use serde_json::{Value, json};

use super::options::{Options, Plays};

/// Longest name that the protocol allows is 128; the model's endpoint takes 64.
const LONG_NAME: usize = 100;

/// A tool without arguments.
pub(super) fn plain(name: &str, description: &str, reads: bool) -> Value {
    tool(name, description, json!({"type": "object"}), json!({"readOnlyHint": reads}))
}

fn tool(name: &str, description: &str, schema: Value, annotations: Value) -> Value {
    json!({"name": name, "description": description, "inputSchema": schema, "annotations": annotations})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

/// All tools of these options.
pub(super) fn all(options: &Options) -> Vec<Value> {
    let mut tools = match options.plays {
        Plays::Nothing => deeds(),
        Plays::Filesystem => files(),
        Plays::Command => vec![tool(
            "shell_execute",
            "Runs a command.",
            object(json!({"command": {"type": "array", "items": {"type": "string"}}})),
            json!({"destructiveHint": true}),
        )],
    };
    tools.extend((0..options.tools).map(|at| plain(&format!("tool_{at:04}"), "One of many.", true)));
    if options.odd_names {
        let long = |end: &str| format!("{}{end}", "n".repeat(LONG_NAME - end.len()));
        let names =
            [long("_a"), long("_b"), "dup".to_owned(), "dup".to_owned(), "dot.ted".to_owned(), "dot_ted".to_owned()];
        tools.extend(names.iter().map(|name| plain(name, "Has an odd name.", true)));
    }
    tools
}

fn files() -> Vec<Value> {
    let path = object(json!({"path": {"type": "string"}}));
    let reads = json!({"readOnlyHint": true});
    let writes = json!({"readOnlyHint": false, "idempotentHint": true, "destructiveHint": true});
    vec![
        tool("read_text_file", "Reads a file.", path.clone(), reads.clone()),
        tool("list_directory", "Lists a directory.", path, reads),
        tool(
            "write_file",
            "Writes a file.",
            object(json!({"path": {"type": "string"}, "content": {"type": "string"}})),
            writes,
        ),
        tool(
            "edit_file",
            "Edits a file.",
            object(json!({"path": {"type": "string"}, "edits": {"type": "array", "items": {"type": "object"}}})),
            json!({"readOnlyHint": false, "idempotentHint": false, "destructiveHint": true}),
        ),
    ]
}

fn deeds() -> Vec<Value> {
    let reads = || json!({"readOnlyHint": true});
    let number = |name: &str| object(json!({name: {"type": "integer"}}));
    let text = || object(json!({"text": {"type": "string"}}));
    let mut tools = vec![
        tool("echo", "Says what it is told.", text(), reads()),
        tool("big", "Answers with so many bytes.", number("bytes"), reads()),
        tool(
            "slow",
            "Takes its time.",
            object(json!({"seconds": {"type": "number"}, "progress": {"type": "boolean"}})),
            reads(),
        ),
        tool("changed", "Says so often that its tools have changed, and has one more.", number("times"), reads()),
        tool("stderr", "Writes to standard error.", text(), reads()),
        tool("effect", "Changes something, each time it is called.", text(), json!({"readOnlyHint": false})),
        tool(
            "effect_again",
            "Changes something, and nothing more the second time.",
            text(),
            json!({"readOnlyHint": false, "idempotentHint": true}),
        ),
        tool("deep", "Has a schema that is hard to pass on.", deep(), reads()),
    ];
    tools.extend(QUIET.iter().map(|(name, description)| plain(name, description, true)));
    tools.extend(LOUD.iter().map(|(name, description)| plain(name, description, false)));
    tools
}

/// Without arguments, and nothing is changed.
const QUIET: [(&str, &str); 16] = [
    ("env", "Prints its environment."),
    ("child_env", "Prints the environment of a child."),
    ("where", "Says its process id and its directory."),
    ("image", "Answers with an image."),
    ("resource", "Answers with a resource and a link to one."),
    ("structured", "Answers with content and the same, structured."),
    ("only_structured", "Answers with structured content alone."),
    ("nothing", "Answers with nothing."),
    ("fail", "Says that it has failed."),
    ("refuse", "Answers with a protocol error."),
    ("broken", "Answers with half of a message."),
    ("broken_id", "Answers with broken JSON that carries the id."),
    ("foreign", "Answers to another id, and never to this."),
    ("no_result", "Answers without a result."),
    ("die_once", "Dies the first time, answers the second."),
    ("die_read", "Dies each time; reads only."),
];

/// Without arguments; something may be changed.
const LOUD: [(&str, &str); 7] = [
    ("die", "Dies."),
    ("die_held", "Dies while a child holds its standard output."),
    ("crash", "Dies by a signal."),
    ("child", "Starts a child that stays."),
    ("daemon", "Starts a process in a session of its own that stays."),
    ("stop", "Stops itself."),
    ("effect_die", "Changes something, then dies."),
];

/// What a careless client loses: definitions, references, conditions, unknown keywords.
pub(super) fn deep() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "x-kept": [1, null, 1.5]}},
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "root": {"$ref": "#/$defs/node"},
            "when": {"type": "string", "format": "date-time", "pattern": "^20"},
        },
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"required": ["root"]},
        "else": {"not": {"required": ["root"]}},
        "dependentRequired": {"when": ["kind"]},
        "additionalProperties": false,
    })
}
