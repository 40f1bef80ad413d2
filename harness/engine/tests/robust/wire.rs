//! Targets that misbehave on an HTTP connection.

use std::sync::Arc;
use std::time::Duration;

use gauntlet::Limits;
use gauntlet::config::TargetSpec;
use gauntlet_reports::Verdict;

use crate::support::{
    ERROR, FAIL, JSON, NOT_A_PASS, against, against_endless, against_spec, parrot, pinned, response, serve,
};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Bounds that a test reaches quickly.
fn bounded(url: &str) -> TargetSpec {
    TargetSpec { limits: Limits { body: 64 * 1024, events: 500, ..Limits::default() }, ..pinned("bad", url) }
}

fn answer(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[]}}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_refused() {
    // A free port could be taken by the next test.
    let run = against("http://127.0.0.1:1/mcp", ERROR, "refused").await;
    run.assert_told("bad.auto", ERROR, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn host_that_does_not_exist() {
    against("http://surely-not-there.invalid/mcp", ERROR, "dns").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_exist_is_named_for_a_raw_request_too() {
    let scenario = "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list\n    headers: { $drop: [accept] }\n    expect: { status: 406 }\n";
    let spec = pinned("bad", "http://surely-not-there.invalid/mcp");
    let run = crate::support::run(vec![spec], &[scenario], crate::support::quick()).await;
    run.assert_told("bad", ERROR, "surely-not-there.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn self_signed_certificate() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // The client is expected to refuse the certificate.
            let _ = acceptor.accept(socket).await;
        }
    });
    let run = against(&format!("https://localhost:{port}/mcp"), ERROR, "TLS failed").await;
    run.assert_told("bad", ERROR, "certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_a_plain_http_port() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            // A client that hangs up first is fine.
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut socket, &response("400 Bad Request", "", "plain HTTP")).await;
        }
    });
    against(&url.replace("http://", "https://"), ERROR, "TLS failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_and_never_answers() {
    let url = serve(async |peer| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(peer);
    })
    .await;
    let run = against_endless(pinned("bad", &url), "no answer within 1.0 s").await;
    assert!(run.took < Duration::from_secs(10), "the bound of a step holds for all of it, {:?}", run.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn drips_forever() {
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n");
    let url = serve(move |peer| {
        let head = head.clone();
        async move { peer.flood(&head, b" ", Duration::from_millis(20)).await }
    })
    .await;
    against_endless(pinned("bad", &url), "the body did not end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_500_to_everything() {
    let url = parrot(response("500 Internal Server Error", JSON, r#"{"error":"oops"}"#)).await;
    let run = against(&url, FAIL, "500").await;
    run.assert_told("bad.auto", ERROR, "HTTP 500");
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_is_too_large() {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[],"pad":"{}"}}}}"#, "x".repeat(100_000));
    let url = parrot(response("200 OK", JSON, body)).await;
    against_spec(bounded(&url), FAIL, "larger than 65536 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_without_end() {
    let url =
        serve(async |peer| peer.flood(&format!("HTTP/1.1 200 OK\r\n{JSON}\r\n"), &[b'x'; 8192], Duration::ZERO).await)
            .await;
    against_spec(bounded(&url), FAIL, "larger than 65536 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_without_end_at_the_default_bound() {
    let url =
        serve(async |peer| peer.flood(&format!("HTTP/1.1 200 OK\r\n{JSON}\r\n"), &[b'x'; 65536], Duration::ZERO).await)
            .await;
    let options = gauntlet::RunOptions { step_timeout: Duration::from_secs(10), ..gauntlet::RunOptions::default() };
    for drop in ["", "\n    headers: { $drop: [accept] }"] {
        let scenario = format!(
            "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list{drop}\n    expect: {{ status: 200 }}\n"
        );
        let run = crate::support::run(vec![pinned("bad", &url)], &[&scenario], options.clone()).await;
        run.assert_told("bad", FAIL, "larger than 16777216 bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_without_end() {
    let url = serve(async |peer| peer.flood(STREAM, b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}\n\n", Duration::ZERO).await).await;
    against_spec(bounded(&url), FAIL, "more than 500 events").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_large_events_without_end() {
    let piece = format!("data: \"{}\"\n\n", "x".repeat(10_000));
    let url = serve(move |peer| {
        let piece = piece.clone();
        async move { peer.flood(STREAM, piece.as_bytes(), Duration::ZERO).await }
    })
    .await;
    against_spec(bounded(&url), FAIL, "larger than").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_stream_without_end() {
    let url = serve(async |peer| peer.flood(STREAM, b": still here\n\n", Duration::from_millis(30)).await).await;
    against_endless(pinned("bad", &url), "the event stream did not bring the answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_ends_without_the_answer() {
    let url =
        parrot(format!("{STREAM}data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}}\n\n").into_bytes()).await;
    against(&url, ERROR, "ended without the answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_without_end() {
    let url = serve(async |peer| {
        peer.flood(STREAM, &b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(100), Duration::ZERO).await;
    })
    .await;
    against_spec(bounded(&url), FAIL, "larger than 65536 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_of_a_stream_without_end() {
    let url = serve(async |peer| peer.flood(STREAM, &[b'x'; 4096], Duration::ZERO).await).await;
    against_spec(bounded(&url), FAIL, "larger than 65536 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf8_in_json() {
    let body = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[],\"x\":\"\xff\xfe\"}}";
    against(&parrot(response("200 OK", JSON, body)).await, FAIL, "UTF-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf8_in_a_stream() {
    let mut bytes = STREAM.as_bytes().to_vec();
    bytes.extend_from_slice(b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[],\"x\":\"\xff\xfe\"}}\n\n");
    against(&parrot(bytes).await, FAIL, "UTF-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deeply_nested_json() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{deep}}}}}"#);
    against(&parrot(response("200 OK", JSON, &body)).await, FAIL, "recursion limit").await;
    against(&parrot(format!("{STREAM}data: {body}\n\n").into_bytes()).await, NOT_A_PASS, "not JSON").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let url = serve(async |peer| {
        let to = "location: /mcp\r\n";
        peer.say(response("307 Temporary Redirect", to, "")).await;
    })
    .await;
    let run = against(&url, FAIL, "redirect to /mcp, which is not followed").await;
    run.assert_told("bad.auto", ERROR, "redirect to /mcp, which is not followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_content_type() {
    let url = serve(async |peer| {
        let body = answer(&peer.id());
        peer.say(response("200 OK", "content-type: text/html\r\n", body)).await;
    })
    .await;
    against(&url, FAIL, "text/html").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_type() {
    let url = serve(async |peer| {
        let body = answer(&peer.id());
        peer.say(response("200 OK", "", body)).await;
    })
    .await;
    against(&url, FAIL, "content-type").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_http_at_all() {
    against(&parrot(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec()).await, NOT_A_PASS, "HTTP").await;
    against(&parrot(b"\x00\x01\x02\x03".repeat(500)).await, NOT_A_PASS, "HTTP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_without_an_answer() {
    against(&parrot(Vec::new()).await, ERROR, "closed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_in_the_middle_of_the_body() {
    let cut = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 500\r\n\r\n{{\"jsonrpc\":");
    against(&parrot(cut.into_bytes()).await, ERROR, "end of file before message length reached").await;
    let chunked = format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n20\r\n{{\"jsonrpc\":");
    against(&parrot(chunked.into_bytes()).await, NOT_A_PASS, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_of_a_megabyte() {
    let huge = format!("{JSON}x-huge: {}\r\n", "x".repeat(1 << 20));
    against(&parrot(response("200 OK", &huge, answer("1"))).await, NOT_A_PASS, "too large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_headers() {
    let many: String = (0..5000).map(|i| format!("x-{i}: y\r\n")).collect();
    against(&parrot(response("200 OK", &format!("{JSON}{many}"), answer("1"))).await, NOT_A_PASS, "too large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_though_nobody_asked() {
    // `{}` as gzip writes it.
    const GZIP: [u8; 22] = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 171, 174, 5, 0, 67, 191, 166, 163, 2, 0, 0, 0];
    let headers = format!("{JSON}content-encoding: gzip\r\n");
    against(&parrot(response("200 OK", &headers, GZIP)).await, FAIL, "content-encoding gzip").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_for_a_request() {
    against(&parrot(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()).await, FAIL, "204").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_only_accepted() {
    let scenario = "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list\n    expect: { status: { $lt: 300 } }\n";
    let url = parrot(response("202 Accepted", "", "")).await;
    let run = crate::support::run(vec![pinned("bad", &url)], &[scenario], crate::support::quick()).await;
    run.assert_told("bad", FAIL, "HTTP 202 without an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_to_another_request() {
    let url = parrot(response("200 OK", JSON, answer("4711"))).await;
    against(&url, NOT_A_PASS, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_says_where_the_target_was() {
    let run = against("http://127.0.0.1:1/mcp", ERROR, "").await;
    assert_eq!(run.case("bad").endpoint, "http://127.0.0.1:1/mcp");
    assert_eq!(run.case("bad").verdict, Verdict::Error);
}
