//! Answers that name the upstream.

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::lab::{Client, Lab, answer, options, post, response, upstream, whole};

/// Names itself wherever servers do, by the `Host` that it is asked for; a POST says back what it was sent.
async fn names_itself(request: Request<Incoming>) -> Response<crate::lab::AnyBody> {
    let own = format!("http://{}", request.headers()["host"].to_str().unwrap());
    match request.uri().path() {
        "/mcp" => Response::builder()
            .status(401)
            .header(
                "www-authenticate",
                format!("Bearer resource_metadata=\"{own}/.well-known/oauth-protected-resource\""),
            )
            .body(whole(""))
            .unwrap(),
        "/.well-known/oauth-protected-resource" => {
            let text = format!(r#"{{"resource":"{own}/mcp","other":"https://other.example/"}}"#);
            let mut response = answer("application/json; charset=utf-8", whole(text.clone()));
            response.headers_mut().insert("content-length", text.len().into());
            response
        }
        "/sse" => answer("text/event-stream", whole(format!("event: endpoint\ndata: {own}/messages?id=1\n\n"))),
        "/image" => answer("image/png", whole(own)),
        "/moved" => Response::builder().status(307).header("location", format!("{own}/mcp")).body(whole("")).unwrap(),
        _ => {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let said = request.into_body().collect().await.unwrap().to_bytes();
            answer("image/png", whole([query.as_bytes(), b" ", &said].concat()))
        }
    }
}

fn get(lab: &Lab, path: &str) -> Request<crate::lab::AnyBody> {
    Request::get(path).header("host", lab.address.to_string()).body(whole("")).unwrap()
}

#[tokio::test]
async fn the_recorder_stands_in_where_it_is_asked_to() {
    let address = upstream(None, names_itself).await;
    let mut rewriting = options(&format!("http://{address}/mcp"));
    rewriting.rewrite = true;
    let lab = Lab::with(rewriting).await.unwrap();
    let (own, theirs) = (format!("http://{}", lab.address), format!("http://{address}"));
    let mut client = Client::one(lab.address).await;
    let got = client.ask(get(&lab, "/mcp")).await;
    assert_eq!(
        got.headers()["www-authenticate"],
        format!("Bearer resource_metadata=\"{own}/.well-known/oauth-protected-resource\"")
    );
    let got = client.ask(get(&lab, "/.well-known/oauth-protected-resource")).await;
    assert_eq!(*got.body(), format!(r#"{{"resource":"{own}/mcp","other":"https://other.example/"}}"#));
    let got = client.ask(get(&lab, "/sse")).await;
    assert_eq!(*got.body(), format!("event: endpoint\ndata: {own}/messages?id=1\n\n"));
    assert_eq!(client.ask(get(&lab, "/moved")).await.headers()["location"], format!("{own}/mcp"));
    // Pictures are what they are.
    assert_eq!(*client.ask(get(&lab, "/image")).await.body(), theirs);

    let encoded = |origin: &str| origin.replace(':', "%3A").replace('/', "%2F");
    let form = |origin: &str| format!("resource={}%2Fmcp", encoded(origin));
    let mut request = post(lab.address, &format!("/authorize?{}", form(&own)), form(&own));
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let got = client.ask(request).await;
    assert_eq!(*got.body(), format!("{} {}", form(&theirs), form(&theirs)));

    // The record is what the upstream got and said.
    let (entries, _, notes) = lab.end().await;
    assert!(response(&entries[1]).body.text().unwrap().contains(&theirs));
    let asked = &entries[5].request;
    assert_eq!((asked.body.text(), asked.header("accept-encoding")), (Some(form(&theirs).as_str()), None));
    assert_eq!(asked.url, format!("{theirs}/authorize?{}", form(&theirs)));
    let text = format!("{entries:?}");
    assert!(!text.contains(&lab_port(&own)), "{own} in {text}");
    assert!(!notes.iter().any(|note| note.contains("NamesUpstream")), "{notes:?}");
}

/// `127.0.0.1:PORT`
fn lab_port(origin: &str) -> String {
    origin.trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn what_leads_past_the_recorder_is_told_once() {
    for (path, place) in [
        ("/mcp", "the header `www-authenticate`"),
        ("/moved", "the header `location`"),
        ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource"),
        ("/sse", "the event `endpoint`"),
    ] {
        let address = upstream(None, names_itself).await;
        let lab = Lab::new(address).await;
        let mut client = Client::one(lab.address).await;
        assert_eq!(*client.ask(get(&lab, "/image")).await.body(), format!("http://{address}"));
        for _ in 0..2 {
            client.ask(get(&lab, path)).await;
        }
        let (_, _, notes) = lab.end().await;
        let told: Vec<_> = notes.iter().filter(|note| note.contains("NamesUpstream")).collect();
        assert!(told.len() == 1 && told[0].contains(place), "{notes:?}");
    }
}

#[tokio::test]
async fn a_host_that_was_signed_is_kept() {
    let address = upstream(None, names_itself).await;
    let mut keeping = options(&format!("http://{address}/mcp"));
    for (keeps, host) in [(false, address.to_string()), (true, "runtime.example.com".to_owned())] {
        keeping.keep_host = keeps;
        let lab = Lab::with(keeping.clone()).await.unwrap();
        let mut client = Client::one(lab.address).await;
        let request = Request::get("/moved").header("host", "runtime.example.com").body(whole("")).unwrap();
        assert_eq!(client.ask(request).await.headers()["location"], format!("http://{host}/mcp"));
        assert_eq!(lab.end().await.0[0].request.header("host"), keeps.then_some("runtime.example.com"));
    }
}
