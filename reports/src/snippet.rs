//! A line of a scenario file with a caret under what it says.

use std::fmt::Write as _;

use crate::model::Place;
use crate::paint::{Paint, Role};
use crate::sanitize;

/// Longest part of a line that is shown.
const WIDTH: usize = 120;

/// Characters shown before the caret when the line is cut.
const LEAD: usize = 60;

/// Appends
///
/// ```text
///   ┌─ scenarios/a.yaml:14:15
///   │
/// 14│       status: 403
///   │               ^^^ expected 403, the target answered 200
///   │
/// ```
pub(crate) fn push(out: &mut String, place: &Place, labels: &[String], role: Role, paint: Paint) {
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len().max(2));
    let bar = paint.text(Role::Dim, "│");
    let file = sanitize::line(&place.file, sanitize::MAX_LINE);
    let corner = paint.text(Role::Dim, "┌─");
    let _ = writeln!(out, "{gutter}{corner} {file}:{}:{}", place.line, place.column);
    let _ = writeln!(out, "{gutter}{bar}");

    let line = Line::of(place);
    let number = paint.text(Role::Dim, &format!("{number:>0$}", gutter.len()));
    let _ = writeln!(out, "{number}{bar} {}", line.text.trim_end());
    let carets = paint.text(role, &"^".repeat(line.length));
    let _ = write!(out, "{gutter}{bar} {}{carets}", " ".repeat(line.caret));
    for (i, label) in labels.iter().enumerate() {
        if i > 0 {
            let _ = write!(out, "\n{gutter}{bar} {}", " ".repeat(line.caret + line.length));
        }
        out.push(' ');
        paint.push(out, role, &sanitize::line(label, sanitize::MAX_LINE));
    }
    let _ = writeln!(out, "\n{gutter}{bar}");
}

/// What is shown of a line, and where the caret goes, in characters.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) caret: usize,
    pub(crate) length: usize,
}

impl Line {
    pub(crate) fn of(place: &Place) -> Self {
        let column = place.column.saturating_sub(1) as usize;
        // Made safe piecewise, because an escape is longer than what it stands for.
        let visible = |text: String| sanitize::inline(&text.replace('\t', " ")).into_owned();
        let mut chars = place.text.chars();
        let before = visible(chars.by_ref().take(column).collect());
        let marked = visible(chars.by_ref().take(place.length as usize).collect());
        let after = visible(chars.collect());

        let mut caret = before.chars().count();
        let total = caret + marked.chars().count() + after.chars().count();
        let mut text = before;
        text.push_str(&marked);
        text.push_str(&after);
        if total > WIDTH {
            let skipped = caret.saturating_sub(LEAD);
            let cut: String = text.chars().skip(skipped).take(WIDTH).collect();
            let open = if skipped > 0 { "…" } else { "" };
            let close = if total > skipped + WIDTH { "…" } else { "" };
            text = format!("{open}{cut}{close}");
            caret = caret - skipped + open.chars().count();
        }
        let shown = text.chars().count();
        let length = marked.chars().count().clamp(1, shown.saturating_sub(caret).max(1));
        Self { text, caret, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(place: &Place, labels: &[&str]) -> String {
        let mut out = String::new();
        let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
        push(&mut out, place, &labels, Role::Plain, Paint { color: false });
        out
    }

    fn place(line: u32, column: u32, length: u32, text: &str) -> Place {
        Place { file: "a.yaml".into(), line, column, length, text: text.into() }
    }

    #[test]
    fn caret_under_the_value() {
        assert_eq!(
            show(&place(14, 15, 3, "      status: 403"), &["expected 403", "and more"]),
            "  ┌─ a.yaml:14:15\n  │\n14│       status: 403\n  │               ^^^ expected 403\n  │                   and more\n  │\n"
        );
    }

    #[test]
    fn escapes_before_the_caret_move_it() {
        let shown = show(&place(1000, 4, 2, "\x1bab\u{fc}\u{fc}c"), &["here"]);
        assert_eq!(shown, "    ┌─ a.yaml:1000:4\n    │\n1000│ \\x1bab\u{fc}\u{fc}c\n    │       ^^ here\n    │\n");
    }

    #[test]
    fn places_outside_the_line_do_no_harm() {
        for (column, length) in [(0, 0), (99, 3), (u32::MAX, u32::MAX), (2, u32::MAX)] {
            assert!(show(&place(7, column, length, "ab"), &["x"]).contains('^'));
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("{}403{}", "a".repeat(500), "b".repeat(500));
        let shown = show(&place(7, 501, 3, &text), &["here"]);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[2].chars().count() < 130, "{shown}");
        let caret = lines[3].chars().position(|c| c == '^').expect("a caret");
        assert_eq!(lines[2].chars().skip(caret).take(3).collect::<String>(), "403");
    }
}
