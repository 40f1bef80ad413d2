//! What of a recording is sent, and what is not and why.

use gauntlet_format::Version;
use serde_json::Value;

use super::super::http_sse::Streams;
use super::super::recording::{Entry, Recording, Transport};
use super::home::Home;
use super::{ReplayError, ReplayOptions};
use crate::config::TargetSpec;
use crate::target::Target;

/// The header that names a session.
pub(super) const SESSION: &str = "mcp-session-id";

/// What becomes of each request, in the order of the recording.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) home: Home,
    /// Why it is not sent; none if it is. One for each entry.
    pub(super) left: Vec<Option<String>>,
    /// Which session each entry belongs to.
    pub(super) sessions: Vec<usize>,
}

impl Plan {
    pub(super) async fn make(
        recording: &Recording,
        streams: &Streams,
        target: &Target,
        options: &ReplayOptions,
    ) -> Result<Self, ReplayError> {
        let home = Home::of(recording);
        let entries = &recording.entries;
        let keys: Vec<&str> = entries.iter().map(session_key).collect();
        let mut known: Vec<&str> = Vec::new();
        let mut sessions = Vec::with_capacity(keys.len());
        for key in &keys {
            let at = known.iter().position(|k| k == key).unwrap_or_else(|| {
                known.push(key);
                known.len() - 1
            });
            sessions.push(at);
        }
        let picked = picked(entries, streams, &known, &sessions, options)?;
        let is_stdio = target.spec.is_stdio();
        let version = version(entries);
        let mut left = Vec::with_capacity(entries.len());
        for (entry, picked) in entries.iter().zip(picked) {
            let reason = match picked {
                false => Some("not selected".to_owned()),
                true => out_of_place(entry, &home, is_stdio),
            };
            let reason = match reason {
                None => harmful(entry, version, target, options).await?,
                reason => reason,
            };
            left.push(reason);
        }
        if left.iter().all(Option::is_some) {
            let reasons: Vec<&String> = left.iter().flatten().filter(|reason| *reason != "not selected").collect();
            let reason = reasons.first().map_or_else(|| "it has no requests".to_owned(), |reason| (*reason).clone());
            return Err(ReplayError::NothingToSend(reason));
        }
        Ok(Self { home, left, sessions })
    }
}

/// What holds the entries of a session together: the id that the server gave it, else what the recorder says.
fn session_key(entry: &Entry) -> &str {
    let given = entry.response.as_ref().and_then(|response| response.header(SESSION));
    entry.request.header(SESSION).or(given).or(entry.session.as_deref()).unwrap_or_default()
}

/// The entries that the user wants, with what opens their sessions.
fn picked(
    entries: &[Entry],
    streams: &Streams,
    known: &[&str],
    sessions: &[usize],
    options: &ReplayOptions,
) -> Result<Vec<bool>, ReplayError> {
    let mut picked = vec![true; entries.len()];
    if let Some(wanted) = &options.session {
        let by_number = wanted.parse::<usize>().ok().filter(|n| (1..=known.len()).contains(n)).map(|n| n - 1);
        let by_label = |entry: &Entry| entry.session.as_deref() == Some(wanted);
        let by_id = known.iter().position(|key| key == wanted).or(by_number);
        for ((picked, entry), session) in picked.iter_mut().zip(entries).zip(sessions) {
            *picked = by_label(entry) || by_id == Some(*session);
        }
        if !picked.contains(&true) {
            let names: Vec<&str> =
                known.iter().take(20).map(|key| if key.is_empty() { "(none)" } else { key }).collect();
            let message = format!(
                "there is no session `{wanted}`; there are {}, and each goes by its number from 1 too",
                names.join(", ")
            );
            return Err(ReplayError::Selection(message));
        }
    }
    if let Some(numbers) = &options.requests {
        if numbers.largest() > entries.len() {
            let message = format!("there is no request {}; the recording has {}", numbers.largest(), entries.len());
            return Err(ReplayError::Selection(message));
        }
        for (at, picked) in picked.iter_mut().enumerate() {
            *picked &= numbers.has(at + 1);
        }
        // Without its opening a session knows nobody.
        let last = |session: usize| (0..entries.len()).rev().find(|at| picked[*at] && sessions[*at] == session);
        let lasts: Vec<Option<usize>> = (0..known.len()).map(last).collect();
        for (at, entry) in entries.iter().enumerate() {
            let opens = ["initialize", "notifications/initialized"].iter().any(|method| asks(entry, method));
            let is_opening = opens || streams.opened.contains_key(&at);
            picked[at] |= is_opening && lasts[sessions[at]].is_some_and(|last| at < last);
        }
    }
    Ok(picked)
}

fn asks(entry: &Entry, method: &str) -> bool {
    entry.request.messages().iter().any(|message| message.get("method").and_then(Value::as_str) == Some(method))
}

/// Why it cannot be sent to such a target.
fn out_of_place(entry: &Entry, home: &Home, is_stdio: bool) -> Option<String> {
    if entry.transport == Transport::Stdio && entry.request.body.bytes.is_empty() {
        return Some("the server spoke by itself; there is nothing to send".to_owned());
    }
    if !home.is_of(entry) {
        return Some(format!(
            "it went to another server than {}",
            home.origin.as_deref().unwrap_or("the recorded one")
        ));
    }
    if entry.request.body.left_out > 0 {
        return Some("the recording has only a part of its body".to_owned());
    }
    if is_stdio && entry.transport == Transport::Http && entry.request.messages().is_empty() {
        return Some("it holds no JSON-RPC message, and the target speaks stdio".to_owned());
    }
    None
}

/// Why it may not be sent to a system that is not ours.
///
/// # Errors
/// When nobody is there who could say.
async fn harmful(
    entry: &Entry,
    version: Option<Version>,
    target: &Target,
    options: &ReplayOptions,
) -> Result<Option<String>, ReplayError> {
    let spec = &target.spec;
    if spec.is_mock() || spec.allow.writes || options.writes {
        return Ok(None);
    }
    let messages = entry.request.messages();
    if messages.is_empty() {
        let method = entry.request.method.as_str();
        let is_harmless = entry.transport == Transport::Stdio
            || ["GET", "HEAD", "OPTIONS"].contains(&method)
            || method == "DELETE" && entry.request.header(SESSION).is_some();
        return Ok((!is_harmless).then(|| format!("nobody knows what `{method}` does there; `--yes` sends it")));
    }
    let calls = messages.iter().filter(|message| message.get("method").and_then(Value::as_str) == Some("tools/call"));
    for call in calls {
        let Some(name) = call.pointer("/params/name").and_then(Value::as_str) else { continue };
        if is_named(spec, name) {
            continue;
        }
        let unknown =
            |why: &str| format!("whether the tool `{name}` is read-only cannot be found out ({why}); `--yes` calls it");
        // A recording that says no version does not keep a server from speaking one.
        let version = match version {
            Some(version) => Some(version),
            None => Box::pin(target.versions()).await.ok().and_then(|spoken| spoken.last().copied()),
        };
        let reason = match Box::pin(target.details(version)).await {
            Ok(details) if details.is_read_only(name) => continue,
            Ok(details) => match &details.tools_unknown {
                Some(why) => unknown(why),
                None => format!("the tool `{name}` does not declare itself read-only there; `--yes` calls it"),
            },
            Err(none) if none.is_unreachable => {
                let message = options.secrets.redactor().redact(&none.message);
                return Err(ReplayError::Unreachable(format!("{}: {message}", spec.name)));
            }
            Err(none) => unknown(&none.message),
        };
        return Ok(Some(reason));
    }
    Ok(None)
}

/// Whether the target's fixtures name the tool.
fn is_named(spec: &TargetSpec, name: &str) -> bool {
    let names =
        |fixture: &Value| fixture.as_str() == Some(name) || fixture.get("name").and_then(Value::as_str) == Some(name);
    spec.fixtures.values().any(names)
}

/// The version that the recording speaks, as far as it says.
pub(super) fn version(entries: &[Entry]) -> Option<Version> {
    let of_message = |message: &Value| -> Option<Version> {
        let negotiated = message.pointer("/result/protocolVersion");
        let stateless = message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion");
        negotiated.or(stateless)?.as_str()?.parse().ok()
    };
    entries.iter().find_map(|entry| {
        let sent = entry.request.messages();
        let received = entry.response.as_ref().map(|response| response.messages(entry.transport)).unwrap_or_default();
        let in_header = entry.request.header("mcp-protocol-version").and_then(|version| version.parse().ok());
        received.iter().chain(&sent).find_map(of_message).or(in_header)
    })
}
