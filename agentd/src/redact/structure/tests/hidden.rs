//! Secrets that escapes, invisible characters and encodings hide, through every part of the engine.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{ALNUM, noise, redacted, stays};

fn token(seed: u64) -> String {
    format!("ghp{}{}", "_", noise(seed, 36, ALNUM))
}

#[test]
fn colours_and_invisible_characters_within_a_token_do_not_hide_it() {
    let token = token(1);
    for hidden in ["\u{1b}[31m", "\u{1b}[0m\u{1b}[1;32m", "\u{200b}", "\u{feff}", "\u{ad}", "\u{1b}(B\u{1b}[m"] {
        for at in [2, 4, 10, 39] {
            let (left, right) = token.split_at(at);
            let out = redacted(&format!("{hidden}use {left}{hidden}{right} now{hidden} or {token}{hidden}."));
            assert_eq!(out, format!("{hidden}use [REDACTED] now{hidden} or [REDACTED]{hidden}."), "{hidden:?} {at}");
        }
        let every: String = token.chars().map(|letter| format!("{letter}{hidden}")).collect();
        assert_eq!(redacted(&format!("a {every} b")), format!("a [REDACTED]{hidden} b"), "{hidden:?}");
    }
}

#[test]
fn clean_coloured_text_stays_whatever_its_pieces() {
    stays(
        "\u{1b}[1mCompiling\u{1b}[0m agentd\u{1b}[K\r\n\u{1b}[2K\u{1b}[1;32m    ok\u{1b}[m \u{1b}]0;a title that goes on\u{7}x\u{1b}",
    );
    stays(&"\u{1b}[32m+\u{1b}[m\u{200b}".repeat(200));
}

#[test]
fn a_secret_within_encoded_text_takes_the_run_with_it() {
    let inner = format!("export GITHUB_TOKEN={}\n", token(2));
    let hex: String = inner.bytes().map(|byte| format!("{byte:02x}")).collect();
    for run in [STANDARD.encode(&inner), hex, STANDARD.encode(inner.trim()).trim_end_matches('=').to_owned()] {
        for text in ["data: {} end", "\"{}\"", "echo {} | base64 -d", "x={}\n", "{}"] {
            assert_eq!(redacted(&text.replace("{}", &run)), text.replace("{}", "[REDACTED]"));
        }
    }
}

#[test]
fn encoded_text_without_a_secret_stays() {
    stays(&format!("data: {} end", STANDARD.encode("The accept loop takes connections and hands each to a task.")));
    stays(&format!("sha256-{} integrity", STANDARD.encode(noise(3, 32, "\u{1}\u{2}\u{3}\u{7f}azQ"))));
}
