//! An entry of a HAR file and of a recording. Reading is lenient: exporters leave out what HAR demands.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::repro::coding;
use crate::repro::recording::{Arrival, Entry, Payload, Received, Sent, Transport, UPSTREAM_NAME, is_upstream_name};
use crate::transcript::millis;

/// The program that made a file, with its version.
pub(super) fn creator(value: &Value) -> Option<String> {
    let name = value.get("name")?.as_str()?;
    let version = value.get("version").and_then(Value::as_str).unwrap_or_default();
    Some(format!("{name} {version}").trim_end().chars().take(200).collect())
}

pub(super) fn from_json(value: &Value) -> Result<Entry, String> {
    let request = value.get("request").ok_or("it has no `request`")?;
    let started = value.get("startedDateTime").and_then(Value::as_str).ok_or("it has no `startedDateTime`")?;
    let started_at = OffsetDateTime::parse(started, &Rfc3339)
        .map_err(|_| format!("`startedDateTime` is no RFC 3339 time: {}", short(started)))?;
    let transport = match value.get("_transport").and_then(Value::as_str) {
        Some("stdio") => Transport::Stdio,
        _ => Transport::Http,
    };
    let elapsed = duration(value.get("time")).unwrap_or_default();
    let timings = value.get("timings");
    // What came before the answer; -1 stands for what does not apply.
    let parts = ["blocked", "dns", "connect", "send", "wait"];
    let before = parts.iter().filter_map(|part| duration(timings?.get(part))).sum::<Duration>();
    let response = value.get("response").and_then(|response| received(response, transport));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let error = value.get("response").and_then(|response| response.get("_error"));
    Ok(Entry {
        transport,
        session: text(value.get("_session")).or_else(|| text(value.get("connection"))),
        behind: value.get("_behind").map(behind).transpose()?,
        started_at,
        began: response.is_some().then_some(before).filter(|before| !before.is_zero()),
        elapsed,
        request: sent(request)?,
        response,
        failure: text(value.get("_failure")).or_else(|| text(error)),
    })
}

fn behind(value: &Value) -> Result<String, String> {
    let name = value.as_str().filter(|name| is_upstream_name(name)).map(str::to_owned);
    name.ok_or_else(|| format!("`_behind` is no name of an upstream ({UPSTREAM_NAME}): {}", short(&text_of(value))))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn sent(value: &Value) -> Result<Sent, String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let method = text("method").ok_or("`request` has no `method`")?;
    let url = text("url").ok_or("`request` has no `url`")?;
    Url::parse(url).map_err(|error| format!("`request.url` is no absolute URL ({error}): {}", short(url)))?;
    let headers = headers(value, value.get("postData").and_then(|body| body.get("mimeType")));
    let body = value.get("postData").map_or_else(Payload::default, |body| payload(body, "_encoding", &headers));
    Ok(Sent { method: method.to_owned(), url: url.to_owned(), http_version: version(value), headers, body })
}

fn received(value: &Value, transport: Transport) -> Option<Received> {
    let content = value.get("content");
    let status = value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| *status > 0);
    let mut headers = headers(value, None);
    let body = content.map_or_else(Payload::default, |content| payload(content, "encoding", &headers));
    if !body.bytes.is_empty() {
        note_media_type(&mut headers, content.and_then(|content| content.get("mimeType")));
    }
    // How HAR says that there was none.
    let is_empty = body.bytes.is_empty() && (transport == Transport::Http || body.left_out == 0);
    if status.is_none() && headers.is_empty() && is_empty {
        return None;
    }
    let arrivals = content.and_then(|content| content.get("_arrivals")).and_then(Value::as_array);
    let arrival = |pair: &Value| {
        Some(Arrival { at: duration(pair.get(0))?, length: usize::try_from(pair.get(1)?.as_u64()?).ok()? })
    };
    Some(Received {
        status,
        http_version: version(value),
        headers,
        body,
        arrivals: arrivals.into_iter().flatten().filter_map(arrival).collect(),
    })
}

/// The headers; the pseudo-headers of HTTP/2 are none. Without a media type among them, the body's own.
fn headers(value: &Value, media_type: Option<&Value>) -> Vec<(String, String)> {
    let list = value.get("headers").and_then(Value::as_array);
    let header = |header: &Value| {
        let name = header.get("name")?.as_str()?.to_ascii_lowercase();
        let value = header.get("value")?.as_str()?.to_owned();
        (!name.starts_with(':')).then_some((name, value))
    };
    let mut headers: Vec<(String, String)> = list.into_iter().flatten().filter_map(header).collect();
    note_media_type(&mut headers, media_type);
    headers
}

fn note_media_type(headers: &mut Vec<(String, String)>, media_type: Option<&Value>) {
    let known = headers.iter().any(|(name, _)| name == "content-type");
    if let Some(media_type) = media_type.and_then(Value::as_str)
        && !known
        && !media_type.is_empty()
        && media_type != "x-unknown"
    {
        headers.push(("content-type".to_owned(), media_type.to_owned()));
    }
}

fn version(value: &Value) -> Option<String> {
    let version = value.get("httpVersion").and_then(Value::as_str)?;
    (!version.is_empty() && version != "unknown" && version != "stdio").then(|| version.to_owned())
}

/// A `postData` or `content`. Browsers decode bodies and keep the header that says how they were encoded, and so does a recorder; others
/// write what was on the wire, which is never text.
fn payload(value: &Value, encoding: &str, headers: &[(String, String)]) -> Payload {
    let size = value.get("size").and_then(Value::as_u64).unwrap_or(0);
    let left_out = value.get("_leftOut").and_then(Value::as_u64);
    match value.get("text").and_then(Value::as_str) {
        Some(text) => {
            let is_base64 =
                value.get(encoding).and_then(Value::as_str).is_some_and(|e| e.eq_ignore_ascii_case("base64"));
            let left_out = left_out.unwrap_or(0);
            match STANDARD.decode(text).ok().filter(|_| is_base64) {
                Some(bytes) => {
                    let mut body = Payload { bytes: bytes.into(), left_out };
                    coding::undo_if_whole(headers, &mut body);
                    body
                }
                None => Payload { bytes: text.as_bytes().to_vec().into(), left_out },
            }
        }
        None => match value.get("params").and_then(Value::as_array) {
            Some(params) if !params.is_empty() => Payload::whole(form(params)),
            _ => Payload { left_out: left_out.unwrap_or(size), ..Payload::default() },
        },
    }
}

/// A form whose text the exporter left out.
fn form(params: &[Value]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for param in params {
        if let Some(name) = param.get("name").and_then(Value::as_str) {
            form.append_pair(name, param.get("value").and_then(Value::as_str).unwrap_or_default());
        }
    }
    form.finish()
}

/// Milliseconds; none below zero.
fn duration(value: Option<&Value>) -> Option<Duration> {
    Duration::try_from_secs_f64(value?.as_f64()? / 1000.0).ok()
}

fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

pub(super) fn to_json(entry: &Entry) -> Value {
    let began = entry.began.unwrap_or(entry.elapsed).min(entry.elapsed);
    let mut value = json!({
        "startedDateTime": entry.started_at.format(&Rfc3339).unwrap_or_default(),
        "time": millis(entry.elapsed),
        "request": request(entry),
        "response": response(entry),
        "cache": {},
        "timings": { "send": 0, "wait": millis(began), "receive": millis(entry.elapsed - began) },
    });
    if entry.transport == Transport::Stdio {
        value["_transport"] = "stdio".into();
    }
    if let Some(session) = &entry.session {
        value["_session"] = session.as_str().into();
    }
    if let Some(upstream) = &entry.behind {
        value["_behind"] = upstream.as_str().into();
    }
    if let Some(failure) = &entry.failure {
        value["_failure"] = failure.as_str().into();
    }
    value
}

fn request(entry: &Entry) -> Value {
    let request = &entry.request;
    let query = Url::parse(&request.url)
        .ok()
        .map(|url| url.query_pairs().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>());
    let mut value = json!({
        "method": request.method,
        "url": request.url,
        "httpVersion": written_version(request.http_version.as_deref(), entry.transport),
        "cookies": [],
        "headers": written_headers(&request.headers),
        "queryString": query.unwrap_or_default(),
        "headersSize": -1,
        "bodySize": size(&request.body),
    });
    if size(&request.body) > 0 {
        let media_type = request.header("content-type").unwrap_or_default();
        let mut body = Map::from_iter([("mimeType".to_owned(), media_type.into())]);
        written_body(&request.body, "_encoding", &mut body);
        value["postData"] = body.into();
    }
    value
}

fn response(entry: &Entry) -> Value {
    let Some(response) = &entry.response else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": { "size": 0, "mimeType": "x-unknown" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let media_type = response.header("content-type").unwrap_or("x-unknown");
    let mut content =
        Map::from_iter([("size".to_owned(), size(&response.body).into()), ("mimeType".to_owned(), media_type.into())]);
    written_body(&response.body, "encoding", &mut content);
    if !response.arrivals.is_empty() {
        let arrivals = response.arrivals.iter().map(|arrival| json!([millis(arrival.at), arrival.length]));
        content.insert("_arrivals".to_owned(), arrivals.collect());
    }
    let reason = response.status.and_then(|status| http::StatusCode::from_u16(status).ok()?.canonical_reason());
    json!({
        "status": response.status.unwrap_or(0),
        "statusText": reason.unwrap_or_default(),
        "httpVersion": written_version(response.http_version.as_deref(), entry.transport),
        "cookies": [],
        "headers": written_headers(&response.headers),
        "content": content,
        "redirectURL": response.header("location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": -1,
    })
}

fn written_version(version: Option<&str>, transport: Transport) -> &str {
    match transport {
        Transport::Http => version.unwrap_or("unknown"),
        Transport::Stdio => "stdio",
    }
}

fn written_headers(headers: &[(String, String)]) -> Value {
    headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn written_body(body: &Payload, encoding: &str, members: &mut Map<String, Value>) {
    match body.text() {
        Some(text) => {
            members.insert("text".to_owned(), text.into());
        }
        None => {
            members.insert("text".to_owned(), STANDARD.encode(&body.bytes).into());
            members.insert(encoding.to_owned(), "base64".into());
        }
    }
    if body.left_out > 0 {
        members.insert("_leftOut".to_owned(), body.left_out.into());
    }
}

fn size(body: &Payload) -> u64 {
    u64::try_from(body.bytes.len()).unwrap_or(u64::MAX).saturating_add(body.left_out)
}
