//! Relations between hops: `compare`, and the variables `sent` and `answered`.

use super::Findings;
use crate::diagnostic::did_you_mean;
use crate::dotted::Dotted;
use crate::node::{Node, NodeValue};
use crate::resolve::holds_variable;
use crate::scenario::{Step, each_step};

/// Members of a request as relations see it.
pub(super) const REQUEST: &[&str] = &["method", "path", "query", "headers", "body"];
/// Members of an answer.
pub(super) const ANSWER: &[&str] = &["status", "headers", "body", "result", "error"];

/// Names of steps, those inside `parallel` and `repeat` included.
pub(super) fn step_names(steps: &[Step]) -> Vec<&str> {
    let mut names = Vec::new();
    each_step(steps, &mut |step| names.extend(step.name.as_deref()));
    names
}

/// A `compare`.
pub(super) fn compare(node: &Node, found: &mut Findings<'_>) {
    let NodeValue::Object(members) = &node.value else { return };
    let compares = |members: &[(crate::Key, Node)]| {
        members.iter().any(|(key, _)| matches!(key.name.as_str(), "same" | "absent" | "changed" | "answer"))
    };
    if !compares(members) {
        found.error("empty-expect", node.span, "`compare` compares nothing").label("names no path");
    }
    for (key, member) in members {
        match key.name.as_str() {
            "with" => step_name(member, found),
            "answer" => {
                let NodeValue::Object(members) = &member.value else { continue };
                if !compares(members) {
                    found.error("empty-expect", member.span, "`answer` compares nothing").label("names no path");
                }
                members.iter().for_each(|(_, list)| paths(list, ANSWER, found));
            }
            _ => paths(member, REQUEST, found),
        }
    }
}

fn step_name(node: &Node, found: &mut Findings<'_>) {
    let Some(name) = node.as_str().filter(|_| !holds_variable(node)) else { return };
    let names = found.scenario.map(|scenario| step_names(&scenario.steps)).unwrap_or_default();
    if !names.contains(&name) {
        let help = did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| "`with` is the `name` of the step that sent the request".to_owned());
        found.error("undefined-step", node.span, format!("no step is named `{name}`")).label("no such step").help(help);
    }
}

fn paths(list: &Node, roots: &[&str], found: &mut Findings<'_>) {
    let NodeValue::Array(items) = &list.value else { return };
    for item in items.iter().filter(|item| !holds_variable(item)) {
        let Some(text) = item.as_str() else { continue };
        let wrong = match Dotted::parse(text) {
            Err(bad) => bad.to_string(),
            Ok(path) if !roots.contains(&path.root()) => format!("there is no member `{}`", path.root()),
            Ok(path) if path.root() == "headers" && text.chars().any(char::is_uppercase) => {
                format!("header names are in lower case: `{}`", text.to_lowercase())
            }
            Ok(_) => continue,
        };
        found
            .error("bad-path", item.span, format!("`{text}` leads nowhere: {wrong}"))
            .label("not a path into the exchange")
            .help(format!("it begins with {}", roots.join(", ")));
    }
}
