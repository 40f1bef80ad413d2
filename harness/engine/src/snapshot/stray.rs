//! Snapshots that belong to nothing any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet_format::scenario::{Lifecycle, Transport};
use gauntlet_format::{Diagnostic, Scenario, Source, Span, Version};

use super::{file, sections};
use crate::runner::{ScenarioSet, combinations};

/// A warning for each snapshot of the set whose scenario is not there or has none, whose case or version is not of the scenario,
/// or of which a section is of no step. `scenarios` are those of the set that can be read; of the others nothing is said.
///
/// Which cases there are follows from the scenario alone, its matrix and its versions, and not from any target.
#[must_use]
pub fn stray(set: &ScenarioSet, scenarios: &[Arc<Scenario>]) -> Vec<Diagnostic> {
    let known: BTreeMap<PathBuf, &Scenario> = scenarios
        .iter()
        .filter_map(|scenario| Some((file::folder_of(&scenario.sources.first()?.path), scenario.as_ref())))
        .collect();
    let unreadable: BTreeSet<PathBuf> = set.files.iter().map(|f| file::folder_of(&f.path)).collect();
    let beside = known.keys().filter(|folder| folder.is_dir());
    let folders: BTreeSet<&PathBuf> = set.snapshots.iter().chain(beside).collect();
    let mut found = Vec::new();
    for folder in folders {
        match known.get(folder) {
            Some(scenario) => of_scenario(folder, scenario, &mut found),
            None if unreadable.contains(folder) => {}
            None => found.push(warning(folder, "orphaned-snapshot", "no scenario beside it has these snapshots")),
        }
    }
    found
}

fn of_scenario(folder: &Path, scenario: &Scenario, found: &mut Vec<Diagnostic>) {
    let expected = files(scenario);
    if expected.values().all(BTreeSet::is_empty) {
        let message = format!("the scenario `{}` has no `expect: snapshot`", scenario.id);
        return found.push(warning(folder, "orphaned-snapshot", &message));
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == file::EXTENSION));
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let headings = expected.get(name).filter(|headings| !headings.is_empty());
        match (headings, file::read(&path)) {
            (None, _) => {
                let message = format!("the scenario `{}` has no such case, or no snapshot in it", scenario.id);
                found.push(warning(&path, "stale-snapshot", &message));
            }
            (Some(headings), Ok(Some(text))) => of_file(&path, &text, headings, scenario, found),
            (Some(_), Ok(None)) => {}
            (Some(_), Err(reason)) => found.push(warning(&path, "unreadable-snapshot", &reason)),
        }
    }
}

fn of_file(path: &Path, text: &str, headings: &BTreeSet<String>, scenario: &Scenario, found: &mut Vec<Diagnostic>) {
    let source = Arc::new(Source { path: path.to_owned(), text: text.into() });
    for stored in file::sections(text).into_iter().filter(|stored| !headings.contains(&stored.heading)) {
        let at = |offset: usize| u32::try_from(offset).unwrap_or(0);
        let end = text.get(stored.start..).and_then(|rest| rest.lines().next()).map_or(0, str::len) + stored.start;
        let span = Span { source: 0, line: stored.line, column: 1, start: at(stored.start), end: at(end) };
        let message = format!("no step of the scenario `{}` has this snapshot", scenario.id);
        let help = format!("`gauntlet run {} --bless` writes the file anew", scenario.id);
        found.push(Diagnostic::warning("stale-snapshot", &source, span, message).help(help));
    }
}

fn warning(path: &Path, code: &'static str, message: &str) -> Diagnostic {
    let source = Arc::new(Source { path: path.to_owned(), text: "".into() });
    let span = Span { line: 1, column: 1, ..Span::default() };
    Diagnostic::warning(code, &source, span, message).help("delete it if it is not needed any more")
}

/// The names of the files that a scenario may have, with the headings in each.
fn files(scenario: &Scenario) -> BTreeMap<String, BTreeSet<String>> {
    let versions: Vec<Option<Version>> = match scenario.lifecycle {
        Some(Lifecycle::Bare) => vec![None],
        Some(_) => scenario.versions.iter().map(Some).collect(),
        // It is the target's.
        None => scenario.versions.iter().map(Some).chain([None]).collect(),
    };
    let transports: &[bool] = match scenario.transport {
        Transport::Any => &[false, true],
        Transport::Http => &[false],
        Transport::Stdio => &[true],
    };
    let mut files = BTreeMap::new();
    for matrix in combinations(scenario) {
        let labels: Vec<_> = matrix.into_iter().map(|choice| (choice.name, choice.label)).collect();
        for version in &versions {
            let headings: BTreeSet<String> = sections(scenario, *version).into_iter().map(|s| s.heading).collect();
            for is_stdio in transports {
                files.insert(file::name_of(&labels, *version, *is_stdio), headings.clone());
            }
        }
    }
    files
}
