//! The transport HTTP+SSE of MCP 2024-11-05 (transports, "HTTP with SSE"), in recordings.
//!
//! A GET opens a stream whose first event, `endpoint`, says where to post; what is posted there is answered 202, and the answer comes
//! on the stream. Here an answer is put where it belongs, with its request, as Streamable HTTP has it: then whatever reads recordings
//! reads these as all others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::messages::messages;
use super::recording::{Arrival, Entry, Payload, Received, TimedEvent, Transport};
use crate::transport::{asks, is_answer_to};

/// The event that says where to post.
pub(crate) const ENDPOINT: &str = "endpoint";

/// The header that names a session of Streamable HTTP.
const SESSION: &str = "mcp-session-id";

/// How the ids begin that stand for streams.
const STREAM: &str = "gauntlet-stream-";

/// The streams of a recording, and who was answered on them; by place in the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    /// The requests that opened them.
    pub(crate) opened: BTreeMap<usize, Opened>,
    /// The stream of each request that was posted to one.
    pub(crate) posted: BTreeMap<usize, usize>,
}

/// A stream that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Path and query to which was posted.
    pub(crate) endpoint: String,
    /// What stands for its session.
    pub(crate) session: String,
}

/// Whether an id stands for a stream, and was never on the wire.
pub(crate) fn is_of_stream(session: &str) -> bool {
    session.starts_with(STREAM)
}

/// Whether the entry opened such a stream.
pub(crate) fn opens(entry: &Entry) -> bool {
    opening(entry).is_some()
}

/// A message of a stream, and when it came.
struct Told {
    at: Option<Duration>,
    message: Value,
}

/// Puts the answers of streams with the requests that they answer. The number of entries and their order stay; of what opened a
/// stream no answer is left.
pub(crate) fn pair(entries: &mut [Entry]) -> Streams {
    let mut streams = Streams::default();
    let mut told: BTreeMap<usize, Vec<Told>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some((endpoint, events)) = opening(entry) else { continue };
        let session = format!("{STREAM}{}", streams.opened.len() + 1);
        streams.opened.insert(at, Opened { endpoint, session });
        told.insert(at, events.into_iter().flat_map(of_event).collect());
    }
    if streams.opened.is_empty() {
        return streams;
    }
    for (at, entry) in entries.iter().enumerate() {
        // Servers give each stream an endpoint of its own; of several alike the last one that was opened is meant.
        let place = path_and_query(&entry.request.url).filter(|_| entry.request.method == "POST");
        let is_there = |(opening, opened): &(&usize, &Opened)| {
            entries[**opening].started_at <= entry.started_at && place.as_ref() == Some(&opened.endpoint)
        };
        let open = streams.opened.iter().filter(is_there).map(|(opening, _)| *opening);
        if let Some(opening) = open.max_by_key(|opening| entries[*opening].started_at) {
            streams.posted.insert(at, opening);
        }
    }
    for (opening, mut told) in told {
        let mut posts: Vec<usize> =
            streams.posted.iter().filter(|(_, of)| **of == opening).map(|(at, _)| *at).collect();
        posts.sort_by_key(|at| entries[*at].started_at);
        let began = entries[opening].started_at;
        let version =
            told.iter().find_map(|told| told.message.pointer("/result/protocolVersion")?.as_str().map(str::to_owned));
        for at in &posts {
            answer(&mut entries[*at], began, &mut told);
        }
        for at in posts {
            let session = &streams.opened[&opening].session;
            let url = entries[opening].request.url.clone();
            as_streamable(&mut entries[at], url, session, version.as_deref());
        }
        let entry = &mut entries[opening];
        entry.response = None;
        entry.request.headers.push((SESSION.to_owned(), streams.opened[&opening].session.clone()));
    }
    streams
}

/// Where to post, and the events of the stream, if the entry opened one.
fn opening(entry: &Entry) -> Option<(String, Vec<TimedEvent>)> {
    if entry.transport != Transport::Http || entry.request.method != "GET" {
        return None;
    }
    let events = entry.response.as_ref()?.events();
    let first = events.first().filter(|event| event.event.event == ENDPOINT)?;
    let base = Url::parse(&entry.request.url).ok()?;
    let endpoint = endpoint(&base, &first.event.data)?;
    Some((endpoint, events))
}

/// Path and query of the endpoint that a stream names; none on another origin, to which no client posts.
pub(crate) fn endpoint(base: &Url, named: &str) -> Option<String> {
    let endpoint = base.join(named.trim()).ok().filter(|endpoint| endpoint.origin() == base.origin())?;
    path_and_query(endpoint.as_str())
}

fn path_and_query(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

fn of_event(event: TimedEvent) -> Vec<Told> {
    let at = event.at;
    messages(event.event.data.as_bytes()).into_iter().map(|message| Told { at, message }).collect()
}

/// Takes what belongs to the request out of what was told: its answers, and what came before them and answers nobody else.
fn answer(entry: &mut Entry, began: OffsetDateTime, told: &mut Vec<Told>) {
    let sent = entry.request.messages();
    let ids: Vec<&Value> =
        sent.iter().filter(|message| asks(message)).filter_map(|message| message.get("id")).collect();
    let is_own = |told: &Told| ids.iter().any(|id| is_answer_to(&told.message, id));
    let Some(last) = told.iter().rposition(is_own) else { return };
    let started = Duration::try_from(entry.started_at - began).unwrap_or_default();
    // What came before the request was sent is of no request.
    let is_early = |told: &Told| told.at.is_some_and(|at| at < started);
    let mut own = Vec::new();
    let mut place = 0;
    told.retain(|one| {
        let is_before = place <= last;
        place += 1;
        let is_answer = one.message.get("method").is_none();
        let takes = is_before && (is_own(one) || !is_answer && !is_early(one));
        if takes {
            own.push((one.at.map(|at| at.saturating_sub(started)), one.message.clone()));
        }
        !takes
    });
    let (mut body, mut arrivals) = (String::new(), Vec::new());
    for (at, message) in &own {
        let _ = write!(body, "event: message\ndata: {message}\n\n");
        arrivals.extend(at.map(|at| Arrival { at, length: body.len() }));
    }
    entry.began = own.first().and_then(|(at, _)| *at).or(entry.began);
    entry.elapsed = own.last().and_then(|(at, _)| *at).unwrap_or(entry.elapsed).max(entry.elapsed);
    entry.response = Some(Received {
        status: Some(200),
        http_version: entry.response.as_ref().and_then(|response| response.http_version.clone()),
        headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
        body: Payload::whole(body),
        arrivals,
    });
}

/// The request as a client of Streamable HTTP makes it.
fn as_streamable(entry: &mut Entry, url: String, session: &str, version: Option<&str>) {
    entry.request.url = url;
    let opens = entry.request.messages().iter().any(|m| m.get("method").and_then(Value::as_str) == Some("initialize"));
    if opens {
        if let Some(response) = &mut entry.response {
            response.headers.push((SESSION.to_owned(), session.to_owned()));
        }
        return;
    }
    let headers = &mut entry.request.headers;
    headers.retain(|(name, _)| name != SESSION);
    headers.push((SESSION.to_owned(), session.to_owned()));
    // Since 2025-06-18 (base.protocol-version-header); dates compare as texts do.
    if let Some(version) = version.filter(|version| *version >= "2025-06-18")
        && !headers.iter().any(|(name, _)| name == "mcp-protocol-version")
    {
        headers.push(("mcp-protocol-version".to_owned(), version.to_owned()));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::super::recording::Sent;
    use super::*;

    fn entry(ms: u64, method: &str, url: &str, body: &str, response: Option<(u16, &str, &str)>) -> Entry {
        let headers = |media: &str| {
            if media.is_empty() { Vec::new() } else { vec![("content-type".to_owned(), media.to_owned())] }
        };
        Entry {
            transport: Transport::Http,
            session: None,
            behind: None,
            started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(ms),
            began: None,
            elapsed: Duration::from_millis(1),
            request: Sent {
                method: method.to_owned(),
                url: format!("https://old.example{url}"),
                http_version: None,
                headers: headers(if method == "POST" { "application/json" } else { "" }),
                body: Payload::whole(body.to_owned()),
            },
            response: response.map(|(status, media, body)| Received {
                status: Some(status),
                http_version: None,
                headers: headers(media),
                body: Payload::whole(body.to_owned()),
                arrivals: Vec::new(),
            }),
            failure: None,
        }
    }

    /// A session: the handshake, and a call in which the server tells how far it is.
    pub(crate) fn session() -> Vec<Entry> {
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } } });
        let opened = json!({ "jsonrpc": "2.0", "id": 0, "result": {
            "protocolVersion": "2024-11-05", "capabilities": { "tools": {} }, "serverInfo": { "name": "s", "version": "1" } } });
        let call = |id: u8, query: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "search", "arguments": { "query": query } } });
        let result = |id: u8, text: &str| json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } });
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "half" } });
        // The answers to two calls that overlap come the other way round.
        let told = [opened, progress, result(2, "found go"), result(1, "found rust")];
        let mut stream = "event: endpoint\ndata: /messages?sessionId=abc-1\n\n".to_owned();
        told.iter().for_each(|message| stream.push_str(&format!("event: message\ndata: {message}\n\n")));
        let post = |ms, message: &Value| {
            entry(ms, "POST", "/messages?sessionId=abc-1", &message.to_string(), Some((202, "text/plain", "Accepted")))
        };
        vec![
            entry(0, "GET", "/sse", "", Some((200, "text/event-stream", &stream))),
            post(10, &initialize),
            post(20, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })),
            post(30, &call(1, "rust")),
            post(31, &call(2, "go")),
        ]
    }

    #[test]
    fn answers_are_with_their_requests() {
        let mut entries = session();
        let streams = pair(&mut entries);
        assert_eq!(streams.opened[&0].endpoint, "/messages?sessionId=abc-1");
        assert_eq!(streams.posted.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        let said = |at: usize| entries[at].response.as_ref().map(|r| r.messages(Transport::Http)).unwrap_or_default();
        let ids = |at: usize| said(at).iter().map(|m| m.get("id").cloned().unwrap_or_default()).collect::<Vec<_>>();
        assert_eq!(
            (ids(1), ids(2), ids(3), ids(4)),
            (vec![json!(0)], vec![], vec![json!(null), json!(1)], vec![json!(2)])
        );
        assert!(entries[0].response.is_none());
        let session = entries[1].response.as_ref().and_then(|r| r.header(SESSION)).unwrap_or_default().to_owned();
        assert!(is_of_stream(&session));
        for entry in &entries[2..] {
            assert_eq!(
                (entry.request.url.as_str(), entry.request.header(SESSION)),
                ("https://old.example/sse", Some(session.as_str()))
            );
        }
        // Of an older version that header is none.
        assert_eq!(entries[3].request.header("mcp-protocol-version"), None);
    }

    #[test]
    fn what_is_no_such_stream_stays() {
        let mut streamable = session();
        streamable[0].response.as_mut().unwrap_or_else(|| panic!("answered")).body =
            Payload::whole("event: message\ndata: {}\n\n");
        let mut elsewhere = session();
        elsewhere[0].response.as_mut().unwrap_or_else(|| panic!("answered")).body =
            Payload::whole("event: endpoint\ndata: https://evil.example/messages\n\n");
        for mut entries in [streamable, elsewhere] {
            let before = entries.clone();
            assert_eq!(pair(&mut entries), Streams::default());
            assert_eq!(entries, before);
        }
    }
}
