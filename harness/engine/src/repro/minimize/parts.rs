//! Which parts of a scenario can be taken out by themselves.

use std::collections::BTreeSet;

use gauntlet_format::shape;
use serde_json::Value;

use super::draft::{Draft, Path, Segment, below, keys, members_of};

/// How deep documents are reduced.
pub(super) const DEEPEST: usize = 12;

/// Members of a step that say what it is, or that a failure is known by. What a message is meant to be is no ballast either.
const KEPT: [&str; 6] = ["name", "expect", "capture", "times", "on_purpose", "count"];

/// Members of a step that hold documents.
const DOCUMENTS: [&str; 15] = [
    "params",
    "query",
    "json",
    "form",
    "envelope",
    "replies",
    "headers",
    "authorization",
    "token",
    "authorize",
    "discover",
    "drive",
    "send",
    "control",
    "auth",
];

/// Members of a request that are what it is about; without them it is no request of its method.
const SUBJECTS: [(&str, &[&str]); 7] = [
    ("tools/call", &["name"]),
    ("prompts/get", &["name"]),
    ("resources/read", &["uri"]),
    ("resources/subscribe", &["uri"]),
    ("resources/unsubscribe", &["uri"]),
    ("completion/complete", &["ref", "argument"]),
    ("logging/setLevel", &["level"]),
];

/// The step and the check that stay.
#[derive(Clone, Copy)]
pub(super) struct Kept<'k> {
    /// The step, by its number in the original.
    pub(super) step: Option<usize>,
    /// The label of its check.
    pub(super) label: &'k str,
    /// Where in the answer it fails.
    pub(super) path: &'k str,
    /// Tools whose arguments may be others.
    pub(super) alterable: &'k dyn Fn(&str) -> bool,
}

/// What is around the steps, and what they expect beside the check.
pub(super) fn surroundings(draft: &Draft, kept: Kept<'_>) -> Vec<Path> {
    let mut parts: Vec<Path> = Vec::new();
    for (number, path) in draft.paths() {
        let Some(step) = draft.get(&path) else { continue };
        if step.get("expect").is_some() {
            let at = below(&path, key("expect"));
            if kept.step == Some(number) || kept.label.is_empty() {
                beside(step.get("expect"), &at, kept.label, &mut parts);
            } else {
                parts.push(at);
            }
        }
        let is_judged = kept.step == Some(number) && kept.label == "count";
        if !is_judged && step.get("count").is_some() && step.get("received").is_some() {
            parts.push(below(&path, key("count")));
        }
        let captures = step.get("capture").and_then(Value::as_object).into_iter().flatten();
        parts.extend(captures.map(|(name, _)| below(&below(&path, key("capture")), key(name))));
    }
    for name in ["description", "requires", "given", "stubs", "vars", "defaults", "volatile", "timeout", "step_timeout"]
    {
        if draft.root().get(name).is_some() {
            parts.push(keys([name]));
        }
    }
    parts
}

/// What stands beside the member of the label in its block, and the other blocks.
fn beside(expect: Option<&Value>, at: &[Segment], label: &str, parts: &mut Vec<Path>) {
    match expect {
        Some(Value::Array(blocks)) => {
            for (index, block) in blocks.iter().enumerate() {
                let at = below(at, Segment::Index(index));
                if holds(block, label) { in_block(block, &at, label, parts) } else { whole(block, at, label, parts) }
            }
        }
        Some(block @ Value::Object(_)) if holds(block, label) => in_block(block, at, label, parts),
        Some(block) => whole(block, at.to_vec(), label, parts),
        None => {}
    }
}

/// A block that the check does not stand in. Where it is no check that fails, one member of it is as good as another.
fn whole(block: &Value, at: Path, label: &str, parts: &mut Vec<Path>) {
    if label.is_empty() {
        let members = block.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        parts.extend(members.filter(|name| !matches!(*name, "proves" | "versions")).map(|name| below(&at, key(name))));
    }
    parts.push(at);
}

/// The member of a block that a check is of, and the header where it is one.
fn member_of(label: &str) -> (&str, Option<&str>) {
    // Of several requests that arrived, the check says which.
    let label =
        label.strip_prefix("requests[").and_then(|rest| rest.split_once("].")).map_or(label, |(_, label)| label);
    match label.split_once('.') {
        Some(("headers", header)) => ("headers", Some(header)),
        Some((member, _)) => (member, None),
        None => (label, None),
    }
}

fn holds(block: &Value, label: &str) -> bool {
    let (member, header) = member_of(label);
    let Some(found) = block.get(member) else { return false };
    header.is_none_or(|header| found.get(header).is_some())
}

fn in_block(block: &Value, at: &[Segment], label: &str, parts: &mut Vec<Path>) {
    let (member, header) = member_of(label);
    for (name, value) in block.as_object().into_iter().flatten() {
        if name == member {
            let others = value.as_object().into_iter().flatten().filter(|(name, _)| header.is_some_and(|h| *name != h));
            parts.extend(others.map(|(name, _)| below(&below(at, key("headers")), key(name))));
        } else if !matches!(name.as_str(), "proves" | "versions") {
            parts.push(below(at, key(name)));
        }
    }
}

/// The members of steps, as a whole.
pub(super) fn members(draft: &Draft, kept: Kept<'_>) -> Vec<Path> {
    let mut parts: Vec<Path> = Vec::new();
    for (_, path) in draft.paths() {
        let Some(step) = draft.get(&path) else { continue };
        for (name, value) in members_of(step) {
            let is_kept = KEPT.contains(&name.as_str()) || shape::verb(name).is_some();
            let has_subject = name == "params" && !subjects(step).is_empty();
            if !is_kept && !has_subject && is_alterable(value, kept) {
                parts.push(below(&path, key(name)));
            }
        }
    }
    parts
}

/// Whether a stub is none without it, or another one's.
fn is_of_every_stub(part: &Path) -> bool {
    let [Segment::Key(list), Segment::Index(_), Segment::Key(member)] = part.as_slice() else { return false };
    list == "stubs" && matches!(member.as_str(), "at" | "respond")
}

/// What stands so deep in the documents of a scenario; 1 is their members.
pub(super) fn documents(draft: &Draft, depth: usize, kept: Kept<'_>) -> Vec<Path> {
    let mut parts: Vec<Path> = Vec::new();
    for name in ["given", "stubs", "vars", "defaults"] {
        descend(draft, &keys([name]), depth, kept, &mut parts);
    }
    parts.retain(|part| !is_of_every_stub(part));
    for (number, path) in draft.paths() {
        let Some(step) = draft.get(&path) else { continue };
        for name in DOCUMENTS {
            let at = below(&path, key(name));
            let subjects = if name == "params" { subjects(step) } else { &[] };
            let first = parts.len();
            descend(draft, &at, depth, kept, &mut parts);
            if depth == 1 {
                let is_subject =
                    |part: &Path| matches!(part.last(), Some(Segment::Key(name)) if subjects.contains(&name.as_str()));
                let mut position = 0;
                parts.retain(|part| {
                    position += 1;
                    position <= first || !is_subject(part)
                });
            }
        }
        if kept.step == Some(number) {
            pattern(draft, &path, depth, kept, &mut parts);
        }
    }
    parts
}

/// The pattern of the check that fails: what in it is about something else.
fn pattern(draft: &Draft, step: &[Segment], depth: usize, kept: Kept<'_>, parts: &mut Vec<Path>) {
    let (member, header) = member_of(kept.label);
    let at = below(step, key("expect"));
    let blocks: Vec<Path> = match draft.get(&at) {
        Some(Value::Array(blocks)) => (0..blocks.len()).map(|index| below(&at, Segment::Index(index))).collect(),
        Some(Value::Object(_)) => vec![at],
        _ => Vec::new(),
    };
    for block in blocks {
        let at = below(&block, key(member));
        let at = header.map_or_else(|| at.clone(), |header| below(&at, key(header)));
        let mut found = Vec::new();
        descend(draft, &at, depth, kept, &mut found);
        // Without the very thing that is not met nothing fails there.
        parts.extend(found.into_iter().filter(|part| !is_around(part.get(block.len()..), kept.path)));
    }
}

/// Whether what stands at the part of a block holds what stands at the path.
fn is_around(part: Option<&[Segment]>, path: &str) -> bool {
    let mut spelled = String::new();
    for segment in part.unwrap_or_default() {
        match segment {
            Segment::Key(name) if spelled.is_empty() => spelled.push_str(name),
            Segment::Key(name) => spelled.extend([".", name]),
            Segment::Index(index) => spelled.push_str(&format!("[{index}]")),
        }
    }
    let rest = path.strip_prefix(&spelled).filter(|_| !spelled.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether each of the parts is all that stands in what it is a part of, which was not to be left out either: then hardly all of
/// them can.
pub(super) fn are_alone(draft: &Draft, parts: &[Path]) -> bool {
    parts.iter().all(|part| {
        let above = part.split_last().and_then(|(_, above)| draft.get(above));
        match above {
            Some(Value::Object(members)) => members.len() == 1,
            Some(Value::Array(items)) => items.len() == 1,
            _ => false,
        }
    })
}

/// The members and elements `depth` below a place.
fn descend(draft: &Draft, at: &[Segment], depth: usize, kept: Kept<'_>, parts: &mut Vec<Path>) {
    let Some(value) = draft.get(at) else { return };
    let children: Vec<(Segment, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (key(name), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (Segment::Index(index), value)).collect(),
        _ => return,
    };
    let tool = value.get("name").and_then(Value::as_str);
    for (segment, child) in children {
        // Another argument may make another thing of a call that does no harm.
        let is_argument = matches!(&segment, Segment::Key(name) if name == "arguments");
        if is_argument && tool.is_some_and(|tool| !(kept.alterable)(tool)) {
            continue;
        }
        let path = below(at, segment);
        if depth > 1 {
            descend(draft, &path, depth - 1, kept, parts);
        } else if is_alterable(child, kept) {
            parts.push(path);
        }
    }
}

/// Whether no call stands in it whose arguments must stay.
pub(super) fn is_alterable(value: &Value, kept: Kept<'_>) -> bool {
    match value {
        Value::Object(members) => {
            let tool = members.get("arguments").and_then(|_| members.get("name")?.as_str());
            tool.is_none_or(|tool| (kept.alterable)(tool)) && members.values().all(|value| is_alterable(value, kept))
        }
        Value::Array(items) => items.iter().all(|item| is_alterable(item, kept)),
        _ => true,
    }
}

/// Members of `params` that the method cannot do without, unless that is the point.
fn subjects(step: &Value) -> &'static [&'static str] {
    if step.get("on_purpose") == Some(&Value::Bool(true)) {
        return &[];
    }
    let method = step.get("call").and_then(Value::as_str);
    SUBJECTS.iter().find(|(name, _)| Some(*name) == method).map_or(&[], |(_, subjects)| subjects)
}

/// Places of the steps inside other steps, without those that hold the step that stays.
pub(super) fn nested(draft: &Draft, kept: Kept<'_>) -> Vec<Path> {
    let paths = draft.paths();
    let anchor = paths.iter().find(|(number, _)| kept.step == Some(*number)).map(|(_, path)| path.clone());
    let holds = |path: &Path| anchor.as_ref().is_some_and(|anchor| anchor.starts_with(path));
    let inner: Vec<Path> =
        paths.into_iter().map(|(_, path)| path).filter(|path| path.len() > 2 && !holds(path)).collect();
    let chosen: BTreeSet<&Path> = inner.iter().collect();
    // What stands in another one of them goes with it, or is looked at the next time.
    let is_inside = |path: &Path| {
        (3..path.len()).any(|length| path.get(..length).is_some_and(|above| chosen.contains(&above.to_vec())))
    };
    inner.iter().filter(|path| !is_inside(path)).cloned().collect()
}

fn key(name: &str) -> Segment {
    Segment::Key(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft() -> Draft {
        Draft::new(json!({
            "id": "a", "title": "t", "hostile": true, "given": { "x": 1 }, "tags": ["t"],
            "steps": [
                { "call": "ping", "as": "bob", "capture": { "n": "$" }, "expect": { "result": {} } },
                { "repeat": [{ "call": "ping" }, { "name": "q", "call": "tools/call", "on_purpose": false,
                    "params": { "name": "tool", "arguments": { "a": { "b": 1 }, "c": [1, 2] }, "_meta": {} },
                    "headers": { "x-a": "1", "x-b": "2" },
                    "expect": [
                        { "proves": ["r"], "because": "b", "status": 200, "headers": { "x-c": "1", "x-d": "2" } },
                        { "result": {} },
                    ],
                }], "times": 2 },
            ],
        }))
    }

    fn told(draft: &Draft, parts: &[Path]) -> Vec<String> {
        let segment = |segment: &Segment| match segment {
            Segment::Key(name) => name.clone(),
            Segment::Index(index) => index.to_string(),
        };
        assert!(parts.iter().all(|part| draft.get(part).is_some()), "{parts:?}");
        parts.iter().map(|part| part.iter().map(segment).collect::<Vec<_>>().join("/")).collect()
    }

    #[test]
    fn what_makes_the_failure_and_what_guards_the_target_stays() {
        let draft = draft();
        let kept = Kept { step: Some(3), label: "headers.x-c", path: "", alterable: &|_| true };
        let at = "steps/1/repeat/1";
        assert_eq!(
            told(&draft, &surroundings(&draft, kept)),
            [
                "steps/0/expect".to_owned(),
                "steps/0/capture/n".to_owned(),
                format!("{at}/expect/0/because"),
                format!("{at}/expect/0/status"),
                format!("{at}/expect/0/headers/x-d"),
                format!("{at}/expect/1"),
                "given".to_owned(),
            ]
        );
        // Of `params` only what is below it: without the tool's name there is no call.
        assert_eq!(told(&draft, &members(&draft, kept)), ["steps/0/as".to_owned(), format!("{at}/headers")]);
        let fields = told(&draft, &documents(&draft, 1, kept));
        assert_eq!(
            fields,
            [
                "given/x",
                "steps/1/repeat/1/params/arguments",
                "steps/1/repeat/1/params/_meta",
                "steps/1/repeat/1/headers/x-a",
                "steps/1/repeat/1/headers/x-b"
            ]
        );
        let deeper = told(&draft, &documents(&draft, 3, kept));
        assert_eq!(
            deeper,
            [
                format!("{at}/params/arguments/a/b"),
                format!("{at}/params/arguments/c/0"),
                format!("{at}/params/arguments/c/1")
            ]
        );
        assert_eq!(told(&draft, &nested(&draft, kept)), ["steps/1/repeat/0"]);
    }

    #[test]
    fn stubs_go_one_by_one_and_stay_where_they_answer() {
        let stub = json!({ "at": "up", "match": { "path": "/" }, "respond": { "status": 503 } });
        let draft = Draft::new(json!({ "stubs": [stub, stub], "steps": [{ "call": "ping" }] }));
        let kept = Kept { step: Some(0), label: "status", path: "", alterable: &|_| true };
        assert_eq!(told(&draft, &surroundings(&draft, kept)), ["stubs"]);
        assert_eq!(told(&draft, &documents(&draft, 1, kept)), ["stubs/0", "stubs/1"]);
        assert_eq!(told(&draft, &documents(&draft, 2, kept)), ["stubs/0/match", "stubs/1/match"]);
        let deeper = ["stubs/0/match/path", "stubs/0/respond/status", "stubs/1/match/path", "stubs/1/respond/status"];
        assert_eq!(told(&draft, &documents(&draft, 3, kept)), deeper);
    }

    #[test]
    fn arguments_of_a_call_that_may_do_harm_stay() {
        let draft = draft();
        let kept = Kept { step: Some(3), label: "status", path: "", alterable: &|tool| tool != "tool" };
        for depth in 1..4 {
            let parts = told(&draft, &documents(&draft, depth, kept));
            assert!(parts.iter().all(|part| !part.contains("arguments")), "{parts:?}");
        }
    }

    #[test]
    fn what_is_not_met_stays_in_the_pattern_with_what_is_around_it() {
        let draft = Draft::new(json!({ "steps": [
            { "call": "ping", "expect": { "result": { "list": [{ "a": 1, "b": 2 }, 3], "more": {} } } },
        ] }));
        let kept = Kept { step: Some(0), label: "result", path: "result.list[0].b", alterable: &|_| true };
        let at = |depth| told(&draft, &documents(&draft, depth, kept));
        let inner = "steps/0/expect/result";
        assert_eq!(at(1), [format!("{inner}/more")]);
        assert_eq!(at(2), [format!("{inner}/list/1")]);
        assert_eq!(at(3), [format!("{inner}/list/0/a")]);
        let all = [keys(["steps"]), below(&keys(["steps"]), Segment::Index(0))];
        assert!(are_alone(&draft, &all) && !are_alone(&draft, &documents(&draft, 3, kept)));
    }

    #[test]
    fn the_pattern_of_the_check_is_reduced_with_the_rest() {
        let draft = Draft::new(json!({ "steps": [
            { "received": "up", "count": 1, "expect": { "body": { "a": 1, "b": { "c": 2 } }, "method": "POST" } },
        ] }));
        let kept = Kept { step: Some(0), label: "requests[2].body", path: "", alterable: &|_| true };
        assert_eq!(told(&draft, &documents(&draft, 1, kept)), ["steps/0/expect/body/a", "steps/0/expect/body/b"]);
        assert_eq!(told(&draft, &surroundings(&draft, kept)), ["steps/0/expect/method", "steps/0/count"]);
        let counted = Kept { label: "count", ..kept };
        assert_eq!(told(&draft, &surroundings(&draft, counted)), ["steps/0/expect"]);
    }
}
