//! Redaction: whatever the text and however it is cut, the same result; markers stay; findings are in order and on
//! character boundaries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redact::Redactor;

// The engine alone: the whole daemon takes many minutes to build for the fuzzer, and the engine needs nothing of it.
#[allow(dead_code, unused_imports, reason = "the fuzzer does not need all of the engine")]
#[path = "../../../agentd/src/redact/mod.rs"]
mod redact;
#[path = "../../../agentd/src/sync.rs"]
mod sync;

thread_local! {
    static REDACTOR: Redactor = Redactor::new(["known-value-1".to_owned()]);
}

fuzz_target!(|input: (u8, &str)| {
    let (cut, text) = input;
    REDACTOR.with(|redactor| {
        let mut end = 0;
        for found in redactor.find(text) {
            assert!(end <= found.start && found.start < found.end, "{found:?} in {text:?}");
            assert!(text.is_char_boundary(found.start) && text.is_char_boundary(found.end), "{found:?} in {text:?}");
            end = found.end;
        }
        let whole = redactor.text(text);
        // That a second redaction finds nothing more is tested on texts that people write; the fuzzer knows texts in
        // which a replaced value changes what the words before it mean. What was replaced stays replaced.
        for found in redactor.find(whole.as_str()) {
            let value = &whole.as_str()[found.start..found.end];
            assert!(!value.contains("[REDACTED]"), "a second time, of {text:?}");
        }
        let mut stream = redactor.stream();
        let mut out = String::new();
        let mut piece = String::new();
        for char in text.chars() {
            piece.push(char);
            if piece.len() >= usize::from(cut) {
                out.push_str(&stream.push(&piece));
                piece.clear();
            }
        }
        out.push_str(&stream.push(&piece));
        out.push_str(&stream.finish());
        assert_eq!(out, whole.as_str(), "in pieces of {cut}, of {text:?}");
    });
});
