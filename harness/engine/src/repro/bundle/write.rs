//! Makes a bundle out of a case of a saved run.

use std::io::{BufRead, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use gauntlet_format::{Scenario, emit, yaml};
use gauntlet_reports::canonical::{self, Volatile};
use gauntlet_reports::volatile::VolatileSpec;
use gauntlet_reports::{Body, CaseResult, Event, Exchange, JsonReporter, Reporter as _, RunInfo, SummaryBuilder};
use gauntlet_reports::{TargetSummary, sanitize, saved};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::BundleError;
use super::carried::{Carried, Target};
use super::manifest::{FORMAT, Machine, Manifest, OwnTarget};
use super::target::DescribedTarget;
use super::{SNAPSHOTS, readme};
use crate::config::Config;
use crate::repro::har;
use crate::repro::recording::{Entry, Payload, Recording, Sent, Transport};
use crate::repro::secrets::{Finder, Secret};
use crate::runner::{Loaded, ScenarioSet};
use crate::snapshot::HeldSnapshots;

/// Which case.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Id of the scenario.
    pub scenario: String,
    /// Values of the matrix, `name=label`.
    pub case: Vec<String>,
    /// Protocol version.
    pub version: Option<String>,
    /// Name of the target.
    pub target: Option<String>,
}

/// Where scenarios and targets are described.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// One of them has the scenario; earlier ones come first.
    pub scenarios: &'a [&'a ScenarioSet],
    /// The configuration of the run.
    pub config: &'a Config,
}

/// What was bundled.
#[derive(Debug)]
pub struct Written {
    /// As it stands in the bundle.
    pub manifest: Manifest,
    /// What was taken out.
    pub secrets: Vec<Secret>,
    /// How many other cases of the run the choice fits, too.
    pub others: usize,
    /// Why the target on which it ran is not in the bundle, if it is not.
    pub without_target: Option<String>,
}

/// What a run has of the case.
#[derive(Default)]
struct Found {
    run: RunInfo,
    result: Option<Box<CaseResult>>,
    targets: Vec<TargetSummary>,
    fitting: usize,
}

/// Writes the bundle of a case. Of several that fit, the first that is red is taken, else the first. `file` is what the bundle will be called.
///
/// # Errors
/// When the run cannot be read, or has no such case or no exchanges of it; when the scenario is not at hand, or needs files
/// that a bundle does not carry; when the archive cannot be written.
pub fn write(
    run: impl BufRead,
    choice: &Choice,
    source: Source<'_>,
    file: &Path,
    out: impl Write + Seek,
) -> Result<Written, BundleError> {
    let found = find(run, choice)?;
    let Some(mut result) = found.result else {
        return Err(BundleError::Nothing(format!("the run has no such case of `{}`", choice.scenario)));
    };
    let Some(attempt) = result.attempts.last().filter(|attempt| !attempt.transcript.is_empty()) else {
        return Err(BundleError::Nothing(format!(
            "the run kept no exchanges of {}; those of passing cases are kept with --keep-all",
            result.id
        )));
    };
    let started = OffsetDateTime::parse(&found.run.started_at, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut entries = Recording::of_exchanges(&attempt.transcript, started).entries;
    let scenario = scenario(source.scenarios, &result)?;
    let texts = texts(&scenario);
    let snapshots = HeldSnapshots::beside(&scenario, &result.id.case).map_err(BundleError::Unportable)?;
    let kind = found.targets.iter().find(|target| target.name == result.id.target).map(|target| target.kind.as_str());
    let target = Carried::of(source.config, &result.id.target, kind);
    let mut finder = Finder::new();
    entries.iter().for_each(|entry| finder.learn(entry));
    target.learn(&mut finder);
    texts.iter().filter_map(|(_, text)| tree(text)).for_each(|tree| finder.learn(&as_entry(&tree)));
    entries.iter_mut().for_each(|entry| finder.redact(entry));
    let mut needed = Vec::new();
    let mut files = Vec::new();
    for (name, text) in texts {
        files.push((name.to_owned(), without(&mut finder, text, &mut needed).into_bytes()));
    }
    for (name, text) in snapshots.iter() {
        files.push((format!("{SNAPSHOTS}{name}"), finder.text(text).into_bytes()));
    }
    let target = target.without(&mut finder, &mut needed, &mut files)?;
    result.attempts.drain(..result.attempts.len() - 1);
    for attempt in &mut result.attempts {
        redact(&mut attempt.transcript, &entries);
    }
    let mut event = Event::CaseFinished(result);
    event.for_each_text(&mut |text| *text = finder.text(text));
    let Event::CaseFinished(result) = event else { return Err(BundleError::Nothing("the case is gone".to_owned())) };
    let secrets = finder.summary();
    let defects = found.run.defects.clone();
    let name = result.id.target.clone();
    let (own, described, without_target) = match target {
        Target::Own => (Some(OwnTarget { name, defects }), None, None),
        Target::Described(entry) => (None, Some(DescribedTarget { name, entry, defects }), None),
        Target::Elsewhere(why) => (None, None, Some(why)),
    };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        gauntlet: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        case: result.id.clone(),
        title: result.title.clone(),
        verdict: result.verdict,
        role: scenario.target.name.clone(),
        target: own,
        described,
        // Nothing else of it is held against what differs from run to run.
        volatile: if snapshots.is_empty() { VolatileSpec::default() } else { source.config.volatile.clone() },
        run: found.run,
        machine: Machine::this(),
        secrets: needed,
    };
    let name = file.file_name().map_or_else(|| "bug.zip".into(), |name| name.to_string_lossy());
    let mut add = |name: &str, content: Vec<u8>| files.push((name.to_owned(), content));
    add("README.md", readme::page(&manifest, &result, &secrets, &name, !snapshots.is_empty()).into_bytes());
    add("bundle.json", serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::from)?);
    add("transcript.txt", transcript(&result.attempts.iter().flat_map(|a| &a.transcript).collect::<Vec<_>>()));
    add("run.json", report(&manifest.run, result, found.targets)?);
    add("traffic.har", traffic(&entries)?);
    archive(files, out)?;
    Ok(Written { manifest, secrets, others: found.fitting.saturating_sub(1), without_target })
}

fn find(run: impl BufRead, choice: &Choice) -> Result<Found, BundleError> {
    let mut found = Found::default();
    saved::read(run, &mut |event| {
        match event {
            Event::RunStarted(info) => found.run = info,
            Event::Target(target) => found.targets.push(target),
            Event::CaseFinished(result) if choice.fits(&result) => {
                found.fitting += 1;
                let is_better = found.result.as_ref().is_none_or(|known| !known.is_red(true) && result.is_red(true));
                if is_better {
                    found.result = Some(result);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

impl Choice {
    fn fits(&self, result: &CaseResult) -> bool {
        let id = &result.id;
        let has = |wanted: &String| id.case.iter().any(|(name, label)| *wanted == format!("{name}={label}"));
        id.scenario == self.scenario
            && self.case.iter().all(has)
            && self.version.as_ref().is_none_or(|version| id.version.as_ref() == Some(version))
            && self.target.as_ref().is_none_or(|target| id.target == *target)
    }
}

/// The scenario of a result, as it is now.
fn scenario(sets: &[&ScenarioSet], result: &CaseResult) -> Result<Arc<Scenario>, BundleError> {
    let of_set = |set: &&ScenarioSet| {
        // The file that the run names comes first: most of the others need not be read then.
        let is_named = |path: &Path| path.display().to_string() == result.place.file;
        let (named, others): (Vec<_>, Vec<_>) = set.files.iter().partition(|file| is_named(&file.path));
        named.into_iter().chain(others).find_map(|file| match set.load(file) {
            Loaded::Scenario(scenario) if scenario.id == result.id.scenario => Some(scenario),
            _ => None,
        })
    };
    let scenario = sets.iter().find_map(of_set);
    scenario.ok_or_else(|| {
        let id = &result.id.scenario;
        BundleError::Nothing(format!("there is no scenario `{id}` here; name its file or folder with --scenarios PATH"))
    })
}

/// The files of a scenario.
fn texts(scenario: &Scenario) -> Vec<(&'static str, &str)> {
    let names = ["scenario.yaml", "pack.yaml"];
    let texts = names.into_iter().zip(&scenario.sources).map(|(name, source)| (name, &*source.text));
    // The scenario names the secrets of its pack as well, so the pack comes first.
    texts.rev().collect()
}

fn tree(text: &str) -> Option<Value> {
    let source = gauntlet_format::Source { path: "scenario.yaml".into(), text: text.into() };
    yaml::parse(&Arc::new(source), 0).ok().map(|node| node.to_json())
}

/// What a scenario says, where a finder of secrets looks.
pub(super) fn as_entry(tree: &Value) -> Entry {
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: std::time::Duration::ZERO,
        request: Sent {
            method: "POST".to_owned(),
            url: "http://localhost/".to_owned(),
            http_version: None,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Payload::whole(tree.to_string()),
        },
        response: None,
        failure: None,
    }
}

/// The text of a scenario without secrets, whose names are added to `needed`: as it was written if it has none, else laid out anew.
fn without(finder: &mut Finder, text: &str, needed: &mut Vec<String>) -> String {
    let Some(tree) = tree(text) else { return finder.text(text) };
    let mut entry = as_entry(&tree);
    finder.redact(&mut entry);
    let mut redacted = entry.request.body.json().unwrap_or_else(|| tree.clone());
    // A scenario whose pack needs secrets names them.
    if redacted == tree && needed.is_empty() {
        return text.to_owned();
    }
    let (before, after) = (text, redacted.to_string());
    let is_new = |name: &String| {
        let place = format!("${{secret:{name}}}");
        after.contains(&place) && !before.contains(&place)
    };
    needed.extend(finder.summary().into_iter().map(|secret| secret.name).filter(is_new));
    // A pack has no such member; its scenario names them.
    if let Some(members) = redacted.as_object_mut()
        && members.contains_key("steps")
    {
        let mut names = members.get("secrets").and_then(Value::as_array).cloned().unwrap_or_default();
        names.extend(needed.iter().map(|name| name.as_str().into()));
        names.dedup();
        members.insert("secrets".to_owned(), names.into());
    }
    emit::scenario(&redacted)
}

/// Exchanges as entries have them, in which more was taken out.
fn redact(transcript: &mut [Exchange], entries: &[Entry]) {
    for (exchange, entry) in transcript.iter_mut().zip(entries) {
        let clean = entry.exchange(exchange.hop.clone(), std::time::Duration::ZERO);
        exchange.request.headers = clean.request.headers;
        put(&mut exchange.request.body, clean.request.body);
        if let (Some(response), Some(clean)) = (&mut exchange.response, clean.response) {
            response.headers = clean.headers;
            put(&mut response.body, clean.body);
        }
    }
}

fn put(body: &mut Body, clean: Body) {
    match (&*body, clean) {
        // A transcript has no bytes of them.
        (Body::Binary { .. }, _) => {}
        // Entries have times of streams as well; what was left out is told apart.
        (Body::Text { truncated, .. }, Body::Text { text, .. }) => *body = Body::Text { text, truncated: *truncated },
        (_, clean) => *body = clean,
    }
}

/// What was said, for people.
fn transcript(exchanges: &[&Exchange]) -> Vec<u8> {
    let text: Vec<String> = exchanges
        .iter()
        .map(|exchange| {
            let note = exchange.note.as_ref().map(|note| format!("({note})\n")).unwrap_or_default();
            format!("== {} ==\n\n{}{note}", exchange.hop, canonical::exchange(exchange, Volatile::Keep))
        })
        .collect();
    sanitize::block(&text.join("\n")).into_bytes()
}

/// The result as a report.
fn report(run: &RunInfo, result: Box<CaseResult>, targets: Vec<TargetSummary>) -> Result<Vec<u8>, BundleError> {
    let mut out = Vec::new();
    let mut totals = SummaryBuilder::default();
    let target = targets.into_iter().find(|target| target.name == result.id.target);
    let mut events = vec![Event::RunStarted(RunInfo { cases: Some(1), shard: None, ..run.clone() })];
    events.extend(target.map(Event::Target));
    let duration = result.attempts.iter().map(|attempt| attempt.duration_ms).sum();
    events.push(Event::CaseFinished(Box::new(CaseResult { index: 0, ..*result })));
    events.iter().for_each(|event| totals.event(event));
    events.push(Event::RunFinished(totals.build(duration, None)));
    let mut reporter = JsonReporter::new(&mut out);
    events.iter().try_for_each(|event| reporter.event(event))?;
    drop(reporter);
    Ok(out)
}

pub(super) fn traffic(entries: &[Entry]) -> Result<Vec<u8>, BundleError> {
    let file = tempfile::NamedTempFile::new()?;
    let mut writer = har::Writer::create(file.path())?;
    entries.iter().try_for_each(|entry| writer.add(entry))?;
    Ok(std::fs::read(file.path())?)
}

fn archive(files: Vec<(String, Vec<u8>)>, out: impl Write + Seek) -> Result<(), BundleError> {
    let failed = |error: zip::result::ZipError| BundleError::Io(std::io::Error::other(error));
    let mut archive = ZipWriter::new(out);
    for (name, content) in files {
        archive.start_file(name, SimpleFileOptions::default()).map_err(failed)?;
        archive.write_all(&content)?;
    }
    archive.finish().map_err(failed)?;
    Ok(())
}
