//! The exchange as it should have been: the actual one, with every mismatch put right.

use serde_json::{Map, Value};

use super::path::{self, Segment};
use crate::canonical::{self, Layout, Volatile};
use crate::model::{Body, Exchange, MismatchReport, StreamEvent};

/// Which half of an exchange a check judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// What was sent, e.g. by a gateway to its upstream.
    Request,
    /// What came back.
    Response,
}

/// One half of an exchange, as it is and as it should be.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The canonical lines of what should be there.
    pub expected: Vec<String>,
    /// The canonical lines of what is there.
    pub actual: Vec<String>,
    /// Mismatches that have no place in the text: bounds on time, counts, values inside encoded strings.
    pub elsewhere: Vec<&'a MismatchReport>,
}

impl Half {
    /// The half in which more of the mismatched values stand; the response when in doubt, unless the target sent the
    /// request.
    #[must_use]
    pub fn of(exchange: &Exchange, mismatches: &[&MismatchReport], target: &str) -> Self {
        let found = |half| {
            let Some(mut message) = Message::of(exchange, half) else {
                return 0;
            };
            let actual = |m: &&&MismatchReport| m.actual.is_some();
            mismatches.iter().filter(actual).filter(|m| message.correct(m)).count()
        };
        let (request, response) = (found(Self::Request), found(Self::Response));
        if request > response || request == response && exchange.hop.from == target {
            Self::Request
        } else {
            Self::Response
        }
    }
}

/// Builds both texts.
#[must_use]
pub fn compare<'a>(exchange: &Exchange, half: Half, mismatches: &[&'a MismatchReport]) -> Comparison<'a> {
    let Some(actual) = Message::of(exchange, half) else {
        return Comparison { expected: Vec::new(), actual: Vec::new(), elsewhere: mismatches.to_vec() };
    };
    let mut expected = actual.clone();
    // Replacements first and removals last and backwards, so that no index moves before it is used.
    let removed = |m: &&MismatchReport| is_absent(&m.expected);
    let (kept, gone): (Vec<_>, Vec<_>) = mismatches.iter().copied().partition(|m| !removed(m));
    let (missing, wrong): (Vec<_>, Vec<_>) = kept.into_iter().partition(|m| m.actual.is_none());
    let order = wrong.into_iter().chain(missing).chain(gone.into_iter().rev());
    let elsewhere = order.filter(|m| !expected.correct(m)).collect();
    let layout = Layout::of(&actual.body).both(Layout::of(&expected.body));
    Comparison { expected: expected.lines(layout), actual: actual.lines(layout), elsewhere }
}

/// A request or a response.
#[derive(Clone)]
struct Message {
    /// Request line or status line; none for a message on stdio.
    head: Option<String>,
    status: Option<Value>,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Message {
    fn of(exchange: &Exchange, half: Half) -> Option<Self> {
        match half {
            Half::Request => Some(Self {
                head: Some(canonical::request_line(&exchange.request)),
                status: None,
                headers: exchange.request.headers.clone(),
                body: exchange.request.body.clone(),
            }),
            Half::Response => exchange.response.as_ref().map(|response| Self {
                head: canonical::status_line(response),
                status: response.status.map(Value::from),
                headers: response.headers.clone(),
                body: response.body.clone(),
            }),
        }
    }

    fn lines(&self, layout: Layout) -> Vec<String> {
        let mut lines: Vec<String> = self.head.iter().cloned().collect();
        canonical::headers(&self.headers, Volatile::Keep, &mut lines);
        canonical::body(&self.body, layout, &mut lines);
        lines
    }

    /// Puts one mismatch right. `false`, and nothing changes, if its actual value is not where its path says.
    fn correct(&mut self, mismatch: &MismatchReport) -> bool {
        let Some(segments) = path::parse(&mismatch.path) else {
            return false;
        };
        let Some((Segment::Key(root), rest)) = segments.split_first() else {
            return false;
        };
        let wanted = (!is_absent(&mismatch.expected)).then(|| mismatch.expected.clone());
        let actual = mismatch.actual.as_ref();
        match root.as_str() {
            "status" if rest.is_empty() => {
                if self.status.is_none() || self.status.as_ref() != actual {
                    return false;
                }
                self.head = wanted.map(|value| format!("HTTP {}", shown(&value)));
                true
            }
            "headers" => match rest {
                [Segment::Key(name), index @ ..] => self.header(name, index, actual, wanted),
                _ => false,
            },
            "body" if rest.is_empty() && actual.is_none_or(|a| self.body_is(a)) => {
                self.body = match wanted {
                    Some(Value::String(text)) => Body::Text { text, truncated: 0 },
                    Some(value) => Body::Json(value),
                    None => Body::Empty,
                };
                true
            }
            "body" => match &mut self.body {
                Body::Json(value) => correct(value, rest, actual, wanted),
                _ => false,
            },
            "answer" => self.answer().is_some_and(|answer| correct(answer, rest, actual, wanted)),
            "result" | "error" => match self.answer() {
                Some(answer) => correct(answer, &segments, actual, wanted),
                None => self.missing_answer(&segments, actual, wanted),
            },
            "messages" => match rest {
                [Segment::Index(n), rest @ ..] => {
                    self.message(*n).is_some_and(|message| correct(message, rest, actual, wanted))
                }
                _ => false,
            },
            "$sse" => self.stream_event(rest, actual, wanted),
            _ => false,
        }
    }

    fn header(&mut self, name: &str, index: &[Segment], actual: Option<&Value>, wanted: Option<Value>) -> bool {
        let is = |header: &(String, String)| header.0.eq_ignore_ascii_case(name);
        let values: Vec<&str> = self.headers.iter().filter(|h| is(h)).map(|(_, v)| v.as_str()).collect();
        let present = match (values.as_slice(), index) {
            ([], []) => None,
            ([one], []) => Some(Value::from(*one)),
            (many, []) => Some(Value::from(many.to_vec())),
            _ => return false,
        };
        if present.as_ref() != actual {
            return false;
        }
        let at = self.headers.iter().position(is).unwrap_or(self.headers.len());
        self.headers.retain(|header| !is(header));
        let values = match wanted {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        for (i, value) in values.iter().enumerate() {
            self.headers.insert(at + i, (name.to_owned(), shown(value)));
        }
        true
    }

    fn body_is(&self, actual: &Value) -> bool {
        match &self.body {
            Body::Json(value) => value == actual,
            Body::Text { text, .. } => actual.as_str() == Some(text),
            Body::Empty | Body::Events(_) | Body::Binary { .. } => false,
        }
    }

    /// The JSON-RPC messages in it, in order.
    fn messages(&mut self) -> Box<dyn Iterator<Item = &mut Value> + '_> {
        match &mut self.body {
            Body::Json(Value::Array(batch)) => Box::new(batch.iter_mut()),
            Body::Json(value) => Box::new(std::iter::once(value)),
            Body::Events(events) => Box::new(events.iter_mut().map(|event| &mut event.data).filter(|d| d.is_object())),
            Body::Empty | Body::Text { .. } | Body::Binary { .. } => Box::new(std::iter::empty()),
        }
    }

    fn message(&mut self, n: usize) -> Option<&mut Value> {
        self.messages().nth(n)
    }

    /// The JSON-RPC answer in it.
    fn answer(&mut self) -> Option<&mut Value> {
        self.messages().find(|message| {
            message.is_object()
                && message.get("method").is_none()
                && (message.get("result").is_some() || message.get("error").is_some())
        })
    }

    /// There is no answer at all, so the whole body is another one.
    fn missing_answer(&mut self, segments: &[Segment], actual: Option<&Value>, wanted: Option<Value>) -> bool {
        if actual.is_some() || wanted.is_none() || matches!(self.body, Body::Events(_)) {
            return false;
        }
        let mut answer = Value::Object(Map::new());
        if !correct(&mut answer, segments, None, wanted) {
            return false;
        }
        self.body = Body::Json(answer);
        true
    }

    fn stream_event(&mut self, path: &[Segment], actual: Option<&Value>, wanted: Option<Value>) -> bool {
        let Body::Events(events) = &mut self.body else {
            return false;
        };
        match path {
            // An expected event that did not come: what the stream lacks is put where it would stand.
            [Segment::Index(n)] if actual.is_none() => {
                let Some(Value::Object(pattern)) = wanted else {
                    return false;
                };
                let text = |name: &str| pattern.get(name).map(shown);
                let event = StreamEvent {
                    at_ms: 0.0,
                    event: text("event"),
                    id: text("id"),
                    data: pattern.get("data").cloned().unwrap_or(Value::from("…")),
                };
                events.insert((*n).min(events.len()), event);
                true
            }
            [Segment::Index(n), Segment::Key(field), rest @ ..] if field == "data" => {
                events.get_mut(*n).is_some_and(|event| correct(&mut event.data, rest, actual, wanted))
            }
            [Segment::Index(n), Segment::Key(field)] => {
                let Some(event) = events.get_mut(*n) else {
                    return false;
                };
                let slot = match field.as_str() {
                    "event" => &mut event.event,
                    "id" => &mut event.id,
                    _ => return false,
                };
                if slot.as_deref() != actual.and_then(Value::as_str) {
                    return false;
                }
                *slot = wanted.as_ref().map(shown);
                true
            }
            _ => false,
        }
    }
}

/// Puts the value at the path right; `false` if what is there is not `actual`.
fn correct(root: &mut Value, path: &[Segment], actual: Option<&Value>, wanted: Option<Value>) -> bool {
    let Some((last, parents)) = path.split_last() else {
        let Some(wanted) = wanted else { return false };
        if actual != Some(root) {
            return false;
        }
        *root = wanted;
        return true;
    };
    let mut at = root;
    for (i, segment) in parents.iter().enumerate() {
        if let (Segment::Key(key), Value::Object(members)) = (segment, &mut *at)
            && !members.contains_key(key)
        {
            // Members on the way to one that is missing are missing, too.
            let (None, Some(inner)) = (actual, wanted.and_then(|v| nested(&path[i + 1..], v))) else {
                return false;
            };
            members.insert(key.clone(), inner);
            return true;
        }
        let next = match segment {
            Segment::Key(key) => at.get_mut(key),
            Segment::Index(n) => at.get_mut(*n),
        };
        let Some(next) = next else { return false };
        at = next;
    }
    match (last, at) {
        (Segment::Key(key), Value::Object(members)) if members.get(key) == actual => {
            match wanted {
                Some(value) => {
                    members.insert(key.clone(), value);
                }
                None => {
                    members.shift_remove(key);
                }
            }
            true
        }
        (Segment::Index(n), Value::Array(items)) if items.get(*n) == actual => {
            match wanted {
                Some(value) if *n < items.len() => items[*n] = value,
                Some(value) => items.push(value),
                None if *n < items.len() => {
                    items.remove(*n);
                }
                None => return false,
            }
            true
        }
        _ => false,
    }
}

/// Objects around the value, one for each key; an element of an array that is not there has no place.
fn nested(keys: &[Segment], value: Value) -> Option<Value> {
    keys.iter().rev().try_fold(value, |inner, segment| match segment {
        Segment::Key(key) => Some(Value::Object(Map::from_iter([(key.clone(), inner)]))),
        Segment::Index(_) => None,
    })
}

/// Whether the expectation is that there is nothing.
fn is_absent(expected: &Value) -> bool {
    expected.as_object().is_some_and(|matcher| matcher.len() == 1 && matcher.get("$absent") == Some(&Value::Bool(true)))
}

/// A string as it is, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
