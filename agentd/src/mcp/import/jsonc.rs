//! JSON with comments and trailing commas, as editors write it: made plain JSON.

/// The text without comments and without commas before a closing bracket. Line ends stay, so lines in errors are right.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            first => first.len_utf8(),
        };
        let (token, after) = rest.split_at(taken);
        match first {
            '/' if taken > 1 => out.extend(token.chars().filter(|c| *c == '\n')),
            '}' | ']' => {
                drop_comma(&mut out);
                out.push(first);
            }
            _ => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// Length of the string at the begin, quotes included; all of the rest when it does not end.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn drop_comma(out: &mut String) {
    let end = out.trim_end().len();
    if out.get(..end).is_some_and(|kept| kept.ends_with(',')) {
        out.remove(end - 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn comments_and_trailing_commas_go_and_strings_stay() {
        let text = "\u{feff}// one\n{ /* two\n */ \"a//b\": \"c/*d*/,}\\\"// \", // three\n \"l\": [1, 2, /* x */ ], }\n// end";
        let value: Value = serde_json::from_str(&plain(text)).unwrap();
        assert_eq!(value, json!({"a//b": "c/*d*/,}\"// ", "l": [1, 2]}));
        assert_eq!(plain(text).matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn plain_json_stays_as_it_is_and_garbage_does_not_panic() {
        for text in ["{\"a\": [1, {\"b\": null}], \"c\": \"\\\\\"}", "", "\"", "/*", "/", "\"\\", "{,}é/é", "]"] {
            let _ = plain(text);
        }
        assert_eq!(plain("{\"a\": [1, \"x\\\\\"]}"), "{\"a\": [1, \"x\\\\\"]}");
    }
}
