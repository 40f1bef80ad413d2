//! Requests to the runtime: one origin that is told by the `Host` header which of the service's hosts is meant.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::super::failure::{Failure, FailureKind};
use crate::answer::header_in;
use crate::outbound::{Outbound, OutboundAnswer, OutboundError};

/// Largest answer that is read.
const LARGEST_ANSWER: usize = 4 << 20;

/// When a connection without a byte is given up, whatever the configuration says.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// A POST to one of the hosts.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer that has arrived whole.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header_in(&self.headers, name)
    }

    /// The rest of an answer.
    pub(super) async fn read(answer: OutboundAnswer) -> Result<Self, Failure> {
        let (status, headers) = (answer.status.as_u16(), answer.headers.clone());
        let body = answer.bytes().await.map_err(failed)?;
        Ok(Self { status, headers, body: body.into() })
    }
}

/// The way to the runtime. Connections are kept.
#[derive(Debug, Clone)]
pub(in super::super) struct Connection {
    runtime: Url,
    outbound: Outbound,
}

impl Connection {
    pub(in super::super) fn new(runtime: &Url) -> Result<Self, OutboundError> {
        let outbound = Outbound::new(runtime, LONGEST_SILENCE, LARGEST_ANSWER)?;
        Ok(Self { runtime: runtime.clone(), outbound })
    }

    /// Sends a request and takes the head of its answer.
    pub(super) async fn open(&self, request: Outgoing) -> Result<OutboundAnswer, Failure> {
        let unsendable = |error: &dyn std::error::Error| Failure::new(FailureKind::Unreachable, error.to_string());
        let address = self.runtime.join(&request.target).map_err(|error| unsendable(&error))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(request.host).map_err(|error| unsendable(&error))?);
        for (name, value) in request.headers {
            let value = HeaderValue::try_from(value).map_err(|error| unsendable(&error))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        self.outbound.send(Method::POST, address, headers, request.body).await.map_err(failed)
    }
}

/// Bounds a wait; none waits without end.
pub(super) async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match patience {
        None => work.await,
        Some(patience) => tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Timeout, format!("no answer within {} ms", patience.as_millis())))
        }),
    }
}

pub(super) fn failed(error: OutboundError) -> Failure {
    let kind = match error {
        OutboundError::NoAnswer(_) | OutboundError::CutOff(_) => FailureKind::Unreachable,
        OutboundError::TimedOut => FailureKind::Timeout,
        OutboundError::TooLarge(_) => FailureKind::Malformed,
    };
    Failure::new(kind, error.to_string())
}
