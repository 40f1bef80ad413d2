//! What is refused, and what is bounded.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::lab::{KIRO, Lab, STUB, read_head};

#[tokio::test]
async fn every_other_host_is_refused_by_name() {
    let lab = Lab::new().await;
    let places = [
        "telemetry.example.net:443",
        "127.0.0.1:443",
        "[::1]:443",
        "169.254.169.254:80",
        "runtime.us-east-1.kiro.dev:22",
    ];
    for place in places {
        let (head, mut stream) = lab.say(&format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{place}: {head}");
        let length = head.to_lowercase().split("content-length: ").nth(1).and_then(|l| l.lines().next()?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        stream.read_exact(&mut body).await.expect("the body");
        let body = String::from_utf8(body).expect("text");
        assert!(body.contains(place) && body.contains("runtime.*.kiro.dev (runtime)"), "{body}");
        assert!(lab.everything().contains(&format!("the target wanted {place}, which no upstream intercepts")));
    }
    let (head, _) = lab.say("GET http://plain.example.net/secret?token=t HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let told = lab.everything();
    assert!(told.contains("wanted plain.example.net:80") && !told.contains("token"), "{told}");
    assert!(lab.entries("runtime").is_empty() && lab.entries("echo").is_empty());
}

#[tokio::test]
async fn an_upstream_that_does_not_run_is_named() {
    let lab = Lab::new().await;
    let (head, _) = lab.say("CONNECT asleep.example.org:443 HTTP/1.1\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(lab.everything().contains("`asleep`"), "{}", lab.everything());
}

#[tokio::test]
async fn it_is_a_proxy_and_no_server() {
    let lab = Lab::new().await;
    for line in ["GET /mcp?key=k", "GET https://runtime.us-east-1.kiro.dev/mcp", "CONNECT runtime.us-east-1.kiro.dev"] {
        let (head, _) = lab.say(&format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{line}: {head}");
    }
    let told = lab.everything();
    assert!(told.contains("`GET /mcp`") && !told.contains("key"), "{told}");
}

#[tokio::test]
async fn names_have_no_case_and_may_end_in_a_dot() {
    let lab = Lab::new().await;
    let (head, _) = lab.say("CONNECT Runtime.US-East-1.kiro.dev.:443 HTTP/1.1\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn a_head_without_end_is_not_kept() {
    let lab = Lab::new().await;
    let endless = format!("CONNECT {KIRO}:443 HTTP/1.1\r\nx: {}", "y".repeat(100_000));
    let (head, _) = lab.say(&endless).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
    let mut tls = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    let inside = format!("GET / HTTP/1.1\r\nhost: {STUB}\r\nx: {}", "y".repeat(100_000));
    // It may be answered before all of it is sent.
    let _ = tls.write_all(inside.as_bytes()).await;
    assert!(read_head(&mut tls).await.starts_with("HTTP/1.1 431"));
    assert!(lab.entries("echo").is_empty());
}

#[tokio::test]
async fn garbage_is_told_and_ends_the_tunnel() {
    let lab = Lab::new().await;
    for garbage in [&b"\0\0\0\0"[..], b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff garbage"] {
        let mut stream = lab.tunnel(&format!("{KIRO}:443")).await;
        stream.write_all(garbage).await.expect("write");
        // Some of it is answered by an alert.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        assert_eq!(lab.told("spoke no TLS").await.matches("spoke no TLS").count(), 1);
    }
    assert!(lab.interceptor.report().distrust.is_none());
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_ended() {
    let lab = Lab::new().await;
    for start in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = lab.tunnel(&format!("{KIRO}:443")).await;
        stream.write_all(start).await.expect("write");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    lab.told("did not finish TLS within 2 s").await;
    assert!(lab.interceptor.report().distrust.is_none());
}

#[tokio::test]
async fn a_tunnel_that_is_not_used_is_nothing() {
    let lab = Lab::new().await;
    drop(lab.tunnel(&format!("{KIRO}:443")).await);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(lab.everything(), "");
}

#[tokio::test]
async fn a_program_is_told_where_everything_is() {
    let lab = Lab::new().await;
    let variables: std::collections::BTreeMap<String, String> = lab.interceptor.environment().into_iter().collect();
    assert_eq!(variables["HTTPS_PROXY"], lab.interceptor.variable("proxy").expect("a proxy"));
    assert_eq!(variables["SSL_CERT_FILE"], lab.interceptor.variable("bundle_file").expect("a file"));
    assert_eq!(variables["NODE_EXTRA_CA_CERTS"], lab.interceptor.variable("ca_file").expect("a file"));
    assert!(variables["NO_PROXY"].contains("127.0.0.1"));
    let folder = lab.scratch.folder().expect("a folder");
    assert!(std::path::Path::new(&variables["SSL_CERT_FILE"]).starts_with(folder));
    assert_eq!(lab.interceptor.variable("key"), None);
}
