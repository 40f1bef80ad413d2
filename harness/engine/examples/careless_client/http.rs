//! Requests and answers.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::Problem;
use super::options::{Options, Switch};

/// Bytes of an answer.
const BODY: usize = 1 << 20;
const HOPS: usize = 5;

/// A client without redirects, unless it is careless.
pub(crate) struct Http {
    client: reqwest::Client,
    follows: bool,
}

/// An answer.
pub(crate) struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The JSON in it.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The answer to the request with the id, from JSON or from an event stream.
    pub(crate) fn message(&self, id: &Value) -> Option<Value> {
        if !self.header("content-type").is_some_and(|t| t.starts_with("text/event-stream")) {
            return self.json();
        }
        let text = String::from_utf8_lossy(&self.body);
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok()).find(|m| m.get("id") == Some(id))
    }
}

impl Http {
    pub(crate) fn new(options: &Options) -> Result<Self, Problem> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client, follows: options.is(Switch::FollowsRedirects) })
    }

    pub(crate) async fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, Problem> {
        self.send(Method::GET, url, headers, None).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, Problem> {
        let mut here = url.clone();
        for _ in 0..HOPS {
            let mut request = self.client.request(method.clone(), here.clone());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = &body {
                request = request.body(body.clone());
            }
            let response = request.send().await.map_err(|e| format!("no answer from {here}: {e:?}"))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = Vec::new();
            let mut stream = response.bytes_stream();
            while let Some(chunk) = stream.next().await {
                body.extend_from_slice(&chunk.map_err(|e| e.to_string())?);
                if body.len() > BODY {
                    return Err(format!("the answer of {here} is larger than {BODY} bytes"));
                }
            }
            let answer = Answer { status, headers, body };
            match answer.header("location").and_then(|location| here.join(location).ok()) {
                Some(next) if self.follows && (300..400).contains(&answer.status) => here = next,
                _ => return Ok(answer),
            }
        }
        Err(format!("too many redirects from {url}"))
    }
}

/// The parameter of the Bearer challenge.
pub(crate) fn challenge_parameter(challenge: &str, name: &str) -> Option<String> {
    let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    let rest = &challenge[start..];
    Some(rest[..rest.find('"')?].to_owned())
}

/// Whether nobody on the way can read or change what goes to this URL.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https"
        || (url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
}
