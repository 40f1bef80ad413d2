//! One value on both hops.

use gauntlet_format::{Dotted, Mismatch, Node, Span, matching};
use serde_json::{Value, json};

use super::super::check::Evidence;
use super::leak::{found_in, needles};

/// Differences inside one value that are told apart.
const MOST: usize = 8;

/// One hop, or one way of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// `client → gateway`
    pub hop: &'a str,
    /// The request, or the answer.
    pub exchange: &'a Value,
}

/// What is held against what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison<'a> {
    /// Where the value comes from: the client's request, or the mock's answer.
    pub origin: Side<'a>,
    /// Where it is to be, or not to be.
    pub end: Side<'a>,
    /// All texts at the end with their places, for what must be nowhere.
    pub texts: &'a [(String, String)],
}

/// The value that a relation needs is not there, or is good for nothing.
#[derive(Debug)]
pub(crate) struct Baseless(pub String);

impl Comparison<'_> {
    /// The relation as a pattern and the value that it was held against, for who wants to see it fail.
    pub(crate) fn evidence(&self, relation: &str, path: &Dotted, span: Span) -> Option<Evidence> {
        let origin = path.find(self.origin.exchange)?;
        let (pattern, actual) = match relation {
            "same" => (json!({ "$exact": origin }), path.find(self.end.exchange).cloned()),
            "changed" => (json!({ "$not": { "$exact": origin } }), path.find(self.end.exchange).cloned()),
            _ => {
                let texts: Vec<Value> = self.texts.iter().map(|(_, text)| text.as_str().into()).collect();
                (json!({ "$not": { "$contains": origin } }), Some(texts.into()))
            }
        };
        Some(Evidence { pattern: Node::from_json(&pattern, span), actual })
    }

    /// What speaks against the relation at the path.
    ///
    /// # Errors
    /// When the origin has no value there that anything could be held against.
    pub(crate) fn judge(
        &self,
        relation: &str,
        path: &Dotted,
        text: &str,
        span: Span,
    ) -> Result<Vec<Mismatch>, Baseless> {
        let origin = path
            .find(self.origin.exchange)
            .ok_or_else(|| Baseless(format!("{} has no `{text}` to compare with", self.origin.hop)))?;
        let end = path.find(self.end.exchange);
        let mismatch = |path: String, expected: Value, actual: Option<&Value>, reason: String| Mismatch {
            path,
            expected,
            actual: actual.cloned(),
            reason,
            span,
        };
        let Self { origin: Side { hop: from, .. }, end: Side { hop: to, .. }, .. } = self;
        if relation == "absent" {
            let header = path.second().filter(|_| path.root() == "headers" && path.depth() == 2);
            let needles = needles(header, origin).map_err(|why| Baseless(format!("`{text}` of {from} {why}")))?;
            let hit = found_in(&needles, self.texts);
            return Ok(hit
                .into_iter()
                .map(|(needle, place)| {
                    let reason = format!("what {from} has at `{text}` is in `{place}` of {to}");
                    mismatch(place, json!({ "$absent": true }), Some(&needle.into()), reason)
                })
                .collect());
        }
        let Some(end) = end else {
            let reason = format!("is not there: {from} has {}, {to} has nothing", matching::brief(origin));
            return Ok(vec![mismatch(text.to_owned(), origin.clone(), None, reason)]);
        };
        if relation == "changed" {
            let reason = format!("is the same on both hops: {from} and {to} have {}", matching::brief(end));
            let expected = json!({ "$not": origin });
            let same = matching::equal(origin, end);
            return Ok(same.then(|| mismatch(text.to_owned(), expected, Some(end), reason)).into_iter().collect());
        }
        let mut found = Vec::new();
        differences(text, Some(origin), Some(end), &mut found);
        let told = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), matching::brief);
        Ok(found
            .into_iter()
            .take(MOST)
            .map(|(path, origin, end)| {
                let reason = format!("{from} has {}, {to} has {}", told(origin), told(end));
                mismatch(path, origin.cloned().unwrap_or_else(|| json!({ "$absent": true })), end, reason)
            })
            .collect())
    }
}

/// Where two values differ, as deep as they are of one kind.
fn differences<'v>(
    path: &str,
    a: Option<&'v Value>,
    b: Option<&'v Value>,
    found: &mut Vec<(String, Option<&'v Value>, Option<&'v Value>)>,
) {
    match (a, b) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            for (name, value) in one {
                differences(&member(path, name), Some(value), other.get(name), found);
            }
            for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                found.push((member(path, name), None, Some(value)));
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for at in 0..one.len().max(other.len()) {
                differences(&format!("{path}[{at}]"), one.get(at), other.get(at), found);
            }
        }
        (Some(one), Some(other)) if matching::equal(one, other) => {}
        (None, None) => {}
        _ => found.push((path.to_owned(), a, b)),
    }
}

fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if plain { format!("{path}.{name}") } else { format!("{path}[{}]", Value::from(name)) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn judge(relation: &str, path: &str, sent: &Value, arrived: &Value) -> Result<Vec<String>, String> {
        let texts = [("body".to_owned(), arrived.to_string())];
        let comparison = Comparison {
            origin: Side { hop: "client → gateway", exchange: sent },
            end: Side { hop: "gateway → server", exchange: arrived },
            texts: &texts,
        };
        let found = comparison.judge(relation, &Dotted::parse(path).unwrap(), path, Span::default());
        found.map(|m| m.into_iter().map(|m| format!("{}: {}", m.path, m.reason)).collect()).map_err(|Baseless(why)| why)
    }

    #[test]
    fn the_same_is_equal_and_tells_where_it_is_not() {
        let sent = json!({ "body": { "a": { "x": 1, "y": ["p", "q"], "o/d": 1 } } });
        assert_eq!(
            judge("same", "body.a", &sent, &json!({ "body": { "a": { "o/d": 1.0, "y": ["p", "q"], "x": 1 } } })),
            Ok(vec![])
        );
        let arrived = json!({ "body": { "a": { "x": "1", "y": ["p"], "z": null } } });
        assert_eq!(
            judge("same", "body.a", &sent, &arrived).unwrap(),
            [
                "body.a.x: client → gateway has 1, gateway → server has \"1\"",
                "body.a.y[1]: client → gateway has \"q\", gateway → server has nothing",
                "body.a[\"o/d\"]: client → gateway has 1, gateway → server has nothing",
                "body.a.z: client → gateway has nothing, gateway → server has null",
            ]
        );
    }

    #[test]
    fn what_is_lost_is_neither_the_same_nor_changed() {
        for relation in ["same", "changed"] {
            let found = judge(relation, "body.a", &json!({ "body": { "a": 1 } }), &json!({ "body": {} })).unwrap();
            assert_eq!(found, ["body.a: is not there: client → gateway has 1, gateway → server has nothing"]);
        }
    }

    #[test]
    fn what_was_changed_is_there_and_another() {
        let of = |value: Value| json!({ "headers": { "authorization": value } });
        let path = "headers.authorization";
        assert_eq!(judge("changed", path, &of(json!("Bearer a")), &of(json!("Bearer b"))), Ok(vec![]));
        assert!(
            judge("changed", path, &of(json!("Bearer a")), &of(json!("Bearer a"))).unwrap()[0]
                .contains("is the same on both hops")
        );
    }

    #[test]
    fn what_must_be_absent_is_looked_for_everywhere() {
        let sent = json!({ "headers": { "authorization": "Bearer caller-token" } });
        let leaked = json!({ "other": { "place": "caller-token" } });
        let path = "headers.authorization";
        assert_eq!(judge("absent", path, &sent, &json!({ "other": 1 })), Ok(vec![]));
        assert_eq!(
            judge("absent", path, &sent, &leaked).unwrap(),
            ["body: what client → gateway has at `headers.authorization` is in `body` of gateway → server"]
        );
    }

    #[test]
    fn without_a_value_to_compare_with_nothing_is_shown() {
        for relation in ["same", "absent", "changed"] {
            let error = judge(relation, "body.a", &json!({ "body": {} }), &json!({ "body": { "a": 1 } })).unwrap_err();
            assert_eq!(error, "client → gateway has no `body.a` to compare with");
        }
        let error = judge("absent", "body.a", &json!({ "body": { "a": 1 } }), &json!({})).unwrap_err();
        assert!(error.starts_with("`body.a` of client → gateway is too short"), "{error}");
    }
}
