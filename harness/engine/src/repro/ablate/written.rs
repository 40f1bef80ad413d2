//! The smallest request as a scenario of its own.

use std::path::PathBuf;
use std::sync::Arc;

use gauntlet_format::{Scenario, Source, emit};
use gauntlet_reports::compare::Segment;
use gauntlet_reports::{Event, Verdict};
use serde_json::{Map, Value, json};

use super::answer::Told;
use super::parts::Part;
use crate::repro::standalone::standalone;
use crate::runner::case::{self, Case};
use crate::runner::{Filter, RunOptions, cases_of};
use crate::transport::alteration;

/// The scenario up to the step, without the parts, as text; and the parts that stay, because nothing in the step says how to
/// leave them out.
///
/// # Errors
/// One sentence when the scenario cannot be read again.
pub(super) fn scenario<'p>(
    case: &Case,
    position: usize,
    left_out: &'p [Part],
    answer: &Told,
) -> Result<(String, Vec<&'p Part>), String> {
    let unreadable = || "the scenario has no such step".to_owned();
    let Value::Object(mut document) = standalone(&case.scenario)? else { return Err(unreadable()) };
    for name in ["proves", "description", "matrix", "versions"] {
        document.shift_remove(name);
    }
    let title = document.get("title").and_then(Value::as_str).unwrap_or_default();
    let title = format!("The smallest request for: {title}");
    document.insert("id".to_owned(), format!("{}.smallest", case.scenario.id).into());
    document.insert("title".to_owned(), title.into());
    if let Some(version) = case.version {
        document.insert("versions".to_owned(), version.as_str().into());
    }
    if !case.matrix.is_empty() {
        let chosen = case.matrix.iter().map(|(name, value)| (name.clone(), json!([value])));
        document.insert("matrix".to_owned(), Value::Object(chosen.collect()));
    }
    let mut steps = match document.shift_remove("steps") {
        Some(Value::Array(steps)) => steps,
        _ => return Err(unreadable()),
    };
    steps.truncate(position + 1);
    steps.iter_mut().for_each(without_proofs);
    let step = steps.last_mut().and_then(Value::as_object_mut).ok_or_else(unreadable)?;
    // Of a list the later elements first, so that the others keep their places.
    let (mut fields, others): (Vec<&Part>, Vec<&Part>) = left_out.iter().partition(|p| matches!(p, Part::Field(_)));
    fields.sort_by(|a, b| b.cmp(a));
    let stays = |part: &&Part| leave_out(step, part).is_none();
    let stay: Vec<&Part> = others.into_iter().chain(fields).filter(stays).collect();
    let expected = step.shift_remove("expect").unwrap_or_else(|| match answer.status {
        Some(status) => json!({ "status": status }),
        None => json!({ "result": { "$any": true } }),
    });
    // What comes back stands behind what is sent.
    step.insert("expect".to_owned(), expected);
    document.insert("steps".to_owned(), Value::Array(steps));
    Ok((emit::scenario(&Value::Object(document)), stay))
}

/// What a step proves belongs to the scenario that it is taken from, and so does its snapshot.
fn without_proofs(step: &mut Value) {
    let Some(step) = step.as_object_mut() else { return };
    if let Some(expect) = step.get_mut("expect") {
        let blocks = match &mut *expect {
            Value::Array(blocks) => blocks.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for block in blocks.iter_mut().filter_map(Value::as_object_mut) {
            block.shift_remove("proves");
            block.shift_remove("snapshot");
        }
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        if is_empty(expect) || expect.as_array().is_some_and(|blocks| blocks.iter().all(is_empty)) {
            step.shift_remove("expect");
        }
    }
    for name in ["parallel", "steps"] {
        if let Some(Value::Array(inner)) = step.get_mut(name) {
            inner.iter_mut().for_each(without_proofs);
        }
    }
    if let Some(Value::Array(inner)) = step.get_mut("repeat").and_then(|repeat| repeat.get_mut("steps")) {
        inner.iter_mut().for_each(without_proofs);
    }
}

/// Takes a part out of what the step sends.
fn leave_out(step: &mut Map<String, Value>, part: &Part) -> Option<()> {
    match part {
        Part::Header(name) => leave_out_header(step, name),
        Part::Query(name) => step.get_mut("query")?.as_object_mut()?.shift_remove(name).map(|_| ()),
        Part::Field(path) => leave_out_field(step, &path.0),
    }
}

fn leave_out_header(step: &mut Map<String, Value>, name: &str) -> Option<()> {
    let headers = step.entry("headers").or_insert_with(|| json!({})).as_object_mut()?;
    headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
    for list in ["$only", "$drop"] {
        // One name may stand without a list.
        if let Some(one @ Value::String(_)) = headers.get_mut(list) {
            *one = json!([one.take()]);
        }
    }
    let is_meant = |known: &Value| known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(name));
    if let Some(Value::Array(only)) = headers.get_mut("$only") {
        only.retain(|known| !is_meant(known));
        return Some(());
    }
    headers.entry("$drop").or_insert_with(|| json!([])).as_array_mut()?.push(name.into());
    Some(())
}

fn leave_out_field(step: &mut Map<String, Value>, path: &[Segment]) -> Option<()> {
    let (Segment::Key(first), rest) = path.split_first()? else { return None };
    for verb in ["json", "send"] {
        if let Some(document) = step.get_mut(verb) {
            return take(document, path);
        }
    }
    step.get("call")?;
    match (first.as_str(), rest) {
        ("params", [_, ..]) => take(step.get_mut("params")?, rest),
        (_, []) => {
            // Null takes away what the target's entry or the scenario as a whole put there.
            let envelope = step.entry("envelope").or_insert_with(|| json!({})).as_object_mut()?;
            envelope.insert(first.clone(), Value::Null);
            Some(())
        }
        _ => take(step.get_mut("envelope")?, path),
    }
}

fn take(document: &mut Value, path: &[Segment]) -> Option<()> {
    alteration::at(document, path)?;
    alteration::remove(document, path);
    Some(())
}

/// Runs the text as a scenario on the same target, and gives back how many requests that took.
///
/// # Errors
/// Why it does not pass.
pub(super) async fn passes(text: &str, case: &Case, options: &RunOptions) -> Result<usize, String> {
    let source = Arc::new(Source { path: PathBuf::from("smallest.yaml"), text: text.into() });
    let scenario = Scenario::parse(source, None).map_err(|found| {
        found.first().map_or_else(|| "it cannot be read".to_owned(), |problem| problem.message.clone())
    })?;
    let cases = cases_of(&Arc::new(scenario), &[Arc::clone(&case.target)], &Filter::default()).await;
    let written = cases.first().ok_or("it has no case")?;
    let outcome = Box::pin(case::run(written, options)).await;
    let Event::CaseFinished(result) = outcome.event else { return Err("it did not run".to_owned()) };
    let Some(attempt) = result.attempts.last() else { return Err("it did not run".to_owned()) };
    match attempt.verdict {
        Verdict::Pass | Verdict::Warn => {
            Ok(attempt.transcript.iter().filter(|exchange| exchange.hop.to == case.target.spec.name).count())
        }
        verdict => {
            let failed = attempt.checks.iter().find(|check| check.verdict == Verdict::Fail);
            let failed = failed.and_then(|check| check.mismatches.first()).map(|mismatch| mismatch.reason.clone());
            let reason = attempt.reason.clone().or(failed).unwrap_or_else(|| format!("{verdict:?}"));
            Err(reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_reports::compare::Path;

    use super::*;

    fn without(step: Value, parts: &[Part]) -> (Value, Vec<String>) {
        let Value::Object(mut step) = step else { return (step, Vec::new()) };
        let stay = parts.iter().filter(|part| leave_out(&mut step, part).is_none()).map(ToString::to_string);
        let stay = stay.collect();
        (Value::Object(step), stay)
    }

    fn header(name: &str) -> Part {
        Part::Header(name.to_owned())
    }

    fn field(names: &[&str]) -> Part {
        Part::Field(Path(names.iter().map(|name| Segment::Key((*name).to_owned())).collect()))
    }

    #[test]
    fn headers_go_wherever_they_come_from() {
        let call = json!({ "call": "ping", "headers": { "X-Own": "1", "$drop": "a" } });
        let (step, stay) = without(call, &[header("x-own"), header("b")]);
        assert_eq!(step["headers"], json!({ "$drop": ["a", "x-own", "b"] }));
        assert!(stay.is_empty());
        let only = json!({ "call": "ping", "headers": { "$only": ["Accept", "b"] } });
        assert_eq!(without(only, &[header("accept")]).0["headers"], json!({ "$only": ["b"] }));
        let variable = json!({ "call": "ping", "headers": "${headers}" });
        assert_eq!(without(variable.clone(), &[header("a")]), (variable, vec!["a".to_owned()]));
    }

    #[test]
    fn fields_go_where_a_step_can_say_so() {
        let call = json!({ "call": "m", "params": { "a": { "b": 1, "c": 2 } }, "envelope": { "arn": "x" } });
        let parts = [field(&["params", "a", "b"]), field(&["arn"]), field(&["params", "_meta", "v"])];
        let (step, stay) = without(call, &parts);
        assert_eq!(step["params"], json!({ "a": { "c": 2 } }));
        assert_eq!(step["envelope"], json!({ "arn": null }));
        assert_eq!(stay, ["body.params._meta.v"]);
        let http = json!({ "http": "POST", "json": { "a": 1, "b": 2 }, "query": { "q": 1 } });
        let (step, stay) = without(http, &[field(&["a"]), Part::Query("q".to_owned()), Part::Query("r".to_owned())]);
        assert_eq!((&step["json"], &step["query"]), (&json!({ "b": 2 }), &json!({})));
        assert_eq!(stay, ["?r"]);
    }
}
