//! The files of templates, and the marks in them.
//!
//! A file has sections. A section begins with `%% class tier xN lines|blocks`: each of its templates is used N times;
//! a template is a line, or a block up to a line of two dashes.

use std::ops::Range;

use super::Tier;

/// Where a secret begins.
pub(super) const OPEN: char = '«';
/// Where it ends.
pub(super) const CLOSE: char = '»';

/// Templates of one class.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) class: &'static str,
    pub(super) tier: Tier,
    pub(super) repeat: usize,
    pub(super) items: Vec<&'static str>,
}

/// The sections of a file. Panics on a header it cannot read: the files are ours.
pub(super) fn sections(data: &'static str) -> Vec<Section> {
    data.split("%% ").filter(|part| !part.is_empty()).map(section).collect()
}

fn section(part: &'static str) -> Section {
    let (header, body) = part.split_once('\n').unwrap_or((part, ""));
    let words: Vec<&str> = header.split(' ').collect();
    let [class, tier, repeat, form] = words[..] else { panic!("not a section header: {header}") };
    let tier = match tier {
        "shape" => Tier::Shape,
        "label" => Tier::Label,
        "ctx" => Tier::Context,
        "clean" => Tier::Clean,
        other => panic!("not a tier: {other}"),
    };
    let Some(Ok(repeat)) = repeat.strip_prefix('x').map(str::parse) else { panic!("not a count: {repeat}") };
    let items = match form {
        "lines" => body.lines().filter(|line| !line.is_empty()).collect(),
        _ => body.split("\n--\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty()).collect(),
    };
    Section { class, tier, repeat, items }
}

/// The text without its marks, and where they were.
pub(super) fn strip(marked: &str) -> (String, Vec<Range<usize>>) {
    let (mut text, mut spans, mut open) = (String::with_capacity(marked.len()), Vec::new(), None);
    for c in marked.chars() {
        match c {
            OPEN => open = open.or(Some(text.len())),
            CLOSE => spans.extend(open.take().map(|start| start..text.len())),
            c => text.push(c),
        }
    }
    (text, spans)
}

/// The text of marked text, its marks removed.
pub(super) fn bare(marked: &str) -> String {
    strip(marked).0
}
