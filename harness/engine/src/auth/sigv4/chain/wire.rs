//! How the chain speaks HTTP: every request recorded, every answer bounded, secrets learnt before anybody sees them.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::lifecycle::user_agent;
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::http::{HttpClient, Until};
use crate::transport::{Limits, Reply, Request, is_loopback};

/// Bytes of an answer.
const MOST_BYTES: usize = 256 * 1024;

/// Time for an answer of a service.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(8);

/// Who needs credentials, and where is taken down how they were got.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    /// Name of the client in output.
    pub client: Arc<str>,
    /// Takes down every request.
    pub recorder: Arc<Recorder>,
    /// Step that needs them.
    pub step: Option<usize>,
    /// Gets every key and token as it is made.
    pub secrets: Secrets,
}

impl Witness {
    /// Sends a request that is ready, and reads the answer. No redirect is followed, nothing is repeated.
    ///
    /// # Errors
    /// One sentence when there is no whole answer.
    pub(super) async fn send(&self, service: &str, mut request: Request, time: Duration) -> Result<Arc<Reply>, String> {
        let what = format!("{} at {}", service_name(service), bare(&request.url));
        let url = Url::parse(&request.url).map_err(|error| format!("{what} is not a URL: {error}"))?;
        request.headers.push(("user-agent".to_owned(), user_agent().to_owned()));
        let connect = Limits::default().connect.min(time);
        let limits = Limits { body: MOST_BYTES, connect, ..Limits::default() };
        let client = HttpClient::new(&url, limits).map_err(|failure| format!("{what}: {failure}"))?;
        let request = Arc::new(request);
        let number = self.recorder.begin(&self.client, &service.into(), self.step, Arc::clone(&request));
        let reply = Arc::new(client.send(&request, Until::default(), time).await);
        self.recorder.finish(number, Arc::clone(&reply));
        match (&reply.failure, reply.status) {
            (Some(failure), None) => Err(format!("{what} does not answer: {failure}")),
            _ => Ok(reply),
        }
    }
}

/// An endpoint that a variable or a file names.
///
/// # Errors
/// One sentence when it is no URL, or one that keys must not go to.
pub(super) fn endpoint(text: &str, source: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{source} is not a URL: {error}: `{text}`"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("{source} is plain http, which only a loopback host may use; expected https: `{text}`")),
        _ => Err(format!("{source} is neither http nor https: `{text}`")),
    }
}

fn service_name(service: &str) -> &str {
    match service {
        "sts" => "STS",
        "sso" => "IAM Identity Center",
        other => other,
    }
}

/// A URL for a message: without its query.
fn bare(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
