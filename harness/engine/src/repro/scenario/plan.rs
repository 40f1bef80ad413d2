//! Which entries become steps, of which client, and who opens the sessions.

use std::collections::HashMap;

use gauntlet_format::Version;
use gauntlet_format::scenario::Lifecycle;
use serde_json::Value;

use super::Options;
use super::known::{Known, Marks};
use super::said::{Said, What};
use super::text::secret;
use crate::lifecycle::name_header_value;

/// What a scenario is made of.
pub(super) struct Plan<'s, 'e> {
    /// The origin of all steps; over stdio the program.
    pub(super) origin: String,
    /// Path of the MCP endpoint, if anything spoke JSON-RPC.
    pub(super) endpoint: Option<String>,
    /// Entries that become steps, each with its client, from 0.
    pub(super) steps: Vec<(&'s Said<'e>, usize)>,
    /// Those of the handshake, which the harness does.
    pub(super) handshake: Vec<&'s Said<'e>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) version: Option<Version>,
    pub(super) is_stdio: bool,
    /// What was left out, and why the lifecycle is as it is.
    pub(super) notes: Vec<String>,
}

/// Steps at most; nobody reads more.
const MOST_STEPS: usize = 300;

pub(super) fn plan<'s, 'e>(all: &'s [Said<'e>], options: &Options, marks: &Marks<'_>) -> Plan<'s, 'e> {
    let mut notes = Vec::new();
    let origin = options.origin.clone().unwrap_or_else(|| busiest(all));
    let mut elsewhere: Vec<(&str, usize)> = Vec::new();
    for said in all.iter().filter(|said| said.origin != origin) {
        match elsewhere.iter_mut().find(|(known, _)| *known == said.origin) {
            Some((_, count)) => *count += 1,
            None => elsewhere.push((&said.origin, 1)),
        }
    }
    for (other, count) in elsewhere {
        notes.push(format!(
            "left out: {count} {} to {other}; a scenario drives one target",
            if count == 1 { "request" } else { "requests" }
        ));
    }
    let own: Vec<&Said<'e>> = all.iter().filter(|said| said.origin == origin).collect();
    let is_stdio = own.first().is_some_and(|said| said.is_stdio());
    let endpoint = endpoint(&own);
    let clients = clients(&own);
    let mut steps: Vec<(&Said<'e>, usize)> = own.iter().copied().zip(clients).collect();
    let mut unprompted = 0;
    steps.retain(|(said, _)| {
        let is_prompted = !said.is_stdio() || !said.entry.request.body.bytes.is_empty();
        unprompted += usize::from(!is_prompted);
        is_prompted
    });
    if unprompted > 0 {
        notes.push("left out: what the program wrote before it was asked".to_owned());
    }
    let (lifecycle, version) = match options.lifecycle {
        Some(lifecycle) => (lifecycle, spoken_version(&steps)),
        None => lifecycle(&steps, endpoint.as_deref(), &mut notes),
    };
    let mut lifecycle = lifecycle;
    if lifecycle == Lifecycle::Auto && options.lifecycle.is_none() && !options.auth_of_target {
        let tokens = steps.iter().filter(|(said, _)| said.is_call("initialize"));
        let mut tokens = tokens.filter_map(|(said, _)| said.entry.request.header("authorization"));
        if tokens.any(|token| is_obtained(token, &steps)) {
            notes.push("`lifecycle: manual`: the token of the session is one that a step obtains".to_owned());
            lifecycle = Lifecycle::Manual;
        }
    }
    let is_handshake = |said: &Said<'_>| {
        said.is_call("initialize") || matches!(&said.what, What::Notify(m) if m == "notifications/initialized")
    };
    if lifecycle == Lifecycle::Auto
        && options.lifecycle.is_none()
        && let Some((said, known)) = {
            let (opening, rest): (Vec<_>, Vec<_>) =
                steps.iter().map(|(said, _)| *said).partition(|said| is_handshake(said));
            // What shows elsewhere too need not be shown by the handshake.
            let shows =
                |known: &Known| rest.iter().filter_map(|said| marks.known(said)).any(|other| other.id == known.id);
            opening.into_iter().filter_map(|said| Some((said, marks.known(said)?))).find(|(_, known)| !shows(known))
        }
    {
        notes.push(format!("`lifecycle: manual`: {} shows {}", said.told(), known.id));
        lifecycle = Lifecycle::Manual;
    }
    let whole = steps.clone();
    let mut handshake = Vec::new();
    if lifecycle == Lifecycle::Auto {
        handshake.extend(steps.iter().filter(|(said, _)| is_handshake(said)).map(|(said, _)| *said));
        steps.retain(|(said, _)| !is_handshake(said));
        if !handshake.is_empty() {
            notes.push(
                "left to the harness: `initialize` and `notifications/initialized`, which were as usual".to_owned(),
            );
        }
        let last_of = |client: usize| steps.iter().rposition(|(_, c)| *c == client);
        let ends: Vec<usize> = steps
            .iter()
            .enumerate()
            .filter(|(at, (said, client))| {
                let is_fine = said.status().is_some_and(|status| status < 300 || status == 405);
                said.entry.request.method == "DELETE"
                    && Some(&said.path) == endpoint.as_ref()
                    && is_fine
                    && last_of(*client) == Some(*at)
                    && marks.known(said).is_none()
            })
            .map(|(at, _)| at)
            .collect();
        for at in ends.into_iter().rev() {
            steps.remove(at);
        }
    }
    if lifecycle == Lifecycle::Auto {
        without_refused_streams(&mut steps, endpoint.as_deref(), &mut notes);
    }
    without_streams(&mut steps, endpoint.as_deref(), &mut notes);
    let names_session_first = (0..=steps.iter().map(|(_, client)| *client).max().unwrap_or(0)).any(|client| {
        let first = steps.iter().find(|(_, c)| *c == client).map(|(said, _)| *said);
        first.is_some_and(|said| {
            let is_sent = said.entry.request.method == "POST" && Some(&said.path) == endpoint.as_ref();
            !is_sent && !said.is_stream() && !said.is_stdio() && said.entry.request.header("mcp-session-id").is_some()
        })
    });
    if (steps.is_empty() || names_session_first) && lifecycle == Lifecycle::Auto && options.lifecycle.is_none() {
        notes.push("`lifecycle: manual`: the first request is about the session itself".to_owned());
        lifecycle = Lifecycle::Manual;
        steps = whole;
        handshake.clear();
    }
    if steps.len() > MOST_STEPS {
        notes.push(format!("left out: {} requests behind the first {MOST_STEPS}", steps.len() - MOST_STEPS));
        steps.truncate(MOST_STEPS);
    }
    Plan { origin, endpoint, steps, handshake, lifecycle, version, is_stdio, notes }
}

/// Whether an answer gave the secret in these credentials.
fn is_obtained(credentials: &str, steps: &[(&Said<'_>, usize)]) -> bool {
    let Some(at) = credentials.find("${secret:") else { return false };
    let Some((_, length)) = secret(&credentials[at..]) else { return false };
    let placeholder = &credentials[at..at + length];
    let bodies = steps.iter().filter_map(|(said, _)| said.entry.response.as_ref()?.body.text());
    bodies.into_iter().any(|body| body.contains(placeholder))
}

/// The origin with the most JSON-RPC, else with the most requests.
fn busiest(all: &[Said<'_>]) -> String {
    let mut counts: HashMap<&str, (usize, usize, usize)> = HashMap::new();
    for said in all {
        let count = counts.entry(&said.origin).or_insert((0, 0, usize::MAX - said.number));
        count.0 += usize::from(said.what != What::Plain);
        count.1 += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(origin, _)| origin.to_owned())
}

/// The path to which most JSON-RPC was posted.
fn endpoint(own: &[&Said<'_>]) -> Option<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for said in own.iter().filter(|said| said.what != What::Plain && !said.is_stdio()) {
        match counts.iter_mut().find(|(path, _)| *path == said.path) {
            Some((_, count)) => *count += 1,
            None => counts.push((&said.path, 1)),
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map(|(path, _)| (*path).to_owned())
}

/// Which client each entry is of: by its session id, by the connection where there is none, and a new one with each handshake.
fn clients(own: &[&Said<'_>]) -> Vec<usize> {
    let mut by_session: HashMap<&str, usize> = HashMap::new();
    let mut by_connection: HashMap<&str, usize> = HashMap::new();
    let mut next = 0;
    let mut current = 0;
    // A client that was refused, and came back with a token, is the same one.
    let mut refused: Option<usize> = None;
    let mut out = Vec::with_capacity(own.len());
    for said in own {
        let connection = said.entry.session.as_deref().unwrap_or_default();
        let client = if said.is_call("initialize") {
            let fresh = refused.take().unwrap_or(next);
            next = next.max(fresh + 1);
            by_connection.insert(connection, fresh);
            refused = said.result().is_none().then_some(fresh);
            fresh
        } else {
            let by_id = said.entry.request.header("mcp-session-id").and_then(|id| by_session.get(id).copied());
            by_id.or_else(|| by_connection.get(connection).copied().filter(|_| said.is_stdio())).unwrap_or(current)
        };
        if said.is_call("initialize")
            && let Some(id) = said.answered_header("mcp-session-id")
        {
            by_session.insert(id, client);
        }
        current = client;
        out.push(client);
    }
    out
}

/// The version that was agreed on, or that requests name.
fn spoken_version(steps: &[(&Said<'_>, usize)]) -> Option<Version> {
    let declared = |said: &Said<'_>| meta(said, "protocolVersion")?.as_str()?.parse().ok();
    let agreed = steps.iter().find_map(|(said, _)| {
        let result = said.result().filter(|_| said.is_call("initialize"))?;
        result.get("protocolVersion")?.as_str()?.parse().ok()
    });
    let agreed = agreed.or_else(|| steps.iter().find_map(|(said, _)| declared(said)));
    let named = |said: &Said<'_>| said.entry.request.header("mcp-protocol-version")?.parse().ok();
    agreed.or_else(|| steps.iter().find_map(|(said, _)| named(said)))
}

/// A member that 2026-07-28 wants in `_meta`.
fn meta<'a>(said: &'a Said<'_>, name: &str) -> Option<&'a Value> {
    said.message.as_ref()?.get("params")?.get("_meta")?.get(format!("io.modelcontextprotocol/{name}"))
}

fn lifecycle(
    steps: &[(&Said<'_>, usize)],
    endpoint: Option<&str>,
    notes: &mut Vec<String>,
) -> (Lifecycle, Option<Version>) {
    let rpc: Vec<&(&Said<'_>, usize)> = steps
        .iter()
        .filter(|(said, _)| said.what != What::Plain && (said.is_stdio() || Some(said.path.as_str()) == endpoint))
        .collect();
    let version = spoken_version(steps);
    let opens = rpc.iter().any(|(said, _)| said.is_call("initialize"));
    let says_so = |said: &Said<'_>| {
        said.entry.request.header("mcp-session-id").is_some()
            || said.entry.request.header("mcp-protocol-version").is_some()
            || meta(said, "protocolVersion").is_some()
    };
    if rpc.is_empty() || !opens && !rpc.iter().any(|(said, _)| says_so(said)) {
        return (Lifecycle::Bare, None);
    }
    let Some(version) = version else {
        notes.push("`lifecycle: bare`: no version was agreed on".to_owned());
        return (Lifecycle::Bare, None);
    };
    let unusual = rpc.iter().find_map(|(said, client)| {
        let own: Vec<&Said<'_>> = rpc.iter().filter(|(_, c)| c == client).map(|(said, _)| *said).collect();
        let why = if version.is_stateful() { stateful(said, &own, version, opens) } else { stateless(said, version) };
        why.map(|why| format!("`lifecycle: manual`: {} (request {} of the recording) {why}", said.told(), said.number))
    });
    match unusual {
        Some(why) => {
            notes.push(why);
            (Lifecycle::Manual, Some(version))
        }
        None => {
            if version.is_stateful() && !opens {
                notes.push("the recording begins in the middle of a session; the harness opens one".to_owned());
            }
            (Lifecycle::Auto, Some(version))
        }
    }
}

/// What is unusual about a message of a session.
fn stateful(said: &Said<'_>, own: &[&Said<'_>], version: Version, opens: bool) -> Option<String> {
    let of = |wanted: &str| own.iter().position(|said| said.method() == Some(wanted));
    let place = own.iter().position(|other| other.number == said.number)?;
    if said.is_call("initialize") {
        let wanted = said.message.as_ref()?.pointer("/params/protocolVersion").and_then(Value::as_str);
        return match (said.result(), wanted) {
            (None, _) => Some("was not answered with a result".to_owned()),
            (Some(_), wanted) if wanted != Some(version.as_str()) => Some("asks for another version".to_owned()),
            _ if place != 0 => Some("is not the first message".to_owned()),
            _ if of("notifications/initialized") != Some(1) => {
                Some("is not followed by `notifications/initialized`".to_owned())
            }
            _ => None,
        };
    }
    if said.method() == Some("notifications/initialized") && said.status().is_some_and(|status| status >= 300) {
        return Some("was refused".to_owned());
    }
    if said.is_stdio() || !opens {
        return None;
    }
    let given =
        own.first().filter(|first| first.is_call("initialize")).map(|first| first.answered_header("mcp-session-id"));
    let Some(given) = given else { return Some("comes before `initialize`".to_owned()) };
    if said.entry.request.header("mcp-session-id") != given {
        return Some("has another `mcp-session-id` than was given, or none".to_owned());
    }
    let named = said.entry.request.header("mcp-protocol-version");
    let is_right = if version >= Version::V2025_06_18 { named == Some(version.as_str()) } else { named.is_none() };
    (!is_right).then(|| "has no `mcp-protocol-version`, or not the one agreed on".to_owned())
}

/// What is unusual about a message without a session.
fn stateless(said: &Said<'_>, version: Version) -> Option<String> {
    let What::Call(method) = &said.what else { return None };
    if meta(said, "protocolVersion").and_then(Value::as_str) != Some(version.as_str()) {
        return Some("does not say its version in `_meta`".to_owned());
    }
    let missing = ["clientInfo", "clientCapabilities"].into_iter().find(|name| meta(said, name).is_none());
    if let Some(missing) = missing {
        return Some(format!("has no `{missing}` in `_meta`"));
    }
    if said.is_stdio() {
        return None;
    }
    let header = |name: &str| said.entry.request.header(name);
    let named = crate::lifecycle::named_parameter(method)
        .and_then(|name| said.message.as_ref()?.get("params")?.get(name)?.as_str())
        .map(name_header_value);
    let is_right = header("mcp-protocol-version") == Some(version.as_str())
        && header("mcp-method") == Some(method)
        && header("mcp-name") == named.as_deref();
    (!is_right).then(|| "has other `mcp-…` headers than its message asks for".to_owned())
}

/// Clients ask for a stream as soon as they have a session, and servers need not have one.
fn without_refused_streams(steps: &mut Vec<(&Said<'_>, usize)>, endpoint: Option<&str>, notes: &mut Vec<String>) {
    let is_refused = |said: &Said<'_>| {
        said.entry.request.method == "GET" && Some(said.path.as_str()) == endpoint && said.status() == Some(405)
    };
    let before = steps.len();
    if steps.iter().any(|(said, _)| !is_refused(said)) {
        steps.retain(|(said, _)| !is_refused(said));
    }
    if steps.len() < before {
        notes.push("left out: GET, which was answered that there is no stream (405)".to_owned());
    }
}

/// A stream that stays open beside other requests is worth a step if it brought what nothing else shows, and it is known when.
fn without_streams(steps: &mut Vec<(&Said<'_>, usize)>, endpoint: Option<&str>, notes: &mut Vec<String>) {
    let before = steps.len();
    let starts: Vec<_> = steps.iter().map(|(said, _)| said.entry.started_at).collect();
    let mut at = 0;
    steps.retain(|(said, _)| {
        let next = starts.get(at + 1).copied();
        at += 1;
        if said.entry.request.method != "GET" || Some(said.path.as_str()) != endpoint || !said.is_stream() {
            return true;
        }
        let overlaps = next.is_some_and(|next| said.entry.started_at + said.entry.elapsed > next);
        // A question of the server wants an answer, which only a call can hold.
        let is_told = said.messages.iter().all(|message| message.get("id").is_none());
        let is_timed = said.entry.response.as_ref().is_some_and(|response| !response.arrivals.is_empty());
        !said.messages.is_empty() && (!overlaps || is_told && is_timed)
    });
    if steps.len() < before {
        notes.push(
            "left out: GET streams that brought nothing, or questions, or of which no times are known".to_owned(),
        );
    }
}
