//! Bytes on a socket, for requests that no HTTP client would send.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::Url;

use super::{Content, Failure, FailureKind, Limits, Reply, Request, content_of, http, tls};

/// The bytes of an HTTP/1.1 request with exactly these headers, plus the `host`, `content-length` and `connection` that
/// every request has unless it names them itself.
pub(crate) fn render(request: &Request) -> Vec<u8> {
    let (host, target) = match Url::parse(&request.url) {
        Ok(url) => {
            let host = match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (Some(host), None) => host.to_owned(),
                (None, _) => String::new(),
            };
            let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
            (host, format!("{}{query}", url.path()))
        }
        Err(_) => (String::new(), "/".to_owned()),
    };
    let has = |name: &str| request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method);
    if !has("host") {
        head.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() && !has("content-length") {
        head.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    if !has("connection") {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}

/// Writes the bytes to the URL's origin and reads one HTTP response.
pub(crate) async fn exchange(url: &str, bytes: &[u8], limits: Limits, deadline: Duration) -> Reply {
    let started = Instant::now();
    let outcome = tokio::time::timeout(deadline, attempt(url, bytes, limits)).await;
    let elapsed = started.elapsed();
    match outcome {
        Err(_) => {
            let message = format!("no answer within {:.1} s", deadline.as_secs_f64());
            Reply::failed(Failure::new(FailureKind::Timeout, message), elapsed)
        }
        Ok(Err(failure)) => Reply::failed(failure, elapsed),
        Ok(Ok(mut reply)) => {
            reply.elapsed = elapsed;
            reply
        }
    }
}

async fn attempt(url: &str, bytes: &[u8], limits: Limits) -> Result<Reply, Failure> {
    let parsed =
        Url::parse(url).map_err(|e| Failure::new(FailureKind::Unsendable, format!("`{url}` is not a URL: {e}")))?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = parsed.port_or_known_default().unwrap_or(80);
    let socket = tokio::time::timeout(limits.connect, tokio::net::TcpStream::connect((host, port)))
        .await
        .map_err(|_| Failure::new(FailureKind::Timeout, "no connection in time"))?
        .map_err(|e| Failure::new(FailureKind::Connect, format!("cannot connect to {host}:{port}: {e}")))?;
    if parsed.scheme() == "https" {
        let tls_failure = |e: String| Failure::new(FailureKind::Tls, format!("TLS failed: {e}"));
        let config = tls::platform().map_err(tls_failure)?;
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(|e| tls_failure(e.to_string()))?;
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = connector.connect(name, socket).await.map_err(|e| tls_failure(e.to_string()))?;
        converse(stream, bytes, limits).await
    } else {
        converse(socket, bytes, limits).await
    }
}

async fn converse(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
    limits: Limits,
) -> Result<Reply, Failure> {
    // A peer may refuse before it has read everything; its answer still counts.
    let written = socket.write_all(bytes).await;
    let mut received = Vec::new();
    // On the heap: a buffer in the future would be moved with it, in every exchange.
    let mut chunk = vec![0; 16 * 1024];
    loop {
        if let Some(reply) = parse(&received, false)? {
            return Ok(reply);
        }
        match socket.read(&mut chunk).await {
            Ok(0) => break,
            Ok(n) => received.extend_from_slice(&chunk[..n]),
            Err(_) if !received.is_empty() => break,
            Err(error) => {
                return Err(Failure::new(FailureKind::Closed, format!("the peer closed the connection: {error}")));
            }
        }
        if received.len() > limits.body {
            return Err(Failure::new(
                FailureKind::TooLarge,
                format!("the answer is larger than {} bytes", limits.body),
            ));
        }
    }
    if received.is_empty() {
        let cause = written.err().map(|e| format!(": {e}")).unwrap_or_default();
        return Err(Failure::new(
            FailureKind::Closed,
            format!("the peer closed the connection without an answer{cause}"),
        ));
    }
    parse(&received, true)?
        .ok_or_else(|| Failure::new(FailureKind::Closed, "the peer closed the connection in the middle of its answer"))
}

/// A whole response, if `bytes` hold one. `ended`: the peer has closed, so a body without a length is complete.
fn parse(bytes: &[u8], ended: bool) -> Result<Option<Reply>, Failure> {
    let mut storage = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut storage);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Failure::new(FailureKind::Malformed, format!("the answer is not HTTP/1.1: {error}"))),
    };
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let rest = &bytes[head..];
    let status = response.code;
    let bodyless = matches!(status, Some(204 | 304));
    let body = if bodyless {
        Vec::new()
    } else if find("transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked")) {
        match dechunk(rest) {
            Some(body) => body,
            None if ended => return Err(Failure::new(FailureKind::Closed, "the chunked body does not end")),
            None => return Ok(None),
        }
    } else if let Some(length) = find("content-length").and_then(|v| v.trim().parse::<usize>().ok()) {
        match rest.get(..length) {
            Some(body) => body.to_vec(),
            None => return Ok(None),
        }
    } else if ended {
        rest.to_vec()
    } else {
        return Ok(None);
    };
    let media_type = find("content-type");
    let (content, failure) = if media_type.is_some_and(|m| m.starts_with("text/event-stream")) {
        let mut parser = gauntlet_format::sse::SseParser::new();
        let events = parser.push(&body);
        (Content::Events(events.into_iter().map(|e| http::arrival(e, Duration::ZERO)).collect()), None)
    } else {
        content_of(&body, media_type)
    };
    Ok(Some(Reply { status, headers, content, failure, elapsed: Duration::ZERO }))
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).ok()?;
                if size == 0 {
                    return Some(body);
                }
                let end = start.checked_add(size)?;
                body.extend_from_slice(rest.get(start..end)?);
                rest = rest.get(end.checked_add(2)?..)?;
            }
            _ => return None,
        }
    }
}
