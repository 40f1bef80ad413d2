//! A gateway in front of a mock that changes one thing.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};

/// What it does to answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    PassOn,
    Buffer,
    AsJson,
    LoseProgress,
    DropMeta,
    ReverseTools,
    LoseTool,
    MaskErrors,
    ErrorsAsText,
    RenameMember,
    PlainText,
    OtherStatus,
    CutTexts,
    /// Adds what a proxy may add.
    Declare,
}

pub(crate) struct Gateway {
    pub(crate) url: String,
    /// Ends with the gateway.
    _server: MockHandle,
}

struct Inner {
    client: reqwest::Client,
    upstream: String,
    habit: Habit,
}

impl Gateway {
    /// In front of an `mcp-server` of this configuration.
    pub(crate) async fn start(server: Value, habit: Habit) -> Self {
        let options = StartOptions { config: server, ..StartOptions::default() };
        let server = gauntlet_mocks::start("mcp-server", options).await.unwrap();
        let inner = Inner { client: reqwest::Client::new(), upstream: server.url().to_owned(), habit };
        let router = Router::new().fallback(pass_on).with_state(Arc::new(inner));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, _server: server }
    }
}

async fn pass_on(State(gateway): State<Arc<Inner>>, method: Method, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let sent = gateway.client.request(method, &gateway.upstream).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let habit = gateway.habit;
    let mut headers = answer.headers().clone();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    if habit == Habit::Declare {
        headers.insert("x-served-by", "gateway".parse().unwrap());
    }
    let mut status = answer.status();
    if habit == Habit::OtherStatus && status == StatusCode::OK {
        status = StatusCode::NON_AUTHORITATIVE_INFORMATION;
    }
    let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        let text = answer.bytes().await.unwrap_or_default();
        let Ok(message) = serde_json::from_slice::<Value>(&text) else {
            return (status, headers, text).into_response();
        };
        if matches!(habit, Habit::MaskErrors | Habit::ErrorsAsText) && message.get("error").is_some() {
            status = StatusCode::OK;
        }
        if habit == Habit::PlainText {
            headers.insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        }
        let changed = change(habit, message).unwrap_or_default();
        return (status, headers, changed.to_string()).into_response();
    }
    if matches!(habit, Habit::Buffer | Habit::AsJson | Habit::PlainText) {
        let whole = answer.text().await.unwrap_or_default();
        if habit == Habit::Buffer {
            return (status, headers, whole).into_response();
        }
        let media = if habit == Habit::AsJson { "application/json" } else { "text/plain" };
        headers.insert(header::CONTENT_TYPE, media.parse().unwrap());
        let messages: Vec<Value> = whole.split("\n\n").filter_map(message_of).collect();
        let last = messages.into_iter().rfind(|message| message.get("method").is_none()).unwrap_or_default();
        return (status, headers, last.to_string()).into_response();
    }
    let events = stream::unfold((answer.bytes_stream(), String::new()), |(mut bytes, mut held)| async move {
        loop {
            if let Some((event, rest)) = held.split_once("\n\n") {
                let (event, rest) = (format!("{event}\n\n"), rest.to_owned());
                return Some((event, (bytes, rest)));
            }
            held.push_str(&String::from_utf8_lossy(&bytes.next().await?.ok()?));
        }
    });
    let changed = events.filter_map(move |event| async move {
        let Some(message) = message_of(&event) else { return Some(Ok::<_, Infallible>(event)) };
        let head: String = event
            .lines()
            .filter(|l| !l.starts_with("data:"))
            .fold(String::new(), |all, l| if l.is_empty() { all } else { format!("{all}{l}\n") });
        change(habit, message).map(|message| Ok(format!("{head}data: {message}\n\n")))
    });
    (status, headers, Body::from_stream(changed)).into_response()
}

fn message_of(event: &str) -> Option<Value> {
    let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
    serde_json::from_str(&data.join("\n")).ok()
}

/// The message as it is passed on, if it is.
fn change(habit: Habit, mut message: Value) -> Option<Value> {
    let is_progress = message.get("method").is_some_and(|method| method == "notifications/progress");
    match habit {
        Habit::LoseProgress if is_progress => return None,
        Habit::DropMeta => {
            message.get_mut("result").and_then(Value::as_object_mut).map(|result| result.shift_remove("_meta"));
        }
        Habit::ReverseTools => {
            if let Some(tools) = message.pointer_mut("/result/tools").and_then(Value::as_array_mut) {
                tools.reverse();
            }
        }
        Habit::LoseTool => {
            if let Some(tools) = message.pointer_mut("/result/tools").and_then(Value::as_array_mut) {
                tools.retain(|tool| tool["name"] != "echo");
            }
        }
        Habit::MaskErrors | Habit::ErrorsAsText => {
            if let Some(error) = message.as_object_mut().and_then(|m| m.shift_remove("error")) {
                message["result"] = match habit {
                    Habit::MaskErrors => json!({ "content": [] }),
                    _ => json!({ "isError": true, "content": [{ "type": "text", "text": error["message"] }] }),
                };
            }
        }
        Habit::RenameMember => {
            for tool in message.pointer_mut("/result/tools").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(description) = tool.as_object_mut().and_then(|t| t.shift_remove("description")) {
                    tool["summary"] = description;
                }
            }
        }
        Habit::CutTexts => {
            for block in message.pointer_mut("/result/content").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::String(text)) = block.get_mut("text") {
                    text.pop();
                }
            }
        }
        Habit::Declare => {
            if let Some(info) = message.pointer_mut("/result/serverInfo") {
                *info = json!({ "name": "gateway", "version": "2" });
            }
            for tool in message.pointer_mut("/result/tools").and_then(Value::as_array_mut).into_iter().flatten() {
                tool["_meta"] = json!({ "com.example.gateway/tags": [] });
                tool["inputSchema"]["properties"]["profile"] = json!({ "type": "string" });
            }
        }
        _ => {}
    }
    Some(message)
}
