//! The matrix as a table on a console.

use std::io::{self, Write};

use super::{Coverage, CoverageCell, CoverageCounts, CoverageState, CoveredRequirement};
use crate::model::Verdict;
use crate::paint::{Paint, Role};
use crate::{sanitize, words};

/// Width of a version's column.
const COLUMN: usize = 8;

/// How the table is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageStyle {
    /// Colour.
    pub color: bool,
    /// Only the totals by theme, not a row for each requirement.
    pub totals_only: bool,
    /// Under each row the rule, the scenarios and the defects by name.
    pub named: bool,
}

/// Writes the table, and the totals under it.
///
/// # Errors
/// When the output cannot be written.
pub fn write_coverage(out: &mut impl Write, coverage: &Coverage, style: CoverageStyle) -> io::Result<()> {
    let paint = Paint { color: style.color };
    let themes = themes(coverage);
    if !style.totals_only {
        let width = coverage.requirements.iter().map(|r| r.id.chars().count()).max().unwrap_or(0);
        for (theme, requirements) in &themes {
            let versions: String = coverage.versions.iter().map(|v| format!("{:<COLUMN$}", short(v))).collect();
            let heading = format!("{:<1$}", sanitize::inline(theme), width + 11);
            let versions = paint.text(Role::Dim, versions.trim_end());
            writeln!(out, "{} {versions}", paint.text(Role::Strong, &heading))?;
            for requirement in requirements {
                row(out, coverage, requirement, width, style)?;
            }
            writeln!(out)?;
        }
        let signs = CoverageState::ALL.map(|state| format!("{} {}", state.sign(), state.words()));
        writeln!(out, "{}", signs.join("   "))?;
        writeln!(out)?;
    }
    totals(out, &themes, paint)
}

/// Requirements by theme, in the order in which themes are first met.
fn themes(coverage: &Coverage) -> Vec<(&str, Vec<&CoveredRequirement>)> {
    let mut themes: Vec<(&str, Vec<&CoveredRequirement>)> = Vec::new();
    for requirement in &coverage.requirements {
        match themes.iter_mut().find(|(theme, _)| *theme == requirement.theme) {
            Some((_, of_theme)) => of_theme.push(requirement),
            None => themes.push((&requirement.theme, vec![requirement])),
        }
    }
    themes
}

/// `2025-06` of `2025-06-18`: no two versions are of one month.
fn short(version: &str) -> &str {
    version.get(..7).unwrap_or(version)
}

fn row(
    out: &mut impl Write,
    coverage: &Coverage,
    requirement: &CoveredRequirement,
    width: usize,
    style: CoverageStyle,
) -> io::Result<()> {
    let paint = Paint { color: style.color };
    let mut line = format!("  {:<6} {:<width$}   ", words::level(requirement.level), sanitize::inline(&requirement.id));
    let mut cell = |cell: Option<&CoverageCell>, columns: usize| {
        let sign = cell.map_or_else(|| " ".to_owned(), |cell| sign(cell, paint));
        line.push_str(&sign);
        line.extend(std::iter::repeat_n(' ', COLUMN * columns - 1));
    };
    match requirement.cells.as_slice() {
        [any] if any.version.is_none() => cell(Some(any), coverage.versions.len().max(1)),
        cells => coverage.versions.iter().for_each(|version| {
            cell(cells.iter().find(|cell| cell.version.as_deref() == Some(version)), 1);
        }),
    }
    let (scenarios, defects) = (requirement.scenarios(), requirement.defects());
    let told = match (scenarios.len(), defects.len()) {
        (0, 0) => String::new(),
        (0, defects) => format!("every exchange, {}", words::count(defects as u64, "defect", "defects")),
        (scenarios, 0) => words::count(scenarios as u64, "scenario", "scenarios"),
        (scenarios, defects) => format!(
            "{}, {}",
            words::count(scenarios as u64, "scenario", "scenarios"),
            words::count(defects as u64, "defect", "defects")
        ),
    };
    paint.push(&mut line, Role::Dim, &told);
    writeln!(out, "{}", line.trim_end())?;
    if style.named {
        writeln!(out, "         {}", sanitize::inline(&requirement.statement))?;
        let names = [
            ("untestable", requirement.untestable.as_deref().into_iter().collect()),
            ("scenario", scenarios),
            ("defect", defects),
        ];
        for (what, all) in names {
            for name in all {
                writeln!(out, "         {what:<10} {}", sanitize::inline(name))?;
            }
        }
    }
    Ok(())
}

/// The state, or the verdict of the run where it is a bad one.
fn sign(cell: &CoverageCell, paint: Paint) -> String {
    let (sign, role) = match (cell.verdict, cell.state) {
        (Some(verdict @ (Verdict::Fail | Verdict::Error | Verdict::Warn)), _) => ('✗', Role::Verdict(verdict)),
        (_, state @ CoverageState::Proved) => (state.sign(), Role::Verdict(Verdict::Pass)),
        (_, state @ CoverageState::NeverShownToFail) => (state.sign(), Role::Verdict(Verdict::Warn)),
        (_, state) => (state.sign(), Role::Dim),
    };
    paint.text(role, &sign.to_string())
}

fn totals(out: &mut impl Write, themes: &[(&str, Vec<&CoveredRequirement>)], paint: Paint) -> io::Result<()> {
    let width = themes.iter().map(|(theme, _)| theme.chars().count()).max().unwrap_or(0).max(5);
    let heading = format!(
        "{:<width$}  {:>12}  {:>8}  {:>20}  {:>12}  {:>13}",
        "theme", "requirements", "proved", "never shown to fail", "not covered", "not testable"
    );
    writeln!(out, "{}", paint.text(Role::Strong, &heading))?;
    for (theme, requirements) in themes {
        line(out, &sanitize::inline(theme), width, CoverageCounts::of(requirements.iter().copied()))?;
    }
    let all = CoverageCounts::of(themes.iter().flat_map(|(_, requirements)| requirements.iter().copied()));
    line(out, "all", width, all)?;
    writeln!(out, "\n{} % of what can be tested is proved, at every version it holds in", all.percent())
}

fn line(out: &mut impl Write, name: &str, width: usize, counts: CoverageCounts) -> io::Result<()> {
    writeln!(
        out,
        "{name:<width$}  {:>12}  {:>8}  {:>20}  {:>12}  {:>13}",
        counts.total(),
        counts.get(CoverageState::Proved),
        counts.get(CoverageState::NeverShownToFail),
        counts.get(CoverageState::NotCovered),
        counts.get(CoverageState::NotTestable)
    )
}
