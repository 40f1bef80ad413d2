//! The comparison for people: a block for each kind of change, the worst first, and a line that sums up.

use std::fmt::Write as _;

use super::change::{CaseChange, Kind, State};
use super::{RunDiff, SideSummary};
use crate::model::Verdict;
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};
use crate::words;

/// Cases of one kind that are named, unless everything is shown.
const NAMED: usize = 30;

/// Lines of one diff that are shown, unless everything is.
const DIFF_LINES: usize = 40;

/// The comparison as text. `whole` leaves nothing out.
#[must_use]
pub fn text(diff: &RunDiff, color: bool, whole: bool) -> String {
    let telling = Telling { paint: Paint { color }, whole };
    let mut out = String::with_capacity(1024);
    let wide = diff.before.name.chars().count().max(diff.after.name.chars().count()).min(40);
    for (label, side) in [("before", &diff.before), ("after", &diff.after)] {
        let name = sanitize::line(&side.name, MAX_LINE);
        let _ = writeln!(out, "  {label:<6}  {name:<wide$}  {}", sanitize::line(&about(side), MAX_LINE));
    }
    out.push('\n');
    for kind in Kind::ALL {
        telling.group(&mut out, diff, kind);
    }
    let _ = writeln!(out, "  {}", telling.paint.text(verdict_role(diff), &summary(diff)));
    for note in notes(diff) {
        let _ = writeln!(out, "  {}", sanitize::line(&note, MAX_LINE));
    }
    out
}

/// What is known of a side, in a line.
pub(super) fn about(side: &SideSummary) -> String {
    let mut about = words::count(side.cases as u64, "case", "cases");
    if !side.run.started_at.is_empty() {
        let _ = write!(about, ", begun {}", side.run.started_at);
    }
    if let Some(environment) = &side.run.environment {
        let _ = write!(about, ", {environment}");
    }
    about
}

fn verdict_role(diff: &RunDiff) -> Role {
    let verdict = match (diff.is_worse(false), diff.is_worse(true)) {
        (true, _) => Verdict::Fail,
        (_, true) => Verdict::Warn,
        _ => Verdict::Pass,
    };
    Role::Verdict(verdict)
}

/// `3 compared: 1 newly failing, 1 fixed; 1 the same`.
pub(super) fn summary(diff: &RunDiff) -> String {
    let counted = |kind: Kind| (diff.of(kind).count(), kind.words());
    let told: Vec<String> = Kind::ALL
        .into_iter()
        .map(counted)
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let told = if told.is_empty() { "nothing changed".to_owned() } else { told.join(", ") };
    format!("{} compared: {told}; {} the same", words::count(diff.compared as u64, "case", "cases"), diff.same)
}

/// What the reader should know about how much was compared.
pub(super) fn notes(diff: &RunDiff) -> Vec<String> {
    let mut notes = Vec::new();
    for side in [&diff.before, &diff.after] {
        if !side.complete {
            notes.push(format!("{} ends before its run did: what it lacks may not have been run", side.name));
        }
    }
    if diff.without_transcript > 0 {
        let cases = words::count(diff.without_transcript as u64, "case", "cases");
        notes.push(format!(
            "{cases} without a transcript on both sides, so that only verdicts and times were compared; `gauntlet run --keep-all` \
             keeps those of passes"
        ));
    }
    if diff.left_out > 0 {
        let cases = words::count(diff.left_out as u64, "case", "cases");
        notes.push(format!("{cases} left out: their scenarios were not run on the live side"));
    }
    notes
}

struct Telling {
    paint: Paint,
    whole: bool,
}

impl Telling {
    fn group(&self, out: &mut String, diff: &RunDiff, kind: Kind) {
        let all: Vec<&CaseChange> = diff.of(kind).collect();
        if all.is_empty() {
            return;
        }
        let head = kind.words().to_uppercase();
        let _ = write!(out, "  {}  {}", self.paint.text(role(kind), &head), all.len());
        if kind == Kind::StillFailing {
            let other = all.iter().filter(|change| change.same_reason == Some(false)).count();
            let _ = write!(out, ", {other} for another reason");
        }
        out.push('\n');
        let shown = if self.whole { all.len() } else { all.len().min(NAMED) };
        let wide = all.iter().take(shown).map(|change| verdicts(change).chars().count()).max().unwrap_or(0);
        for change in all.iter().take(shown) {
            self.change(out, change, wide);
        }
        if shown < all.len() {
            let _ = writeln!(out, "    … {} more; `--verbose` and `--format json` name them all", all.len() - shown);
        }
        out.push('\n');
    }

    fn change(&self, out: &mut String, change: &CaseChange, wide: usize) {
        let verdicts = verdicts(change);
        let role = change.after.as_ref().or(change.before.as_ref()).map_or(Role::Plain, |s| Role::Verdict(s.verdict));
        let verdicts = self.paint.text(role, &format!("{verdicts:<wide$}"));
        let name = self.paint.text(Role::Strong, &sanitize::line(&change.case, MAX_LINE));
        let _ = writeln!(out, "    {verdicts}  {name}{}", sanitize::line(&targets(change), MAX_LINE));
        let indent = " ".repeat(wide + 6);
        for line in reasons(change) {
            let _ = writeln!(out, "{indent}{}", sanitize::line(&line, MAX_LINE));
        }
        if change.kind == Kind::NewlyFailing
            && let Some(again) = &change.again
        {
            let _ =
                writeln!(out, "{indent}{} {}", self.paint.text(Role::Dim, "again"), sanitize::line(again, MAX_LINE));
        }
        let shown = if self.whole { change.diff.len() } else { change.diff.len().min(DIFF_LINES) };
        for line in change.diff.iter().take(shown) {
            let role = match line.as_bytes().first() {
                Some(b'-') => Role::Expected,
                Some(b'+') => Role::Actual,
                _ => Role::Plain,
            };
            let _ = writeln!(out, "      {}", self.paint.text(role, &sanitize::line(line, MAX_LINE)));
        }
        if shown < change.diff.len() {
            let _ = writeln!(out, "        … {} more lines", change.diff.len() - shown);
        }
    }
}

fn role(kind: Kind) -> Role {
    match kind {
        Kind::NewlyFailing => Role::Verdict(Verdict::Fail),
        Kind::NoLongerJudged | Kind::NewlyWarning | Kind::Slower | Kind::Changed => Role::Verdict(Verdict::Warn),
        Kind::Fixed | Kind::NewlyJudged => Role::Verdict(Verdict::Pass),
        Kind::StillFailing | Kind::StillNotJudged | Kind::Removed | Kind::Added => Role::Strong,
    }
}

/// `pass → fail`, or `pass` where it is the same.
pub(super) fn verdicts(change: &CaseChange) -> String {
    let word = |state: &State| {
        let flaky = if state.flaky { " (flaky)" } else { "" };
        let excused = if state.excused { " (does not count)" } else { "" };
        format!("{}{flaky}{excused}", words::verdict_lower(state.verdict))
    };
    match (change.before.as_ref().map(word), change.after.as_ref().map(word)) {
        (Some(before), Some(after)) if before == after => after,
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) if change.kind == Kind::NewlyFailing => format!("new → {after}"),
        (None, Some(only)) | (Some(only), None) => only,
        (None, None) => "broken".to_owned(),
    }
}

/// ` on gateway`.
fn targets(change: &CaseChange) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if before.target != after.target => {
            format!(" on {} → {}", before.target, after.target)
        }
        (Some(state), _) | (_, Some(state)) => format!(" on {}", state.target),
        (None, None) => String::new(),
    }
}

/// Why, in as few lines as say it.
pub(super) fn reasons(change: &CaseChange) -> Vec<String> {
    let reason = |state: &Option<State>| state.as_ref().and_then(|state| state.reason.clone());
    let (was, is) = (reason(&change.before), reason(&change.after));
    match change.kind {
        Kind::StillFailing if change.same_reason == Some(false) => {
            was.map(|was| format!("was: {was}")).into_iter().chain(is.map(|is| format!("is:  {is}"))).collect()
        }
        Kind::Slower => {
            let (Some(before), Some(after)) = (&change.before, &change.after) else { return Vec::new() };
            let times = after.duration_ms / before.duration_ms.max(1.0);
            vec![format!(
                "{} → {}, {times:.1} times as long",
                words::seconds(before.duration_ms),
                words::seconds(after.duration_ms)
            )]
        }
        Kind::Fixed | Kind::NewlyJudged => was.map(|was| format!("was: {was}")).into_iter().collect(),
        Kind::Changed | Kind::Removed | Kind::Added => Vec::new(),
        _ => is.into_iter().collect(),
    }
}
