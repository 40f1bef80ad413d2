//! How the sign-in speaks HTTP: every request recorded, every URL admitted first, every answer bounded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::Version;
use serde_json::Value;
use url::Url;

use super::guard::Guard;
use super::problem::{Leg, Problem, Who, quote};
use crate::lifecycle::user_agent;
use crate::target::rate::RateLimit;
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::http::{HttpClient, Until};
use crate::transport::{Content, FailureKind, Limits, Reply, Request, media_type, same_origin};

/// Bytes of a metadata document, a token response or a registration.
const DOCUMENT_BYTES: usize = 256 * 1024;

/// Time for one metadata document.
const DOCUMENT_TIME: Duration = Duration::from_secs(5);

/// Time for a request that may make the server think: a token, a registration, a page.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(10);

/// The authorization server's name in transcripts.
const AUTHORIZATION_SERVER: &str = "authorization-server";

/// What a sign-in is for, and where it is taken down.
#[derive(Clone)]
pub(crate) struct Context {
    /// Name of the client in output.
    pub client: Arc<str>,
    /// Name of the target in output.
    pub target: Arc<str>,
    /// The MCP endpoint: the resource that tokens are for.
    pub endpoint: Url,
    /// The protocol version spoken; it decides how servers are found and what is sent.
    pub version: Version,
    /// The target's headers, for requests to its own origin. `authorization` and `cookie` are left out.
    pub headers: Vec<(String, String)>,
    /// Takes down every request.
    pub recorder: Arc<Recorder>,
    /// Gets every token, code, verifier, state and assertion as it is made.
    pub secrets: Secrets,
    /// Bounds; bodies are further bounded here.
    pub limits: Limits,
    /// The target's rate, kept for requests to its origin.
    pub rate: Arc<RateLimit>,
}

impl fmt::Debug for Context {
    /// Without what is recorded, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("client", &self.client)
            .field("target", &self.target)
            .field("endpoint", &self.endpoint.as_str())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A document, or that there is none.
pub(super) enum Fetched {
    Document { value: Value, exchange: usize },
    Absent { status: u16, exchange: usize },
}

/// A request to send.
pub(super) struct Outgoing<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub until: Until<'a>,
    pub deadline: Duration,
}

impl<'a> Outgoing<'a> {
    /// A request with an answer in a body, in the usual time. Names of headers are in lower case.
    pub(super) fn new(method: &'a str, url: &'a Url, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { method, url, headers, body, until: Until::default(), deadline: REQUEST_TIME }
    }
}

/// The wire of one leg.
#[derive(Debug)]
pub(super) struct Wire<'a> {
    pub context: &'a Context,
    pub guard: Guard,
    step: Option<usize>,
    plain: Option<HttpClient>,
    tls: Option<HttpClient>,
    exchanges: Vec<usize>,
    warnings: Vec<Problem>,
}

impl<'a> Wire<'a> {
    pub(super) fn new(context: &'a Context, guard: Guard, step: Option<usize>) -> Self {
        Self { context, guard, step, plain: None, tls: None, exchanges: Vec::new(), warnings: Vec::new() }
    }

    /// Ends the leg.
    pub(super) fn leg<T>(self, result: Result<T, Problem>) -> Leg<T> {
        let version = self.context.version;
        Leg {
            result: result.map_err(|p| p.in_force(version)),
            exchanges: self.exchanges,
            warnings: self.warnings.into_iter().map(|p| p.in_force(version)).collect(),
        }
    }

    /// Notes what does not stop the leg.
    pub(super) fn warn(&mut self, problem: Problem) {
        self.warnings.push(problem);
    }

    /// What was noted so far.
    pub(super) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Keeps a value out of every output.
    pub(super) fn secret(&self, label: &str, value: &str) {
        self.context.secrets.add(label, value);
    }

    fn client(&mut self, url: &Url) -> Result<HttpClient, Problem> {
        let slot = if url.scheme() == "https" { &mut self.tls } else { &mut self.plain };
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        let limits = Limits { body: DOCUMENT_BYTES.min(self.context.limits.body), ..self.context.limits };
        let client = HttpClient::new(url, limits)
            .map_err(|failure| Problem::of_failure(&failure, url.as_str(), Who::Harness))?;
        Ok(slot.insert(client).clone())
    }

    /// Sends one request to an admitted URL. No redirect is followed, nothing is repeated.
    pub(super) async fn send(&mut self, outgoing: Outgoing<'_>, peer: Who) -> Result<(usize, Arc<Reply>), Problem> {
        let Outgoing { method, url, mut headers, body, until, deadline } = outgoing;
        self.guard.admit(url, peer).await?;
        headers.push(("user-agent".to_owned(), user_agent().to_owned()));
        let own = same_origin(url, &self.context.endpoint) && peer == Who::Server;
        if own {
            for (name, value) in &self.context.headers {
                if !matches!(name.as_str(), "authorization" | "cookie") && !headers.iter().any(|(n, _)| n == name) {
                    headers.push((name.clone(), value.clone()));
                }
            }
            self.context.rate.wait().await;
        }
        let client = self.client(url)?;
        let to = if own { Arc::clone(&self.context.target) } else { AUTHORIZATION_SERVER.into() };
        let request = Arc::new(Request { method: method.to_owned(), url: url.to_string(), headers, body });
        let number = self.context.recorder.begin(&self.context.client, &to, self.step, Arc::clone(&request));
        self.exchanges.push(number);
        let reply = Arc::new(client.send(&request, until, deadline).await);
        self.context.recorder.finish(number, Arc::clone(&reply));
        match &reply.failure {
            // What does not parse may still have a status that says enough.
            Some(failure) if failure.kind != FailureKind::Malformed || reply.status.is_none() => {
                let what = format!("{method} {}", quote(&bare(url)));
                Err(Problem::of_failure(failure, &what, peer).at(number))
            }
            _ => Ok((number, reply)),
        }
    }

    /// GETs a metadata document without credentials.
    pub(super) async fn document(&mut self, url: &Url, peer: Who) -> Result<Fetched, Problem> {
        let version = self.context.version.to_string();
        let headers = [("accept", "application/json"), ("mcp-protocol-version", version.as_str())];
        let outgoing = Outgoing { deadline: DOCUMENT_TIME, ..Outgoing::new("GET", url, &headers, Vec::new()) };
        let (exchange, reply) = self.send(outgoing, peer).await?;
        let place = quote(&bare(url));
        let status = reply.status.unwrap_or_default();
        let said = match status {
            200 => match &reply.content {
                Content::Json(value @ Value::Object(_)) => {
                    self.check_media_type(&reply, &place, peer, exchange);
                    return Ok(Fetched::Document { value: value.clone(), exchange });
                }
                _ => {
                    let message = format!("{place} answered 200 with a body that is not a JSON object");
                    return Err(Problem::new("not-json", peer, message).at(exchange));
                }
            },
            408 | 429 => format!("HTTP {status}"),
            400..=499 => return Ok(Fetched::Absent { status, exchange }),
            300..=399 => {
                let message =
                    format!("{place} redirects, and metadata must be where it is announced: it is not followed");
                return Err(Problem::new("redirected", peer, message).at(exchange));
            }
            _ => format!("HTTP {status}"),
        };
        let message = format!("{place} answered {said}; expected 200 with JSON, or 404 if there is no document");
        Err(Problem::new("server-error", peer, message).at(exchange))
    }

    fn check_media_type(&mut self, reply: &Reply, place: &str, peer: Who, exchange: usize) {
        let declared = media_type(&reply.headers).unwrap_or_default();
        let essence = declared.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let message = format!("{place} is JSON but its content-type is {}", quote(declared));
            self.warn(Problem::new("wrong-media-type", peer, message).at(exchange));
        }
    }
}

/// A URL for a message: without query and fragment, which may hold codes and states.
pub(super) fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
