//! Exchanges that do not end well.

use std::sync::Arc;

use gauntlet::repro::record::{CLIENT_ENDED, HttpRecorder, RECORDING_ENDED, RecordError};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::lab::{AnyBody, Client, Feed, Lab, answer, options, pieces, post, read, response, soon, upstream};

/// Serves one body, once.
async fn serving(body: AnyBody) -> Lab {
    let body = Arc::new(Mutex::new(Some(body)));
    let address = upstream(None, move |_| {
        let body = Arc::clone(&body);
        async move { answer("text/event-stream", body.lock().await.take().unwrap()) }
    });
    Lab::new(address.await).await
}

/// Sends an event through.
async fn first_event(feed: &Feed, body: &mut hyper::body::Incoming) {
    feed.send(Some("data: 1\n\n".into())).unwrap();
    assert_eq!(soon("an event", body.frame()).await.unwrap().unwrap().into_data().unwrap(), "data: 1\n\n");
}

#[tokio::test]
async fn an_upstream_that_dies_in_a_stream() {
    for version in [1, 2] {
        let (feed, body) = pieces();
        let lab = serving(body).await;
        let mut client = if version == 2 { Client::two(lab.address).await } else { Client::one(lab.address).await };
        let (_, mut body) = client.send(post(lab.address, "/mcp", "{}")).await.into_parts();
        first_event(&feed, &mut body).await;
        drop(feed);
        // The client sees that it was cut.
        assert!(soon("the cut", body.frame()).await.unwrap().is_err());
        let (entries, _, notes) = lab.end().await;
        assert_eq!(response(&entries[0]).body.text(), Some("data: 1\n\n"));
        let failure = entries[0].failure.as_deref().unwrap();
        assert!(failure.starts_with("the upstream broke the answer off: "), "{failure}");
        assert!(notes[0].contains("1 event ") && notes[0].ends_with(failure), "{notes:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_or_says_nothing() {
    // Closes every connection after the request.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    for (url, said) in [
        ("http://127.0.0.1:1/mcp".to_owned(), "cannot reach the upstream http://127.0.0.1:1/: "),
        (format!("http://{silent}/mcp"), "the upstream did not answer: "),
    ] {
        let lab = Lab::with(options(&url)).await.unwrap();
        let got = Client::one(lab.address).await.ask(post(lab.address, "/mcp", "{}")).await;
        assert_eq!(got.status(), 502);
        let body: serde_json::Value = serde_json::from_slice(got.body()).unwrap();
        let text = body["error"].as_str().unwrap().to_owned();
        assert!(text.starts_with(&format!("gauntlet record: {said}")), "{text}");
        let (entries, ..) = lab.end().await;
        assert_eq!(
            (entries[0].response.is_none(), entries[0].failure.as_deref()),
            (true, text.strip_prefix("gauntlet record: "))
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_request() {
    let (feed, body) = pieces();
    let lab = serving(body).await;
    let mut client = Client::one(lab.address).await;
    let (_, mut body) = client.send(post(lab.address, "/mcp", "{}")).await.into_parts();
    first_event(&feed, &mut body).await;
    drop((body, client));
    // The upstream is told.
    soon("the upstream's request to end", feed.closed()).await;
    let (entries, ..) = lab.end().await;
    assert_eq!(entries[0].failure.as_deref(), Some(CLIENT_ENDED));
    assert_eq!(response(&entries[0]).body.text(), Some("data: 1\n\n"));
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lab = Lab::new(listener.local_addr().unwrap()).await;
    let mut client = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    client.write_all(b"GET /mcp HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut stream, _) = soon("the request", listener.accept()).await.unwrap();
    let mut bytes = vec![0; 4096];
    assert!(soon("the request", stream.read(&mut bytes)).await.unwrap() > 0);
    drop(client);
    assert_eq!(soon("the end", stream.read(&mut bytes)).await.unwrap_or(0), 0);
    let (entries, ..) = lab.end().await;
    assert_eq!((entries[0].response.is_none(), entries[0].failure.as_deref()), (true, Some(CLIENT_ENDED)));
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_recorded() {
    let (feed, body) = pieces();
    let lab = serving(body).await;
    let mut client = Client::one(lab.address).await;
    let (_, mut body) = client.send(post(lab.address, "/mcp", "{}")).await.into_parts();
    first_event(&feed, &mut body).await;
    // Before the end the file is whole, too.
    assert_eq!(read(&lab.file).entries, []);
    let (entries, ..) = lab.end().await;
    assert_eq!(entries[0].failure.as_deref(), Some(RECORDING_ENDED));
    assert_eq!(response(&entries[0]).body.text(), Some("data: 1\n\n"));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("ca.pem");
    std::fs::write(&garbage, "not a certificate").unwrap();
    let with = |url: &str| options(url);
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut on_taken = with("http://127.0.0.1:1/");
    on_taken.listen = taken.local_addr().unwrap();
    let mut with_garbage = with("https://127.0.0.1:1/");
    with_garbage.ca = Some(garbage);
    for (options, said) in [
        (with("ftp://a.example/"), "it must begin with http:// or https://"),
        (with("https://me:secret@a.example/"), "it has credentials; the client sends its own"),
        (with("https://a.example/?token=secret"), "it has a query or a fragment; the client sends its own"),
        (on_taken, "cannot listen on 127.0.0.1:"),
        (with_garbage, "there is no certificate in it"),
    ] {
        let error: RecordError = HttpRecorder::bind(options).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(said) && !text.contains("secret"), "{text}");
    }
}
