//! Expected against actual, line by line.

mod expected;
mod path;

use std::time::Duration;

use serde_json::Value;
use similar::{ChangeTag, DiffOp, TextDiff};

pub use expected::{Comparison, Half, compare};

use crate::model::MismatchReport;
use crate::paint::Paint;
use crate::story;

/// Unchanged lines kept around a change.
const CONTEXT: usize = 3;

/// Time after which a diff settles for less than the smallest; two hostile bodies would take minutes.
const PATIENCE: Duration = Duration::from_millis(200);

/// Lines longer than this, in bytes, are not compared word by word, but by what they have in common at both ends.
const LONG: usize = 200;

/// What a line of a diff is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// In both.
    Same,
    /// Expected, and not there.
    Expected,
    /// There, and not expected.
    Actual,
    /// Lines left out that are the same in both.
    Gap,
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What it is.
    pub tag: Tag,
    /// Pieces of the line, `true` for those that differ from the other side.
    pub parts: Vec<(bool, String)>,
}

impl DiffLine {
    /// The line without marks.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().map(|(_, part)| part.as_str()).collect()
    }
}

/// The diff as text: each line behind its sign, `-` for what was expected and `+` for what is there, and after `most` of them how many
/// there are more.
#[must_use]
pub fn signed(expected: &[String], actual: &[String], most: usize) -> Vec<String> {
    let lines = lines(expected, actual);
    let more = lines.len().saturating_sub(most);
    let mut out: Vec<String> = lines
        .iter()
        .take(most)
        .map(|line| {
            let sign = match line.tag {
                Tag::Same | Tag::Gap => ' ',
                Tag::Expected => '-',
                Tag::Actual => '+',
            };
            format!("{sign} {}", line.text())
        })
        .collect();
    if more > 0 {
        out.push(format!("  … {more} more lines"));
    }
    out
}

/// The diff, with [`Tag::Gap`] where equal lines are left out. Empty when there is no difference.
#[must_use]
pub fn lines(expected: &[String], actual: &[String]) -> Vec<DiffLine> {
    let old: Vec<&str> = expected.iter().map(String::as_str).collect();
    let new: Vec<&str> = actual.iter().map(String::as_str).collect();
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    let mut out = Vec::new();
    let mut shown = 0;
    let groups = diff.grouped_ops(CONTEXT);
    for group in &groups {
        gap(group.first().map_or(0, |op| op.new_range().start) - shown, &mut out);
        for op in group {
            change(&diff, op, &old, &new, &mut out);
        }
        shown = group.last().map_or(shown, |op| op.new_range().end);
    }
    if !groups.is_empty() {
        gap(new.len() - shown, &mut out);
    }
    out
}

fn gap(lines: usize, out: &mut Vec<DiffLine>) {
    if lines > 0 {
        let noun = if lines == 1 { "line" } else { "lines" };
        let text = format!("… {lines} equal {noun}");
        out.push(DiffLine { tag: Tag::Gap, parts: vec![(false, text)] });
    }
}

fn change<'a>(diff: &TextDiff<'_, 'a, str>, op: &DiffOp, old: &[&'a str], new: &[&'a str], out: &mut Vec<DiffLine>) {
    let (old, new) = (&old[op.old_range()], &new[op.new_range()]);
    if matches!(op, DiffOp::Replace { .. }) && old.iter().chain(new).any(|line| line.len() > LONG) {
        return by_ends(old, new, out);
    }
    let from = out.len();
    for change in diff.iter_inline_changes(op) {
        let tag = match change.tag() {
            ChangeTag::Equal => Tag::Same,
            ChangeTag::Delete => Tag::Expected,
            ChangeTag::Insert => Tag::Actual,
        };
        let parts = change.iter_strings_lossy().map(|(marked, part)| (marked, part.into_owned())).collect();
        out.push(DiffLine { tag, parts });
    }
    // Compact JSON has hardly any words.
    let marked = out[from..].iter().flat_map(|line| &line.parts).any(|(marked, _)| *marked);
    if matches!(op, DiffOp::Replace { .. }) && old.len() == new.len() && !marked {
        out.truncate(from);
        by_ends(old, new, out);
    }
}

/// Pairs the lines of both sides and marks what lies between the ends that a pair has in common.
fn by_ends(old: &[&str], new: &[&str], out: &mut Vec<DiffLine>) {
    let parts = |line: &str, other: Option<&&str>| match other {
        Some(other) => ends(line, other),
        None => vec![(true, line.to_owned())],
    };
    for (i, line) in old.iter().enumerate() {
        out.push(DiffLine { tag: Tag::Expected, parts: parts(line, new.get(i)) });
    }
    for (i, line) in new.iter().enumerate() {
        out.push(DiffLine { tag: Tag::Actual, parts: parts(line, old.get(i)) });
    }
}

/// The line in three pieces: what both begin with, what differs, what both end with.
fn ends(line: &str, other: &str) -> Vec<(bool, String)> {
    let common = |a: &mut dyn Iterator<Item = (char, char)>| -> usize {
        a.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let front = common(&mut line.chars().zip(other.chars()));
    let (line_rest, other_rest) = (&line[front..], &other[front..]);
    let back = common(&mut line_rest.chars().rev().zip(other_rest.chars().rev()));
    let (middle, tail) = line_rest.split_at(line_rest.len() - back);
    [(false, &line[..front]), (true, middle), (false, tail)]
        .into_iter()
        .filter(|(_, part)| !part.is_empty())
        .map(|(marked, part)| (marked, part.to_owned()))
        .collect()
}

/// A mismatch that has no place in the text of the exchange: texts of several lines line by line, anything else as two lines,
/// `within: "2s"` and `within: 2310`.
#[must_use]
pub fn of_mismatch(mismatch: &MismatchReport) -> Vec<DiffLine> {
    if let (Value::String(expected), Some(Value::String(actual))) = (&mismatch.expected, &mismatch.actual)
        && (expected.contains('\n') || actual.contains('\n'))
    {
        let split = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        return lines(&split(expected), &split(actual));
    }
    let line = |tag, value: Option<&Value>| {
        let value = value.map_or_else(|| "(nothing)".to_owned(), ToString::to_string);
        DiffLine { tag, parts: vec![(false, format!("{}: ", mismatch.path)), (true, value)] }
    };
    vec![line(Tag::Expected, Some(&mismatch.expected)), line(Tag::Actual, mismatch.actual.as_ref())]
}

/// Two texts line by line, for people: what only the first has is marked `-`, what only the second has `+`. Empty when there is
/// no difference.
#[must_use]
pub fn text(expected: &str, actual: &str, color: bool) -> String {
    let split = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut out = String::new();
    for line in lines(&split(expected), &split(actual)) {
        story::push_diff_line(&mut out, &line, Paint { color });
    }
    out
}

#[cfg(test)]
mod tests;
