//! Input that nobody meant as text.

use tests::corpus::{Rng, bare_tokens};

use crate::{find, redacted};

#[test]
fn binary_data_read_as_text_is_taken() {
    let mut rng = Rng::new(7);
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..600).map(|_| u8::try_from(rng.below(256)).unwrap()).collect();
        let text = String::from_utf8_lossy(&bytes);
        let once = redacted(&text);
        assert_eq!(redacted(&once), once);
    }
}

#[test]
fn a_token_amid_binary_data_is_found() {
    for (name, token) in bare_tokens(8).into_iter().filter(|(name, _)| name.starts_with("git")) {
        for (before, after) in [("\0\0\0", "\0"), ("\u{fffd}\u{1}", "\u{fffd}"), ("\u{7}\t", "\r\n"), ("é", "é")] {
            let text = format!("{before}{token}{after}");
            assert!(!redacted(&text).contains(&token), "{name} in {text:?}");
        }
    }
}

#[test]
fn nothing_and_almost_nothing_stay_as_they_are() {
    for text in
        ["", " ", "\n", "=", ":", "\"", "[", "]", "[REDACTED]", "\0", "password", "password=", "token:", "-----BEGIN"]
    {
        assert_eq!(redacted(text), text);
    }
}

#[test]
fn text_in_other_scripts_stays_as_it_is() {
    let texts = [
        "パスワードを入力してください",
        "введите пароль",
        "密码不正确",
        "كلمة المرور مطلوبة",
        "🔑 🔐 🗝",
        "a\u{301}e\u{308}",
    ];
    for text in texts {
        assert_eq!(find(text), [], "{text}");
    }
}

#[test]
fn one_line_of_a_megabyte_is_taken_and_its_secret_found() {
    let (_, token) = bare_tokens(9).into_iter().find(|(name, _)| *name == "github-classic").unwrap();
    let filler = "lorem ipsum dolor sit amet ".repeat(20_000);
    let text = format!("{filler}{token} {filler}");
    let found = find(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(&text[found[0].start..found[0].end], token);
}

#[test]
fn openings_that_never_close_are_taken() {
    for opening in ["\"", "'", "{", "[", "<!--", "password=\"", "{\"password\":\"", "\\\"", "%22", "&quot;", "\x1b["] {
        let text = opening.repeat(5_000);
        let once = redacted(&text);
        assert_eq!(redacted(&once), once, "{opening}");
    }
}
