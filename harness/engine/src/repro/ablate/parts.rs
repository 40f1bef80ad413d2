//! The parts of a request, and other values for them.

use std::collections::HashSet;
use std::fmt;

use gauntlet_reports::compare::{Path, Segment};
use serde::Serialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::transport::Request;
pub use crate::transport::alteration::Part;
use crate::transport::hop::is_of_connection;

/// Headers that say where the request goes and how long its body is: without them, and those of the connection, there is no
/// request to answer.
const FRAMING: [&str; 4] = ["content-length", "expect", "host", "proxy-authorization"];

/// Members of a JSON-RPC message that say what is asked.
const ASKED: [&str; 4] = ["jsonrpc", "id", "method", "params"];

/// A text that stands in the place of another one, and has nothing in common with it.
const ELSE: &str = "gauntlet";

/// What else can be done to a part than leave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alter {
    /// Another value of the same kind.
    Other,
    /// An empty text, list or object.
    Empty,
    /// JSON's null.
    Null,
    /// A value of another JSON type.
    Type,
}

impl fmt::Display for Alter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other => "another value",
            Self::Empty => "empty",
            Self::Null => "null",
            Self::Type => "another type",
        })
    }
}

/// The JSON body, if there is one.
pub(super) fn body(request: &Request) -> Option<Value> {
    serde_json::from_slice(&request.body).ok().filter(|body: &Value| body.is_object() || body.is_array())
}

/// The parts at the top of the request, in its order. What a JSON-RPC message asks for is taken only if `deep`, but for
/// `params._meta`, which says under which conditions.
pub(super) fn of(request: &Request, deep: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut known: HashSet<Part> = HashSet::new();
    let mut add = |part: Part| {
        if known.insert(part.clone()) {
            parts.push(part);
        }
    };
    for (name, _) in &request.headers {
        if !is_of_connection(name) && !FRAMING.contains(&name.as_str()) {
            add(Part::Header(name.clone()));
        }
    }
    let query = request.url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        add(Part::Query(name.into_owned()));
    }
    let Some(body) = body(request) else { return parts };
    let is_message = body.get("jsonrpc").is_some() || body.get("method").is_some_and(Value::is_string);
    for path in below(&body, &Path::default()) {
        let is_asked = |name: &str| is_message && !deep && ASKED.contains(&name);
        match path.0.first() {
            Some(Segment::Key(name)) if is_asked(name) => {
                if name == "params" && body.pointer("/params/_meta").is_some() {
                    add(Part::Field(Path(vec![Segment::Key("params".to_owned()), Segment::Key("_meta".to_owned())])));
                }
            }
            _ => add(Part::Field(path)),
        }
    }
    parts
}

/// The parts that a field is made of; none of another part.
pub(super) fn inside(part: &Part, body: &Value) -> Vec<Part> {
    match part {
        Part::Field(path) => below(body, path).into_iter().map(Part::Field).collect(),
        _ => Vec::new(),
    }
}

fn below(body: &Value, path: &Path) -> Vec<Path> {
    let with = |segment: Segment| Path(path.0.iter().cloned().chain([segment]).collect());
    match value_at(body, path) {
        Some(Value::Object(members)) => members.keys().map(|name| with(Segment::Key(name.clone()))).collect(),
        Some(Value::Array(items)) => (0..items.len()).map(|n| with(Segment::Index(n))).collect(),
        _ => Vec::new(),
    }
}

fn value_at<'v>(body: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(body, |value, segment| match segment {
        Segment::Key(name) => value.get(name),
        Segment::Index(n) => value.get(n),
        Segment::Item(_) => None,
    })
}

/// Whether one of the parts holds the other.
pub(super) fn overlap(a: &Part, b: &Part) -> bool {
    match (a, b) {
        (Part::Field(a), Part::Field(b)) => a.0.starts_with(&b.0) || b.0.starts_with(&a.0),
        _ => a == b,
    }
}

/// The value that the part has after the change; `None` if there is no such value, or it is the one it has.
pub(super) fn altered(part: &Part, alter: Alter, request: &Request) -> Option<Value> {
    let current = match part {
        Part::Header(name) => request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| Value::from(v.as_str())),
        Part::Query(name) => {
            let query = request.url.split_once('?').map_or("", |(_, query)| query);
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(n, _)| n == name).map(|(_, v)| Value::from(v.as_ref()))
        }
        Part::Field(path) => value_at(&body(request)?, path).cloned(),
    }?;
    let is_text = !matches!(part, Part::Field(_));
    let altered = match alter {
        Alter::Other => match &current {
            Value::Null => return None,
            Value::Bool(value) => Value::Bool(!value),
            Value::Number(number) => number.as_i64().map_or_else(|| json!(1), |n| n.wrapping_add(1).into()),
            Value::String(text) => if text == ELSE { "other" } else { ELSE }.into(),
            // What is in them is altered for itself.
            Value::Array(_) | Value::Object(_) => return None,
        },
        Alter::Empty => match &current {
            Value::String(_) => Value::from(""),
            Value::Array(_) => json!([]),
            Value::Object(_) => Value::Object(Map::new()),
            _ => return None,
        },
        Alter::Null if is_text => return None,
        Alter::Null => Value::Null,
        Alter::Type if is_text => return None,
        Alter::Type => match &current {
            Value::String(_) => json!(0),
            Value::Object(_) => json!([]),
            Value::Array(_) => Value::Object(Map::new()),
            Value::Null | Value::Bool(_) | Value::Number(_) => json!("x"),
        },
    };
    (altered != current).then_some(altered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &Value) -> Request {
        let headers = [("host", "h"), ("a", "1"), ("content-length", "9"), ("a", "2"), ("b", "")];
        Request {
            method: "POST".to_owned(),
            url: "http://host/p?x=1&y=2&x=3".to_owned(),
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            body: body.to_string().into_bytes(),
        }
    }

    fn names(parts: &[Part]) -> Vec<String> {
        parts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_asked_stays_unless_it_is_meant_too() {
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "m", "params": { "a": 1, "_meta": {} }, "arn": "x" });
        assert_eq!(names(&of(&request(&message), false)), ["a", "b", "?x", "?y", "body.params._meta", "body.arn"]);
        let deep = of(&request(&message), true);
        assert_eq!(
            names(&deep[4..]),
            ["body.jsonrpc", "body.id", "body.method", "body.params", "body.arn"],
            "of the top level"
        );
        assert_eq!(names(&inside(&deep[7], &message)), ["body.params.a", "body.params._meta"]);
        let plain = json!({ "params": [1, 2], "id": 1 });
        assert_eq!(names(&of(&request(&plain), false)[4..]), ["body.params", "body.id"]);
        assert_eq!(names(&of(&request(&json!([[1], 2])), false)[4..]), ["body[0]", "body[1]"]);
    }

    #[test]
    fn other_values_fit_the_part() {
        let body = json!({ "n": 1, "s": "", "o": { "m": null } });
        let request = request(&body);
        let field = |name: &str| Part::Field(Path::of(name));
        let told = |part: &Part| {
            [Alter::Other, Alter::Empty, Alter::Null, Alter::Type].map(|kind| altered(part, kind, &request))
        };
        assert_eq!(told(&field("n")), [Some(json!(2)), None, Some(Value::Null), Some(json!("x"))]);
        assert_eq!(told(&field("s")), [Some(json!("gauntlet")), None, Some(Value::Null), Some(json!(0))]);
        assert_eq!(told(&field("o")), [None, Some(json!({})), Some(Value::Null), Some(json!([]))]);
        assert_eq!(told(&Part::Header("a".to_owned())), [Some(json!("gauntlet")), Some(json!("")), None, None]);
        assert_eq!(told(&Part::Query("y".to_owned())), [Some(json!("gauntlet")), Some(json!("")), None, None]);
    }

    #[test]
    fn a_part_overlaps_what_it_holds() {
        let field = |names: &[&str]| Part::Field(Path(names.iter().map(|n| Segment::Key((*n).to_owned())).collect()));
        assert!(overlap(&field(&["a"]), &field(&["a", "b"])) && overlap(&field(&["a", "b"]), &field(&["a"])));
        assert!(!overlap(&field(&["a"]), &field(&["ab"])) && !overlap(&field(&["a"]), &Part::Header("a".to_owned())));
    }
}
