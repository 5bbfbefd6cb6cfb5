//! stub of the table
/// One kind.
pub struct Kind {
    /// id
    pub id: &'static str,
    /// title
    pub title: &'static str,
    /// rule
    pub rule: Rule,
}
/// How it is recognised.
pub enum Rule {
    /// By its form.
    Shape(&'static [&'static str]),
    /// By a name before it.
    Near {
        /// names
        words: &'static [&'static str],
        /// forms
        values: &'static [&'static str],
    },
}
static ALL: [Kind; 4] = [
    Kind { id: "github-pat", title: "t", rule: Rule::Shape(&["ghp_[A-Za-z0-9]{36,}"]) },
    Kind { id: "sk", title: "t", rule: Rule::Shape(&["sk-[A-Za-z0-9]{32,}"]) },
    Kind { id: "aad", title: "t", rule: Rule::Shape(&["[A-Za-z0-9_~.]{3}\\dQ~[A-Za-z0-9_~.-]{31,34}"]) },
    Kind {
        id: "heroku",
        title: "t",
        rule: Rule::Near {
            words: &["heroku"],
            values: &["[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"],
        },
    },
];
/// Version
pub const VERSION: &str = "2026-11-22";
/// All.
pub fn all() -> &'static [Kind] {
    &ALL
}
