//! A gateway that speaks MCP on standard input and output and passes each line on over HTTP, well or badly:
//! `stdio-gateway URL [FAULT]`.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use gauntlet_format::sse::SseParser;
use serde_json::{Value, json};

/// How long an early answer waits for the request behind it; the server takes longer.
const HEAD_START: Duration = Duration::from_millis(300);

/// Serves until its input ends.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let url = arguments.next().unwrap_or_default();
    let fault = arguments.next().unwrap_or_default();
    if fault == "dies" {
        let _ = writeln!(std::io::stderr(), "no licence found");
        return ExitCode::from(3);
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(serve(&url, &fault));
    ExitCode::SUCCESS
}

async fn serve(url: &str, fault: &str) {
    let client = reqwest::Client::new();
    let mut session = None;
    for line in std::io::stdin().lock().lines() {
        let Ok(mut message) = line.map_err(drop).and_then(|line| serde_json::from_str::<Value>(&line).map_err(drop))
        else {
            return;
        };
        let is_call = message["method"] == "tools/call";
        let id = message["id"].clone();
        match fault {
            "alters" if is_call => message["params"]["arguments"]["message"] = "altered".into(),
            "answers-by-itself" if is_call => {
                say(&result(&id, "made up"));
                continue;
            }
            _ => {}
        }
        let mut request = client
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-06-18");
        if let Some(session) = &session {
            request = request.header("mcp-session-id", session);
        }
        let mut sending = std::pin::pin!(request.body(message.to_string()).send());
        let mut answer = None;
        if fault == "answers-early" && is_call {
            answer = tokio::time::timeout(HEAD_START, &mut sending).await.ok();
            say(&result(&id, "too early"));
        }
        let answer = match answer {
            Some(answer) => answer,
            None => sending.await,
        };
        if fault == "answers-early" && is_call || message.get("id").is_none() {
            continue;
        }
        if fault == "never-answers" && is_call {
            continue;
        }
        let answer = match answer {
            Ok(answer) => {
                session = session.or_else(|| answer.headers().get("mcp-session-id").cloned());
                answer_in(answer.text().await.unwrap_or_default(), &id)
            }
            Err(_) => None,
        };
        let answer = match (answer, fault) {
            (Some(_), "loses-answers") if is_call => failure(&id, "lost it"),
            (None, "hides-failures") => result(&id, ""),
            (Some(answer), _) => answer,
            (None, _) => failure(&id, "the server behind did not answer"),
        };
        say(&answer);
    }
}

/// The JSON-RPC answer in a body.
fn answer_in(body: String, id: &Value) -> Option<Value> {
    let events = SseParser::new().push(body.as_bytes());
    let mut texts = events.iter().map(|event| event.data.as_str()).chain([body.as_str()]);
    texts.find_map(|text| serde_json::from_str::<Value>(text).ok().filter(|message| message["id"] == *id))
}

fn result(id: &Value, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

fn failure(id: &Value, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": text } })
}

fn say(message: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{message}");
    let _ = out.flush();
}
