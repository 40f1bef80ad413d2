//! What goes wrong on the mock's side goes wrong in the same way on the target's, and the other way round.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::lab::{Lab, STUB, causes, get};

#[tokio::test]
async fn a_reset_is_a_reset() {
    let lab = Lab::new().await;
    lab.fault(json!({ "reset": true })).await;
    let mut tls = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    tls.write_all(format!("GET / HTTP/1.1\r\nHost: {STUB}\r\n\r\n").as_bytes()).await.expect("write");
    let error = tls.read_to_end(&mut Vec::new()).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_of_one_stream_leaves_the_others() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let get = |path: &str| client.get(format!("https://{STUB}{path}")).send();
    get("/").await.expect("an answer");
    lab.fault(json!({ "reset": true, "path": "/bad" })).await;
    let (bad, good) = tokio::join!(get("/bad"), get("/events"));
    let error = causes(&bad.expect_err("no answer"));
    assert!(error.contains("stream error"), "{error}");
    assert_eq!(good.expect("an answer").text().await.expect("a body").matches("data").count(), 3);
    let entries = lab.entries("echo");
    assert!(entries.iter().all(|e| e.connection == entries[0].connection), "{entries:?}");
}

#[tokio::test]
async fn a_cut_body_is_cut() {
    let lab = Lab::new().await;
    lab.fault(json!({ "cut_after_events": 2 })).await;
    for client in [lab.client(|b| b.http1_only()), lab.client(|b| b)] {
        let mut answer = client.get(format!("https://{STUB}/events")).send().await.expect("an answer began");
        let mut text = String::new();
        let error = loop {
            match answer.chunk().await {
                Ok(Some(piece)) => text.push_str(&String::from_utf8_lossy(&piece)),
                Ok(None) => panic!("the body ended properly"),
                Err(error) => break error,
            }
        };
        assert_eq!(text, "data: 0\n\ndata: 1\n\n", "{}", causes(&error));
    }
}

#[tokio::test]
async fn a_mock_that_restarts_ends_the_targets_connection() {
    let lab = Lab::new().await;
    let mut tls = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    get(&mut tls, STUB, "/").await;
    lab.echo().control(&json!({ "restart": true })).await.expect("restarted");
    let ended = tokio::time::timeout(Duration::from_secs(5), tls.read_to_end(&mut Vec::new())).await;
    ended.expect("the connection ends").expect("properly");
    // A client that comes again is served on a connection of its own.
    let mut again = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    assert!(get(&mut again, STUB, "/").await.starts_with("HTTP/1.1 200"));
    let entries = lab.entries("echo");
    assert_ne!(entries[0].connection, entries[1].connection);
}

#[tokio::test]
async fn a_target_that_goes_away_is_gone_for_the_mock() {
    let lab = Lab::new().await;
    let mut finished = lab.echo().journal().subscribe();
    for client in [lab.client(|b| b.http1_only()), lab.client(|b| b)] {
        let mut answer = client.get(format!("https://{STUB}/events")).send().await.expect("an answer");
        answer.chunk().await.expect("a piece");
        drop((answer, client));
        let entry = tokio::time::timeout(Duration::from_secs(5), finished.recv()).await;
        let entry = entry.expect("it is noticed").expect("an entry");
        assert!(!entry.response.as_ref().expect("an answer began").complete);
    }
}

#[tokio::test]
async fn one_stream_that_is_given_up_ends_no_other() {
    let lab = Lab::new().await;
    let client = lab.client(|b| b);
    let url = format!("https://{STUB}/events");
    let mut given_up = client.get(&url).send().await.expect("an answer");
    given_up.chunk().await.expect("a piece");
    let kept = client.get(&url).send().await.expect("an answer");
    drop(given_up);
    assert_eq!(kept.text().await.expect("a body").matches("data").count(), 3);
    client.get(&url).send().await.expect("the connection goes on");
    let entries = lab.entries("echo");
    assert!(entries.iter().all(|e| e.connection == entries[0].connection));
}

#[tokio::test]
async fn nothing_stays_when_it_is_dropped() {
    let lab = Lab::new().await;
    let mut tls = lab.encrypted(STUB, lab.tls(), STUB).await.expect("trusted");
    let (address, ca) = (lab.address().to_owned(), lab.interceptor.files.ca.clone());
    assert!(ca.exists());
    drop(lab);
    // Ended without a farewell, which TLS notices.
    let ended = tokio::time::timeout(Duration::from_secs(5), tls.read_to_end(&mut Vec::new())).await;
    assert!(ended.expect("the connection ends").is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(!ca.exists());
}
