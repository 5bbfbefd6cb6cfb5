//! JSON web tokens, made here.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::{ALNUM, noise, redacted, stays};

fn part(text: &str) -> String {
    BASE64URL.encode(text)
}

fn signed(claims: usize, seed: u64) -> String {
    let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", part(&format!(r#"{{"sub":"{}"}}"#, noise(seed, claims, ALNUM))), noise(seed, 43, ALNUM))
}

#[test]
fn a_token_goes_whole_wherever_it_stands() {
    for text in ["{}", "say {}.", "x='{}';", "\\n{}\\n", "t%3D{}", "a {} b", "[{}](x)"] {
        let token = signed(30, 1);
        assert_eq!(redacted(&text.replace("{}", &token)), text.replace("{}", "[REDACTED]"));
    }
}

#[test]
fn a_token_longer_than_the_window_goes_whole() {
    for claims in [1200, 1400, 1500, 3000, 8000] {
        assert_eq!(redacted(&format!("<{}>", signed(claims, 2))), "<[REDACTED]>", "{claims}");
    }
}

#[test]
fn encrypted_unsigned_and_cut_tokens_go_too() {
    let header = part(r#"{"alg":"dir","enc":"A256GCM"}"#);
    let rest = format!("{}.{}.{}", noise(4, 16, ALNUM), noise(5, 60, ALNUM), noise(6, 22, ALNUM));
    assert_eq!(redacted(&format!("a {header}..{rest} b")), "a [REDACTED] b");
    assert_eq!(redacted(&format!("a {header}.{}.{rest} b", noise(7, 43, ALNUM))), "a [REDACTED] b");
    let claims = part(r#"{"sub":"someone","exp":1}"#);
    assert_eq!(redacted(&format!("a {header}.{claims}")), "a [REDACTED]");
    assert_eq!(redacted(&format!("a {header}.{claims}. b")), "a [REDACTED]. b");
}

#[test]
fn the_beginning_of_a_token_stays() {
    let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    for text in ["{}", "{}...", "{}.", "{}.payload", "{}.<claims>.<signature>", "{}.a.b", "keyJ{}"] {
        stays(&text.replace("{}", &header));
    }
}
