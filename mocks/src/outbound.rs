//! Requests that a mock makes itself: no proxy, no redirects, no retries, bounded bodies, and answers that stream.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// Time to open a connection.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// A client for one origin, with a connection pool of its own.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    client: reqwest::Client,
    largest_body: usize,
}

/// Why there is no answer, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutboundError {
    /// Nobody listens, or the connection ended before an answer began.
    #[error("{0}")]
    NoAnswer(String),
    /// No byte came for too long.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended in the middle of the body.
    #[error("the answer was cut off: {0}")]
    CutOff(String),
    /// The body is larger than allowed.
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
}

/// An answer whose head has come.
#[derive(Debug)]
pub(crate) struct OutboundAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    response: reqwest::Response,
    largest_body: usize,
}

impl Outbound {
    /// A client for `origin`. `silence` bounds the time without a byte, before the answer and in it; `largest_body` is in bytes.
    ///
    /// # Errors
    /// The certificate authorities of the system cannot be read.
    pub(crate) fn new(origin: &Url, silence: Duration, largest_body: usize) -> Result<Self, OutboundError> {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(LONGEST_CONNECT)
            .read_timeout(silence);
        let client = match origin.scheme() {
            // Reading the system's certificate authorities takes time, and not every container has any.
            "http" => builder.tls_certs_only([]).build(),
            _ => builder.build(),
        };
        let client = client.map_err(|error| OutboundError::NoAnswer(described(&error)))?;
        Ok(Self { client, largest_body })
    }

    /// Sends a request as it is and returns as soon as the head of the answer has come.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<OutboundAnswer, OutboundError> {
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into().into());
        let response = self.client.execute(request).await.map_err(|error| match error.is_timeout() {
            true => OutboundError::TimedOut,
            false => OutboundError::NoAnswer(described(&error)),
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(OutboundAnswer { status, headers, response, largest_body: self.largest_body })
    }
}

impl OutboundAnswer {
    /// The whole body.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, OutboundError> {
        let mut bytes = Vec::new();
        let mut pieces = std::pin::pin!(self.pieces());
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// The body piece by piece, as it arrives; it ends after the first error.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes, OutboundError>> + Send {
        let largest = self.largest_body;
        self.response.bytes_stream().scan(Some(largest), move |left, piece| {
            let next = left.map(|room| match piece {
                Ok(piece) if piece.len() > room => Err(OutboundError::TooLarge(largest)),
                Ok(piece) => Ok(piece),
                Err(error) if error.is_timeout() => Err(OutboundError::TimedOut),
                Err(error) => Err(OutboundError::CutOff(described(&error))),
            });
            let taken = next.as_ref().and_then(|piece| piece.as_ref().ok()).map(Bytes::len);
            *left = left.zip(taken).map(|(room, taken)| room - taken);
            std::future::ready(next)
        })
    }
}

/// The innermost reason; the outer ones only repeat the URL.
fn described(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Answers every request with these bytes and closes the connection, or keeps it open for good.
    async fn server(answer: &'static [u8], keep_open: bool) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer).await;
                if keep_open {
                    open.push(stream);
                }
            }
        });
        url
    }

    async fn get(answer: &'static [u8], keep_open: bool) -> Result<(StatusCode, Vec<u8>), OutboundError> {
        let url = server(answer, keep_open).await;
        // What stays open and says nothing more is waited for in vain.
        let silence = Duration::from_millis(if keep_open { 200 } else { 20_000 });
        let outbound = Outbound::new(&url, silence, 8)?;
        let answer = outbound.send(Method::GET, url, HeaderMap::new(), Bytes::new()).await?;
        Ok((answer.status, answer.bytes().await?))
    }

    #[tokio::test]
    async fn answers_are_taken_as_they_are() {
        let redirect = b"HTTP/1.1 307 x\r\nlocation: /elsewhere\r\ncontent-length: 4\r\n\r\nbody";
        assert_eq!(get(redirect, false).await, Ok((StatusCode::TEMPORARY_REDIRECT, b"body".to_vec())));
    }

    #[tokio::test]
    async fn what_goes_wrong_is_told_apart() {
        let refused = get(b"", false).await.unwrap_err();
        assert!(matches!(refused, OutboundError::NoAnswer(_)), "{refused}");
        let cut = get(b"HTTP/1.1 200 x\r\ncontent-length: 6\r\n\r\nabc", false).await.unwrap_err();
        assert!(matches!(cut, OutboundError::CutOff(_)), "{cut}");
        let large = get(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nabcdefghi", false).await;
        assert_eq!(large, Err(OutboundError::TooLarge(8)));
        assert_eq!(get(b"", true).await, Err(OutboundError::TimedOut));
        assert_eq!(get(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\na", true).await, Err(OutboundError::TimedOut));
    }

    #[tokio::test]
    async fn pieces_come_as_they_arrive() {
        let url = server(b"HTTP/1.1 200 x\r\ncontent-length: 8\r\n\r\nab", true).await;
        let outbound = Outbound::new(&url, Duration::from_secs(20), 8).unwrap();
        let answer = outbound.send(Method::GET, url, HeaderMap::new(), Bytes::new()).await.unwrap();
        let mut pieces = std::pin::pin!(answer.pieces());
        assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"ab"))));
    }
}
