//! What a session sends besides calls and notifications: raw HTTP, raw bytes, raw messages, and the GET stream.

use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::scenario::Lifecycle;
use serde_json::Value;

use super::super::HeaderChanges;
use crate::auth::Credential;
use crate::transport::http::{HttpClient, Until};
use crate::transport::raw;
use crate::transport::stdio::Wait;
use crate::transport::{Request, same_origin};

use super::message::authenticate;
use super::{Link, Session, Spoken};

impl Session {
    /// A raw HTTP request. A relative path is on the target's origin; credentials and the target's headers go only there.
    #[expect(clippy::too_many_arguments, reason = "one argument for each part of a request line and body")]
    pub(crate) async fn http(
        &self,
        step: Option<usize>,
        method: &str,
        path: Option<&str>,
        mut headers: Vec<(String, String)>,
        changes: &HeaderChanges,
        body: Vec<u8>,
        credential: Option<&Credential>,
        deadline: Duration,
    ) -> Spoken {
        let Link::Http { client, endpoint } = &self.link else {
            return self.unsendable(step, "the target speaks stdio; `http` needs `transport: http`".to_owned());
        };
        let url = match path {
            None => endpoint.clone(),
            Some(path) => match endpoint.join(path) {
                Ok(url) => url,
                Err(error) => return self.unsendable(step, format!("`{path}` is not a path or a URL: {error}")),
            },
        };
        let own_origin = same_origin(&url, endpoint);
        if own_origin {
            // What the kind of body says of itself stands over the target's headers, so that a form stays one.
            let of_body = headers.iter().find(|(n, _)| n == "content-type").cloned();
            self.add_own_headers(&mut headers);
            if let Some(of_body) = of_body {
                headers.retain(|(n, _)| n != "content-type");
                headers.push(of_body);
            }
        }
        if !headers.iter().any(|(n, _)| n == "accept") {
            headers.insert(0, ("accept".to_owned(), "*/*".to_owned()));
        }
        changes.apply(&mut headers);
        let mut request = Request { method: method.to_owned(), url: url.to_string(), headers, body };
        let alteration = self.alteration(step);
        if own_origin {
            let put = match self.credential(credential, step).await {
                Ok(credential) => authenticate(&mut request, &credential, changes, alteration.as_deref()),
                Err(message) => Err(message),
            };
            if let Err(message) = put {
                return self.unsendable(step, message);
            }
        } else if let Some(alteration) = &alteration {
            alteration.after_credentials(&mut request);
        }
        let client = if own_origin {
            client.clone()
        } else {
            match HttpClient::new(&url, client.limits()) {
                Ok(client) => client,
                Err(failure) => return self.unsendable(step, failure.message),
            }
        };
        let request = Arc::new(request);
        let id = request_id(&request.body);
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let until = Until { answer: id.as_ref(), ..Until::default() };
        let reply = Arc::new(client.send(&request, until, deadline).await);
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id, reply }
    }

    /// Bytes on a socket of their own.
    pub(crate) async fn raw(&self, step: Option<usize>, bytes: Vec<u8>, deadline: Duration) -> Spoken {
        let Link::Http { client, endpoint } = &self.link else {
            return self.unsendable(step, "the target speaks stdio; `http` needs `transport: http`".to_owned());
        };
        let request =
            Arc::new(Request { method: "raw".to_owned(), url: endpoint.to_string(), headers: Vec::new(), body: bytes });
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let reply = Arc::new(raw::exchange(&request.url, &request.body, client.limits(), deadline).await);
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id: None, reply }
    }

    /// One message as it stands: a line, or the body of a POST.
    pub(crate) async fn send(
        &self,
        step: Option<usize>,
        text: Vec<u8>,
        changes: &HeaderChanges,
        credential: Option<&Credential>,
        linger: Duration,
        deadline: Duration,
    ) -> Spoken {
        let id = request_id(&text);
        let parsed: Value = serde_json::from_slice(&text).unwrap_or_default();
        let mut headers = self.message_headers(&parsed, self.opened());
        changes.apply(&mut headers);
        let alteration = self.alteration(step);
        let request = match self.credential(credential, step).await {
            Ok(credential) => self.request(headers, text, &credential, changes, alteration.as_deref()),
            Err(message) => Err(message),
        };
        match request {
            Err(message) => self.unsendable(step, message),
            Ok(request) => {
                let request = Arc::new(request);
                let id = if alteration.is_some() { id_of(&request.body) } else { id };
                let wait = id.clone().filter(is_request_id).or_else(|| unreadable_id(&self.link, &request.body));
                let (number, reply) =
                    self.exchange(step, Arc::clone(&request), wait.as_ref(), linger, deadline, None).await;
                Spoken { number, request, id, reply }
            }
        }
    }

    /// The GET stream, or what a stdio peer says by itself.
    pub(crate) async fn listen(
        &self,
        step: Option<usize>,
        changes: &HeaderChanges,
        last_event_id: Option<&str>,
        count: Option<u64>,
        limit: Duration,
    ) -> Spoken {
        match &self.link {
            Link::Http { client, endpoint } => {
                let mut headers = vec![("accept".to_owned(), "text/event-stream".to_owned())];
                self.add_own_headers(&mut headers);
                if self.spec.lifecycle == Lifecycle::Auto {
                    self.add_version_headers(&mut headers, &Value::Null, self.opened());
                }
                if let Some(id) = last_event_id {
                    headers.push(("last-event-id".to_owned(), id.to_owned()));
                }
                changes.apply(&mut headers);
                let mut request =
                    Request { method: "GET".to_owned(), url: endpoint.to_string(), headers, body: Vec::new() };
                let put = match self.credential(None, step).await {
                    Ok(credential) => authenticate(&mut request, &credential, changes, None),
                    Err(message) => Err(message),
                };
                if let Err(message) = put {
                    return self.unsendable(step, message);
                }
                let request = Arc::new(request);
                self.spec.rate.wait().await;
                let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
                let reply = Arc::new(client.send(&request, Until { count, ..Until::default() }, limit).await);
                self.recorder.finish(number, Arc::clone(&reply));
                Spoken { number, request, id: None, reply }
            }
            Link::Stdio { peer, command } => {
                let request = Arc::new(Request {
                    method: "listen".to_owned(),
                    url: command.to_string(),
                    headers: Vec::new(),
                    body: Vec::new(),
                });
                let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
                let wait =
                    Wait { answer: None, count, linger: Duration::ZERO, deadline: limit, open_ended: true, tap: None };
                let reply = Arc::new(peer.listen(wait).await);
                self.recorder.finish(number, Arc::clone(&reply));
                Spoken { number, request, id: None, reply }
            }
        }
    }
}

/// Id of a JSON-RPC request, if the bytes are one.
fn request_id(bytes: &[u8]) -> Option<Value> {
    let Ok(Value::Object(message)) = serde_json::from_slice(bytes) else { return None };
    message.get("method")?.as_str()?;
    message.get("id").cloned()
}

/// The id in the bytes, whatever else is in them.
pub(super) fn id_of(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(bytes).ok()?.get("id").cloned()
}

/// A request id is a string or a number; an answer to a message with another one cannot repeat it.
fn is_request_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

/// A stdio peer answers what it cannot read with an error whose id is null or not there; that is what to wait for.
fn unreadable_id(link: &Link, body: &[u8]) -> Option<Value> {
    let readable = match serde_json::from_slice::<Value>(body) {
        Err(_) => false,
        Ok(message) => message.get("id").is_none_or(is_request_id),
    };
    (matches!(link, Link::Stdio { .. }) && !readable).then_some(Value::Null)
}
