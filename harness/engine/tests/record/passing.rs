//! What passes, and how it is recorded.

use std::sync::{Arc, Mutex};

use http::{Request, Response, Version};
use http_body_util::BodyExt as _;

use crate::lab::{Client, Lab, answer, post, response, soon, upstream, whole};

/// Name and value of all headers as they came, dates aside.
fn listed(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn clients_of_both_versions_get_what_was_answered() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let address = upstream(None, move |request: Request<_>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body): (_, hyper::body::Incoming) = request.into_parts();
            let text = body.collect().await.unwrap().to_bytes();
            seen.lock().unwrap().push(head);
            let mut response = answer("application/json", whole([b"you said ", &text[..]].concat()));
            response.headers_mut().append("x-twice", "1".parse().unwrap());
            response.headers_mut().append("x-twice", "2".parse().unwrap());
            response.headers_mut().insert("keep-alive", "timeout=5".parse().unwrap());
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            response
        }
    })
    .await;
    let lab = Lab::new(address).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut client = match version {
            Version::HTTP_2 => Client::two(lab.address).await,
            _ => Client::one(lab.address).await,
        };
        let mut request = post(
            lab.address,
            "/mcp/a%20b?x=1&y=%2F",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#,
        );
        for (name, value) in [("x-zebra", "z"), ("x-twice", "a"), ("x-twice", "b"), ("te", "trailers")] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        if version == Version::HTTP_2 {
            request.headers_mut().remove("host");
        } else {
            request.headers_mut().insert("connection", "x-hop, keep-alive".parse().unwrap());
            request.headers_mut().insert("x-hop", "1".parse().unwrap());
        }
        let got = client.ask(request).await;
        assert_eq!(got.status(), 418);
        assert!(got.body().starts_with(b"you said {\"jsonrpc\""));
        let headers = listed(got.headers());
        assert!(
            headers.starts_with(&pairs(&[("content-type", "application/json"), ("x-twice", "1"), ("x-twice", "2")])),
            "{headers:?}"
        );
        assert!(!got.headers().contains_key("keep-alive"), "{headers:?}");
    }
    let heads = std::mem::take(&mut *heads.lock().unwrap());
    let passed = [("content-type", "application/json"), ("x-zebra", "z"), ("x-twice", "a"), ("x-twice", "b")];
    for head in heads.iter() {
        assert_eq!((head.uri.to_string().as_str(), head.version), ("/mcp/a%20b?x=1&y=%2F", Version::HTTP_11));
        let headers = listed(&head.headers);
        assert!(headers.starts_with(&pairs(&passed)), "{headers:?}");
        assert_eq!(head.headers["host"], address.to_string());
        for name in ["te", "x-hop", "connection"] {
            assert!(!head.headers.contains_key(name), "{name} in {headers:?}");
        }
    }
    let (entries, written, notes) = lab.end().await;
    assert_eq!((entries.len(), written.exchanges), (2, 2));
    for (entry, version) in entries.iter().zip(["HTTP/1.1", "h2"]) {
        assert_eq!(entry.request.url, format!("http://{address}/mcp/a%20b?x=1&y=%2F"));
        assert_eq!((entry.request.method.as_str(), entry.request.http_version.as_deref()), ("POST", Some(version)));
        assert!(entry.request.headers.starts_with(&pairs(&passed)), "{:?}", entry.request.headers);
        assert_eq!(entry.request.body.json().unwrap()["method"], "tools/call");
        let response = response(entry);
        assert_eq!((response.status, response.http_version.as_deref()), (Some(418), Some("HTTP/1.1")));
        assert!(response.body.text().unwrap().starts_with("you said {"));
        assert!(entry.failure.is_none() && entry.began.unwrap() <= entry.elapsed);
    }
    assert!(notes[0].starts_with("1 tools/call echo ") && notes[0].contains("  418  "), "{notes:?}");
}

#[tokio::test]
async fn the_spelling_of_names_passes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-ODD-Name: 1\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    let lab = Lab::new(address).await;
    let mut client = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    client.write_all(b"GET /mcp HTTP/1.1\r\nHost: recorder\r\nX-amz-TARGET: a\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = soon("an answer", client.read(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    let head = soon("the request", head).await.unwrap();
    assert!(head.contains("\r\nX-amz-TARGET: a\r\n") && head.contains(&format!("{address}\r\n")), "{head}");
    // Not even a date is added.
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nX-ODD-Name: 1\r\nContent-Length: 0\r\n\r\n");
    lab.end().await;
}

#[tokio::test]
async fn sessions_are_told_apart() {
    let address = upstream(None, |request: Request<_>| async move {
        let (head, body): (_, hyper::body::Incoming) = request.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let mut response = answer("application/json", whole("{}"));
        if let Some(client) = body.strip_prefix("initialize ") {
            response.headers_mut().insert("mcp-session-id", format!("id-of-{client}").parse().unwrap());
        }
        assert!(head.headers.get("mcp-session-id").is_none_or(|id| body.ends_with(&id.to_str().unwrap()[6..])));
        response
    })
    .await;
    let lab = Lab::new(address).await;
    let mut clients = [Client::one(lab.address).await, Client::two(lab.address).await, Client::one(lab.address).await];
    for (client, name) in clients.iter_mut().zip(["a", "b"]) {
        client.ask(post(lab.address, "/mcp", format!("initialize {name}"))).await;
    }
    // Interleaved, and on each other's connections.
    for (client, name) in [(1, "b"), (0, "a"), (0, "b"), (1, "a")] {
        let mut request = post(lab.address, "/mcp", format!("call {name}"));
        request.headers_mut().insert("mcp-session-id", format!("id-of-{name}").parse().unwrap());
        clients[client].ask(request).await;
    }
    clients[2].ask(post(lab.address, "/mcp", "without")).await;
    let (entries, ..) = lab.end().await;
    let said: Vec<_> = entries
        .iter()
        .map(|e| format!("{} {}", e.request.body.text().unwrap(), e.session.as_deref().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            "initialize a session-1",
            "initialize b session-2",
            "call b session-2",
            "call a session-1",
            "call b session-2",
            "call a session-1",
            "without connection-3"
        ]
    );
}

#[tokio::test]
async fn a_proxy_request_is_refused() {
    let lab = Lab::new(upstream(None, |_| async { Response::new(whole("")) }).await).await;
    let mut client = Client::one(lab.address).await;
    let request =
        Request::connect("gateway.example.com:443").header("host", "gateway.example.com:443").body(whole("")).unwrap();
    let got = client.ask(request).await;
    assert_eq!(got.status(), 405);
    assert!(String::from_utf8_lossy(got.body()).contains("reverse proxy"));
    assert_eq!(lab.end().await.0, []);
}
