//! Holding a tree against the tables: every problem is reported, not only the first.

use std::sync::Arc;

use super::tables::STEP;
use super::{Field, Kind, MATCHERS, Shape, VERBS, Verb, matcher, verb};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::node::{Key, Node, NodeValue, Source, Span};
use crate::resolve::{Piece, pieces};
use crate::version::{Version, VersionWindow};
use crate::{duration, jsonpath};

/// Everything that is wrong with the shape of a file.
pub(crate) fn validate(root: &Node, shape: &'static Shape, source: &Arc<Source>) -> Vec<Diagnostic> {
    let mut validator = Validator { source, problems: Vec::new() };
    match &root.value {
        NodeValue::Object(members) => validator.object(members, root.span, shape),
        _ => validator.wrong(root, &format!("a {} is a mapping", shape.name)),
    }
    validator.problems
}

struct Validator<'s> {
    source: &'s Arc<Source>,
    problems: Vec<Diagnostic>,
}

/// "a string", as messages say it.
fn type_of(value: &NodeValue) -> &'static str {
    match value {
        NodeValue::Null => "nothing",
        NodeValue::Bool(_) => "a boolean",
        NodeValue::Number(_) => "a number",
        NodeValue::String(_) => "text",
        NodeValue::Array(_) => "a list",
        NodeValue::Object(_) => "a mapping",
    }
}

/// Whether a string is nothing but one variable.
pub(crate) fn is_variable(text: &str) -> bool {
    let mut parts = pieces(text);
    matches!((parts.next(), parts.next()), (Some(Piece::Variable(_)), None))
}

fn id_ok(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn name_ok(text: &str) -> bool {
    id_ok(text) && !text.contains('.') && !text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

impl Validator<'_> {
    fn report(&mut self, code: &'static str, span: Span, message: String, label: &str) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(code, self.source, span, message).label(label));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn wrong(&mut self, node: &Node, expected: &str) {
        let found = type_of(&node.value);
        self.report("wrong-type", node.span, format!("expected {expected}, found {found}"), expected);
    }

    fn value(&mut self, node: &Node, expected: &str, found: &str) {
        self.report("wrong-value", node.span, format!("expected {expected}, found `{found}`"), expected);
    }

    fn unknown_key(&mut self, key: &Key, place: &str, known: &[&str]) {
        let help = did_you_mean(&key.name, known.iter().copied())
            .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
        self.report(
            "unknown-key",
            key.span,
            format!("unknown key `{}` in {place}", key.name),
            "not part of the format",
        )
        .help = Some(help);
    }

    fn object(&mut self, members: &[(Key, Node)], span: Span, shape: &'static Shape) {
        for (key, node) in members {
            match (shape.field(&key.name), shape.rest) {
                (Some(field), _) => self.kind(node, field.kind),
                (None, Some(_)) if key.name.starts_with('$') => {
                    let known: Vec<_> = shape.fields.iter().map(|f| f.name).collect();
                    self.unknown_key(key, shape.name, &known);
                }
                (None, Some(rest)) => self.kind(node, rest),
                (None, None) => {
                    let known: Vec<_> = shape.fields.iter().map(|f| f.name).collect();
                    self.unknown_key(key, shape.name, &known);
                }
            }
        }
        self.missing(members, span, shape.fields, shape.name);
    }

    fn missing(&mut self, members: &[(Key, Node)], span: Span, fields: &[Field], place: &str) {
        for field in fields.iter().filter(|f| f.required) {
            if !members.iter().any(|(k, _)| k.name == field.name) {
                // The whole object would be quoted; its first line is enough.
                let span = members.first().map_or(span, |(k, _)| k.span);
                self.report("missing-key", span, format!("the {place} has no `{}`", field.name), "in this mapping")
                    .help = Some(format!("`{}`: {}", field.name, field.doc));
            }
        }
    }

    fn kind(&mut self, node: &Node, kind: Kind) {
        match kind {
            Kind::Any => {}
            Kind::Text => {
                if node.as_str().is_none() {
                    self.wrong(node, "text");
                }
            }
            Kind::Id => self.text(node, "a name (letters, digits, `.`, `-`, `_`)", id_ok),
            Kind::Name => self.text(node, "a name (letters, digits, `-`, `_`; not a digit first)", name_ok),
            Kind::Bool => match &node.value {
                NodeValue::Bool(_) => {}
                NodeValue::String(s) => self.value(node, "`true` or `false`", s),
                _ => self.wrong(node, "`true` or `false`"),
            },
            Kind::True => {
                if node.value != NodeValue::Bool(true) {
                    self.wrong_or_value(node, "`true`");
                }
            }
            Kind::Count => {
                if !matches!(&node.value, NodeValue::Number(n) if n.is_u64()) {
                    self.wrong_or_value(node, "a whole number from 0");
                }
            }
            Kind::Number => {
                if !matches!(node.value, NodeValue::Number(_)) {
                    self.wrong_or_value(node, "a number");
                }
            }
            Kind::Duration => {
                self.text(node, "a duration such as `500ms`, `2s` or `1m`", |s| duration::parse(s).is_ok());
            }
            Kind::Word(words) => self.word(node, words),
            Kind::Versions => self.versions(node),
            Kind::RequestLine => self.text(node, "`METHOD` or `METHOD /path`", request_line_ok),
            Kind::JsonPath => self.json_path(node),
            Kind::List(of) => self.list(node, *of, false),
            Kind::NonEmpty(of) => self.list(node, *of, true),
            Kind::Map(of) => self.map(node, *of, false),
            Kind::Names(of) => self.map(node, *of, true),
            Kind::Object(shape) => match &node.value {
                NodeValue::Object(members) => self.object(members, node.span, shape),
                _ => self.wrong(node, &format!("a mapping ({})", shape.name)),
            },
            Kind::Either(kinds) => match kinds.iter().find(|k| fits(node, **k)) {
                Some(kind) => self.kind(node, *kind),
                None => {
                    let mut names: Vec<_> = kinds.iter().map(|k| describe(*k)).collect();
                    names.dedup();
                    self.wrong_or_value(node, &names.join(" or "));
                }
            },
            Kind::Variable(of) => {
                if !node.as_str().is_some_and(is_variable) {
                    self.kind(node, *of);
                }
            }
            Kind::Pattern => self.pattern(node),
            Kind::Step => self.step(node),
        }
    }

    fn wrong_or_value(&mut self, node: &Node, expected: &str) {
        match &node.value {
            NodeValue::Array(_) | NodeValue::Object(_) | NodeValue::Null => self.wrong(node, expected),
            NodeValue::String(s) => self.value(node, expected, s),
            other => {
                let found = Node { value: other.clone(), span: node.span }.to_json().to_string();
                self.value(node, expected, &found);
            }
        }
    }

    fn text(&mut self, node: &Node, expected: &str, good: impl Fn(&str) -> bool) {
        match node.as_str() {
            Some(s) if good(s) => {}
            Some(s) => self.value(node, expected, s),
            None => self.wrong_or_value(node, expected),
        }
    }

    fn word(&mut self, node: &Node, words: &[&str]) {
        let expected = || words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
        match node.as_str() {
            Some(s) if words.contains(&s) => {}
            Some(s) => {
                let help = did_you_mean(s, words.iter().copied());
                self.report("wrong-value", node.span, format!("`{s}` is not one of {}", expected()), "unknown word")
                    .help = help;
            }
            None => self.wrong(node, &format!("one of {}", expected())),
        }
    }

    fn versions(&mut self, node: &Node) {
        match &node.value {
            NodeValue::String(s) => self.version_window(node, s),
            NodeValue::Array(items) if !items.is_empty() => {
                for item in items {
                    match item.as_str() {
                        Some(s) => self.version_window(item, s),
                        None => self.wrong(item, "a protocol version"),
                    }
                }
            }
            _ => self.wrong(node, "a version, a window such as `2025-03-26..`, or a list of versions"),
        }
    }

    fn version_window(&mut self, node: &Node, text: &str) {
        match text.parse::<VersionWindow>() {
            Ok(window) if window.iter().next().is_none() => {
                self.report(
                    "empty-window",
                    node.span,
                    format!("no version is in `{text}`"),
                    "the ends are the wrong way round",
                );
            }
            Ok(_) => {}
            Err(e) => {
                let help = did_you_mean(&e.0, Version::ALL.iter().map(|v| v.as_str()));
                self.report("unknown-version", node.span, e.to_string(), "unknown version").help = help;
            }
        }
    }

    fn json_path(&mut self, node: &Node) {
        let Some(path) = node.as_str() else { return self.wrong(node, "a JSONPath such as `$.result.tools[0].name`") };
        if let Err(e) = jsonpath::check(path) {
            let label = e.reason.clone();
            let problem = self.report("bad-jsonpath", node.span, format!("`{path}` is not a JSONPath"), &label);
            problem.help = Some("a path starts with `$`: `$.result.tools[0].name`".to_owned());
            problem.span = within(problem.span, &problem.source.text, path, e.offset);
        }
    }

    fn list(&mut self, node: &Node, of: Kind, filled: bool) {
        match &node.value {
            NodeValue::Array(items) => {
                if filled && items.is_empty() {
                    self.report(
                        "empty-list",
                        node.span,
                        "the list is empty".to_owned(),
                        "expected at least one element",
                    );
                }
                for item in items {
                    self.kind(item, of);
                }
            }
            _ => self.wrong(node, "a list"),
        }
    }

    fn map(&mut self, node: &Node, of: Kind, names: bool) {
        match &node.value {
            NodeValue::Object(members) => {
                for (key, value) in members {
                    if names && !name_ok(&key.name) {
                        let message = format!("`{}` cannot be the name of a variable", key.name);
                        self.report("bad-name", key.span, message, "letters, digits, `-`, `_`; not a digit first");
                    } else if names && crate::lint::ROOTS.contains(&key.name.as_str()) {
                        let message = format!("`{}` is a variable of the harness", key.name);
                        self.report("reserved-name", key.span, message, "choose another name");
                    }
                    self.kind(value, of);
                }
            }
            _ => self.wrong(node, "a mapping"),
        }
    }

    fn pattern(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Array(items) => items.iter().for_each(|n| self.pattern(n)),
            NodeValue::Object(members) => {
                let Some((key, argument)) = members.iter().find(|(k, _)| k.name.starts_with('$')) else {
                    return members.iter().for_each(|(_, n)| self.pattern(n));
                };
                let Some(known) = matcher(&key.name) else {
                    let help = did_you_mean(&key.name, MATCHERS.iter().map(|m| m.name))
                        .unwrap_or_else(|| "to match an object that has this key, use `$exact`".to_owned());
                    self.report(
                        "unknown-matcher",
                        key.span,
                        format!("`{}` is not a matcher", key.name),
                        "unknown matcher",
                    )
                    .help = Some(help);
                    return;
                };
                if let Some((other, _)) = members.iter().find(|(k, _)| k.name != key.name) {
                    let message = format!("`{}` stands beside the matcher `{}`", other.name, key.name);
                    self.report("mixed-matcher", other.span, message, "a matcher is the only key of its object").help =
                        Some("use `$allOf: [..]` to ask for both".to_owned());
                }
                self.kind(argument, known.kind);
            }
            _ => {}
        }
    }

    fn step(&mut self, node: &Node) {
        let NodeValue::Object(members) = &node.value else { return self.wrong(node, "a mapping (step)") };
        let verbs: Vec<(&Key, &'static Verb)> = members.iter().filter_map(|(k, _)| Some((k, verb(&k.name)?))).collect();
        // `http` has a key `body` and `received` a key `count`: no verb is also a key of another verb.
        let Some((first, chosen)) = verbs.first().copied() else {
            let names: Vec<_> = VERBS.iter().map(|v| v.name).collect();
            let guess = members.iter().find_map(|(k, _)| {
                STEP.field(&k.name)
                    .is_none()
                    .then(|| did_you_mean(&k.name, names.iter().copied()).map(|h| (k.span, h)))?
            });
            let (span, help) = guess.unwrap_or_else(|| {
                let span = members.first().map_or(node.span, |(k, _)| k.span);
                (span, format!("the verbs are {}", names.join(", ")))
            });
            self.report("no-verb", span, "the step has no verb".to_owned(), "what shall it do?").help = Some(help);
            return;
        };
        for (key, _) in &verbs[1..] {
            let message = format!("a step has one verb, this one has `{}` and `{}`", first.name, key.name);
            self.report("two-verbs", key.span, message, "second verb").help =
                Some("make it a step of its own".to_owned());
        }
        for (key, value) in members {
            let kind = if key.name == chosen.name {
                Some(chosen.kind)
            } else {
                chosen.fields.iter().chain(STEP.fields).find(|f| f.name == key.name).map(|f| f.kind)
            };
            match kind {
                Some(kind) => self.kind(value, kind),
                None if verb(&key.name).is_some() => {}
                None => {
                    let known: Vec<_> = chosen.fields.iter().chain(STEP.fields).map(|f| f.name).collect();
                    self.unknown_key(key, &format!("a `{}` step", chosen.name), &known);
                }
            }
        }
        self.missing(members, node.span, chosen.fields, &format!("`{}` step", chosen.name));
    }
}

fn request_line_ok(line: &str) -> bool {
    let (method, path) = line.split_once(' ').map_or((line, None), |(m, p)| (m, Some(p)));
    let token =
        method.contains("${") || (!method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-'));
    token && path.is_none_or(|p| (p.starts_with('/') || p.starts_with("${") || p == "*") && !p.contains(' '))
}

/// The place of `offset` characters into `part`, a piece of the text at `span`, if it stands there as it is.
pub(crate) fn within(span: Span, text: &str, part: &str, offset: usize) -> Span {
    let slice = text.get(span.start as usize..span.end as usize).unwrap_or("");
    let Some(at) = slice.find(part) else { return span };
    if slice[..at].contains('\n') || part.contains('\n') {
        return span;
    }
    let bytes: usize = part.chars().take(offset).map(char::len_utf8).sum();
    let small = |n: usize| u32::try_from(n).unwrap_or(0);
    Span {
        column: span.column + small(slice[..at].chars().count() + offset),
        start: span.start + small(at + bytes),
        end: span.start + small(at + part.len()),
        ..span
    }
}

/// Whether the JSON type is that of the kind; the rest is for [`Validator::kind`] to say.
fn fits(node: &Node, kind: Kind) -> bool {
    match kind {
        Kind::Any | Kind::Pattern => true,
        Kind::Text | Kind::Id | Kind::Name | Kind::Duration | Kind::RequestLine | Kind::JsonPath | Kind::Word(_) => {
            matches!(node.value, NodeValue::String(_))
        }
        Kind::Bool => matches!(node.value, NodeValue::Bool(_)),
        Kind::True => node.value == NodeValue::Bool(true),
        Kind::Count | Kind::Number => matches!(node.value, NodeValue::Number(_)),
        Kind::Versions => matches!(node.value, NodeValue::String(_) | NodeValue::Array(_)),
        Kind::List(_) | Kind::NonEmpty(_) => matches!(node.value, NodeValue::Array(_)),
        Kind::Map(_) | Kind::Names(_) | Kind::Object(_) | Kind::Step => matches!(node.value, NodeValue::Object(_)),
        Kind::Either(kinds) => kinds.iter().any(|k| fits(node, *k)),
        Kind::Variable(of) => node.as_str().is_some_and(is_variable) || fits(node, *of),
    }
}

fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Any | Kind::Pattern => "anything",
        Kind::Text => "text",
        Kind::Bool => "`true` or `false`",
        Kind::True => "`true`",
        Kind::Count | Kind::Number => "a number",
        Kind::Duration => "a duration",
        Kind::Word(words) => words.first().map_or("a word", |_| "a known word"),
        Kind::List(_) | Kind::NonEmpty(_) => "a list",
        Kind::Map(_) | Kind::Names(_) | Kind::Object(_) | Kind::Step => "a mapping",
        Kind::Variable(of) => describe(*of),
        Kind::Either(_) | Kind::Versions | Kind::Id | Kind::Name | Kind::RequestLine | Kind::JsonPath => "text",
    }
}
