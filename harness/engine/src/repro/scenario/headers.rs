//! Headers of steps: those that the harness does not send by itself.

use gauntlet_format::scenario::Lifecycle;
use serde_json::{Map, Value, json};

use super::Options;
use super::plan::Plan;
use super::said::Said;
use super::step::literally;
use super::text::literal;
use crate::lifecycle::ACCEPT;
use crate::transport::hop::is_of_connection;

/// What clients, browsers, proxies and tracing add; nothing depends on it.
const NOISE: &[&str] = &[
    "host",
    "content-length",
    "proxy-authorization",
    "expect",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "priority",
    "dnt",
    "referer",
    "upgrade-insecure-requests",
    "if-none-match",
    "if-modified-since",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
    "x-request-id",
    "x-correlation-id",
    "x-amzn-trace-id",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "sentry-trace",
    "cdn-loop",
    "cf-ray",
    "cf-connecting-ip",
    "true-client-ip",
];

/// What the signature of an AWS request consists of; whoever signs makes it anew.
const SIGNED: [&str; 4] = ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];

/// What the harness adds as the version asks.
const OF_VERSION: [&str; 4] = ["mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"];

/// How the headers of a scenario are written.
pub(super) struct Headers {
    lifecycle: Lifecycle,
    keeps_all: bool,
    /// The names of the client matter to the server.
    keeps_agent: bool,
    /// Targets for this role send headers of their own.
    only: bool,
    /// Headers that all requests have, under `defaults`.
    common: Vec<(String, String)>,
    /// `Authorization` that all requests have, none included.
    auth: Auth,
    /// Names that were left out.
    pub(super) left_out: Vec<String>,
    pub(super) is_signed: bool,
}

/// What the requests say of `authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Auth {
    /// The credentials of the target, for requests that had any: all, where none had.
    OfTarget {
        is_in_some: bool,
    },
    Same(Option<String>),
    /// Those of the handshake; steps that have others, or none, say so.
    Various(Option<String>),
}

impl Headers {
    pub(super) fn of(plan: &Plan<'_, '_>, options: &Options, is_kiro: bool) -> Self {
        let all: Vec<&Said<'_>> =
            plan.handshake.iter().copied().chain(plan.steps.iter().map(|(said, _)| *said)).collect();
        let is_signed = all.iter().any(|said| is_signed(said));
        let auth = if options.auth_of_target || is_signed || plan.is_stdio {
            Auth::OfTarget { is_in_some: all.iter().any(|said| said.entry.request.header("authorization").is_some()) }
        } else {
            let mut values = all.iter().map(|said| said.entry.request.header("authorization"));
            let first = values.next().flatten();
            let first = first.map(str::to_owned);
            if values.all(|value| value == first.as_deref()) { Auth::Same(first) } else { Auth::Various(first) }
        };
        let mut headers = Self {
            lifecycle: plan.lifecycle,
            keeps_all: options.all_headers,
            keeps_agent: is_kiro || all.iter().any(|said| said.entry.request.header("x-amz-user-agent").is_some()),
            only: options.all_headers || is_kiro,
            common: Vec::new(),
            auth,
            left_out: Vec::new(),
            is_signed,
        };
        headers.find_common(&all);
        headers
    }

    /// What every request has in the same way stands once in the file, if there are several, or the harness opens sessions.
    fn find_common(&mut self, all: &[&Said<'_>]) {
        if all.len() < 2 && self.lifecycle != Lifecycle::Auto {
            return;
        }
        let Some((first, others)) = all.split_first() else { return };
        let own: Vec<(String, String)> = first
            .entry
            .request
            .headers
            .iter()
            .filter(|(name, _)| {
                !matches!(name.as_str(), "accept" | "content-type" | "authorization") && !self.is_left_out(first, name)
            })
            .filter(|(name, _)| !OF_VERSION.contains(&name.as_str()))
            .filter(|(name, _)| !(self.is_signed && SIGNED.contains(&name.as_str())))
            .cloned()
            .collect();
        let has = |said: &Said<'_>, pair: &(String, String)| {
            said.entry.request.headers.iter().filter(|(name, _)| *name == pair.0).eq([pair])
                && !self.is_left_out(said, &pair.0)
        };
        self.common =
            own.into_iter().filter(|pair| has(first, pair) && others.iter().all(|said| has(said, pair))).collect();
    }

    /// `defaults:` of the scenario.
    pub(super) fn defaults(&self) -> Option<Value> {
        let mut out = Map::new();
        if !self.common.is_empty() {
            let members = self.common.iter().map(|(name, value)| (name.clone(), Value::from(literal(value))));
            out.insert("headers".to_owned(), members.collect());
        }
        if let Auth::Same(value) | Auth::Various(value) = &self.auth {
            let mut auth = value.as_deref().map_or_else(|| "none".into(), credentials);
            literally(&mut auth);
            out.insert("auth".to_owned(), auth);
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    /// What a step says about its headers and its credentials; `sends` are the headers that its verb sends by itself.
    pub(super) fn step(
        &mut self,
        said: &Said<'_>,
        sends: &[(&str, &str)],
        is_raw: bool,
    ) -> (Option<Value>, Option<Value>) {
        if said.is_stdio() {
            return (None, None);
        }
        let mut kept: Vec<&(String, String)> = Vec::new();
        for pair @ (name, _) in &said.entry.request.headers {
            let signed = self.is_signed && SIGNED.contains(&name.as_str());
            let of_version = self.lifecycle == Lifecycle::Auto && !is_raw && OF_VERSION.contains(&name.as_str());
            if name == "authorization" || signed || of_version {
                continue;
            }
            if self.is_left_out(said, name) {
                if !is_of_bytes(name) && !self.left_out.contains(name) {
                    self.left_out.push(name.clone());
                }
                continue;
            }
            kept.push(pair);
        }
        let mut out = Map::new();
        let has = |name: &str| kept.iter().any(|(known, _)| known == name);
        if self.only {
            let mut names: Vec<Value> =
                sends.iter().filter(|(name, _)| has(name)).map(|(name, _)| (*name).into()).collect();
            let is_of_target = matches!(self.auth, Auth::OfTarget { .. });
            if said.entry.request.header("authorization").is_some() || is_of_target {
                names.push("authorization".into());
            }
            names.extend(self.common.iter().map(|(name, _)| Value::from(name.as_str())));
            if self.is_signed {
                names.extend(SIGNED[1..].iter().map(|name| Value::from(*name)));
            }
            out.insert("$only".to_owned(), Value::Array(names));
        } else {
            let missing: Vec<Value> = sends
                .iter()
                .filter(|(name, usual)| *name != "user-agent" && !has(name) && !is_no_news(name, usual))
                .map(|(name, _)| Value::from(*name))
                .collect();
            if !missing.is_empty() {
                out.insert("$drop".to_owned(), Value::Array(missing));
            }
        }
        for (name, value) in kept {
            let is_sent = sends.iter().any(|(known, usual)| known == name && is_same(name, value, usual));
            let is_common = self.common.iter().any(|(known, _)| known == name);
            if is_sent || is_common {
                continue;
            }
            let value = Value::from(value.as_str());
            match out.get_mut(name) {
                None => drop(out.insert(name.clone(), value)),
                Some(Value::Array(values)) => values.push(value),
                Some(one) => *one = json!([one.clone(), value]),
            }
        }
        let own = said.entry.request.header("authorization");
        let auth = match &self.auth {
            Auth::OfTarget { is_in_some: true } if own.is_none() => Some("none".into()),
            Auth::Various(usual) if usual.as_deref() != own => Some(own.map_or_else(|| "none".into(), credentials)),
            _ => None,
        };
        ((!out.is_empty()).then_some(Value::Object(out)), auth)
    }

    fn is_left_out(&self, said: &Said<'_>, name: &str) -> bool {
        if name == "host" && names_another_host(said) {
            return false;
        }
        if is_of_bytes(name) {
            return true;
        }
        if self.keeps_all {
            return false;
        }
        is_of_connection(name)
            || NOISE.contains(&name)
            || ["sec-", "x-b3-", "cf-", "x-datadog-", "x-envoy-", "x-vercel-", "x-stainless-"]
                .iter()
                .any(|start| name.starts_with(start))
            || name == "user-agent" && !self.keeps_agent
            || name == "origin" && !may_be_judged_by_origin(said)
    }
}

/// What the harness sends of itself with a message.
pub(super) const OF_MESSAGE: [(&str, &str); 2] = [("accept", ACCEPT), ("content-type", "application/json")];

/// Whether a header says no more than none (RFC 9110, section 12.5.1: whoever does not say takes any).
fn is_no_news(name: &str, usual: &str) -> bool {
    name == "accept" && usual == "*/*"
}

/// Whether a header belongs to the connection and to the bytes on it, whatever is asked for.
fn is_of_bytes(name: &str) -> bool {
    matches!(name, "host" | "connection" | "content-length" | "transfer-encoding" | "accept-encoding")
        || name.starts_with(':')
}

/// Whether the page that a browser asked from may be why the answer is as it is. Servers refuse pages that they do not know, as
/// the protocol wants it with 403 (Streamable HTTP, security warning); a preflight is about nothing else. Of a request that was
/// answered in another way the page is that of whoever recorded it, and says nothing.
fn may_be_judged_by_origin(said: &Said<'_>) -> bool {
    let names_it = |body: &str| body.to_ascii_lowercase().contains("origin");
    let answer = said.entry.response.as_ref();
    match said.status() {
        None | Some(403) => true,
        Some(400..) => answer.and_then(|answer| answer.body.text()).is_some_and(names_it),
        Some(_) => said.entry.request.method == "OPTIONS",
    }
}

/// Whether the request was for another host than the one that it was sent to. An address of this machine is where somebody stood
/// between, such as a recorder.
fn names_another_host(said: &Said<'_>) -> bool {
    let sent_to = said.origin.split_once("://").map_or("", |(_, rest)| rest);
    let bare = |host: &str| host.trim_end_matches(":443").trim_end_matches(":80").to_ascii_lowercase();
    said.entry.request.header("host").is_some_and(|host| bare(host) != bare(sent_to) && !is_here(host))
}

/// Whether it is a loopback address, with or without a port.
fn is_here(host: &str) -> bool {
    let url = url::Url::parse(&format!("http://{host}"));
    url.is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

/// Whether the value says the same as the usual one.
fn is_same(name: &str, value: &str, usual: &str) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if name == "content-type" {
        return essence(value) == essence(usual) && !value.contains("charset=")
            || value.eq_ignore_ascii_case(&format!("{usual}; charset=utf-8"));
    }
    let parts = |text: &str| {
        let mut parts: Vec<String> = text.split(',').map(essence).collect();
        parts.sort();
        parts
    };
    parts(value) == parts(usual)
}

/// Credentials as `auth` takes them.
fn credentials(value: &str) -> Value {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme == "Bearer" && !token.trim().is_empty() => json!({ "bearer": token.trim() }),
        _ => json!({ "header": { "authorization": value } }),
    }
}

fn is_signed(said: &Said<'_>) -> bool {
    said.entry.request.header("authorization").is_some_and(|value| value.starts_with("AWS4-"))
}
