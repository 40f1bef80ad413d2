//! Signatures that recognise nothing, or everything.

use std::collections::BTreeMap;

use super::{Findings, mended, patterns};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::node::{Node, Span};
use crate::resolve::{Piece, each_string, pieces};
use crate::shape::within;
use crate::signature::{Sight, Signature};

/// Most exchanges that one signature may ask for: each one more multiplies what has to be tried.
const MOST_SIGHTS: usize = 8;

/// Everything that is wrong with signatures of one file although their shape is good.
#[must_use]
pub fn signatures(all: &[Signature]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for signature in all {
        let sources = std::slice::from_ref(&signature.source);
        let mut found = Findings { sources, scenario: None, all: Vec::new() };
        check(signature, &mut found);
        diagnostics.extend(found.all);
    }
    diagnostics.sort_by_key(|d| d.span.start);
    diagnostics
}

fn check(signature: &Signature, found: &mut Findings<'_>) {
    if signature.recognise.iter().all(|sight| sight.absent) {
        found
            .error("recognises-nothing", signature.id.span, "no exchange shows this failure")
            .label("only `absent` ones")
            .help("name at least one exchange that must be there");
    }
    if signature.recognise.len() > MOST_SIGHTS {
        let message = format!("a signature names at most {MOST_SIGHTS} exchanges");
        found.error("too-many-exchanges", signature.id.span, message).label("names more");
    }
    let mut known = BTreeMap::new();
    for sight in &signature.recognise {
        check_sight(sight, &mut known, found);
    }
    if let Some(right) = &signature.mended {
        mended::check(signature, right, &mut known, found);
    }
    for (name, (span, read)) in &known {
        if !read {
            found.error("unused-capture", *span, format!("nobody reads the capture `{name}`")).label("never read");
        }
    }
}

fn check_sight<'s>(sight: &'s Sight, known: &mut BTreeMap<&'s str, (Span, bool)>, found: &mut Findings<'_>) {
    if sight.patterns().next().is_none() && sight.within.is_none() && sight.after.is_none() {
        found
            .error("recognises-everything", sight.span, "every exchange is like this")
            .label("asks for nothing")
            .help("say what `request`, `response` or `failure` is like");
    }
    if sight.absent && !sight.capture.is_empty() {
        found.error("absent-capture", sight.span, "nothing can be captured from what is absent").label("is not there");
    }
    if let (Some(within), Some(after)) = (sight.within, sight.after)
        && within < after
    {
        patterns::impossible(found, sight.span, "`within` is less than `after`", "no answer can be in time");
    }
    for (key, node) in sight.request.iter().chain(&sight.response) {
        match key.name.as_str() {
            "status" => patterns::status(node, found),
            "headers" => patterns::headers(node, found),
            "$sse" => patterns::events(node, found),
            _ => {}
        }
        if key.name != "$sse" {
            patterns::check(node, found);
        }
    }
    sight.failure.iter().for_each(|node| patterns::check(node, found));
    sight.patterns().for_each(|(_, node)| variables(node, known, found));
    for (key, capture) in &sight.capture {
        if let Some(regex) = &capture.regex {
            patterns::regex(&regex.name, regex.span, found);
        }
        known.entry(&key.name).or_insert((key.span, false));
    }
}

/// A signature reads what it captured before and nothing else: no environment, no secret.
fn variables(node: &Node, known: &mut BTreeMap<&str, (Span, bool)>, found: &mut Findings<'_>) {
    let mut texts = Vec::new();
    each_string(node, &mut |text, span| texts.push((text, span)));
    for (text, span) in texts {
        for piece in pieces(text) {
            match piece {
                Piece::Text(_) => {}
                Piece::Variable(name) => match known.get_mut(name) {
                    Some((_, read)) => *read = true,
                    None => {
                        let place = within(span, &found.source_of(span).text, &format!("${{{name}}}"), 0);
                        let help = did_you_mean(name, known.keys().copied()).unwrap_or_else(|| {
                            "a signature reads what an exchange before it in the list captured".to_owned()
                        });
                        found
                            .error("undefined-variable", place, format!("`{name}` is not captured before"))
                            .label("no such variable here")
                            .help(help);
                    }
                },
                Piece::Open(_) => {
                    found
                        .error("open-variable", span, "`${` without `}`")
                        .label("the closing brace is missing")
                        .help("write `$${` for a literal `${`");
                }
            }
        }
    }
}
