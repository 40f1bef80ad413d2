//! From text to signatures.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Confidence, Defect, Mended, Remedy, Reproduce, Side, Sight, Signature};
use crate::diagnostic::Diagnostic;
use crate::node::{Key, Node, NodeValue, Source};
use crate::scenario::decode::{capture, check_steps, duration, flag, key, members, take, text, texts};
use crate::{lint, shape, yaml};

impl Signature {
    /// Parses and checks a file of signatures.
    ///
    /// # Errors
    /// Everything that is wrong with the file; warnings alone are none.
    pub fn parse_all(source: &Arc<Source>) -> Result<Vec<Self>, Vec<Diagnostic>> {
        let mut root = yaml::parse(source, 0)?;
        let mut problems = shape::validate(&root, &shape::SIGNATURES, source);
        if let Some(Node { value: NodeValue::Array(list), .. }) = root.get("signatures") {
            list.iter().filter_map(|node| node.get("mended")).for_each(|it| check_mended(it, source, &mut problems));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let Some(NodeValue::Array(list)) = take(&mut root, "signatures").map(|node| node.value) else {
            return Ok(Vec::new());
        };
        let mut problems = Vec::new();
        let mut all: Vec<Self> = Vec::with_capacity(list.len());
        for node in list {
            match signature(node, source) {
                Ok(signature) => all.push(signature),
                Err(problem) => problems.push(*problem),
            }
        }
        problems.extend(twice(&all));
        problems.extend(lint::signatures(&all));
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }
}

/// Ids that more than one signature has.
fn twice(all: &[Signature]) -> Vec<Diagnostic> {
    let mut lines: HashMap<&str, u32> = HashMap::new();
    let mut found = Vec::new();
    for signature in all {
        let Key { name, span } = &signature.id;
        if let Some(line) = lines.get(name.as_str()) {
            let problem =
                Diagnostic::error("duplicate-id", &signature.source, *span, format!("the id `{name}` is taken"));
            found.push(problem.label(format!("also on line {line}")));
        } else {
            lines.insert(name, span.line);
        }
    }
    found
}

fn signature(mut node: Node, source: &Arc<Source>) -> Result<Signature, Box<Diagnostic>> {
    let node = &mut node;
    let id = key(node, "id").unwrap_or_else(|| Key { name: String::new(), span: node.span });
    let reproduce = reproduce(node.get("reproduce"), &id, source)?;
    Ok(Signature {
        source: Arc::clone(source),
        title: text(node, "title").unwrap_or_default(),
        systems: texts(node, "systems"),
        confidence: match node.get("confidence").and_then(Node::as_str) {
            Some("certain") => Confidence::Certain,
            Some("likely") => Confidence::Likely,
            _ => Confidence::Possible,
        },
        recognise: items(take(node, "recognise")).into_iter().map(sight).collect(),
        cause: text(node, "cause").unwrap_or_default(),
        remedies: items(take(node, "remedy"))
            .iter()
            .map(|node| Remedy {
                who: text(node, "who").unwrap_or_default(),
                action: text(node, "do").unwrap_or_default(),
            })
            .collect(),
        known_from: text(node, "source"),
        link: text(node, "link"),
        mended: take(node, "mended").map(mended),
        reproduce,
        id,
    })
}

/// What the tables cannot say of it.
fn check_mended(node: &Node, source: &Arc<Source>, problems: &mut Vec<Diagnostic>) {
    check_steps(node.get("steps"), source, problems);
    let Some(Node { value: NodeValue::Array(steps), .. }) = node.get("received") else { return };
    for step in steps.iter().filter(|step| step.get("received").is_none()) {
        let NodeValue::Object(members) = &step.value else { continue };
        let span = members.first().map_or(step.span, |(key, _)| key.span);
        let problem = Diagnostic::error("wrong-step", source, span, "only steps `received` stand here");
        problems.push(problem.label("is another step").help("what is done before stands under `steps`"));
    }
}

fn mended(mut node: Node) -> Mended {
    let node = &mut node;
    Mended {
        span: node.span,
        given: take(node, "given"),
        steps: items(take(node, "steps")),
        expect: take(node, "expect"),
        received: items(take(node, "received")),
    }
}

fn sight(mut node: Node) -> Sight {
    let node = &mut node;
    Sight {
        span: match &node.value {
            NodeValue::Object(members) => members.first().map_or(node.span, |(key, _)| key.span),
            _ => node.span,
        },
        side: match node.get("hop").and_then(Node::as_str) {
            Some("front") => Some(Side::Front),
            Some("behind") => Some(Side::Behind),
            _ => None,
        },
        absent: flag(node, "absent"),
        within: duration(node, "within"),
        after: duration(node, "after"),
        request: members(take(node, "request")),
        response: members(take(node, "response")),
        failure: take(node, "failure"),
        capture: members(take(node, "capture")).into_iter().filter_map(|(k, n)| Some((k, capture(&n)?))).collect(),
    }
}

fn reproduce(node: Option<&Node>, id: &Key, source: &Arc<Source>) -> Result<Reproduce, Box<Diagnostic>> {
    let wrong = |span, message: String, help: &str| {
        Box::new(Diagnostic::error("bad-reproduction", source, span, message).label("here").help(help))
    };
    let (scenario, none) = match node {
        Some(node) => (key(node, "scenario"), key(node, "none")),
        None => (None, None),
    };
    let defect = node.and_then(|node| key(node, "defect"));
    match (scenario, none, defect) {
        (Some(scenario), None, None) => Ok(Reproduce::Scenario { scenario, defect: None }),
        (Some(scenario), None, Some(Key { name, span })) => match name.split_once(':') {
            Some((mock, id)) if !mock.is_empty() && !id.is_empty() => {
                let defect = Defect { mock: mock.to_owned(), id: id.to_owned(), span };
                Ok(Reproduce::Scenario { scenario, defect: Some(defect) })
            }
            _ => Err(wrong(span, format!("`{name}` does not say whose defect it is"), "write `MOCK:DEFECT`")),
        },
        (None, Some(why), None) => Ok(Reproduce::None(why.name)),
        (Some(_), Some(none), _) => Err(wrong(
            none.span,
            "`none` stands beside a scenario".to_owned(),
            "either a scenario reproduces it, or nothing does and `none` says why",
        )),
        (None, _, Some(defect)) => {
            Err(wrong(defect.span, "a defect shows in a scenario only".to_owned(), "name the `scenario` too"))
        }
        (None, None, None) => Err(wrong(
            id.span,
            format!("nothing says how `{}` is reproduced", id.name),
            "`reproduce: { scenario: ID, defect: MOCK:DEFECT }`, or `reproduce: { none: why }`",
        )),
    }
}

fn items(node: Option<Node>) -> Vec<Node> {
    match node.map(|node| node.value) {
        Some(NodeValue::Array(items)) => items,
        _ => Vec::new(),
    }
}
