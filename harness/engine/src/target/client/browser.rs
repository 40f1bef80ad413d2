//! The browser of a driven client: follows an authorization request, hop by hop, to the client's redirect.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::{JoinHandle, JoinSet};
use url::{Origin, Url};

use super::sightings::Sightings;
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::{Content, Failure, FailureKind, Reply, Request, is_loopback, tls};

/// Redirects followed for one request.
const HOPS: usize = 10;

/// Bytes of a page that are read.
const PAGE_LIMIT: usize = 256 * 1024;

/// How long one hop may take.
const HOP: Duration = Duration::from_secs(10);

/// How long a client may take to listen: some open the browser first.
const LISTENS: Duration = Duration::from_secs(10);
const LISTENS_PAUSE: Duration = Duration::from_millis(100);

/// Nobody refuses faster than this, and some clients lose a refusal that comes before they wait for one.
const REFUSAL: Duration = Duration::from_millis(500);

/// How often the stand-in's file is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Requests followed at the same time; a client that wants more waits.
const WINDOWS: usize = 8;

/// Secrets shorter than this are no secrets, and taking them out would mangle the output.
const SECRET: usize = 8;

/// What the browser works with.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    /// What the client wants opened.
    pub sightings: Arc<Sightings>,
    /// What the stand-in for a browser was handed.
    pub handed: PathBuf,
    /// Where the mocks are. What reaches them is in their journals; what reaches the client is recorded here.
    pub mocks: Vec<Origin>,
    /// Takes down what is sent to the client.
    pub recorder: Arc<Recorder>,
    /// Learns codes and states.
    pub secrets: Secrets,
    /// Name of the client in output.
    pub client: Arc<str>,
    /// Step that drives.
    pub step: usize,
}

/// A browser at work; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Browsing(JoinHandle<()>);

impl Drop for Browsing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Browser {
    /// Works in the background, as a browser does.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub(crate) fn start(self) -> Result<Browsing, Failure> {
        let client = http_client()?;
        Ok(Browsing(tokio::spawn(async move {
            let mut windows = JoinSet::new();
            loop {
                tokio::select! {
                    url = self.sightings.next(), if windows.len() < WINDOWS => {
                        let (browser, client) = (self.clone(), client.clone());
                        windows.spawn(async move { browser.follow(&client, url).await });
                    }
                    Some(_) = windows.join_next() => {}
                    () = tokio::time::sleep(LOOK) => self.sightings.read_handed(&self.handed),
                }
            }
        })))
    }

    /// From the first request to the end of the way, which no page tells: whoever waits for it is the client.
    async fn follow(&self, client: &reqwest::Client, url: Url) {
        let mut here = url;
        for _ in 0..HOPS {
            let next = if self.mocks.contains(&here.origin()) {
                redirect_of(&get(client, &here).await, &here)
            } else if is_loopback(&here) {
                self.deliver(client, &here).await
            } else {
                tracing::debug!("the browser does not leave this machine for {}", here.origin().ascii_serialization());
                return;
            };
            let Some(next) = next else { return };
            here = next;
        }
        tracing::debug!("the browser gave up after {HOPS} redirects");
    }

    /// Hands the client what its redirect carries, as soon as it listens.
    async fn deliver(&self, client: &reqwest::Client, here: &Url) -> Option<Url> {
        for (name, value) in here.query_pairs() {
            if matches!(name.as_ref(), "code" | "state") && value.len() >= SECRET {
                self.secrets.add(&name, &value);
            }
        }
        if here.query_pairs().any(|(name, _)| name == "error") {
            tokio::time::sleep(REFUSAL).await;
        }
        let request = Request { method: "GET".to_owned(), url: here.to_string(), headers: headers(), body: Vec::new() };
        let number = self.recorder.begin(&"browser".into(), &self.client, Some(self.step), Arc::new(request));
        let since = Instant::now();
        let reply = loop {
            let reply = get(client, here).await;
            let refused = reply.failure.as_ref().is_some_and(|f| f.kind == FailureKind::Connect);
            if !refused || since.elapsed() > LISTENS {
                break reply;
            }
            tokio::time::sleep(LISTENS_PAUSE).await;
        };
        let next = redirect_of(&reply, here);
        self.recorder.finish(number, Arc::new(reply));
        next
    }
}

fn headers() -> Vec<(String, String)> {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![header("accept", "text/html,*/*;q=0.8"), header("user-agent", crate::lifecycle::user_agent())]
}

/// `localhost` is this machine in both families, whatever the system says: clients listen on one of them.
fn http_client() -> Result<reqwest::Client, Failure> {
    let here = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::none())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(HOP)
        .timeout(HOP)
        .no_proxy()
        .resolve_to_addrs("localhost", &here)
        .build()
        .map_err(|e| Failure::new(FailureKind::Unsendable, format!("no browser: {e}")))
}

async fn get(client: &reqwest::Client, url: &Url) -> Reply {
    let started = Instant::now();
    let request = headers().into_iter().fold(client.get(url.clone()), |r, (name, value)| r.header(name, value));
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let kind = if error.is_timeout() {
                FailureKind::Timeout
            } else if error.is_connect() {
                FailureKind::Connect
            } else {
                FailureKind::Closed
            };
            // The text of the error holds the URL, and that the code.
            let message = format!("the browser got no page: {}", error.without_url());
            return Reply::failed(Failure::new(kind, message), started.elapsed());
        }
    };
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut page = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        page.extend_from_slice(&chunk[..chunk.len().min(PAGE_LIMIT - page.len())]);
        if page.len() == PAGE_LIMIT {
            break;
        }
    }
    // What a page says is for people; nothing is read from it.
    let content = match String::from_utf8(page) {
        Ok(text) if text.is_empty() => Content::Empty,
        Ok(text) => Content::Text(text),
        Err(error) => Content::Binary(error.as_bytes().len()),
    };
    Reply { status: Some(status), headers, content, failure: None, elapsed: started.elapsed() }
}

fn redirect_of(reply: &Reply, from: &Url) -> Option<Url> {
    reply.status.filter(|status| matches!(status, 301..=303 | 307 | 308))?;
    from.join(reply.header("location")?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::{RawQuery, State};
    use axum::http::{StatusCode, header::LOCATION};
    use tokio::net::TcpListener;

    use super::*;

    type Seen = Arc<Mutex<Vec<(Instant, String)>>>;

    async fn serve(listener: TcpListener, location: Option<String>) -> Seen {
        let seen = Seen::default();
        let handler = |State((seen, location)): State<(Seen, Option<String>)>, RawQuery(query): RawQuery| async move {
            seen.lock().expect("not poisoned").push((Instant::now(), query.unwrap_or_default()));
            match location {
                Some(location) => (StatusCode::FOUND, [(LOCATION, location)]),
                None => (StatusCode::OK, [(LOCATION, String::new())]),
            }
        };
        let app = Router::new().fallback(handler).with_state((Arc::clone(&seen), location));
        tokio::spawn(async move { axum::serve(listener, app).await });
        seen
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    fn browser(mocks: &[String]) -> (Browser, Arc<Sightings>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let sightings = Arc::new(Sightings::default());
        let browser = Browser {
            sightings: Arc::clone(&sightings),
            handed: folder.path().join("handed"),
            mocks: mocks.iter().map(|m| Url::parse(m).expect("a URL").origin()).collect(),
            recorder: Arc::new(Recorder::new()),
            secrets: Secrets::default(),
            client: "client".into(),
            step: 0,
        };
        (browser, sightings, folder)
    }

    async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
        for _ in 0..500 {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not in time");
    }

    fn first(seen: &Seen) -> Option<(Instant, String)> {
        seen.lock().expect("not poisoned").first().cloned()
    }

    #[tokio::test]
    async fn it_goes_from_the_output_over_the_provider_to_a_client_that_listens_late() {
        let callback = crate::target::server::free_port().expect("a port");
        let location = format!("http://localhost:{callback}/oauth/callback?code=0123456789&state=abcdefghij");
        let (listener, port) = listen().await;
        let provider = serve(listener, Some(location)).await;
        let (browser, sightings, _folder) = browser(&[format!("http://127.0.0.1:{port}")]);
        let (recorder, secrets) = (Arc::clone(&browser.recorder), browser.secrets.clone());
        let _browsing = browser.start().expect("a browser");
        sightings.scanner().push(format!("http://127.0.0.1:{port}/authorize?client_id=a\n").as_bytes());
        until(|| first(&provider)).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        let late = TcpListener::bind(("127.0.0.1", callback)).await.expect("the port is free");
        let client = serve(late, None).await;
        let (_, query) = until(|| first(&client)).await;
        assert_eq!(query, "code=0123456789&state=abcdefghij");
        let recorded = until(|| recorder.since(0).first().filter(|r| r.is_answered()).cloned()).await;
        assert_eq!((&*recorded.from, &*recorded.to), ("browser", "client"));
        assert_eq!(recorder.since(0).len(), 1, "what reached the provider is in its journal");
        assert_eq!(secrets.redactor().redact("0123456789 abcdefghij"), "${code} ${state}");
    }

    #[tokio::test]
    async fn a_refusal_is_not_delivered_at_once() {
        let (listener, port) = listen().await;
        let client = serve(listener, None).await;
        let (browser, _sightings, _folder) = browser(&[]);
        let handed = browser.handed.clone();
        let _browsing = browser.start().expect("a browser");
        let asked = Instant::now();
        std::fs::write(handed, format!("http://127.0.0.1:{port}/?error=access_denied\n")).expect("written");
        let (at, _) = until(|| first(&client)).await;
        assert!(at - asked >= REFUSAL);
    }

    #[tokio::test]
    async fn it_stays_on_this_machine_and_gives_up_on_a_circle() {
        let (listener, port) = listen().await;
        let circle = serve(listener, Some("/again".to_owned())).await;
        let (elsewhere, away_port) = listen().await;
        let away = serve(elsewhere, Some("https://example.com/".to_owned())).await;
        let (browser, _sightings, _folder) =
            browser(&[format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{away_port}")]);
        let client = http_client().expect("a client");
        let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
        browser.follow(&client, url(port)).await;
        assert_eq!(circle.lock().expect("not poisoned").len(), HOPS);
        browser.follow(&client, url(away_port)).await;
        assert_eq!(away.lock().expect("not poisoned").len(), 1);
        browser.follow(&client, Url::parse("http://192.0.2.1/?code=1").expect("a URL")).await;
        assert!(browser.recorder.since(0).is_empty());
    }
}
