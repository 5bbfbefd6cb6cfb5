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

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf};

    use schemars::JsonSchema;
    use serde::Serialize;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::FINGERPRINT;

    fn file() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema.json")
    }

    fn generated() -> String {
        serde_json::to_string_pretty(&document()).unwrap() + "\n"
    }

    #[test]
    fn schema_json_is_what_the_types_say() {
        let now = generated();
        if env::var_os("UPDATE_SCHEMA").is_some() {
            fs::write(file(), &now).unwrap();
        }
        let pinned = fs::read_to_string(file()).unwrap();
        let at = pinned.lines().zip(now.lines()).position(|(a, b)| a != b).map_or(0, |at| at + 1);
        assert!(
            pinned == now,
            "the wire types have changed: proto/schema.json differs from line {at} on.\n\
             If that is meant, raise PROTOCOL_MINOR, regenerate the file, then set FINGERPRINT as the next test says:\n\
             UPDATE_SCHEMA=1 cargo test -p proto --lib schema"
        );
    }

    #[test]
    fn the_fingerprint_is_the_hash_of_schema_json() {
        // Of the generated text: the test above may be rewriting the file just now, and holds the two equal.
        let digest = Sha256::digest(generated());
        let hex = digest[..16].iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(", ");
        assert!(FINGERPRINT == digest[..16], "set in proto/src/lib.rs:\npub const FINGERPRINT: [u8; 16] = [{hex}];");
    }

    #[test]
    fn the_schema_names_every_type_that_travels() {
        let document = document();
        for method in crate::Request::METHODS {
            assert!(document["methods"].get(method).is_some(), "{method}");
        }
        for name in ["Request", "Response", "Event", "Body", "Failure", "ErrorKind", "RequestId", "Source", "Decision"]
        {
            assert!(document["$defs"].get(name).is_some(), "{name}");
        }
        assert_eq!(document["errors"].as_object().unwrap().len(), ErrorKind::ALL.len());
    }

    fn schema<T: JsonSchema>() -> String {
        serde_json::to_string(&schemars::schema_for!(T)).unwrap()
    }

    /// Two versions of a type under one name, with a value of each: when bincode's bytes differ, so must the schema.
    macro_rules! told_apart {
        ($($test:ident: { $($old:tt)* } $a:expr => { $($new:tt)* } $b:expr;)*) => {
            $(#[test]
            fn $test() {
                mod old {
                    #[derive(serde::Serialize, schemars::JsonSchema)]
                    #[allow(dead_code, reason = "variants that only give others their number")]
                    $($old)*
                }
                mod new {
                    #[derive(serde::Serialize, schemars::JsonSchema)]
                    #[allow(dead_code, reason = "variants that only give others their number")]
                    $($new)*
                }
                let before = { use old::T; encoded(&$a) };
                let after = { use new::T; encoded(&$b) };
                assert_ne!(before, after, "the example does not move a byte");
                assert_ne!(schema::<old::T>(), schema::<new::T>());
            })*
        };
    }

    fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
        codec::encode(value).unwrap()
    }

    told_apart! {
        fields_that_change_places_change_the_schema:
            { pub(super) struct T { pub(super) a: u32, pub(super) b: u32 } } T { a: 1, b: 2 } =>
            { pub(super) struct T { pub(super) b: u32, pub(super) a: u32 } } T { a: 1, b: 2 };
        a_new_field_changes_the_schema:
            { pub(super) struct T { pub(super) a: u32 } } T { a: 1 } =>
            { pub(super) struct T { pub(super) a: u32, pub(super) b: u32 } } T { a: 1, b: 2 };
        a_field_that_becomes_optional_changes_the_schema:
            { pub(super) struct T { pub(super) a: u32 } } T { a: 1 } =>
            { pub(super) struct T { pub(super) a: Option<u32> } } T { a: Some(1) };
        an_integer_that_becomes_signed_changes_the_schema:
            { pub(super) struct T { pub(super) a: u32 } } T { a: 1 } =>
            { pub(super) struct T { pub(super) a: i32 } } T { a: 1 };
        an_integer_that_narrows_changes_the_schema:
            { pub(super) struct T { pub(super) a: u16 } } T { a: 255 } =>
            { pub(super) struct T { pub(super) a: u8 } } T { a: 255 };
        a_float_that_narrows_changes_the_schema:
            { pub(super) struct T { pub(super) a: f64 } } T { a: 1.5 } =>
            { pub(super) struct T { pub(super) a: f32 } } T { a: 1.5 };
        a_value_that_becomes_a_list_changes_the_schema:
            { pub(super) struct T { pub(super) a: String } } T { a: "x".into() } =>
            { pub(super) struct T { pub(super) a: Vec<String> } } T { a: vec!["x".into()] };
        plain_variants_that_change_places_change_the_schema:
            { pub(super) enum T { A, B } } T::A =>
            { pub(super) enum T { B, A } } T::A;
        variants_with_content_that_change_places_change_the_schema:
            { pub(super) enum T { A(u32), B(String) } } T::A(1) =>
            { pub(super) enum T { B(String), A(u32) } } T::A(1);
        a_variant_put_before_others_changes_the_schema:
            { pub(super) enum T { A } } T::A =>
            { pub(super) enum T { New, A } } T::A;
    }
}
