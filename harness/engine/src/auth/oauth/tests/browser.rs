//! Going through the authorization endpoint, by the harness and by a person.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::super::{Changes, Interaction, Leg, Notice, TokenSet, Who};
use super::lab::{Answer, Lab};

async fn authorize(lab: &Lab) -> Leg<TokenSet> {
    lab.client(&json!({ "client_id": "me" })).authorize(None, &Changes::default()).await
}

/// The redirect URI of a request with the right answer.
fn back(lab: &Lab) -> impl Fn(&super::lab::Seen) -> String + Send + Sync + 'static {
    let issuer = lab.idp.origin.clone();
    move |seen| {
        let mut to = Url::parse(&seen.query["redirect_uri"]).unwrap();
        to.query_pairs_mut().extend_pairs([("code", "c0de"), ("state", &seen.query["state"]), ("iss", &issuer)]);
        to.to_string()
    }
}

#[tokio::test]
async fn a_page_is_said_to_need_a_person() {
    let lab = Lab::start().await;
    for page in ["<html><form>".to_owned(), String::new(), "x".repeat(400_000)] {
        lab.idp.on("/v1/authorize", move |_| Answer::text(200, page.clone()));
        let problem = authorize(&lab).await.result.unwrap_err();
        assert_eq!((problem.code, problem.who), ("no-redirect", Who::AuthorizationServer));
        assert!(problem.message.contains("browser: open"), "{problem}");
        assert!(!problem.message.contains("state"), "no query in {problem}");
    }
}

#[tokio::test]
async fn refusals_at_the_endpoint_are_told_in_its_words() {
    let lab = Lab::start().await;
    let refusal = json!({ "error": "invalid_client", "error_description": "who?" });
    lab.idp.on("/v1/authorize", move |_| Answer::json(401, &refusal));
    let problem = authorize(&lab).await.result.unwrap_err();
    assert_eq!(problem.code, "authorization-refused");
    assert!(problem.message.contains("invalid_client") && problem.message.contains("who?"), "{problem}");
    lab.idp.on("/v1/authorize", |_| Answer::text(503, ""));
    assert_eq!(authorize(&lab).await.result.unwrap_err().code, "server-error");
    lab.idp.on("/v1/authorize", |_| Answer::text(302, ""));
    assert_eq!(authorize(&lab).await.result.unwrap_err().code, "no-redirect");
}

#[tokio::test]
async fn redirects_inside_the_server_are_followed_with_its_own_cookies() {
    let lab = Lab::start().await;
    let target = back(&lab);
    lab.idp.on("/v1/authorize", |seen| {
        let mut answer = Answer::redirect(format!("/login?{}", seen_query(seen)));
        answer.headers.push(("set-cookie", "sid=abcdefgh; Path=/; HttpOnly".to_owned()));
        answer.headers.push(("set-cookie", "bad\u{7f}=1".replace('\u{7f}', "")));
        answer
    });
    lab.idp.on("/login", move |seen| match seen.header("cookie") {
        Some(cookies) if cookies.contains("sid=abcdefgh") => Answer::redirect(target(seen)),
        _ => Answer::text(403, ""),
    });
    let leg = authorize(&lab).await;
    // The code is not the lab's own; that it was offered is what counts.
    assert_eq!(leg.result.unwrap_err().code, "token-refused");
    assert_eq!(lab.idp.at("/v1/token")[0].form()["code"], "c0de");
    assert_eq!(lab.idp.at("/v1/token")[0].header("cookie"), None);
}

fn seen_query(seen: &super::lab::Seen) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&seen.query).finish()
}

#[tokio::test]
async fn nobody_else_is_visited() {
    let lab = Lab::start().await;
    let foreign = lab.gateway.origin.clone();
    for location in [format!("{foreign}/steal"), "https://evil.example/".to_owned(), "//evil.example/x".to_owned()] {
        let before = lab.gateway.seen().len();
        lab.idp.on("/v1/authorize", move |_| Answer::redirect(location.clone()));
        let problem = authorize(&lab).await.result.unwrap_err();
        assert_eq!((problem.code, problem.who), ("foreign-redirect", Who::AuthorizationServer));
        assert_eq!(lab.gateway.lines()[before..].iter().filter(|l| l.contains("steal")).count(), 0);
    }
    for location in ["file:///etc/passwd", "javascript:alert(1)"] {
        lab.idp.on("/v1/authorize", move |_| Answer::redirect(location));
        assert_eq!(authorize(&lab).await.result.unwrap_err().code, "foreign-redirect");
    }
}

#[tokio::test]
async fn a_redirect_must_be_to_the_very_redirect_uri() {
    let lab = Lab::start().await;
    for location in [
        "http://127.0.0.1:33418/callback/more?code=c",
        "http://localhost:33418/callback?code=c",
        "http://127.0.0.1:33419/callback?code=c",
        "https://127.0.0.1:33418/callback?code=c",
    ] {
        lab.idp.on("/v1/authorize", move |_| Answer::redirect(location));
        assert_eq!(authorize(&lab).await.result.unwrap_err().code, "foreign-redirect", "{location}");
    }
}

#[tokio::test]
async fn a_circle_ends() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/authorize", |_| Answer::redirect("/v1/authorize"));
    assert_eq!(authorize(&lab).await.result.unwrap_err().code, "too-many-redirects");
    assert_eq!(lab.idp.at("/v1/authorize").len(), 10);
}

#[tokio::test]
async fn without_a_browser_the_caller_is_told() {
    let lab = Lab::start().await;
    let leg = lab.client(&json!({ "browser": "none" })).authorize(None, &Changes::default()).await;
    let problem = leg.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("browser-needed", Who::Harness));
    assert_eq!(lab.idp.seen().len(), 0);
}

/// One GET on a socket; the answer's head and body.
async fn get(port: u16, target: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A person who visits the URL and does with the listener whatever the closure does first.
fn person<F, Fut>(first: F) -> (Interaction, Arc<AtomicUsize>)
where
    F: Fn(Url) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let announced = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&announced);
    let handle = tokio::runtime::Handle::current();
    let interaction = Interaction {
        tell: Arc::new(move |notice| {
            assert!(matches!(notice, Notice::Visit { target: "gateway", url, .. } if url.contains("code_challenge=")));
            counted.fetch_add(1, Ordering::Relaxed);
        }),
        open: Arc::new(move |url| {
            let (url, first) = (Url::parse(url).unwrap(), first.clone());
            handle.spawn(async move {
                let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
                first(Url::parse(&query["redirect_uri"]).unwrap()).await;
                // Goes on as a browser would.
                let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
                let client = client.tls_backend_preconfigured(crate::transport::tls::none()).build().unwrap();
                let answer = client.get(url).send().await.unwrap();
                let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
                let target = format!("{}?{}", location.path(), location.query().unwrap());
                let page = get(location.port().unwrap(), &target).await;
                assert!(page.starts_with("HTTP/1.1 200") && page.contains("default-src 'none'"), "{page}");
            });
            Ok(())
        }),
        patience: Duration::from_secs(10),
        ..Interaction::default()
    };
    (interaction, announced)
}

#[tokio::test]
async fn a_person_signs_in_by_browser_and_listener() {
    let lab = Lab::start().await;
    let (interaction, announced) = person(|redirect_uri: Url| async move {
        let port = redirect_uri.port().unwrap();
        // What else a browser asks for, and what it opens without asking, is no answer.
        let idle = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        for target in
            ["/favicon.ico", "/callback", "/callback/?code=x", "/other?code=x", "//evil.example/callback?code=x"]
        {
            let answer = get(port, target).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
        }
        let mut loud = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = loud.write_all(&vec![b'x'; 100_000]).await;
        drop(idle);
    });
    let client = lab.client(&json!({ "browser": "open", "cache": false })).with_interaction(interaction);
    let leg = client.authorize(None, &Changes::default()).await;
    assert_eq!(leg.result.unwrap().access_token.expose(), "at-1");
    assert_eq!(announced.load(Ordering::Relaxed), 1);
    let redirect = &lab.idp.at("/v1/authorize")[0].query["redirect_uri"];
    assert_eq!(lab.idp.at("/v1/register")[0].json()["redirect_uris"], json!([redirect]));
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let lab = Lab::start().await;
    let interaction = Interaction {
        open: Arc::new(|_| Err("there is no browser".to_owned())),
        patience: Duration::from_millis(100),
        ..Interaction::default()
    };
    let client = lab.client(&json!({ "browser": "open", "cache": false })).with_interaction(interaction);
    let problem = client.authorize(None, &Changes::default()).await.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("timed-out", Who::Harness));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let lab = Lab::start().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = json!({ "browser": "open", "cache": false, "redirect": { "port": port } });
    let interaction = Interaction { patience: Duration::from_secs(10), ..Interaction::default() };
    let client = lab.client(&settings).with_interaction(interaction);
    let problem = client.authorize(None, &Changes::default()).await.result.unwrap_err();
    assert_eq!(problem.code, "no-listener");
    assert!(problem.message.contains(&port.to_string()) && problem.message.contains("redirect.port"), "{problem}");
}
