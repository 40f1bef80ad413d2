//! Which side of a target went wrong, told from what went over both.

use gauntlet_format::sse::SseParser;
use gauntlet_reports::{Blame, Body, Exchange, Hop, Party};
use serde_json::Value;

/// What is held against somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Charge {
    /// What a client got, by place in the transcript.
    Answer(usize, About),
    /// What arrived behind the target, by place.
    Arrived(usize),
    /// How many requests arrived at the mock, or that none did.
    Number { mock: String },
    /// What a client that is the target came to, without an exchange of ours.
    Outcome,
}

/// What of an answer is held against somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// What it says. Who only passed it on did not say it.
    Content,
    /// When it was complete.
    Time,
    /// How it came: status, headers, events and their times; or that there was none.
    Form,
}

impl About {
    /// By the label of a check.
    pub(crate) fn of(label: &str) -> Self {
        match label {
            "result" | "error" | "answer" | "body" | "pages" | "messages" | "schema" => Self::Content,
            "within" => Self::Time,
            _ => Self::Form,
        }
    }
}

/// The parties, and what is known of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub target: &'a str,
    /// Systems behind it.
    pub upstreams: &'a [String],
    pub transcript: &'a [Exchange],
    /// Places of exchanges for which there was no connection to the target.
    pub unreached: &'a [usize],
}

impl Scene<'_> {
    /// Who is to blame; `None` where there is nobody but the target, or nothing to tell it from.
    pub(crate) fn blame(&self, charge: &Charge) -> Option<Blame> {
        if self.upstreams.is_empty() {
            return None;
        }
        match charge {
            Charge::Answer(place, about) => self.answer(*place, *about),
            Charge::Arrived(place) => self.arrived(*place),
            Charge::Number { mock } => self.number(mock),
            Charge::Outcome => self.outcome(),
        }
    }

    fn target_on(&self, hop: &Hop, reason: String, exchange: usize) -> Option<Blame> {
        let who = self.target.to_owned();
        Some(Blame { party: Party::Target, who, hop: hop.clone(), reason, exchange: Some(exchange) })
    }

    fn upstream_on(&self, exchange: &Exchange, reason: String, place: usize) -> Option<Blame> {
        let hop = exchange.hop.clone();
        Some(Blame { party: Party::Upstream, who: hop.to.clone(), hop, reason, exchange: Some(place) })
    }

    /// Exchanges behind the target that the exchange at the place caused.
    fn caused_by(&self, place: usize) -> impl Iterator<Item = (usize, &Exchange)> {
        self.transcript.iter().enumerate().filter(move |(_, exchange)| exchange.cause == Some(place))
    }

    fn behind(&self) -> impl DoubleEndedIterator<Item = (usize, &Exchange)> {
        let is_behind =
            |exchange: &Exchange| exchange.hop.from == self.target && self.upstreams.contains(&exchange.hop.to);
        self.transcript.iter().enumerate().filter(move |(_, exchange)| is_behind(exchange))
    }

    fn arrived(&self, place: usize) -> Option<Blame> {
        let exchange = self.transcript.get(place)?;
        let (from, to) = (&exchange.hop.from, &exchange.hop.to);
        let reason = match (&exchange.note, End::of(exchange)) {
            (Some(note), end) if end.is_bad() => format!("{to} refused what {from} sent: {note}"),
            _ => format!("what {from} sent to {to} is not what it is to send"),
        };
        self.target_on(&exchange.hop, reason, place)
    }

    fn number(&self, mock: &str) -> Option<Blame> {
        let asked: Vec<usize> =
            self.behind().filter(|(_, e)| e.hop.to == mock || mock == "upstreams").map(|(place, _)| place).collect();
        let mock = if mock == "upstreams" { "what is behind it" } else { mock };
        let target = self.target;
        let reason = match asked.len() {
            0 => format!("{target} never asked {mock}"),
            _ => format!("{target} did not ask {mock} what it was to ask, or not as often"),
        };
        let hop = Hop { from: target.to_owned(), to: mock.to_owned() };
        Some(Blame { party: Party::Target, who: target.to_owned(), hop, reason, exchange: asked.first().copied() })
    }

    /// Of a client that is the target: the last answer that it got. Earlier refusals are a part of signing in.
    fn outcome(&self) -> Option<Blame> {
        let target = self.target;
        let (place, exchange) = self.behind().next_back()?;
        let (to, end) = (&exchange.hop.to, End::of(exchange));
        let reason = match &exchange.note {
            _ if !end.is_bad() => format!("{target} went wrong although {to} {}", end.told(exchange)),
            Some(note) => format!("{to} refused what {target} sent: {note}"),
            None if end.is_refusal() => format!("{to} {}", end.told(exchange)),
            None => return self.upstream_on(exchange, format!("{to} {}", end.told(exchange)), place),
        };
        self.target_on(&exchange.hop, reason, place)
    }

    fn answer(&self, place: usize, about: About) -> Option<Blame> {
        let outer = self.transcript.get(place)?;
        let target = self.target;
        let got = End::of(outer);
        if self.unreached.contains(&place) {
            let (hop, who) = (outer.hop.clone(), target.to_owned());
            let reason = format!("{target} cannot be reached");
            return Some(Blame { party: Party::Connection, who, hop, reason, exchange: Some(place) });
        }
        let Some((behind, inner)) = self.decisive(place, outer) else {
            let did = if got.is_none() { "gave no answer" } else { "answered by itself" };
            let before = self.behind().rev().find(|(at, exchange)| *at < place && End::of(exchange).is_bad());
            let before = before.map(|(_, e)| format!("; before that, {} {}", e.hop.to, End::of(e).told(e)));
            let reason = format!("{target} {did}: it asked nothing behind it meanwhile{}", before.unwrap_or_default());
            return self.target_on(&outer.hop, reason, place);
        };
        let (upstream, end) = (&inner.hop.to, End::of(inner));
        let told = format!("{upstream} {}", end.told(inner));
        if got == End::Good && answered_before(outer, inner) {
            let asked = subject(inner);
            let reason = format!("{target} answered before {upstream} had answered {asked}");
            return self.target_on(&outer.hop, reason, place);
        }
        match (&inner.note, end.is_bad(), got.is_bad()) {
            (_, true, false) => self.target_on(&outer.hop, format!("{told}, and {target} made a success of it"), place),
            (Some(note), true, true) => {
                self.target_on(&inner.hop, format!("{upstream} refused what {target} sent: {note}"), behind)
            }
            (None, true, true) if got.is_none() && !end.is_none() => {
                self.target_on(&outer.hop, format!("{told}, and {target} passed nothing on"), place)
            }
            (None, true, true) => {
                let doubt =
                    if end.is_refusal() { format!("; what {target} sent may be the cause") } else { String::new() };
                self.upstream_on(inner, format!("{told}, and {target} passed that on{doubt}"), behind)
            }
            (_, false, true) => self.target_on(&outer.hop, format!("{told}, but {target} {}", got.told_back()), place),
            (_, false, false) => self.both_well(place, outer, behind, inner, about),
        }
    }

    /// Both answered well, and yet something is wrong.
    fn both_well(
        &self,
        place: usize,
        outer: &Exchange,
        behind: usize,
        inner: &Exchange,
        about: About,
    ) -> Option<Blame> {
        // What a target may take of the time without being the slow one.
        const OWN_SHARE: f64 = 0.2;
        let (target, upstream) = (self.target, &inner.hop.to);
        let told = format!("{upstream} {}", End::Good.told(inner));
        let is_same = answer_of(outer).is_some() && answer_of(outer) == answer_of(inner);
        match about {
            About::Content if is_same => {
                self.upstream_on(inner, format!("{target} passed on what {upstream} answered"), behind)
            }
            About::Content => {
                self.target_on(&outer.hop, format!("{told}; {target} made something else of it on the way back"), place)
            }
            About::Time if inner.elapsed_ms >= outer.elapsed_ms * (1.0 - OWN_SHARE) => {
                let (inner_ms, outer_ms) = (inner.elapsed_ms, outer.elapsed_ms);
                let reason = format!("{upstream} took {inner_ms:.0} ms of the {outer_ms:.0} ms");
                self.upstream_on(inner, reason, behind)
            }
            About::Time | About::Form => {
                self.target_on(&outer.hop, format!("{told}; how and when it came is up to {target}"), place)
            }
        }
    }

    /// The exchange behind the target that an answer hangs on: the last of the same method, else the last of all.
    fn decisive(&self, place: usize, outer: &Exchange) -> Option<(usize, &Exchange)> {
        let same = |exchange: &Exchange| method_of(exchange).is_some() && method_of(exchange) == method_of(outer);
        let last = self.caused_by(place).filter(|(_, exchange)| same(exchange)).last();
        last.or_else(|| self.caused_by(place).last())
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Good,
    /// Not even a head of an answer.
    Silent,
    BrokenOff,
    Status(u16),
    /// A JSON-RPC error with this code.
    Error(String),
}

impl End {
    fn of(exchange: &Exchange) -> Self {
        let Some(response) = &exchange.response else {
            // A notification over stdio has no answer to wait for.
            let is_due = exchange.failure.is_some() || exchange.request.method != "stdin";
            return if is_due { Self::Silent } else { Self::Good };
        };
        if exchange.failure.is_some() {
            return Self::BrokenOff;
        }
        if let Some(status) = response.status.filter(|status| *status >= 400) {
            return Self::Status(status);
        }
        let error = messages(&response.body).into_iter().find_map(|m| Some(m.get("error")?.get("code")?.to_string()));
        error.map_or(Self::Good, Self::Error)
    }

    fn is_bad(&self) -> bool {
        *self != Self::Good
    }

    /// Nothing that could be passed on.
    fn is_none(&self) -> bool {
        matches!(self, Self::Silent | Self::BrokenOff)
    }

    /// It says that the request was wrong.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(400..500) | Self::Error(_))
    }

    /// `answered tools/call with HTTP 503`, of the one that was asked.
    fn told(&self, exchange: &Exchange) -> String {
        let asked = subject(exchange);
        match self {
            Self::Good => format!("answered {asked} well"),
            Self::Silent => format!("gave no answer to {asked}"),
            Self::BrokenOff => format!("broke off its answer to {asked}"),
            Self::Status(status) => format!("answered {asked} with HTTP {status}"),
            Self::Error(code) => format!("answered {asked} with the error {code}"),
        }
    }

    /// The same of the one between, without what it was asked.
    fn told_back(&self) -> String {
        match self {
            Self::Good => "answered well".to_owned(),
            Self::Silent => "gave no answer".to_owned(),
            Self::BrokenOff => "broke off its answer".to_owned(),
            Self::Status(status) => format!("answered with HTTP {status}"),
            Self::Error(code) => format!("answered with the error {code}"),
        }
    }
}

/// The client had its answer when the upstream had not begun with its own.
fn answered_before(outer: &Exchange, inner: &Exchange) -> bool {
    let end = outer.started_ms + outer.elapsed_ms;
    inner.response.is_none() || inner.began_ms.is_some_and(|began| inner.started_ms + began > end)
}

fn method_of(exchange: &Exchange) -> Option<&str> {
    match &exchange.request.body {
        Body::Json(message) => message.get("method")?.as_str(),
        _ => None,
    }
}

/// What was asked, in short: the JSON-RPC method, else the request line.
fn subject(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let path = || request.url.split('?').next().unwrap_or_default();
    method_of(exchange).map_or_else(|| format!("{} {}", request.method, path()), |method| format!("`{method}`"))
}

fn answer_of(exchange: &Exchange) -> Option<Value> {
    let body = &exchange.response.as_ref()?.body;
    messages(body).into_iter().find_map(|message| message.get("result").or_else(|| message.get("error")).cloned())
}

/// JSON-RPC messages in a body, or the document that it is.
fn messages(body: &Body) -> Vec<Value> {
    match body {
        Body::Json(value) => vec![value.clone()],
        Body::Events(events) => events.iter().map(|event| event.data.clone()).collect(),
        Body::Text { text, .. } if text.contains("data:") => {
            let events = SseParser::new().push(text.as_bytes());
            events.iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
