//! A request on its way to the remote, and its answer back.

use bytes::Bytes;
use http::header::LOCATION;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use url::{Host, Url};

use super::answers::{empty, noted, refusal};
use super::defects::ProxyDefect;
use super::headers::{Passage, of_answer};
use super::state::View;
use crate::answer::Answer;
use crate::front::{Body, BoxError, collect, full};
use crate::sigv4::{AccessKey, SignError, Signer};

/// Largest body that is signed; a larger one is refused.
pub(super) const LARGEST_BODY: usize = 10 << 20;

/// A request as it came in, and who sent it.
pub(super) struct Inbound<'r> {
    pub(super) head: &'r Parts,
    pub(super) body: Bytes,
    pub(super) passage: Passage<'r>,
}

impl View {
    /// Signs a request, sends it to the remote and hands on what comes back, as it comes.
    pub(super) async fn forward(&self, inbound: Inbound<'_>, key: AccessKey) -> Response<Body> {
        let signed = match self.signed(&inbound, key) {
            Ok(signed) => signed,
            Err(note) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "Request signing failed", note),
        };
        if self.shows(ProxyDefect::ListBeforeInitialize) && rpc_method(&inbound.body).as_deref() == Some("initialize") {
            let listing = json!({ "jsonrpc": "2.0", "id": "proxy-probe", "method": "tools/list", "params": {} });
            let probe = Inbound {
                head: inbound.head,
                body: Bytes::from(listing.to_string()),
                passage: inbound.passage.clone(),
            };
            if let Ok(probe) = self.signed(&probe, signed.key.clone()) {
                // Whatever comes of it, the client's own request goes next.
                let _ = self.send(&probe).await;
            }
        }
        let mut answered = self.send(&signed).await;
        let has_failed = |answered: &Result<Response<Body>, BoxError>| {
            answered.as_ref().is_ok_and(|response| response.status().is_server_error())
        };
        if self.shows(ProxyDefect::SentTwiceOnFailure) && has_failed(&answered) {
            answered = self.send(&signed).await;
        }
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(%error, "the remote could not be reached");
                return noted(empty(StatusCode::BAD_GATEWAY), "remote-unreachable");
            }
        };
        if self.shows(ProxyDefect::RedirectFollowed)
            && let Some(target) = redirect_target(&signed.uri, &response)
            && let Ok(followed) = self.send(&Signed { uri: target, ..signed }).await
        {
            response = followed;
        }
        of_answer(self, response.headers_mut());
        if self.shows(ProxyDefect::FailureAsEmptySuccess) && !response.status().is_success() {
            return empty_success(&inbound.body);
        }
        match self.shows(ProxyDefect::StreamBuffered) {
            true => held_back(response).await,
            false => response,
        }
    }

    /// The request that the remote is to get.
    fn signed(&self, inbound: &Inbound<'_>, key: AccessKey) -> Result<Signed, &'static str> {
        let Inbound { head, body, passage } = inbound;
        let rewritten = self.shows(ProxyDefect::NumbersLoseDigits).then(|| with_floats(body)).flatten();
        let body = rewritten.as_ref().unwrap_or(body);
        if body.len() > LARGEST_BODY {
            return Err("body-too-large");
        }
        let uri = remote_uri(self, &head.uri).ok_or("bad-target")?;
        let mut headers = passage.to_sign();
        let is_signed = head.method == Method::POST || !self.shows(ProxyDefect::GetAndDeleteUnsigned);
        if is_signed {
            let service = match self.shows(ProxyDefect::ServiceMissing) {
                true => String::new(),
                false => self.settled.service.clone(),
            };
            let mut signer = Signer::new(key.clone(), service, self.settled.region.clone());
            signer.unsigned = passage.unsigned(&headers);
            let url = match self.shows(ProxyDefect::ClientPathSigned) {
                true => with_target(&uri, head.uri.path_and_query()).ok_or("bad-target")?,
                false => uri.clone(),
            };
            let signed = signer.sign(head.method.as_str(), &url.to_string(), &mut headers, body, self.now);
            signed.map_err(|error: SignError| {
                tracing::debug!(%error, "a request could not be signed");
                "not-signable"
            })?;
        }
        passage.finish(&mut headers, &uri);
        Ok(Signed { method: head.method.clone(), uri, headers, body: body.clone(), key })
    }

    async fn send(&self, signed: &Signed) -> Result<Response<Body>, BoxError> {
        let mut request = Request::new(Full::new(signed.body.clone()));
        *request.method_mut() = signed.method.clone();
        *request.uri_mut() = signed.uri.clone();
        *request.headers_mut() = signed.headers.clone();
        let response = self.client.request(request).await?;
        Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

/// A request that is ready to be sent.
struct Signed {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    key: AccessKey,
}

/// Where a request goes: the path of the remote takes the place of the client's, and both queries are kept, the remote's first.
fn remote_uri(view: &View, inbound: &Uri) -> Option<Uri> {
    let remote = &view.settled.remote;
    let has_path = !matches!(remote.path(), "" | "/") && !view.shows(ProxyDefect::RemotePathLost);
    let path = if has_path { remote.path() } else { inbound.path() };
    let of_remote = remote.query().filter(|_| !view.shows(ProxyDefect::RemoteQueryLost));
    let of_client = inbound.query().filter(|_| !view.shows(ProxyDefect::ClientQueryLost));
    let query: Vec<&str> = of_remote.into_iter().chain(of_client).filter(|query| !query.is_empty()).collect();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
    format!("{}{target}", remote.origin().ascii_serialization()).parse().ok()
}

fn with_target(uri: &Uri, target: Option<&PathAndQuery>) -> Option<Uri> {
    let authority = uri.authority()?.as_str();
    Uri::builder().scheme("http").authority(authority).path_and_query(target?.as_str()).build().ok()
}

/// Where a redirect leads. The remote wrote that, so the mock goes no further than loopback.
fn redirect_target<B>(from: &Uri, response: &Response<B>) -> Option<Uri> {
    if !response.status().is_redirection() {
        return None;
    }
    let base: Url = from.to_string().parse().ok()?;
    let target = base.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let is_near = match target.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (is_near && target.scheme() == "http").then(|| target.as_str().parse().ok()).flatten()
}

async fn held_back(response: Response<Body>) -> Response<Body> {
    let (head, body) = response.into_parts();
    match collect(body).await {
        Ok(body) => Response::from_parts(head, full(body)),
        Err(_) => empty(StatusCode::BAD_GATEWAY),
    }
}

fn rpc_method(body: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_slice(body).ok()?;
    message.get("method")?.as_str().map(str::to_owned)
}

/// A JSON document written anew by a program that has no other numbers than floating-point ones.
fn with_floats(body: &[u8]) -> Option<Bytes> {
    /// Up to here every integer is exact (RFC 8259 section 6).
    const EXACT: u64 = 1 << 53;
    fn blurred(value: Value) -> Value {
        match value {
            Value::Number(number) if number.as_i64().is_some_and(|exact| exact.unsigned_abs() > EXACT) => {
                // Written without a fraction, as such programs write it.
                let rounded = number.as_f64().map(|rounded| format!("{rounded:.0}"));
                rounded.and_then(|digits| digits.parse::<i64>().ok()).map_or(Value::Null, Value::from)
            }
            Value::Array(items) => items.into_iter().map(blurred).collect(),
            Value::Object(members) => members.into_iter().map(|(name, value)| (name, blurred(value))).collect(),
            other => other,
        }
    }
    let document: Value = serde_json::from_slice(body).ok()?;
    Some(Bytes::from(blurred(document).to_string()))
}

fn empty_success(body: &[u8]) -> Response<Body> {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let result = match message.get("method").and_then(Value::as_str) {
        Some("tools/list") => json!({ "tools": [] }),
        Some("tools/call") => json!({ "content": [] }),
        _ => json!({}),
    };
    let answer = json!({ "jsonrpc": "2.0", "id": message.get("id"), "result": result });
    Answer::json(200, &answer).into_response()
}
