//! What is done to one request on its way out: parts of it are left out, or have another value.

use std::borrow::Cow;
use std::fmt;

use gauntlet_reports::compare::{Path, Segment};
use serde_json::Value;
use url::form_urlencoded;

use super::Request;

/// A part of a request that can be left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A header, all lines of that name; in lower case.
    Header(String),
    /// A query parameter, all of that name.
    Query(String),
    /// A value in the JSON body, by the way from its root.
    Field(Path),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(name),
            Self::Query(name) => write!(f, "?{name}"),
            Self::Field(path) => {
                let mut whole = Path::of("body");
                whole.0.extend(path.0.iter().cloned());
                whole.fmt(f)
            }
        }
    }
}

/// One part, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    pub part: Part,
    /// What stands there then, a text in headers and parameters; `None`: nothing.
    pub value: Option<Value>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Alteration {
    pub edits: Vec<Edit>,
    /// A signature is over the request as it was before, as if something on the way had altered it.
    pub after_signing: bool,
}

impl Alteration {
    /// Alters the request before credentials are put on it.
    pub(crate) fn before_credentials(&self, request: &mut Request) {
        if !self.after_signing {
            self.apply(request);
        }
    }

    /// Alters what credentials have put on it, and all of it if it was not to be altered before. Done twice, it is the same.
    pub(crate) fn after_credentials(&self, request: &mut Request) {
        self.apply(request);
    }

    fn apply(&self, request: &mut Request) {
        let mut fields: Vec<(&Path, Option<&Value>)> = Vec::new();
        for Edit { part, value } in &self.edits {
            let text = value.as_ref().map(|value| value.as_str().unwrap_or_default());
            match part {
                Part::Header(name) => set_header(&mut request.headers, name, text),
                Part::Query(name) => set_parameter(&mut request.url, name, text),
                Part::Field(path) => fields.push((path, value.as_ref())),
            }
        }
        let Some(mut document) = (!fields.is_empty()).then(|| serde_json::from_slice(&request.body).ok()).flatten()
        else {
            return;
        };
        // Elements of a list go from its end, so that the others keep their places.
        fields.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (path, value) in fields {
            match value {
                Some(value) => {
                    if let Some(place) = at(&mut document, &path.0) {
                        *place = value.clone();
                    }
                }
                None => remove(&mut document, &path.0),
            }
        }
        request.body = document.to_string().into_bytes();
    }
}

/// The lines of the header stay where the first of them is.
fn set_header(headers: &mut Vec<(String, String)>, name: &str, value: Option<&str>) {
    let first = headers.iter().position(|(known, _)| known == name);
    headers.retain(|(known, _)| known != name);
    if let (Some(value), Some(first)) = (value, first) {
        headers.insert(first.min(headers.len()), (name.to_owned(), value.to_owned()));
    }
}

/// The other parameters keep the spelling that they have.
fn set_parameter(url: &mut String, name: &str, value: Option<&str>) {
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (url.as_str(), None),
    };
    let Some((base, query)) = rest.split_once('?') else { return };
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    let mut done = false;
    for pair in query.split('&') {
        let is_meant = form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(known, _)| known == name);
        if !is_meant {
            kept.push(pair.into());
        } else if let (Some(value), false) = (value, done) {
            kept.push(form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish().into());
            done = true;
        }
    }
    let mut altered = base.to_owned();
    if !kept.is_empty() {
        altered = format!("{altered}?{}", kept.join("&"));
    }
    if let Some(fragment) = fragment {
        altered = format!("{altered}#{fragment}");
    }
    *url = altered;
}

/// The value at the path.
pub(crate) fn at<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(name) => value.get_mut(name),
        Segment::Index(n) => value.get_mut(n),
        Segment::Item(_) => None,
    })
}

/// Takes the value at the path away, if there is one.
pub(crate) fn remove(value: &mut Value, path: &[Segment]) {
    let Some((last, parents)) = path.split_last() else { return };
    match (at(value, parents), last) {
        (Some(Value::Object(members)), Segment::Key(name)) => {
            members.shift_remove(name);
        }
        (Some(Value::Array(items)), Segment::Index(n)) if *n < items.len() => {
            items.remove(*n);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(path: &[Segment]) -> Part {
        Part::Field(Path(path.to_vec()))
    }

    fn key(name: &str) -> Segment {
        Segment::Key(name.to_owned())
    }

    fn request() -> Request {
        let headers = [("a", "1"), ("b", "2"), ("a", "3")];
        Request {
            method: "POST".to_owned(),
            url: "http://host/p?x=1&y=a%20b&x=2#f".to_owned(),
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            body: br#"{"l":[0,1,2,3],"o":{"m":1,"n":2}}"#.to_vec(),
        }
    }

    fn altered(edits: Vec<(Part, Option<Value>)>) -> Request {
        let edits = edits.into_iter().map(|(part, value)| Edit { part, value }).collect();
        let mut request = request();
        let alteration = Alteration { edits, after_signing: false };
        alteration.before_credentials(&mut request);
        alteration.after_credentials(&mut request);
        request
    }

    #[test]
    fn parts_are_left_out() {
        let gone = altered(vec![
            (Part::Header("a".to_owned()), None),
            (Part::Query("x".to_owned()), None),
            (field(&[key("o"), key("m")]), None),
            (field(&[key("absent")]), None),
        ]);
        assert_eq!(gone.headers, [("b".to_owned(), "2".to_owned())]);
        assert_eq!(gone.url, "http://host/p?y=a%20b#f");
        assert_eq!(gone.body, br#"{"l":[0,1,2,3],"o":{"n":2}}"#);
        let none = altered(vec![(Part::Query("x".to_owned()), None), (Part::Query("y".to_owned()), None)]);
        assert_eq!(none.url, "http://host/p#f");
    }

    #[test]
    fn several_elements_of_one_list_are_those_that_were_meant() {
        let mut once = request();
        let edits = [0, 2].map(|n| Edit { part: field(&[key("l"), Segment::Index(n)]), value: None });
        Alteration { edits: edits.to_vec(), after_signing: true }.after_credentials(&mut once);
        assert_eq!(once.body, br#"{"l":[1,3],"o":{"m":1,"n":2}}"#);
    }

    #[test]
    fn parts_have_another_value() {
        let other = altered(vec![
            (Part::Header("a".to_owned()), Some("4".into())),
            (Part::Header("absent".to_owned()), Some("4".into())),
            (Part::Query("x".to_owned()), Some("&".into())),
            (field(&[key("o")]), Some(json!(null))),
        ]);
        assert_eq!(other.headers, [("a".to_owned(), "4".to_owned()), ("b".to_owned(), "2".to_owned())]);
        assert_eq!(other.url, "http://host/p?x=%26&y=a%20b#f");
        assert_eq!(other.body, br#"{"l":[0,1,2,3],"o":null}"#);
    }

    #[test]
    fn parts_have_names() {
        let names = [field(&[key("params"), key("a.b"), Segment::Index(1)]), Part::Query("q".to_owned())];
        assert_eq!(names.map(|part| part.to_string()), [r#"body.params["a.b"][1]"#, "?q"]);
    }
}
