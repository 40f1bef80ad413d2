//! What unit tests of several modules take apart.

use serde_json::Value;

use crate::model::{Body, Exchange, Hop, WireRequest, WireResponse};

/// A message that a client posted, and what the server answered.
pub(crate) fn exchange(message: Value, response: WireResponse) -> Exchange {
    Exchange {
        hop: Hop { from: "client".into(), to: "server".into() },
        step: Some(0),
        request: WireRequest {
            method: "POST".into(),
            url: "http://127.0.0.1:1/mcp".into(),
            headers: vec![("accept".into(), "application/json".into())],
            body: Body::Json(message),
        },
        response: Some(response),
        failure: None,
        cause: None,
        note: None,
        started_ms: 0.0,
        began_ms: None,
        elapsed_ms: 1.0,
    }
}
