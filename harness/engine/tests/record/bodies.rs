//! Bodies: streamed both ways, bounded in the record, codings undone.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::Mutex;

use crate::lab::{Client, Lab, answer, options, pieces, post, response, soon, upstream, whole};

/// The next piece of an answer.
async fn next(body: &mut Incoming) -> String {
    let frame = soon("a piece", body.frame()).await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

/// Nothing more comes.
async fn over(body: Incoming) {
    assert_eq!(soon("the end", body.collect()).await.unwrap().to_bytes(), "");
}

#[tokio::test]
async fn events_pass_one_by_one() {
    let (feed, body) = pieces();
    let body = Arc::new(Mutex::new(Some(body)));
    let address = upstream(None, move |_| {
        let body = Arc::clone(&body);
        async move { answer("text/event-stream", body.lock().await.take().unwrap()) }
    })
    .await;
    let lab = Lab::new(address).await;
    let mut client = Client::one(lab.address).await;
    let (head, mut body) = client.send(post(lab.address, "/mcp", "{}")).await.into_parts();
    assert_eq!(head.headers["content-type"], "text/event-stream");
    // The next event is sent when the last has arrived: one that is held back is never followed.
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        feed.send(Some(event.clone().into())).unwrap();
        assert_eq!(next(&mut body).await, event);
    }
    feed.send(None).unwrap();
    over(body).await;
    let (entries, ..) = lab.end().await;
    let events = response(&entries[0]).events();
    assert_eq!(events.iter().map(|event| event.event.data.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    let times: Vec<_> = events.iter().map(|event| event.at.unwrap()).collect();
    assert!(times.is_sorted() && times[4] <= entries[0].elapsed, "{times:?}");
    assert_eq!(entries[0].failure, None);
}

#[tokio::test]
async fn requests_pass_piece_by_piece() {
    let address = upstream(None, |request: Request<Incoming>| async move {
        // Says back what comes while it comes.
        let (feed, echo) = pieces();
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                feed.send(frame.into_data().ok()).unwrap();
            }
            feed.send(None).unwrap();
        });
        answer("application/octet-stream", echo)
    })
    .await;
    let lab = Lab::new(address).await;
    let mut client = Client::two(lab.address).await;
    let (feed, body) = pieces();
    let (_, mut echo) = client.send(post(lab.address, "/", "").map(|_| body)).await.into_parts();
    for piece in ["one", "two", "three"] {
        feed.send(Some(piece.into())).unwrap();
        assert_eq!(next(&mut echo).await, piece);
    }
    feed.send(None).unwrap();
    over(echo).await;
    let (entries, ..) = lab.end().await;
    assert_eq!(entries[0].request.body.text(), Some("onetwothree"));
    assert_eq!(response(&entries[0]).body.text(), Some("onetwothree"));
}

#[tokio::test]
async fn what_is_beyond_the_bound_passes_and_is_counted() {
    let large = Bytes::from("0123456789".repeat(100_000));
    let body = large.clone();
    let address = upstream(None, move |request: Request<Incoming>| {
        let body = body.clone();
        async move {
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes().len(), 50_000);
            answer("text/plain", whole(body))
        }
    })
    .await;
    let mut bounded = options(&format!("http://{address}"));
    bounded.max_body = 1000;
    let lab = Lab::with(bounded).await.unwrap();
    let mut client = Client::one(lab.address).await;
    let got = client.ask(post(lab.address, "/", "x".repeat(50_000))).await;
    assert_eq!(got.body(), &large);
    let (entries, written, _) = lab.end().await;
    let [sent, received] = [&entries[0].request.body, &response(&entries[0]).body];
    assert_eq!((sent.bytes.len(), sent.left_out), (1000, 49_000));
    assert_eq!((received.bytes.len(), received.left_out), (1000, 999_000));
    assert_eq!(written.left_out, 49_000 + 999_000);
}

#[tokio::test]
async fn codings_pass_and_are_undone_in_the_file() {
    const TEXT: &str = r#"{"jsonrpc":"2.0"}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(TEXT.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    // A block of Brotli, and of Zstandard, which has it as it is.
    let brotli = [&[11, 8, 128], TEXT.as_bytes(), &[3]].concat();
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 17, 17 << 3 | 1, 0, 0], TEXT.as_bytes()].concat();
    let bodies = [("gzip", gzip.clone()), ("br", brotli), ("zstd", zstd), ("compress", gzip.clone())];
    let served = bodies.clone();
    let address = upstream(None, move |request: Request<Incoming>| {
        let served = served.clone();
        async move {
            let coding = request.uri().path()[1..].to_owned();
            let body = served.into_iter().find(|(name, _)| *name == coding).unwrap().1;
            assert_eq!(request.headers()["accept-encoding"], "gzip, br");
            let response =
                Response::builder().header("content-type", "application/json").header("content-encoding", coding);
            response.body(whole(body)).unwrap()
        }
    })
    .await;
    let lab = Lab::new(address).await;
    let mut client = Client::one(lab.address).await;
    for (coding, body) in &bodies {
        let mut request = post(lab.address, &format!("/{coding}"), "{}");
        request.headers_mut().insert("accept-encoding", "gzip, br".parse().unwrap());
        let got = client.ask(request).await;
        assert_eq!((got.body() == body, &got.headers()["content-encoding"]), (true, &coding.parse().unwrap()));
    }
    let (entries, ..) = lab.end().await;
    for entry in &entries[..3] {
        assert_eq!(response(entry).body.text(), Some(TEXT), "{}", entry.request.url);
    }
    assert_eq!(
        (&response(&entries[3]).body.bytes[..], response(&entries[3]).header("content-encoding")),
        (&gzip[..], Some("compress"))
    );
}
