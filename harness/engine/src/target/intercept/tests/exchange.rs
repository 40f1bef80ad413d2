//! What a trusting client says, and what the mock gets.

use std::time::Instant;

use futures_util::StreamExt as _;
use http::Version;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::lab::{KIRO, LEGACY, Lab, PAUSE, STUB, get, post, read_head, values};

#[tokio::test]
async fn over_http1_the_mock_gets_what_was_sent() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b.http1_only());
    for _ in 0..2 {
        let answer = post(&client, &format!("https://{KIRO}/mcp?a=%20b"), "{\"id\":1}").await;
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.version(), Version::HTTP_11);
        assert!(answer.text().await.expect("a body").contains("bearer token"));
    }
    let entries = lab.entries("runtime");
    let entry = &entries[0];
    assert_eq!(
        (entry.method.as_str(), entry.target.as_str(), &entry.body[..]),
        ("POST", "/mcp?a=%20b", &b"{\"id\":1}"[..])
    );
    assert_eq!(values(entry, "host"), [KIRO]);
    assert_eq!(values(entry, "content-length"), ["8"]);
    let strange = ["via", "forwarded", "x-forwarded-for", "proxy-connection", "transfer-encoding"];
    assert!(strange.iter().all(|name| values(entry, name).is_empty()), "{:?}", entry.headers);
    assert_eq!(entries[0].connection, entries[1].connection, "one connection of the client is one in the journal");
    assert_eq!(lab.everything(), "");
}

#[tokio::test]
async fn bytes_and_order_of_headers_are_the_clients() {
    let lab = Lab::new().await;
    let mut tls = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    let request = "POST /a/../b?x HTTP/1.1\r\nX-Z: 1\r\nAccept: */*\r\nHost: Stub.Example.Com:443\r\nX-A: 2\r\nX-Z: 3\r\n\
                   Connection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n\0\u{7f}!";
    tls.write_all(request.as_bytes()).await.expect("write");
    assert!(read_head(&mut tls).await.starts_with("HTTP/1.1 100"));
    let head = read_head(&mut tls).await.to_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("\r\nx-twice: a\r\n"), "{head}");
    let mut body = [0; 3];
    tls.read_exact(&mut body).await.expect("the body");
    assert_eq!(&body, b"\0\x7f!");
    let entry = &lab.entries("echo")[0];
    assert_eq!(entry.target, "/a/../b?x");
    let headers: Vec<(&str, &str)> = entry.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [
        ("x-z", "1"),
        ("x-z", "3"),
        ("accept", "*/*"),
        ("host", "Stub.Example.Com:443"),
        ("x-a", "2"),
        ("connection", "keep-alive"),
        ("expect", "100-continue"),
        ("content-length", "3"),
    ];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn over_http2_one_connection_stays_one() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let answer = post(&client, &format!("https://{LEGACY}/mcp"), "{}").await;
    assert_eq!(answer.version(), Version::HTTP_2);
    let url = format!("https://{LEGACY}/mcp");
    let many = (0..20).map(|i| post(&client, &url, format!("{{\"id\":{i}}}")));
    futures_util::future::join_all(many).await;
    let other = lab.client(|b| b);
    post(&other, &format!("https://{LEGACY}/mcp"), "{}").await;
    let entries = lab.entries("runtime");
    assert_eq!(entries.len(), 22);
    assert!(entries.iter().all(|e| values(e, "host") == [LEGACY]), "{:?}", entries[0].headers);
    let (last, first) = entries.split_last().expect("entries");
    assert!(first.iter().all(|e| e.connection == first[0].connection), "{first:?}");
    assert_ne!(last.connection, first[0].connection);
}

#[tokio::test]
async fn cookies_of_http2_are_one_header() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let request =
        client.get(format!("https://{STUB}/")).header("cookie", "a=1").header("cookie", "b=2").header("x-a", "1");
    assert_eq!(request.send().await.expect("an answer").version(), Version::HTTP_2);
    let entry = &lab.entries("echo")[0];
    assert_eq!(values(entry, "cookie"), ["a=1; b=2"]);
    assert_eq!(values(entry, "x-a"), ["1"]);
}

#[tokio::test]
async fn the_real_answer_comes_through() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let runtime = lab.runtime();
    let mut body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list" });
    for (name, value) in runtime.envelope().expect("an envelope") {
        body[name] = value.clone();
    }
    let mut request = client.post(format!("https://{KIRO}/mcp")).bearer_auth(runtime.bearer().expect("a token"));
    for (name, value) in runtime.headers() {
        request = request.header(name, value);
    }
    let answer = request.body(body.to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.text().await.expect("a body").contains("web_search"));
    // The host decides which role the mock plays.
    let legacy = client.post(format!("https://{LEGACY}/mcp")).bearer_auth(runtime.bearer().expect("a token"));
    let answer =
        legacy.body("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}").send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "the legacy host wants neither profile nor identity");
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let lab = Lab::new().await;
    for client in [lab.client(|b| b.http1_only()), lab.client(|b| b)] {
        let answer = client.get(format!("https://{STUB}/events")).send().await.expect("an answer");
        let mut arrivals = Vec::new();
        let mut stream = answer.bytes_stream();
        let mut text = String::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.expect("a piece");
            // The end of a stream of HTTP/2 may be a frame of its own.
            if !piece.is_empty() {
                arrivals.push(Instant::now());
                text.push_str(&String::from_utf8_lossy(&piece));
            }
        }
        assert_eq!(text, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
        assert_eq!(arrivals.len(), 3);
        assert!(arrivals.windows(2).all(|w| w[1] - w[0] >= PAUSE / 2), "{arrivals:?}");
    }
}

#[tokio::test]
async fn a_large_body_goes_through_in_pieces() {
    let lab = Lab::new().await;
    let body: Vec<u8> = (0..4_000_000_u32).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect();
    for client in [lab.client(|b| b.http1_only()), lab.client(|b| b)] {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> = body.chunks(10_000).map(|c| Ok(c.to_vec())).collect();
        let sent = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let answer = post(&client, &format!("https://{STUB}/"), sent).await;
        assert!(answer.bytes().await.expect("a body") == body);
    }
}

#[tokio::test]
async fn plain_http_goes_the_same_way() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let answer = client.post(format!("http://{STUB}/p?q")).basic_auth("a", Some("b")).body("x").send().await;
    assert_eq!(answer.expect("an answer").text().await.expect("a body"), "x");
    let request = format!(
        "POST http://user:pass@{STUB}/raw HTTP/1.1\r\nHost: other.example.net\r\nProxy-Authorization: Basic c2VjcmV0\r\n\
         Proxy-Connection: keep-alive\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-End: 2\r\n\
         Authorization: Bearer t\r\nContent-Length: 0\r\n\r\n"
    );
    let (head, _) = lab.say(&request).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let entries = lab.entries("echo");
    assert_eq!(entries[0].target, "/p?q");
    assert_eq!(values(&entries[0], "authorization"), ["Basic YTpi"]);
    let raw: Vec<(&str, &str)> = entries[1].headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(raw, [("host", STUB), ("x-end", "2"), ("authorization", "Bearer t"), ("content-length", "0")]);
    assert_eq!(entries[1].target, "/raw");
}

#[tokio::test]
async fn plain_http_in_a_tunnel_works_too() {
    let lab = Lab::new().await;
    let mut stream = lab.tunnel(&format!("{STUB}:80")).await;
    assert!(get(&mut stream, STUB, "/t").await.starts_with("HTTP/1.1 200"));
    assert_eq!(lab.entries("echo")[0].target, "/t");
}

#[tokio::test]
async fn what_came_with_the_request_for_a_tunnel_is_not_lost() {
    let lab = Lab::new().await;
    let eager = format!("CONNECT {STUB}:80 HTTP/1.1\r\n\r\nGET /eager HTTP/1.1\r\nHost: {STUB}\r\n\r\n");
    let (head, mut stream) = lab.say(&eager).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(lab.entries("echo")[0].target, "/eager");
}
