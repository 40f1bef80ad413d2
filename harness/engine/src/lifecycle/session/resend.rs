//! Requests as somebody else made them before.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::super::{HeaderChanges, user_agent};
use crate::transport::http::Until;
use crate::transport::stdio::Wait;
use crate::transport::{Arrival, Content, Reply, Request};

use super::message::authenticate;
use super::{Link, Session, Spoken};

/// A request, and what to wait for.
#[derive(Debug)]
pub(crate) struct Resend {
    /// HTTP method; not looked at over stdio.
    pub method: String,
    /// Path and query on the target's origin; none for the endpoint.
    pub path: Option<String>,
    /// As they are sent, but for credentials; those of the target go over them.
    pub headers: Vec<(String, String)>,
    /// The body, or the line.
    pub body: Vec<u8>,
    /// The id whose answer is waited for.
    pub answer: Option<Value>,
    /// Without an answer to wait for: so many messages.
    pub count: Option<u64>,
    /// How long to go on reading after the answer.
    pub linger: Duration,
    /// Gets the server's own requests as they arrive.
    pub tap: Option<UnboundedSender<Value>>,
    /// Gets every event of a stream over HTTP as it arrives.
    pub events: Option<UnboundedSender<Arrival>>,
}

impl Session {
    /// Sends a request as it stands, with the target's credentials. `step` is what it is in the record.
    pub(crate) async fn resend(&self, step: usize, resend: Resend, deadline: Duration) -> Spoken {
        let Resend { method, path, headers, body, answer, count, linger, tap, events } = resend;
        let prepared = match &self.link {
            Link::Stdio { command, .. } => {
                Ok(Request { method: "stdin".to_owned(), url: command.to_string(), headers: Vec::new(), body })
            }
            Link::Http { .. } => self.prepared(step, method, path.as_deref(), headers, body).await,
        };
        let request = match prepared {
            Ok(request) => Arc::new(request),
            Err(message) => return self.unsendable(Some(step), message),
        };
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, Some(step), Arc::clone(&request));
        let reply = match &self.link {
            Link::Http { client, .. } => {
                client.send(&request, Until { answer: answer.as_ref(), count, linger, tap, events }, deadline).await
            }
            Link::Stdio { peer, .. } if answer.is_some() || count.is_some() => {
                let open_ended = answer.is_none();
                peer.exchange(&request, Wait { answer: answer.as_ref(), count, linger, deadline, open_ended, tap })
                    .await
            }
            Link::Stdio { peer, .. } => match peer.write(&request.body, deadline).await {
                Ok(()) => Reply {
                    status: None,
                    headers: Vec::new(),
                    content: Content::Empty,
                    failure: None,
                    elapsed: Duration::ZERO,
                },
                Err(failure) => Reply::failed(failure, Duration::ZERO),
            },
        };
        let reply = Arc::new(reply);
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id: answer, reply }
    }

    async fn prepared(
        &self,
        step: usize,
        method: String,
        path: Option<&str>,
        mut headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Request, String> {
        let Link::Http { endpoint, .. } = &self.link else { return Err("the target speaks stdio".to_owned()) };
        let mut url = endpoint.clone();
        if let Some(path) = path {
            // Never another origin, whatever the path is made of.
            let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            url.set_path(path);
            url.set_query(query);
        }
        if !headers.iter().any(|(name, _)| name == "user-agent") {
            headers.push(("user-agent".to_owned(), user_agent().to_owned()));
        }
        let credential = self.credential(None, Some(step)).await?;
        let own = credential.header_names();
        headers.retain(|(name, _)| !own.contains(&name.as_str()));
        let mut request = Request { method, url: url.to_string(), headers, body };
        authenticate(&mut request, &credential, &HeaderChanges::default(), None)?;
        Ok(request)
    }
}
