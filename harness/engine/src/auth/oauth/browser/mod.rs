//! Going through the authorization endpoint: by the harness itself, or by a person in a browser.

mod listener;
mod page;
mod turn;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

pub(super) use listener::Listener;
pub(crate) use turn::Turn;

use super::authorization::AuthorizationRequest;
use super::discovery::Discovered;
use super::problem::{Problem, Who, quote};
use super::wire::{Outgoing, REQUEST_TIME, Wire, bare};
use crate::transport::{Content, Reply};

/// Pages that are gone through at most.
const MOST_HOPS: usize = 10;

/// Time for all of them.
const FOLLOW_TIME: Duration = Duration::from_secs(30);

/// Cookies kept of one origin.
const MOST_COOKIES: usize = 50;

/// Bytes of one cookie.
const MOST_COOKIE_BYTES: usize = 4096;

/// Opens a URL in a browser.
pub(crate) type Opener = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Bytes below which a cookie is a flag, not a secret.
const LEAST_COOKIE_SECRET: usize = 8;

/// What the person who signs in is told.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// What has to be visited. The URL holds the request's `state`: it is for the person alone, not for reports or logs.
    Visit {
        /// Name of the target.
        target: &'a str,
        /// The authorization request.
        url: &'a str,
        /// How long it is waited for.
        patience: Duration,
    },
    /// No browser could be opened, so that the URL has to be visited by hand.
    NoBrowser {
        /// Why.
        error: &'a str,
    },
}

/// Tells the person.
pub(crate) type Tell = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// How a person is asked to sign in.
#[derive(Clone)]
pub(crate) struct Interaction {
    /// Shows what there is to do.
    pub tell: Tell,
    /// Opens a URL in a browser.
    pub open: Opener,
    /// How long the person may take; zero: there is nobody.
    pub patience: Duration,
    /// Nobody signs in to two things at once.
    pub turn: Arc<Turn>,
}

impl Default for Interaction {
    /// Nobody to be asked, and the user's browser if there is.
    fn default() -> Self {
        Self {
            tell: Arc::new(|_| {}),
            open: Arc::new(|url| webbrowser::open(url).map_err(|e| e.to_string())),
            patience: Duration::ZERO,
            turn: Arc::default(),
        }
    }
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// What the browser was sent back with.
#[derive(Debug)]
pub(super) struct Redirected {
    /// The redirect URI with its answer.
    pub url: Url,
    /// The exchange whose answer it is, if the harness went itself.
    pub exchange: Option<usize>,
}

/// Goes to the authorization endpoint and follows redirects inside the authorization server until one leads back. Nothing
/// of the target's is sent; cookies live for this one visit and stay with the origin that set them.
pub(super) async fn follow(
    wire: &mut Wire<'_>,
    found: &Discovered,
    request: &AuthorizationRequest,
) -> Result<Redirected, Problem> {
    let peer = Who::AuthorizationServer;
    let started = Instant::now();
    let home = [found.metadata.authorization_endpoint.clone(), Url::parse(&found.issuer).ok()];
    let mut cookies = Cookies::default();
    let mut url = request.url.clone();
    for _ in 0..MOST_HOPS {
        let left = FOLLOW_TIME.saturating_sub(started.elapsed()).min(REQUEST_TIME);
        let headers = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        let mut outgoing = Outgoing { deadline: left, ..Outgoing::new("GET", &url, &headers, Vec::new()) };
        outgoing.headers.extend(cookies.header(&url));
        let (exchange, reply) = wire.send(outgoing, peer).await.map_err(|problem| match problem.code {
            // No redirect has a large body.
            "too-large" => Problem { message: page(&url), code: "no-redirect", ..problem },
            _ => problem,
        })?;
        let problem = |code, message: String| Problem::new(code, peer, message).at(exchange);
        let status = reply.status.unwrap_or_default();
        let location = reply.header("location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
        let Some(location) = location else { return Err(stopped(&url, status, &reply, exchange)) };
        let Ok(next) = url.join(location) else {
            let message = format!("{} redirects to something that is no URL", quote(&bare(&url)));
            return Err(problem("bad-url", message));
        };
        for part in [next.query(), next.fragment()].into_iter().flatten() {
            for (_, code) in url::form_urlencoded::parse(part.as_bytes()).filter(|(name, _)| name == "code") {
                wire.secret("code", &code);
            }
        }
        if request.is_redirect(&next) {
            return Ok(Redirected { url: next, exchange: Some(exchange) });
        }
        if !home.iter().flatten().any(|home| home.origin() == next.origin()) {
            let message = format!(
                "{} redirects to {}, which is neither the authorization server nor the redirect URI {}; it is not followed",
                quote(&bare(&url)),
                quote(&bare(&next)),
                quote(&request.redirect_uri)
            );
            return Err(problem("foreign-redirect", message));
        }
        cookies.take(wire, &url, &reply);
        url = next;
    }
    let message = format!("the authorization server redirected {MOST_HOPS} times and not back to the redirect URI");
    Err(Problem::new("too-many-redirects", peer, message))
}

/// What is said of a page where a redirect should be.
fn page(url: &Url) -> String {
    let place = quote(&bare(url));
    format!(
        "{place} answers with a page instead of a redirect, so somebody has to sign in there; use `browser: open`, or a client that needs no consent"
    )
}

/// Why the authorization endpoint did not lead on.
fn stopped(url: &Url, status: u16, reply: &Reply, exchange: usize) -> Problem {
    let place = quote(&bare(url));
    let peer = Who::AuthorizationServer;
    let (code, message) = match (status, &reply.content) {
        (200..=299, _) => ("no-redirect", page(url)),
        (300..=399, _) => {
            ("no-redirect", format!("{place} answers HTTP {status} without a `location` that can be followed"))
        }
        (400..=499, content) => {
            let empty = Value::Null;
            let document = if let Content::Json(document) = content { document } else { &empty };
            let said = super::token::error_text(document);
            ("authorization-refused", format!("{place} refused the authorization request with HTTP {status}{said}"))
        }
        _ => ("server-error", format!("{place} answered HTTP {status}")),
    };
    Problem::new(code, peer, message).at(exchange)
}

/// Cookies of one visit, by origin.
#[derive(Default)]
struct Cookies(BTreeMap<String, Vec<(String, String)>>);

impl Cookies {
    fn header(&self, url: &Url) -> Option<(String, String)> {
        let own = self.0.get(&url.origin().ascii_serialization()).filter(|own| !own.is_empty())?;
        let pairs: Vec<String> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Some(("cookie".to_owned(), pairs.join("; ")))
    }

    fn take(&mut self, wire: &Wire<'_>, url: &Url, reply: &Reply) {
        let own = self.0.entry(url.origin().ascii_serialization()).or_default();
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            let is_sendable = pair.len() <= MOST_COOKIE_BYTES && pair.bytes().all(|b| (0x20..0x7f).contains(&b));
            if name.is_empty() || !is_sendable {
                continue;
            }
            if value.len() >= LEAST_COOKIE_SECRET {
                wire.secret("cookie", &value);
            }
            own.retain(|(n, _)| *n != name);
            if own.len() < MOST_COOKIES {
                own.push((name, value));
            }
        }
    }
}

/// Sends a person there and waits for the redirect.
pub(super) async fn open(
    request: &AuthorizationRequest,
    listener: Listener,
    target: &str,
    interaction: &Interaction,
) -> Result<Redirected, Problem> {
    let patience = interaction.patience;
    let shown = request.url.to_string();
    (interaction.tell)(Notice::Visit { target, url: &shown, patience });
    let (open, tell) = (Arc::clone(&interaction.open), Arc::clone(&interaction.tell));
    // A browser of the terminal does not return before it is closed; nobody waits for it.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = open(&shown) {
            tell(Notice::NoBrowser { error: &error });
        }
    });
    let url = listener.wait(patience).await?;
    Ok(Redirected { url, exchange: None })
}
