//! The first reading: what each file is, and whether they belong together.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::{Gap, MergeError};
use super::{MAX_PARTS, Merge};
use crate::model::{Event, RunInfo, RunSummary, Shard, TargetSummary};
use crate::saved;

/// Bytes read at a time.
const BUFFER: usize = 256 * 1024;

/// Missing shards that are named.
const NAMED: usize = 10;

/// A file, as far as it is known after the first reading.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) shard: Option<Shard>,
    pub(super) summary: RunSummary,
    /// It goes to the end of its run.
    pub(super) complete: bool,
    run: RunInfo,
    targets: Vec<TargetSummary>,
    cases: u64,
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, MergeError> {
    let file = File::open(path).map_err(|error| MergeError::Read { path: path.to_owned(), error: error.into() })?;
    Ok(BufReader::with_capacity(BUFFER, file))
}

pub(super) fn survey(paths: &[PathBuf]) -> Result<Merge, MergeError> {
    if paths.is_empty() || paths.len() > MAX_PARTS {
        return Err(MergeError::Number(paths.len()));
    }
    let mut parts = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.shard.as_ref().map(|shard| shard.index));
    let alone = parts.len() == 1;
    if let Some(whole) = parts.iter().find(|part| part.shard.is_none() && !alone) {
        return Err(MergeError::NoShard(whole.path.clone()));
    }
    for pair in parts.windows(2) {
        if let [a, b] = pair {
            together(a, b)?;
        }
    }
    let gaps = gaps(&parts);
    if gaps.is_empty() {
        nothing_lost(&parts)?;
    }
    let started_at = parts.iter().map(|part| part.run.started_at.as_str()).min_by_key(|text| {
        // What is no date is later than any.
        let date = OffsetDateTime::parse(text, &Rfc3339).ok();
        (date.is_none(), date)
    });
    let started_at = started_at.unwrap_or_default().to_owned();
    let run = parts.first().map(|part| part.run.clone()).unwrap_or_default();
    let run = RunInfo { started_at, shard: None, ..run };
    let targets = targets(&parts);
    Ok(Merge { parts, run, targets, gaps })
}

fn read(path: &Path) -> Result<Part, MergeError> {
    let mut part = Part {
        path: path.to_owned(),
        shard: None,
        summary: RunSummary::default(),
        complete: false,
        run: RunInfo::default(),
        targets: Vec::new(),
        cases: 0,
    };
    let mut last = None;
    let mut disordered = false;
    let mut position = |index: usize| {
        disordered |= last.is_some_and(|last| last >= index);
        last = Some(index);
    };
    let read = saved::read(open(path)?, &mut |event| {
        match event {
            Event::RunStarted(run) => part.run = run,
            Event::Target(target) => part.targets.push(target),
            Event::Broken(file) => file.index.into_iter().for_each(&mut position),
            Event::CaseStarted { .. } => {}
            Event::CaseFinished(result) => {
                position(result.index);
                part.cases += 1;
            }
            Event::RunFinished(summary) => part.summary = summary,
        }
        Ok(())
    });
    let read = read.map_err(|error| MergeError::Read { path: path.to_owned(), error })?;
    let damaged = |problem: &str| Err(MergeError::Damaged { path: path.to_owned(), problem: problem.to_owned() });
    if disordered {
        return damaged("its results are not in the order of the run that it is a part of");
    }
    part.shard = part.run.shard.take();
    if part.shard.as_ref().is_some_and(|shard| shard.index == 0 || shard.index > shard.of) {
        return damaged("it says to be a shard that there cannot be");
    }
    part.complete = read.complete;
    Ok(part)
}

/// Whether two shards, in order, are of one run.
fn together(a: &Part, b: &Part) -> Result<(), MergeError> {
    let (Some(first), Some(second)) = (&a.shard, &b.shard) else { return Ok(()) };
    let paths = || [a.path.clone(), b.path.clone()];
    let different = |what, said| Err(MergeError::Different { paths: paths(), what, said });
    if first.of != second.of {
        return different("the number of shards", [first.of.to_string(), second.of.to_string()]);
    }
    if let (Some(x), Some(y)) = (&first.run, &second.run)
        && x != y
    {
        return different("the run of the CI system", [x.clone(), y.clone()]);
    }
    if a.run.gauntlet != b.run.gauntlet {
        return different("the version of Gauntlet", [a.run.gauntlet.clone(), b.run.gauntlet.clone()]);
    }
    if a.run.environment != b.run.environment {
        let name = |part: &Part| part.run.environment.clone().unwrap_or_else(|| "none".to_owned());
        return different("the environment", [name(a), name(b)]);
    }
    let rest = |part: &Part| {
        let run = RunInfo { started_at: String::new(), ..part.run.clone() };
        serde_json::to_value(run).unwrap_or(Value::Null)
    };
    if rest(a) != rest(b) {
        return different("what it says of itself", [rest(a).to_string(), rest(b).to_string()]);
    }
    if first.index == second.index {
        return Err(MergeError::Twice { shard: first.clone(), paths: paths() });
    }
    Ok(())
}

fn gaps(parts: &[Part]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if let Some(of) = parts.iter().find_map(|part| Some(part.shard.as_ref()?.of)) {
        let count = of.saturating_sub(u32::try_from(parts.len()).unwrap_or(u32::MAX));
        let present = |index: &u32| parts.iter().any(|part| part.shard.as_ref().is_some_and(|s| s.index == *index));
        let shards: Vec<u32> = (1..=of).filter(|index| !present(index)).take(NAMED.min(count as usize)).collect();
        if count > 0 {
            gaps.push(Gap::Missing { shards, count, of });
        }
    }
    gaps.extend(parts.iter().filter(|part| !part.complete).map(|part| Gap::CutOff { shard: part.shard.clone() }));
    let mut planned = parts.iter().filter(|part| part.summary.plan.is_some());
    if let Some(first) = planned.next() {
        gaps.extend(planned.filter(|part| part.summary.plan != first.summary.plan).filter_map(|part| {
            let (shard, from) = (part.shard.clone()?, first.shard.clone()?);
            Some(Gap::OtherPlan { shard, from, why: difference(first, part) })
        }));
    }
    gaps
}

/// Why two shards had different cases before them, if the targets show it.
fn difference(a: &Part, b: &Part) -> Option<String> {
    let spoken = |target: &TargetSummary| {
        if target.versions.is_empty() { "no version".to_owned() } else { target.versions.join(", ") }
    };
    a.targets.iter().find_map(|target| {
        let other = b.targets.iter().find(|other| other.name == target.name)?;
        let differs = other.versions != target.versions;
        differs.then(|| format!("it found `{}` to speak {}, the other {}", target.name, spoken(other), spoken(target)))
    })
}

/// With every shard there, every result must be.
fn nothing_lost(parts: &[Part]) -> Result<(), MergeError> {
    let (Some(first), false) = (parts.first(), parts.iter().any(|part| part.summary.interrupted.is_some())) else {
        return Ok(());
    };
    let Some(plan) = &first.summary.plan else { return Ok(()) };
    let found = parts.iter().map(|part| part.cases).sum::<u64>() + first.summary.broken;
    if found == plan.results {
        return Ok(());
    }
    let problem = format!(
        "the run that it is a part of has {} results, but the files have {found}; was one edited?",
        plan.results
    );
    Err(MergeError::Damaged { path: first.path.clone(), problem })
}

/// Each target once, as seen by the first shard that reached it.
fn targets(parts: &[Part]) -> Vec<TargetSummary> {
    let mut all: Vec<TargetSummary> = Vec::new();
    for target in parts.iter().flat_map(|part| &part.targets) {
        match all.iter_mut().find(|known| known.name == target.name) {
            None => all.push(target.clone()),
            Some(known) if known.versions.is_empty() => known.clone_from(target),
            Some(_) => {}
        }
    }
    all
}
