//! Two targets that answer the same step otherwise.

use gauntlet_reports::compare::{Allowances, Class, Comparison, Path, Runs, Segment, Side};
use gauntlet_reports::volatile::without_numbers;
use gauntlet_reports::{Attempt, Exchange, sanitize};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::failure::Answer;

/// Longest value that is told, in characters.
const VALUE: usize = 60;

/// What two targets answer otherwise: on which step, in which place, by which rule of `gauntlet diff`, and what kind of answers
/// these are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Difference {
    /// The step, by its number in the original.
    pub(super) step: usize,
    rule: String,
    path: String,
    answers: (Answer, Answer),
}

/// A difference in one run of both.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) difference: Difference,
    pub(super) class: Class,
    path: Path,
    good: Option<Value>,
    bad: Option<Value>,
}

/// What a step came to on one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) attempt: &'a Attempt,
    /// Name of the target.
    pub(super) target: &'a str,
}

impl Answered<'_> {
    /// The exchanges of a step with the target, by its number in this run.
    fn of(&self, step: usize) -> Vec<Exchange> {
        let is_of = |e: &&Exchange| e.step == Some(step) && e.hop.to == self.target && e.hop.from != self.target;
        self.attempt.transcript.iter().filter(is_of).cloned().collect()
    }
}

/// What differs between the sides; `steps` are the numbers in the original of the steps that ran. `again` is another run on the
/// good side, which shows what is another one each time.
pub(super) fn differences(good: Answered<'_>, again: Answered<'_>, bad: Answered<'_>, steps: &[usize]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (index, number) in steps.iter().enumerate() {
        let (direct, again, through) = (good.of(index), again.of(index), bad.of(index));
        if direct.is_empty() || through.is_empty() {
            continue;
        }
        let answer = |exchanges: &[Exchange]| exchanges.last().map(Answer::of).unwrap_or_default();
        let answers = (answer(&direct), answer(&through));
        let mut comparison = Comparison::new(Allowances::default());
        comparison.add(&Runs { name: "", direct: &direct, again: &again, through: &through });
        let side = || Side { name: String::new(), endpoint: String::new() };
        for finding in comparison.finish(side(), side()).findings {
            for place in finding.places {
                let path = without_numbers(&place.path.to_string());
                let difference =
                    Difference { step: *number, rule: finding.rule.to_owned(), path, answers: answers.clone() };
                seen.push(Seen {
                    difference,
                    class: finding.class,
                    path: place.path,
                    good: place.direct,
                    bad: place.through,
                });
            }
        }
    }
    seen
}

impl Seen {
    /// Where it is, as the user names it.
    pub(super) fn spelled(&self) -> String {
        format!("{}.{}", self.difference.step + 1, self.path)
    }

    /// What differs, in one sentence.
    pub(super) fn told(&self, good: &str, bad: &str) -> String {
        let shown = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), |v| sanitize::line(&v.to_string(), VALUE).into_owned())
        };
        let (on_good, on_bad) = (shown(&self.good), shown(&self.bad));
        format!(
            "step {}, {}: {on_good} on {good}, {on_bad} on {bad} ({})",
            self.difference.step + 1,
            sanitize::line(&self.path.to_string(), VALUE),
            self.difference.rule
        )
    }

    /// Expectations that may say what differs, the plainest first: true of the good side, and not of the bad one.
    pub(super) fn expectations(&self, good: Answered<'_>, step: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let (first, rest) = match self.path.0.split_first() {
            Some((Segment::Key(name), rest)) => (name.as_str(), rest),
            _ => ("", &[][..]),
        };
        if matches!(first, "status" | "headers" | "result" | "error" | "body" | "answer") {
            let inner = rest.iter().rev().fold(self.leaf(), |inner, segment| around(segment, inner));
            all.push(json!({ first: inner }));
        }
        // Told by names, where only the order or the number is another one.
        if let (Some(Value::Array(names)), "result" | "messages") = (&self.good, first) {
            for by in ["name", "uri"] {
                let list: Vec<Value> = names.iter().map(|name| json!({ by: name })).collect();
                let inner = rest.iter().rev().fold(Value::Array(list), |inner, segment| around(segment, inner));
                all.push(json!({ first: inner }));
            }
        }
        if first == "messages" && rest.is_empty() {
            all.extend(self.good.as_ref().map(|_| json!({ "messages": self.leaf() })));
        }
        let exchanges = good.of(step);
        let last = exchanges.last().and_then(|exchange| exchange.response.as_ref());
        let Some(response) = last else { return all };
        let message = Answer::message(&response.body);
        match message.map(|message| (message.get("result"), message.get("error"))) {
            Some((Some(result), _)) => {
                all.push(json!({ "error": { "$absent": true } }));
                let is_error = result.get("isError") == Some(&Value::Bool(true));
                all.push(
                    json!({ "result": { "isError": if is_error { json!(true) } else { json!({ "$not": true }) } } }),
                );
                all.push(json!({ "result": { "$exact": result } }));
            }
            Some((None, Some(error))) => {
                all.extend(error.get("code").map(|code| json!({ "error": { "code": code } })));
                all.extend(error.get("message").map(|message| json!({ "error": { "message": message } })));
            }
            Some((None, None)) => all.extend(message.map(|body| json!({ "body": { "$exact": body } }))),
            None => {}
        }
        all.extend(response.status.map(|status| json!({ "status": status })));
        all
    }

    fn leaf(&self) -> Value {
        match (&self.good, &self.bad) {
            (Some(_), None) => json!({ "$any": true }),
            (None, _) => json!({ "$absent": true }),
            (Some(good @ (Value::Object(_) | Value::Array(_))), _) => json!({ "$exact": good }),
            (Some(good), _) => good.clone(),
        }
    }
}

fn around(segment: &Segment, inner: Value) -> Value {
    match segment {
        Segment::Key(name) => json!({ name: inner }),
        Segment::Index(_) => json!({ "$contains": inner }),
        Segment::Item(name) => match inner {
            Value::Object(mut members) if !members.keys().any(|key| key.starts_with('$')) => {
                members.shift_insert(0, "name".to_owned(), name.as_str().into());
                json!({ "$contains": members })
            }
            inner if inner == json!({ "$absent": true }) => json!({ "$not": { "$contains": { "name": name } } }),
            _ => json!({ "$contains": { "name": name } }),
        },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn attempt(results: &[Value]) -> Attempt {
        let exchange = |(step, result): (usize, &Value)| {
            json!({
                "hop": { "from": "client", "to": "t" }, "step": step, "failure": null, "cause": null, "note": null,
                "started_ms": 0.0, "began_ms": null, "elapsed_ms": 1.0,
                "request": { "method": "POST", "url": "http://x/", "headers": [],
                    "body": { "json": { "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a" } } } },
                "response": { "status": 200, "headers": [], "body": { "json": { "jsonrpc": "2.0", "id": 1, "result": result } } },
            })
        };
        serde_json::from_value(json!({
            "verdict": "pass", "reason": null, "place": null, "duration_ms": 1.0,
            "counts": { "must": 0, "must_passed": 0, "should": 0, "should_passed": 0 },
            "checks": [], "blame": null, "requirements": [], "curl": null,
            "transcript": results.iter().enumerate().map(exchange).collect::<Vec<Value>>(),
        }))
        .unwrap()
    }

    #[test]
    fn what_differs_is_found_on_its_step_and_said() {
        let good =
            attempt(&[json!({ "content": [] }), json!({ "content": [{ "type": "text", "text": "a" }], "at": 1 })]);
        let again =
            attempt(&[json!({ "content": [] }), json!({ "content": [{ "type": "text", "text": "a" }], "at": 2 })]);
        let bad =
            attempt(&[json!({ "content": [] }), json!({ "content": [{ "type": "text", "text": "b" }], "at": 3 })]);
        let side = |attempt| Answered { attempt, target: "t" };
        let seen = differences(side(&good), side(&again), side(&bad), &[4, 7]);
        assert_eq!(seen.len(), 1, "{seen:#?}");
        assert_eq!(seen[0].spelled(), "8.result.content[0].text");
        assert!(seen[0].told("old", "new").contains("\"a\" on old, \"b\" on new"));
        let first = &seen[0].expectations(side(&good), 1)[0];
        assert_eq!(*first, json!({ "result": { "content": { "$contains": { "text": "a" } } } }));
        // The other way round, and on one side alone.
        assert!(differences(side(&good), side(&good), side(&good), &[4, 7]).is_empty());
    }
}
