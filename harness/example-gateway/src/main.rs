//! A small MCP gateway: passes every request on to one server, streams the answer back, and keeps the caller's credentials
//! to itself. It is here to show how a gateway tests itself; see `tests/gauntlet.rs`.
//!
//! `example-gateway --port PORT --upstream URL`, with the token for the upstream in `UPSTREAM_TOKEN`.

use std::error::Error;
use std::net::Ipv4Addr;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get};

/// Bytes of a request that are taken at most.
const LARGEST_REQUEST: usize = 4 << 20;

/// Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the HTTP client sets itself.
const OF_THE_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Clone)]
struct Gateway {
    client: reqwest::Client,
    /// Scheme, host and port of the server behind.
    upstream: String,
    token: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = argument("--port")?.parse()?;
    let gateway = Gateway {
        client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?,
        upstream: argument("--upstream")?,
        token: std::env::var("UPSTREAM_TOKEN").ok(),
    };
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .fallback(pass_on)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(gateway);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// The value behind an option of the command line.
fn argument(name: &str) -> Result<String, String> {
    std::env::args().skip_while(|a| a != name).nth(1).ok_or_else(|| format!("{name} is missing"))
}

async fn pass_on(
    State(gateway): State<Gateway>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let mut headers = end_to_end(&headers);
    // The caller's token was issued to the gateway, not to the server behind it.
    headers.remove(header::AUTHORIZATION);
    let mut onward = gateway.client.request(method, format!("{}{path}", gateway.upstream)).headers(headers).body(body);
    if let Some(token) = &gateway.token {
        onward = onward.bearer_auth(token);
    }
    match onward.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), end_to_end(answer.headers()));
            (status, headers, Body::from_stream(answer.bytes_stream())).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("the server behind the gateway: {error}")).into_response(),
    }
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in &OF_THE_HOP {
        headers.remove(name);
    }
    headers
}
