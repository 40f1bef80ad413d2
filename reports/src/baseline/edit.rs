//! Changes to the text of a baseline that leave everything else in it as it is, comments too.

use super::ENTRIES;
use super::entry::{Entry, Lines};
use super::yaml;

/// One change.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// The entry at these lines goes, with the comment right above it.
    Remove(Lines),
    /// The entry at these lines is written anew.
    Replace(Lines, Box<Entry>),
    /// One more, at the end of the list.
    Append(Box<Entry>),
}

/// The text with the changes, which name different entries.
pub(super) fn apply(text: &str, entries: &[Entry], edits: &[Edit]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let indent = entries.first().map_or(2, |entry| entry.lines.indent);
    let mut appended = String::new();
    // From the end, so that what stands before stays where it is.
    let mut placed: Vec<&Edit> = edits.iter().collect();
    placed.sort_by_key(|edit| std::cmp::Reverse(first(edit)));
    let end = entries.iter().map(|entry| index(entry.lines.last)).max();
    let mut end = end.unwrap_or(0);
    for edit in placed {
        match edit {
            Edit::Append(_) => {}
            Edit::Remove(at) => {
                let from = with_comment(&lines, at);
                end = end.saturating_sub(index(at.last).saturating_sub(from));
                lines.drain(from..index(at.last));
            }
            Edit::Replace(at, entry) => {
                let new: Vec<String> = yaml::entry(entry, at.indent).lines().map(str::to_owned).collect();
                let range = index(at.first).saturating_sub(1)..index(at.last);
                end = (end + new.len()).saturating_sub(range.len());
                lines.splice(range, new);
            }
        }
    }
    for edit in edits {
        if let Edit::Append(entry) = edit {
            appended.push_str(&yaml::entry(entry, indent));
        }
    }
    let removed = edits.iter().filter(|edit| matches!(edit, Edit::Remove(_))).count();
    let emptied = removed == entries.len();
    if emptied {
        // A key alone would be no list; an empty one is written out, or not, with what is appended.
        let at = key_line(&lines);
        let key = if appended.is_empty() { format!("{ENTRIES}: []") } else { format!("{ENTRIES}:") };
        match at {
            Some(at) => {
                lines[at] = key;
                end = at + 1;
            }
            None => {
                lines.push(key);
                end = lines.len();
            }
        }
    }
    let new: Vec<String> = appended.lines().map(str::to_owned).collect();
    let end = end.min(lines.len());
    lines.splice(end..end, new);
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

fn first(edit: &Edit) -> u32 {
    match edit {
        Edit::Remove(at) | Edit::Replace(at, _) => at.first,
        Edit::Append(_) => u32::MAX,
    }
}

fn index(line: u32) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

/// The line of the key, with or without an empty list after it.
fn key_line(lines: &[String]) -> Option<usize> {
    lines.iter().position(|line| line.strip_prefix(ENTRIES).is_some_and(|rest| rest.starts_with(':')))
}

/// 0-based line of the first line of comment right above the entry, or of the entry.
fn with_comment(lines: &[String], at: &Lines) -> usize {
    let first = index(at.first).saturating_sub(1);
    let blank = index(at.indent);
    let is_comment = |line: &String| {
        let text = line.trim_start();
        text.starts_with('#') && line.len() - text.len() >= blank
    };
    let above = lines.get(..first).unwrap_or_default();
    first - above.iter().rev().take_while(|line| is_comment(line)).count()
}
