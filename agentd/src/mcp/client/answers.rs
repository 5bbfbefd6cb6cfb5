//! What a server's results say, read from JSON.
//!
//! Read here and not by rmcp's types: one tool that is not quite as it should be must not cost the other forty, and a
//! schema must come through with every keyword that it has. Pure.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::{CallResult, Part, RemoteTool, TOOLS_MAX, ToolList};

/// Longest name of a tool. The protocol allows 128 characters.
const NAME_MAX: usize = 128;
/// Sentences about what was left out of a list: they stand in the log and in `status`. More is only counted.
const LEFT_OUT_MAX: usize = 20;
/// Longest word of a server's own that is repeated in an error: a method, a version, its name. A longer one is not cut:
/// half a secret would not be recognised.
const WORD_MAX: usize = 256;
/// Most bytes of all tools of a server, as JSON. The largest list that was met had 80 KB; what is larger than this could
/// be offered to no model.
const LIST_MAX: usize = 4 << 20;

/// One page of a tool list.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) tools: Vec<Value>,
    pub(super) next: Option<String>,
}

/// Reads a page. `Err` says what is wrong with it.
pub(super) fn page(result: Value) -> Result<Page, String> {
    let Value::Object(mut result) = result else { return Err("the tool list is no object".to_owned()) };
    let Some(Value::Array(tools)) = result.remove("tools") else {
        return Err("the tool list has no list of tools".to_owned());
    };
    let next = result.remove("nextCursor").and_then(|cursor| match cursor {
        Value::String(cursor) if !cursor.is_empty() => Some(cursor),
        _ => None,
    });
    Ok(Page { tools, next })
}

/// A tool list that grows within its bounds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    list: ToolList,
    names: HashSet<String>,
    bytes: usize,
    unsaid: usize,
}

impl Listing {
    /// Adds the tools of a page. False when the list is full.
    pub(super) fn add(&mut self, tools: Vec<Value>) -> bool {
        for tool in tools {
            if self.list.tools.len() == TOOLS_MAX {
                self.leave_out(format!("it lists more than {TOOLS_MAX} tools; the first {TOOLS_MAX} are used"));
                return false;
            }
            match remote_tool(tool) {
                Ok(tool) if self.names.contains(&tool.name) => {
                    self.leave_out(format!("it lists the tool {:?} more than once; the first is used", tool.name));
                }
                Ok(tool) => {
                    self.bytes += tool.name.len() + tool.description.len() + tool.schema.to_string().len();
                    if self.bytes > LIST_MAX {
                        self.leave_out(format!(
                            "its tools take more than {} MiB; the rest is left out",
                            LIST_MAX >> 20
                        ));
                        return false;
                    }
                    self.names.insert(tool.name.clone());
                    self.list.tools.push(tool);
                }
                Err(why) => self.leave_out(why),
            }
        }
        true
    }

    /// Notes, once, that something was left out.
    pub(super) fn leave_out(&mut self, why: String) {
        if self.list.left_out.contains(&why) {
            return;
        }
        if self.list.left_out.len() < LEFT_OUT_MAX {
            self.list.left_out.push(why);
        } else {
            self.unsaid += 1;
        }
    }

    /// The list.
    pub(super) fn into_list(mut self) -> ToolList {
        if self.unsaid > 0 {
            self.list.left_out.push(format!("and {} more of the kind", self.unsaid));
        }
        self.list
    }
}

/// A word of a server's as an error may repeat it.
pub(super) fn word(word: &str) -> &str {
    if word.len() > WORD_MAX { "(too long to be shown)" } else { word }
}

fn remote_tool(tool: Value) -> Result<RemoteTool, String> {
    let Value::Object(mut tool) = tool else { return Err("it lists a tool that is no object".to_owned()) };
    let name = match tool.remove("name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        _ => return Err("it lists a tool without a name".to_owned()),
    };
    if name.chars().count() > NAME_MAX {
        return Err(format!("it lists a tool whose name is longer than {NAME_MAX} characters"));
    }
    let schema = match tool.remove("inputSchema") {
        Some(schema @ Value::Object(_)) => schema,
        None => json!({ "type": "object" }),
        Some(_) => return Err(format!("the tool {name:?} has a schema that is no object")),
    };
    let text = |key: &str| tool.get(key).and_then(Value::as_str).map(str::to_owned);
    let description = text("description").or_else(|| text("title")).unwrap_or_default();
    let hint = |key: &str| tool.get("annotations").and_then(|hints| hints.get(key)) == Some(&Value::Bool(true));
    let (read_only, idempotent) = (hint("readOnlyHint"), hint("idempotentHint"));
    Ok(RemoteTool { name, description, schema, read_only, idempotent })
}

/// What the answer to a call says.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is done.
    Done(CallResult),
    /// The server wants to know something first, and gets its state back with it.
    Asks {
        /// What it asks, by a name of its own.
        requests: BTreeMap<String, Value>,
        /// To be sent back as it came.
        state: Option<String>,
    },
}

/// Reads the answer to a call. `Err` says what is wrong with it.
pub(super) fn outcome(result: Value) -> Result<Outcome, String> {
    let Value::Object(mut result) = result else { return Err("the result is no object".to_owned()) };
    match result.get("resultType").and_then(Value::as_str) {
        None | Some("complete") => call_result(result).map(Outcome::Done),
        Some("input_required") => {
            let requests = match result.remove("inputRequests") {
                Some(Value::Object(requests)) => requests.into_iter().collect(),
                _ => BTreeMap::new(),
            };
            let state = result.remove("requestState").and_then(|state| state.as_str().map(str::to_owned));
            Ok(Outcome::Asks { requests, state })
        }
        Some(other) => Err(format!("the result is of the type {:?}, which was not asked for", word(other))),
    }
}

fn call_result(mut result: Map<String, Value>) -> Result<CallResult, String> {
    let content = match result.remove("content") {
        Some(Value::Array(content)) => content,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err("the content of the result is no list".to_owned()),
    };
    Ok(CallResult {
        content: content.into_iter().flat_map(parts).collect(),
        structured: result.remove("structuredContent").filter(|value| !value.is_null()),
        is_error: result.get("isError") == Some(&Value::Bool(true)),
    })
}

/// A piece of content: one part, or of a text that has an address two.
fn parts(content: Value) -> Vec<Part> {
    let Value::Object(mut content) = content else {
        return vec![Part::Other("[content that is no object]".to_owned())];
    };
    let text = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("type").as_str() {
        "text" => match content.remove("text") {
            Some(Value::String(text)) => vec![Part::Text(text)],
            _ => vec![Part::Other("[text that is no text]".to_owned())],
        },
        kind @ ("image" | "audio") => {
            let bytes = decoded_len(content.get("data"));
            vec![Part::Other(format!("[{kind}: {}, {bytes} bytes]", or_unknown(&text("mimeType"))))]
        }
        "resource" => content.remove("resource").map_or_else(Vec::new, resource),
        "resource_link" => {
            let about = [text("title"), text("description"), text("mimeType")];
            let about: Vec<_> = about.into_iter().filter(|text| !text.is_empty()).collect();
            let name = if about.is_empty() { text("name") } else { format!("{} ({})", text("name"), about.join("; ")) };
            vec![Part::Other(format!("[link to a resource: {} {}]", text("uri"), name))]
        }
        other => vec![Part::Other(format!("[content of the type {other:?}]"))],
    }
}

/// The text of a resource is text; its address stands before it.
fn resource(mut resource: Value) -> Vec<Part> {
    let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (uri, mime) = (text("uri"), text("mimeType"));
    match resource.get_mut("text").map(Value::take) {
        Some(Value::String(text)) => vec![Part::Other(format!("[resource {uri}]")), Part::Text(text)],
        _ => {
            let bytes = decoded_len(resource.get("blob"));
            vec![Part::Other(format!("[resource {uri}: {}, {bytes} bytes]", or_unknown(&mime)))]
        }
    }
}

fn or_unknown(mime: &str) -> &str {
    if mime.is_empty() { "unknown type" } else { mime }
}

/// Bytes that a base64 text stands for.
fn decoded_len(text: Option<&Value>) -> usize {
    let text = text.and_then(Value::as_str).unwrap_or_default();
    text.trim_end_matches('=').len() / 4 * 3 + [0, 0, 1, 2][text.trim_end_matches('=').len() % 4]
}

/// The answer to a form that takes every default.
pub(super) fn defaults(schema: Option<&Value>) -> Value {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let filled = properties.into_iter().flatten();
    let filled = filled.filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())));
    Value::Object(filled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_comes_through_with_every_keyword_and_in_its_order() {
        let schema = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"address":{"$anchor":"a","type":"object","properties":{"street":{"type":"string","format":"x-street"}}}},"properties":{"z":{"$ref":"#/$defs/address"},"a":{"type":"string","enum":["b","a",1,null]}},"if":{"properties":{"a":{"const":"b"}}},"then":{"required":["z"]},"else":false,"dependentRequired":{"a":["z"]},"unevaluatedProperties":false,"x-mcp-header":3,"minimum":1e400,"prefixItems":[{}],"additionalProperties":false}"##;
        let schema = schema.replace("1e400", "0.10");
        let page_text = format!(r#"{{"tools":[{{"name":"t","inputSchema":{schema}}}],"nextCursor":"c"}}"#);
        let page = page(serde_json::from_str(&page_text).unwrap()).unwrap();
        assert_eq!(page.next.as_deref(), Some("c"));
        let mut listing = Listing::default();
        assert!(listing.add(page.tools));
        let list = listing.into_list();
        assert_eq!(list.tools[0].schema.to_string(), schema.replace("0.10", "0.1"));
    }

    #[test]
    fn a_faulty_tool_costs_itself_only() {
        let mut listing = Listing::default();
        listing.add(vec![
            json!({"name": "a", "title": "A", "annotations": {"readOnlyHint": true, "idempotentHint": "yes"}}),
            json!({"name": 5}),
            json!("b"),
            json!({"name": "c", "inputSchema": true}),
            json!({"name": "x".repeat(129)}),
            json!({"name": "a", "description": "again"}),
            json!({"name": "a", "description": "and again"}),
            json!({"name": "d", "description": "D", "title": 7, "icons": 3, "annotations": {"idempotentHint": true}}),
        ]);
        let list = listing.into_list();
        let shown: Vec<_> = list.tools.iter().map(|tool| (&*tool.name, &*tool.description)).collect();
        assert_eq!(shown, [("a", "A"), ("d", "D")]);
        assert_eq!(list.tools[0].schema, json!({"type": "object"}));
        assert!(list.tools[0].read_only && !list.tools[0].idempotent && list.tools[1].idempotent);
        assert_eq!(list.left_out.len(), 5, "{:?}", list.left_out);
    }

    #[test]
    fn what_is_left_out_is_said_within_bounds() {
        let mut listing = Listing::default();
        listing.add((0..90).map(|number| json!({"name": format!("t{number}"), "inputSchema": 1})).collect());
        let said = listing.into_list().left_out;
        assert_eq!((said.len(), &*said[LEFT_OUT_MAX]), (LEFT_OUT_MAX + 1, "and 70 more of the kind"));
        assert!(word(&"x".repeat(WORD_MAX + 1)).starts_with('('));
    }

    #[test]
    fn a_list_ends_at_its_bounds_and_says_so() {
        let many = |count: usize| (0..count).map(|number| json!({"name": format!("t{number}")})).collect::<Vec<_>>();
        let mut listing = Listing::default();
        assert!(listing.add(many(TOOLS_MAX)));
        assert!(!listing.add(vec![json!({"name": "one more"})]));
        let list = listing.into_list();
        assert_eq!((list.tools.len(), list.left_out.len()), (TOOLS_MAX, 1));

        let mut listing = Listing::default();
        let fat = |name: &str| json!({"name": name, "description": "x".repeat(LIST_MAX / 2)});
        assert!(!listing.add(vec![fat("a"), fat("b"), fat("c")]));
        assert_eq!(listing.into_list().tools.len(), 1);
    }

    #[test]
    fn a_page_that_is_none_is_refused() {
        for result in [json!(null), json!({}), json!({"tools": {}})] {
            assert!(page(result).is_err());
        }
        for next in [json!(null), json!(""), json!(5)] {
            assert_eq!(page(json!({"tools": [], "nextCursor": next})).unwrap(), Page::default());
        }
    }

    fn done(result: Value) -> CallResult {
        match outcome(result).unwrap() {
            Outcome::Done(result) => result,
            asks @ Outcome::Asks { .. } => panic!("{asks:?}"),
        }
    }

    #[test]
    fn content_is_text_or_described() {
        let result = done(json!({"content": [
            {"type": "text", "text": "a"},
            {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
            {"type": "audio", "data": "", "mimeType": 3},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "b"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGVsbA==", "mimeType": "x/y"}},
            {"type": "resource_link", "uri": "file:///c", "name": "c", "description": "C"},
            {"type": "hologram"},
            7,
        ], "structuredContent": {"a": 1}, "isError": true}));
        let shown: Vec<_> = result
            .content
            .iter()
            .map(|part| match part {
                Part::Text(text) => format!("= {text}"),
                Part::Other(text) => text.clone(),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "= a",
                "[image: image/png, 5 bytes]",
                "[audio: unknown type, 0 bytes]",
                "[resource file:///a]",
                "= b",
                "[resource file:///b: x/y, 4 bytes]",
                "[link to a resource: file:///c c (C)]",
                "[content of the type \"hologram\"]",
                "[content that is no object]",
            ]
        );
        assert_eq!((result.structured, result.is_error), (Some(json!({"a": 1})), true));
    }

    #[test]
    fn an_answer_without_content_is_empty() {
        for result in [json!({}), json!({"_meta": {}}), json!({"content": null, "resultType": "complete"})] {
            assert_eq!(done(result), CallResult { content: vec![], structured: None, is_error: false });
        }
        for result in [json!([]), json!({"content": "a"}), json!({"resultType": "task"})] {
            assert!(outcome(result).is_err());
        }
    }

    #[test]
    fn a_question_keeps_its_state() {
        let asked =
            json!({"resultType": "input_required", "inputRequests": {"n": {"method": "x"}}, "requestState": "s"});
        let expected = Outcome::Asks {
            requests: BTreeMap::from([("n".to_owned(), json!({"method": "x"}))]),
            state: Some("s".into()),
        };
        assert_eq!(outcome(asked).unwrap(), expected);
    }

    #[test]
    fn a_form_is_filled_with_its_defaults() {
        let schema = json!({"properties": {"a": {"type": "string", "default": "x"}, "b": {}, "c": {"default": false}}});
        assert_eq!(defaults(Some(&schema)), json!({"a": "x", "c": false}));
        assert_eq!(defaults(None), json!({}));
    }
}
