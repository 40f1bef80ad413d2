//! What signatures say is right: parts of a scenario, held to what scenarios are held to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Findings;
use crate::node::{Key, Node, NodeValue, Span};
use crate::resolve::{Piece, each_string, pieces};
use crate::scenario::decode::{expect, step};
use crate::scenario::{Defaults, Requires, Scenario, Step, StepKind, Transport};
use crate::signature::{Mended, Signature};
use crate::version::VersionWindow;

/// `captures` are those of the exchanges that are recognised; what is read of them is marked.
pub(super) fn check(
    signature: &Signature,
    mended: &Mended,
    captures: &mut BTreeMap<&str, (Span, bool)>,
    found: &mut Findings<'_>,
) {
    let is_empty = mended.given.is_none() && mended.steps.is_empty() && mended.received.is_empty();
    if is_empty && mended.expect.is_none() {
        found
            .error("checks-nothing", mended.span, "nothing says what is right")
            .label("is empty")
            .help("say it under `expect`, `received`, or `given` and `steps` where the answer that shows it is an error anyway");
    }
    let parts = mended.given.iter().chain(&mended.steps).chain(&mended.expect).chain(&mended.received);
    for node in parts {
        variables(node, false, captures, found);
    }
    let scenario = scenario(signature, mended, captures);
    found.all.extend(super::parts(&scenario));
}

/// The scenario that has nothing but these parts. What was captured is known in it from the start.
fn scenario(signature: &Signature, mended: &Mended, captures: &BTreeMap<&str, (Span, bool)>) -> Scenario {
    let shown = mended.expect.clone().map(|block| Step {
        span: block.span,
        name: None,
        client: None,
        kind: StepKind::Http { method: "GET".to_owned(), path: None, query: None, body: None },
        headers: None,
        auth: None,
        timeout: None,
        linger: None,
        on_purpose: false,
        capture: Vec::new(),
        expect: vec![expect(block)],
    });
    let before = mended.steps.iter().cloned().filter_map(step);
    let vars = captures.iter().map(|(name, (span, _))| {
        let value = Node { value: NodeValue::String(String::new()), span: *span };
        (Key { name: (*name).to_owned(), span: *span }, value)
    });
    Scenario {
        sources: vec![Arc::clone(&signature.source)],
        id: signature.id.name.clone(),
        id_span: mended.span,
        title: signature.title.clone(),
        description: None,
        pack: None,
        proves: Vec::new(),
        tags: Vec::new(),
        target: signature.id.clone(),
        versions: VersionWindow::ALL,
        transport: Transport::Any,
        lifecycle: None,
        requires: Requires::default(),
        hostile: false,
        given: mended.given.clone(),
        stubs: None,
        matrix: Vec::new(),
        vars: vars.collect(),
        secrets: Vec::new(),
        defaults: Defaults::default(),
        volatile: None,
        timeout: None,
        step_timeout: None,
        steps: before.chain(shown).chain(mended.received.iter().cloned().filter_map(step)).collect(),
    }
}

/// Marks what is read of the captures. A recording is no reason to read the environment, and a text of it no regular expression.
fn variables(node: &Node, is_regex: bool, captures: &mut BTreeMap<&str, (Span, bool)>, found: &mut Findings<'_>) {
    match &node.value {
        NodeValue::Object(members) => {
            for (key, member) in members {
                variables(member, matches!(key.name.as_str(), "$regex" | "regex"), captures, found);
            }
            return;
        }
        NodeValue::Array(items) => return items.iter().for_each(|item| variables(item, is_regex, captures, found)),
        _ => {}
    }
    each_string(node, &mut |text, span| {
        for piece in pieces(text) {
            let Piece::Variable(name) = piece else { continue };
            if name.starts_with("env:") || name.starts_with("secret:") {
                found
                    .error(
                        "undefined-variable",
                        span,
                        format!("`${{{name}}}`: a signature reads no environment and no secret"),
                    )
                    .label("may not be read here");
                continue;
            }
            let root = name.split('.').next().unwrap_or(name);
            let Some((_, read)) = captures.get_mut(root) else { continue };
            *read = true;
            if root != name {
                found
                    .error("undefined-variable", span, format!("`${{{name}}}`: what is captured is read as a whole"))
                    .label("no such variable here")
                    .help("capture the member under a name of its own");
            }
            if is_regex {
                found
                    .error(
                        "bad-regex",
                        span,
                        format!("`${{{name}}}` is a text of a recording, and no regular expression"),
                    )
                    .label("cannot stand here")
                    .help("use it as a whole, or with `$contains`");
            }
        }
    });
}
