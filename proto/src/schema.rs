//! JSON Schema of the wire, generated from the types. Compiled for tests and behind the feature `schema`.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{ErrorKind, Event, PROTOCOL_MAJOR, PROTOCOL_MINOR, request};

/// The document that `schema.json` pins: every method with its access class, parameters and result, the events and
/// the error kinds.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut methods = Map::new();
    request::visit_schemas(&mut generator, |name, access, params, result| {
        methods.insert(name.into(), json!({ "access": access, "params": params, "result": result }));
    });
    let event = generator.subschema_for::<Event>();
    let errors: Map<String, Value> = ErrorKind::ALL
        .into_iter()
        .map(|kind| (kind.name().into(), json!({ "code": kind.rpc_code(), "exit": kind.exit_code() })))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "agentd protocol",
        "version": format!("{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}"),
        "methods": methods,
        "event": event,
        "errors": errors,
        "$defs": generator.take_definitions(true),
    })
}
