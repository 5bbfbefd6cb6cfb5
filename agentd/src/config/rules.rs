//! The user's own redaction rules as they are written: names and regular expressions.
//!
//! Owns what a rule may be called and which expressions are taken. Refuses one that could not be compiled within
//! its bound later, or that finds the empty text and so everything. Never quotes an expression: somebody may have
//! written the secret itself.

use super::kind::{Raw, Trouble};
use crate::redact::{RULES_MAX, RuleFault, rule_fault};

/// Longest name; it stands in reports and in the audit.
const NAME_MAX: usize = 64;

/// Checks a table of rules.
pub(super) fn check(table: &[(String, Raw)]) -> Result<Vec<(String, String)>, Trouble> {
    if table.len() > RULES_MAX {
        let what = format!("{} rules are more than {RULES_MAX}", table.len());
        return Err(Trouble::new(what, "join some of them with | in one expression"));
    }
    table.iter().map(|(name, raw)| one(name, raw)).collect()
}

fn one(name: &str, raw: &Raw) -> Result<(String, String), Trouble> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_name) {
        let cure = format!("use at most {NAME_MAX} letters, digits, - and _");
        return Err(Trouble::new("a rule's name has other characters or is too long", cure));
    }
    let Raw::Text(pattern) = raw else {
        return Err(Trouble::new(
            format!("the rule {name} is no text"),
            format!("write {name} = 'regular expression'"),
        ));
    };
    let (what, cure) = match rule_fault(pattern) {
        None => return Ok((name.to_owned(), pattern.clone())),
        Some(RuleFault::Empty) => ("matches the empty text", "write an expression that needs at least one character"),
        Some(RuleFault::Long | RuleFault::Large) => {
            ("is too large", "use smaller repetitions, or several rules; a list of values is no rule")
        }
        Some(RuleFault::Syntax) => (
            "is not valid",
            "write it in the syntax of the Rust crate regex (no look-around, no back-references), in single quotes",
        ),
    };
    Err(Trouble::new(format!("the expression of the rule {name} {what}"), cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, pattern: &str) -> Result<Vec<(String, String)>, String> {
        check(&[(name.to_owned(), Raw::Text(pattern.to_owned()))]).map_err(|trouble| trouble.what)
    }

    #[test]
    fn a_rule_has_a_name_and_an_expression_that_finds_something() {
        assert_eq!(checked("ticket", "TCK-[0-9]+"), Ok(vec![("ticket".to_owned(), "TCK-[0-9]+".to_owned())]));
        for (name, pattern, word) in [
            ("ticket", "(a", "ticket is not valid"),
            ("ticket", "a*", "ticket matches the empty text"),
            ("ticket", "(?:a{1000}){1000}", "ticket is too large"),
            ("ticket", "(?=a)", "ticket is not valid"),
            ("a b", "a", "other characters"),
        ] {
            let what = checked(name, pattern).unwrap_err();
            assert!(what.contains(word), "{what}");
        }
        check(&[("n".to_owned(), Raw::Whole(1))]).unwrap_err();
        check(&vec![("n".to_owned(), Raw::Text("a".to_owned())); RULES_MAX + 1]).unwrap_err();
    }

    #[test]
    fn an_expression_is_never_quoted() {
        let secret = "hunter2-hunter2";
        let trouble = check(&[("n".to_owned(), Raw::Text(format!("({secret}")))]).unwrap_err();
        assert!(!format!("{trouble:?}").contains(secret), "{trouble:?}");
    }
}
