//! Every text of an event.
//!
//! Each struct is taken apart without `..`, so that a new member does not compile until it is dealt with here.

use serde_json::{Map, Value};

use crate::model::{
    Attempt, Blame, Body, BrokenFile, CaseId, CaseResult, Check, CheckCounts, Event, Exchange, Excused, Hint, Hop,
    KnownFailure, MismatchReport, Place, Plan, RequirementRef, RunInfo, RunSummary, Shard, Standing, StreamEvent,
    TargetSummary, WireRequest, WireResponse,
};
use crate::volatile::{RuleSpec, VolatileSpec};

type Visitor<'a> = &'a mut dyn FnMut(&mut String);

impl Event {
    /// Calls `f` with every text of the event, that is every `String` in it, the names of JSON members included.
    ///
    /// Numbers inside JSON values are shown to `f` as text too, and become strings if it changes them. Should it make
    /// two names of one object equal, the second gets `#2` at its end, and so on, so that no member is lost.
    pub fn for_each_text(&mut self, f: Visitor<'_>) {
        match self {
            Self::RunStarted(RunInfo { gauntlet, started_at, cases: _, environment, shard, defects }) => {
                f(gauntlet);
                f(started_at);
                environment.iter_mut().for_each(&mut *f);
                let run = shard.iter_mut().flat_map(|Shard { index: _, of: _, run }| run);
                run.for_each(&mut *f);
                // Their mocks are known by name.
                defects.values_mut().flatten().for_each(f);
            }
            Self::Target(TargetSummary { name, kind, versions }) => {
                f(name);
                f(kind);
                versions.iter_mut().for_each(f);
            }
            Self::Broken(BrokenFile { file, diagnostics, errors: _, index: _ }) => {
                f(file);
                f(diagnostics);
            }
            Self::CaseStarted { id } => case_id(id, f),
            Self::CaseFinished(result) => case_result(result, f),
            Self::RunFinished(summary) => run_summary(summary, f),
        }
    }
}

impl Exchange {
    /// As [`Event::for_each_text`].
    pub fn for_each_text(&mut self, f: Visitor<'_>) {
        exchange(self, f);
    }
}

fn run_summary(summary: &mut RunSummary, f: Visitor<'_>) {
    let RunSummary {
        pass: _,
        fail: _,
        warn: _,
        skip: _,
        untestable: _,
        error: _,
        flaky: _,
        known: _,
        fixed: _,
        expired: _,
        quarantined: _,
        excused: Excused { fail: _, warn: _, error: _ },
        broken: _,
        checks: CheckCounts { must: _, must_passed: _, should: _, should_passed: _ },
        requirements_touched: _,
        requirements_proved: _,
        duration_ms: _,
        interrupted,
        plan,
    } = summary;
    interrupted.iter_mut().for_each(&mut *f);
    plan.iter_mut().for_each(|Plan { results: _, digest }| f(digest));
}

fn case_id(id: &mut CaseId, f: Visitor<'_>) {
    let CaseId { scenario, case, version, target } = id;
    f(scenario);
    pairs(case, f);
    version.iter_mut().for_each(&mut *f);
    f(target);
}

fn case_result(result: &mut CaseResult, f: Visitor<'_>) {
    let CaseResult {
        index: _,
        id,
        title,
        pack,
        tags,
        place: at,
        endpoint,
        verdict: _,
        flaky: _,
        standing: known,
        attempts,
        again,
        volatile: own,
    } = result;
    case_id(id, f);
    f(title);
    pack.iter_mut().for_each(&mut *f);
    tags.iter_mut().for_each(&mut *f);
    place(at, f);
    f(endpoint);
    if let Some(known) = known {
        standing(known, f);
    }
    for one in attempts {
        attempt(one, f);
    }
    f(again);
    if let Some(own) = own {
        volatile(own, f);
    }
}

fn volatile(own: &mut VolatileSpec, f: Visitor<'_>) {
    let VolatileSpec { rules, keep } = own;
    for RuleSpec { name, header, path, pattern } in rules {
        f(name);
        [header, path, pattern].into_iter().flatten().for_each(&mut *f);
    }
    keep.iter_mut().for_each(f);
}

fn standing(standing: &mut Standing, f: Visitor<'_>) {
    match standing {
        Standing::Known(known) | Standing::Fixed(known) | Standing::Expired(known) => known_failure(known, f),
        Standing::Changed { known, difference } => {
            known_failure(known, f);
            f(difference);
        }
        Standing::Quarantined { reason, until } => {
            f(reason);
            until.iter_mut().for_each(f);
        }
    }
}

fn known_failure(known: &mut KnownFailure, f: Visitor<'_>) {
    let KnownFailure { file, line: _, reason, link, owner, expires } = known;
    f(file);
    f(reason);
    for text in [link, owner, expires].into_iter().flatten() {
        f(text);
    }
}

fn attempt(attempt: &mut Attempt, f: Visitor<'_>) {
    let Attempt {
        verdict: _,
        reason,
        place: at,
        notes,
        duration_ms: _,
        counts: CheckCounts { must: _, must_passed: _, should: _, should_passed: _ },
        checks,
        blame,
        requirements,
        transcript,
        curl,
        hints,
    } = attempt;
    reason.iter_mut().for_each(&mut *f);
    if let Some(Blame { party: _, who, hop: Hop { from, to }, reason, exchange: _ }) = blame {
        f(who);
        f(from);
        f(to);
        f(reason);
    }
    if let Some(at) = at {
        place(at, f);
    }
    notes.iter_mut().for_each(&mut *f);
    for one in checks {
        check(one, f);
    }
    for (id, _verdict) in requirements {
        f(id);
    }
    for one in transcript {
        exchange(one, f);
    }
    curl.iter_mut().for_each(&mut *f);
    for Hint { id, title, remedy } in hints {
        f(id);
        f(title);
        f(remedy);
    }
}

fn check(check: &mut Check, f: Visitor<'_>) {
    let Check { step: _, label, verdict: _, requirements, because, mismatches, place: at, exchange: _ } = check;
    f(label);
    for RequirementRef { id, level: _, statement, link } in requirements {
        f(id);
        f(statement);
        link.iter_mut().for_each(&mut *f);
    }
    because.iter_mut().for_each(&mut *f);
    for MismatchReport { path, expected, actual, reason, place: at } in mismatches {
        f(path);
        json(expected, f);
        if let Some(actual) = actual {
            json(actual, f);
        }
        f(reason);
        if let Some(at) = at {
            place(at, f);
        }
    }
    if let Some(at) = at {
        place(at, f);
    }
}

fn exchange(exchange: &mut Exchange, f: Visitor<'_>) {
    let Exchange {
        hop: Hop { from, to },
        step: _,
        request: WireRequest { method, url, headers, body: sent },
        response,
        failure,
        cause: _,
        note,
        started_ms: _,
        began_ms: _,
        elapsed_ms: _,
    } = exchange;
    f(from);
    f(to);
    f(method);
    f(url);
    pairs(headers, f);
    body(sent, f);
    if let Some(WireResponse { status: _, headers, body: received }) = response {
        pairs(headers, f);
        body(received, f);
    }
    failure.iter_mut().for_each(&mut *f);
    note.iter_mut().for_each(f);
}

fn body(body: &mut Body, f: Visitor<'_>) {
    match body {
        Body::Empty | Body::Binary { length: _ } => {}
        Body::Json(value) => json(value, f),
        Body::Text { text, truncated: _ } => f(text),
        Body::Events(events) => {
            for StreamEvent { at_ms: _, event, id, data } in events {
                event.iter_mut().for_each(&mut *f);
                id.iter_mut().for_each(&mut *f);
                json(data, f);
            }
        }
    }
}

fn place(place: &mut Place, f: Visitor<'_>) {
    let Place { file, line: _, column: _, length: _, text } = place;
    f(file);
    f(text);
}

fn pairs(pairs: &mut [(String, String)], f: Visitor<'_>) {
    for (name, value) in pairs {
        f(name);
        f(value);
    }
}

fn json(value: &mut Value, f: Visitor<'_>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let text = number.to_string();
            let mut changed = text.clone();
            f(&mut changed);
            if changed != text {
                *value = Value::String(changed);
            }
        }
        Value::String(text) => f(text),
        Value::Array(items) => {
            for item in items {
                json(item, f);
            }
        }
        Value::Object(members) => {
            // Names of a map cannot be changed in place.
            let mut visited = Map::with_capacity(members.len());
            for (mut name, mut member) in std::mem::take(members) {
                f(&mut name);
                json(&mut member, f);
                if visited.contains_key(&name) {
                    let mut n = 2_u32;
                    while visited.contains_key(&format!("{name}#{n}")) {
                        n += 1;
                    }
                    name = format!("{name}#{n}");
                }
                visited.insert(name, member);
            }
            *members = visited;
        }
    }
}
