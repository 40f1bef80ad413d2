//! The comparison for a job summary or a merge request, in GitHub's Markdown.

use std::fmt::Write as _;

use super::RunDiff;
use super::change::Kind;
use super::text::{about, notes, reasons, summary, verdicts};
use crate::reporters::markdown::{code, push_code};

/// Cases of one kind that are named; GitHub takes summaries of 1 MiB.
const NAMED: usize = 500;

/// Bytes of diffs at most.
const DIFFS: usize = 300 * 1024;

/// The comparison as Markdown. Text from targets stands in code only.
#[must_use]
pub fn markdown(diff: &RunDiff) -> String {
    let mut out = String::with_capacity(4096);
    let head = if diff.is_worse(false) { "worse than before" } else { "nothing newly failing" };
    let _ = writeln!(out, "## Gauntlet: {head}\n");
    for (label, side) in [("before", &diff.before), ("after", &diff.after)] {
        let _ = writeln!(out, "- {label}: {}, {}", code(&side.name), code(&about(side)));
    }
    let _ = writeln!(out, "\n{}\n", summary(diff));
    for kind in Kind::ALL {
        group(&mut out, diff, kind);
    }
    for note in notes(diff) {
        let _ = writeln!(out, "{}\n", code(&note));
    }
    out
}

fn group(out: &mut String, diff: &RunDiff, kind: Kind) {
    let count = diff.of(kind).count();
    if count == 0 {
        return;
    }
    let _ = writeln!(out, "### {} ({count})\n", capital(kind.words()));
    out.push_str("| verdict | case | why |\n| --- | --- | --- |\n");
    for change in diff.of(kind).take(NAMED) {
        let why: Vec<String> = reasons(change).iter().map(|line| code(line)).collect();
        let _ = writeln!(out, "| {} | {} | {} |", verdicts(change), code(&change.case), why.join("<br>"));
    }
    out.push('\n');
    if count > NAMED {
        let _ = writeln!(out, "… and {} more; `--format json` has them.\n", count - NAMED);
    }
    let mut diffs = 0;
    for change in diff.of(kind).filter(|change| !change.diff.is_empty()) {
        let lines: Vec<String> = change.diff.iter().map(|line| crate::sanitize::inline(line).into_owned()).collect();
        let text = lines.join("\n");
        diffs += text.len();
        if diffs > DIFFS {
            break;
        }
        let _ = writeln!(out, "{}\n", code(&change.case));
        push_code(out, "diff", &text);
        out.push('\n');
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
