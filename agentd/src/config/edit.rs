//! Changes of the file's text: a server more, a server less.
//!
//! Owns where in the text a server stands. Every byte that does not belong to the server stays as it is: comments,
//! order, line ends. A table of its own (`[mcp_servers.NAME]`) is cut out or put in as text; other forms (an inline
//! table, dotted keys) go through toml_edit, which keeps comments and order, too. Pure; judges nothing but the place:
//! who writes the result checks it first.

use std::ops::Range;

use toml_edit::{Document, DocumentMut, Item, Table};

use super::{McpServer, mcp::show, table};

/// Why a text was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is one already.
    #[error("there is a server named {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no server named {name}")]
    Absent {
        /// What was asked for.
        name: String,
        /// What could have been meant.
        near: Option<String>,
    },
    /// Not TOML, or servers in a form that is none of the format's.
    #[error("mcp_servers is written in a form that cannot be edited")]
    Form,
}

/// The text with the server in it: in place of the one of that name when `replace` is true, else at the end.
///
/// # Errors
/// The name is taken, or the text cannot be edited.
pub fn put(text: &str, name: &str, server: &McpServer, replace: bool) -> Result<String, EditError> {
    let new = with_ends_of(text, show::to_toml(name, server));
    match find(text, name)? {
        Found::Nowhere if can_append(text)? => Ok(appended(text, &new)),
        Found::Nowhere => through_document(text, |servers| insert(servers, name, server)),
        _ if !replace => Err(EditError::Exists(name.to_owned())),
        Found::Tables(blocks) => Ok(replaced(text, &blocks, &new)),
        Found::Otherwise => through_document(text, |servers| insert(servers, name, server)),
    }
}

/// The text without the server.
///
/// # Errors
/// There is none of that name, or the text cannot be edited.
pub fn remove(text: &str, name: &str) -> Result<String, EditError> {
    match find(text, name)? {
        Found::Nowhere => Err(EditError::Absent { name: name.to_owned(), near: near(text, name) }),
        Found::Tables(blocks) => {
            let blocks: Vec<_> = blocks.into_iter().map(|block| with_comments(text, block)).collect();
            Ok(without(text, &blocks))
        }
        Found::Otherwise => through_document(text, |servers| servers.remove(name).map(|_| ())),
    }
}

/// Where a server stands.
enum Found {
    Nowhere,
    /// In tables of its own: from the header to the end of the last key's line each, in the order of the text.
    Tables(Vec<Range<usize>>),
    /// In another form.
    Otherwise,
}

fn find(text: &str, name: &str) -> Result<Found, EditError> {
    let document = Document::parse(text).map_err(|_| EditError::Form)?;
    let Some(servers) = document.get("mcp_servers") else { return Ok(Found::Nowhere) };
    let Some(item) = servers.as_table_like().ok_or(EditError::Form)?.get(name) else { return Ok(Found::Nowhere) };
    let mut blocks = Vec::new();
    let tables = item.as_table().filter(|table| blocks_of(text, table, &mut blocks)).is_some();
    blocks.sort_by_key(|block: &Range<usize>| block.start);
    Ok(if tables && !blocks.is_empty() { Found::Tables(blocks) } else { Found::Otherwise })
}

/// Adds the blocks of a table and of the tables below it; false when some of it has no header.
fn blocks_of(text: &str, table: &Table, blocks: &mut Vec<Range<usize>>) -> bool {
    if table.is_dotted() {
        return false;
    }
    let mut end = 0;
    for (_, item) in table.iter() {
        match item {
            Item::Table(inner) if inner.is_dotted() => end = end.max(last_value(inner)),
            Item::Table(inner) => {
                if !blocks_of(text, inner, blocks) {
                    return false;
                }
            }
            Item::Value(value) => end = end.max(value.span().map_or(0, |span| span.end)),
            Item::None | Item::ArrayOfTables(_) => return false,
        }
    }
    match table.span() {
        _ if table.is_implicit() => true,
        Some(header) => {
            blocks.push(header.start..line_end(text, end.max(header.end)));
            true
        }
        None => false,
    }
}

/// The end of the last value of dotted keys.
fn last_value(table: &Table) -> usize {
    let ends = table.iter().map(|(_, item)| match item {
        Item::Table(inner) => last_value(inner),
        item => item.span().map_or(0, |span| span.end),
    });
    ends.max().unwrap_or_default()
}

/// Behind the line end after `at`.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| at + end + 1)
}

/// The block with the comment right above it, which is about it, and one empty line before that.
fn with_comments(text: &str, block: Range<usize>) -> Range<usize> {
    let line_before = |at: usize| {
        let above = text.get(..at)?.strip_suffix('\n')?;
        let start = above.rfind('\n').map_or(0, |end| end + 1);
        Some((start, text.get(start..at)?.trim()))
    };
    let mut start = block.start;
    while let Some((line, words)) = line_before(start)
        && words.starts_with('#')
    {
        start = line;
    }
    // A comment that nothing separates from the begin of the file is the file's.
    if start == 0 {
        start = block.start;
    }
    match line_before(start) {
        Some((line, "")) => line..block.end,
        _ => start..block.end,
    }
}

fn without(text: &str, blocks: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for block in blocks {
        out.push_str(text.get(at..block.start).unwrap_or_default());
        at = at.max(block.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn replaced(text: &str, blocks: &[Range<usize>], new: &str) -> String {
    let Some((first, others)) = blocks.split_first() else { return text.to_owned() };
    let others: Vec<_> = others.iter().map(|block| with_comments(text, block.clone())).collect();
    let end = first.end;
    let rest: Vec<_> = others.iter().map(|block| block.start - end..block.end - end).collect();
    let before = text.get(..first.start).unwrap_or_default();
    let after = without(text.get(end..).unwrap_or_default(), &rest);
    format!("{before}{new}{after}")
}

fn appended(text: &str, new: &str) -> String {
    let end = with_ends_of(text, "\n".to_owned());
    let last = if text.is_empty() || text.ends_with('\n') { "" } else { end.as_str() };
    let gap = if text.trim_start_matches('\u{feff}').is_empty() { "" } else { end.as_str() };
    format!("{text}{last}{gap}{new}")
}

/// False when `mcp_servers` is closed: an inline table, or made of dotted keys.
fn can_append(text: &str) -> Result<bool, EditError> {
    let document = Document::parse(text).map_err(|_| EditError::Form)?;
    Ok(document.get("mcp_servers").is_none_or(|item| item.as_table().is_some_and(|table| !table.is_dotted())))
}

/// The line ends of the file.
fn with_ends_of(text: &str, new: String) -> String {
    if text.contains("\r\n") { new.replace('\n', "\r\n") } else { new }
}

fn through_document(
    text: &str,
    change: impl FnOnce(&mut dyn toml_edit::TableLike) -> Option<()>,
) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Form)?;
    let servers = document.get_mut("mcp_servers").and_then(Item::as_table_like_mut);
    servers.and_then(change).ok_or(EditError::Form)?;
    as_in(text, &document.to_string())
}

/// What toml_edit made of a text, with the text's line ends and byte order mark: it knows plain line ends only.
fn as_in(text: &str, made: &str) -> Result<String, EditError> {
    let mark = if text.starts_with('\u{feff}') && !made.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let (ends, with_return) = (text.matches('\n').count(), text.matches("\r\n").count());
    match with_return {
        0 => Ok(format!("{mark}{made}")),
        _ if with_return == ends => Ok(format!("{mark}{}", made.replace("\r\n", "\n").replace('\n', "\r\n"))),
        // Which of both stood where is lost.
        _ => Err(EditError::Form),
    }
}

fn insert(servers: &mut dyn toml_edit::TableLike, name: &str, server: &McpServer) -> Option<()> {
    servers.insert(name, toml_edit::value(show::to_table(server).into_inline_table()));
    Some(())
}

fn near(text: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let servers = document.get("mcp_servers")?.as_table_like()?;
    let names: Vec<&str> = servers.iter().map(|(name, _)| name).collect();
    table::nearest(name, names.into_iter()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{StdioServer, Transport, document};

    fn server(command: &str) -> McpServer {
        McpServer::new(Transport::Stdio(StdioServer { command: command.to_owned(), ..StdioServer::default() }))
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_stay_as_they_are() {
        for (text, want) in [
            ("\u{feff}a = 1\r\n[mcp_servers.x]\r\ncommand = \"b\"\r\n", "\u{feff}a = 1\r\n"),
            ("\u{feff}[mcp_servers.x]\ncommand = \"b\"\n[log]\n", "\u{feff}[log]\n"),
            (
                "mcp_servers = { x = { command = \"b\" }, y = { command = \"c\" } }\r\n# c\r\n[log]\r\nlevel = \"warn\"\r\n",
                "mcp_servers = { y = { command = \"c\" } }\r\n# c\r\n[log]\r\nlevel = \"warn\"\r\n",
            ),
        ] {
            assert_eq!(remove(text, "x").unwrap(), want, "{text:?}");
        }
        let inline = "\u{feff}mcp_servers = {}\n";
        assert_eq!(
            put(inline, "x", &server("b"), false).unwrap(),
            "\u{feff}mcp_servers = { x = { command = \"b\" } }\n"
        );
        let mixed = "# a\r\nmcp_servers = { x = { command = \"b\" } }\n";
        assert_eq!(remove(mixed, "x"), Err(EditError::Form), "which line end stood where would be lost");
    }

    const FILE: &str = "# mine\n[log]   # yes\nlevel = \"warn\"\n\n# the git server\n[mcp_servers.git]\ncommand = \"a\" # why\n\n\
                        [mcp_servers.git.env]\nA = \"1\"\n# end of it\n\n[limits]\nmax_turns = 3\n\n[mcp_servers.git.tools.x]\n\
                        approval_mode = \"auto\"\n";

    #[test]
    fn a_server_goes_with_all_its_tables_and_its_comment_and_nothing_else() {
        let want = "# mine\n[log]   # yes\nlevel = \"warn\"\n# end of it\n\n[limits]\nmax_turns = 3\n";
        assert_eq!(remove(FILE, "git").unwrap(), want);
    }

    #[test]
    fn a_replaced_server_stays_in_its_place() {
        let want = "# mine\n[log]   # yes\nlevel = \"warn\"\n\n# the git server\n[mcp_servers.git]\ncommand = \"b\"\n# end of it\n\n\
                    [limits]\nmax_turns = 3\n";
        assert_eq!(put(FILE, "git", &server("b"), true).unwrap(), want);
        assert_eq!(put(FILE, "git", &server("b"), false), Err(EditError::Exists("git".to_owned())));
    }

    #[test]
    fn a_new_server_comes_behind_an_empty_line_with_the_line_ends_of_the_file() {
        assert_eq!(put("", "x", &server("b"), false).unwrap(), "[mcp_servers.x]\ncommand = \"b\"\n");
        assert_eq!(put("a = 1", "x", &server("b"), false).unwrap(), "a = 1\n\n[mcp_servers.x]\ncommand = \"b\"\n");
        let crlf = put("a = 1\r\n", "x", &server("b"), false).unwrap();
        assert_eq!(crlf, "a = 1\r\n\r\n[mcp_servers.x]\r\ncommand = \"b\"\r\n");
        assert_eq!(remove(&crlf, "x").unwrap(), "a = 1\r\n");
    }

    #[test]
    fn the_first_comment_of_the_file_stays() {
        assert_eq!(remove("# mine\n[mcp_servers.x]\ncommand = \"b\"\n", "x").unwrap(), "# mine\n");
    }

    #[test]
    fn other_forms_are_edited_too() {
        for text in [
            "mcp_servers = { git = { command = \"a\" }, o = { command = \"a\" } } # c\n[log]\nlevel = \"warn\" # c\n",
            "# c\n[mcp_servers]\ngit = { command = \"a\" }\no.command = \"a\" # c\n[log]\nlevel = \"warn\" # c\n",
            "mcp_servers.git.command = \"a\"\n# c\nmcp_servers.o.command = \"a\" # c\n[log]\nlevel = \"warn\" # c\n",
            "[mcp_servers]\n# c\n[mcp_servers.git]\nenv.A = \"1\"\ncommand = \"a\"\nargs = [\"\"\"\n[log]\n\"\"\"] # c\n[mcp_servers.o]\ncommand = \"a\"",
        ] {
            let read = |text: &str| document::read(text, Path::new("c"), None);
            assert_eq!(read(text).faults, [], "{text}");
            let names = |text: &str| {
                let read = read(text);
                assert_eq!(read.faults, [], "{text}");
                assert!(!text.contains("level") || read.settings.len() == 1, "{text}");
                read.servers.into_keys().collect::<Vec<_>>().join(" ")
            };
            assert_eq!(names(&remove(text, "git").unwrap()), "o");
            assert_eq!(names(&remove(&remove(text, "git").unwrap(), "o").unwrap()), "");
            assert_eq!(names(&put(text, "new", &server("b"), false).unwrap()), "git new o");
            let replaced = put(text, "git", &server("b"), true).unwrap();
            assert_eq!((names(&replaced).as_str(), &read(&replaced).servers["git"]), ("git o", &server("b")));
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named_with_the_one_that_could_be_meant() {
        let absent =
            |near: Option<&str>| Err(EditError::Absent { name: "gti".to_owned(), near: near.map(str::to_owned) });
        assert_eq!(remove(FILE, "gti"), absent(Some("git")));
        assert_eq!(remove("", "gti"), absent(None));
        assert_eq!(remove("[", "gti"), Err(EditError::Form));
        assert_eq!(remove("mcp_servers = 1", "gti"), Err(EditError::Form));
    }

    proptest! {
        #[test]
        fn what_is_added_and_removed_again_leaves_the_same_bytes(
            lines in prop::collection::vec(prop::sample::select(vec![
                "", "# a comment", "\t# é", "[log]", "level = \"warn\" # why", "[mcp_servers.one]", "command = \"a\"",
                "args = [\n  \"[mcp_servers.new]\", # no\n]", "[mcp_servers.one.env]", "A = '''\n[x]\n'''", "[limits]",
            ]), 0..12),
            ends in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let text = text.replace('\n', ends);
            prop_assume!(Document::parse(text.as_str()).is_ok());
            let added = put(&text, "new", &server("b"), false).unwrap();
            prop_assert_eq!(remove(&added, "new").unwrap(), text);
        }
    }
}
