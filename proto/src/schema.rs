//! JSON Schema of the wire, generated from the types. Compiled for tests and behind the feature `schema`.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{
    ClientMessage, ErrorKind, Event, PROTOCOL_MAJOR, PROTOCOL_MINOR, ServerMessage, codec, request, rpc::TaggedId,
};

/// The document that `schema.json` pins: every method with its access class, parameters and result, the events, the
/// error kinds, and the messages of binary frames.
///
/// Binary frames are positional, so everything that moves a byte in them must show here: the order of the fields and
/// variants (kept by `preserve_order`), the width of integers (`format`), what is optional, and the codec's name.
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
    let binary = json!({
        "codec": codec::NAME,
        "request": generator.subschema_for::<ClientMessage>(),
        "reply": generator.subschema_for::<ServerMessage>(),
        "request_id": generator.subschema_for::<TaggedId>(),
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "agentd protocol",
        "version": format!("{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}"),
        "methods": methods,
        "event": event,
        "errors": errors,
        "binary": binary,
        "$defs": generator.take_definitions(true),
    })
}
