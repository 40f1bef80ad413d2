//! What a scenario says of values that differ from run to run.

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::{Diagnostic, Node, NodeValue, Scenario, Span};
use gauntlet_reports::volatile::{BUILTIN, RuleError, Rules, VolatileSpec};

/// What the scenario says, if anything.
pub(crate) fn spec(scenario: &Scenario) -> Option<VolatileSpec> {
    // The shape was checked with the file.
    serde_json::from_value(scenario.volatile.as_ref()?.to_json()).ok().filter(|spec: &VolatileSpec| !spec.is_empty())
}

/// What is wrong with its rules, with the place of the first one that is.
pub(crate) fn problem(scenario: &Scenario) -> Option<Diagnostic> {
    let node = scenario.volatile.as_ref()?;
    let error = Rules::builtin().with(&spec(scenario)?).err()?;
    let (place, help) = match &error {
        RuleError::Unknown(name) => (item(node, "keep", |n| n.as_str() == Some(name)), unknown(name)),
        RuleError::Malformed(name, _) => {
            (item(node, "rules", |n| n.get("name").and_then(Node::as_str) == Some(name)), None)
        }
    };
    let span = place.unwrap_or(node.span);
    let source = scenario.source_of(span);
    Some(Diagnostic::error("volatile-rule", source, span, error.to_string()).label("here").maybe_help(help))
}

/// The known rule that is nearest.
fn unknown(name: &str) -> Option<String> {
    did_you_mean(name, BUILTIN.iter().map(|rule| rule.name))
}

fn item(node: &Node, list: &str, is: impl Fn(&Node) -> bool) -> Option<Span> {
    let NodeValue::Array(items) = &node.get(list)?.value else { return None };
    items.iter().find(|item| is(item)).map(|item| item.span)
}
