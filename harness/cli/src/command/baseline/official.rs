//! `gauntlet baseline import` and `compare`: the official conformance suite beside ours.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anstream::eprintln;
use gauntlet::baseline::official::{self, Accord, OfficialCheck, Status, Ties};
use gauntlet_reports::baseline::{Baseline, Changed, Defaults, Entry, add, write};
use gauntlet_reports::sanitize;
use serde_json::{Value, json};

use super::{Place, SavedRun, defaults};
use crate::args::{CompareArgs, CompareFormat, FileArgs, ImportArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// Scenarios that a table names in one row.
const NAMED: usize = 3;

pub(super) fn import(args: &ImportArgs) -> Outcome {
    let place = Place::of(&args.file)?;
    let words = defaults(&args.words)?;
    let before = place.read_or_new()?;
    let mut checks = read(&args.files)?;
    checks.retain(|check| check.status == Status::Failure || (words.strict && check.status == Status::Warning));
    let ties = ties(&place)?;
    let change = match &args.run {
        Some(run) => {
            let run = SavedRun::read(run)?;
            write(&before, &run.results, run.environment.as_deref(), &|result| {
                let reason = ties.reason(result, &checks)?;
                Some(Defaults { reason: words.reason.clone().or(Some(reason)), ..words.clone() })
            })
        }
        None => by_scenario(&before, &ties, &checks, &words),
    };
    let mut without: Vec<&str> =
        checks.iter().map(|check| check.id.as_str()).filter(|id| ties.maps_to(id).is_empty()).collect();
    without.sort_unstable();
    without.dedup();
    if !without.is_empty() {
        eprintln!("no scenario is about {}", sanitize::inline(&without.join(", ")));
    }
    place.change(&before, &change, args.dry_run)
}

/// An entry for each scenario that a failing check maps to.
fn by_scenario(before: &Baseline, ties: &Ties, checks: &[OfficialCheck], words: &Defaults) -> Changed {
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    for check in checks {
        for scenario in ties.maps_to(&check.id) {
            entries.entry(scenario).or_insert_with(|| Entry {
                scenario: scenario.to_owned(),
                reason: words.reason.clone().unwrap_or_else(|| check.reason()),
                link: words.link.clone(),
                owner: words.owner.clone(),
                expires: words.expires.clone(),
                ..Entry::default()
            });
        }
    }
    add(before, entries.into_values().collect())
}

pub(super) fn compare(args: &CompareArgs) -> Outcome {
    let place = Place::of(&FileArgs { file: None, config: args.config.clone() })?;
    let checks = read(&args.checks)?;
    let run = SavedRun::read(&args.run)?;
    let rows = official::compare(&ties(&place)?, &run.results, &checks);
    let count = |accord| rows.iter().filter(|row| row.accord == accord).count();
    let totals = [
        (count(Accord::Agree), "agree"),
        (count(Accord::Differ), "differ"),
        (count(Accord::NotJudged), "not judged by both"),
        (count(Accord::NoCounterpart), "without a scenario"),
    ];
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.format {
        CompareFormat::Json => {
            let [(agree, _), (differ, _), (not_judged, _), (no_counterpart, _)] = totals;
            let totals = json!({
                "agree": agree, "differ": differ, "not-judged": not_judged, "no-counterpart": no_counterpart
            });
            writeln!(out, "{:#}", json!({ "checks": rows, "totals": totals }))?;
        }
        CompareFormat::Text => {
            let cell = |text: &str| sanitize::inline(text).into_owned();
            let width = rows.iter().map(|row| cell(&row.check).chars().count()).max().unwrap_or(0).max("check".len());
            writeln!(out, "{:<width$}  {:<8}  {:<6}  {:<15}  maps_to", "check", "theirs", "ours", "accord")?;
            for row in &rows {
                let (theirs, ours, accord) = (json!(row.theirs), json!(row.ours), json!(row.accord));
                let (theirs, ours, accord) = (word(&theirs), word(&ours), word(&accord));
                let named: Vec<String> = row.maps_to.iter().take(NAMED).map(|name| cell(name)).collect();
                let more = row.maps_to.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let line = format!(
                    "{:<width$}  {theirs:<8}  {ours:<6}  {accord:<15}  {}{more}",
                    cell(&row.check),
                    named.join(", ")
                );
                writeln!(out, "{}", line.trim_end())?;
            }
            let told: Vec<String> = totals.iter().map(|(n, what)| format!("{n} {what}")).collect();
            writeln!(out, "{} checks: {}", rows.len(), told.join(", "))?;
        }
    }
    out.flush()?;
    Ok(if count(Accord::Differ) > 0 { Exit::DoesNotConform } else { Exit::Conforms })
}

/// A word as JSON spells it; a dash for none.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn read(files: &[PathBuf]) -> Result<Vec<OfficialCheck>, CommandError> {
    let mut checks = Vec::new();
    for file in files {
        checks.extend(official::read(file).map_err(CommandError::usage)?);
    }
    Ok(checks)
}

fn ties(place: &Place) -> Result<Ties, CommandError> {
    let requirements = place.config.all_requirements().map_err(CommandError::usage)?;
    Ok(Ties::of(&[&place.scenarios()?], &requirements))
}
