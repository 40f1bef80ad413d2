//! The loopback listener that a browser is sent back to (RFC 8252 §7.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::super::problem::{Problem, Who};
use super::super::settings::Redirect;
use super::page::Page;

/// Bytes of a request's head.
const MOST_HEAD: usize = 32 * 1024;

/// Time for one connection: browsers open some without ever using them.
const CONNECTION_TIME: Duration = Duration::from_secs(5);

/// Waits for one redirect.
#[derive(Debug)]
pub(in super::super) struct Listener {
    inner: TcpListener,
    redirect_uri: Url,
}

impl Listener {
    /// Listens on the loopback interface, on the given port or a free one.
    pub(in super::super) async fn bind(redirect: &Redirect, port: Option<u16>) -> Result<Self, Problem> {
        let refuse = |why: String| Problem::new("no-listener", Who::Harness, why);
        let wanted = port.unwrap_or(0);
        let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await.map_err(|e| {
            refuse(format!(
                "cannot listen on port {wanted} of 127.0.0.1 for the redirect: {e}; choose another `redirect.port`"
            ))
        })?;
        let port = inner.local_addr().map_err(|e| refuse(format!("cannot listen for the redirect: {e}")))?.port();
        let text = format!("http://{}:{port}{}", redirect.host, redirect.path);
        let redirect_uri = Url::parse(&text).map_err(|e| refuse(format!("`{text}` is no redirect URI: {e}")))?;
        Ok(Self { inner, redirect_uri })
    }

    /// Where a browser has to be sent.
    pub(in super::super) fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// The URL of the first request for the redirect URI that has an answer in its query.
    pub(in super::super) async fn wait(self, patience: Duration) -> Result<Url, Problem> {
        let (found, mut first) = tokio::sync::mpsc::channel(1);
        let accept = async {
            loop {
                let Ok((stream, _)) = self.inner.accept().await else {
                    // Out of file descriptors, say: it may pass.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (found, own) = (found.clone(), self.redirect_uri.clone());
                tokio::spawn(tokio::time::timeout(CONNECTION_TIME, async move {
                    if let Some(url) = serve(stream, &own).await {
                        // Only the first one counts.
                        let _ = found.try_send(url);
                    }
                }));
            }
        };
        tokio::select! {
            () = accept => {}
            url = first.recv() => if let Some(url) = url { return Ok(url) },
            () = tokio::time::sleep(patience) => {}
        }
        let message = format!("nobody signed in within {:.0} s; was the page closed?", patience.as_secs_f64());
        Err(Problem::new("timed-out", Who::Harness, message))
    }
}

/// Answers one request; gives its URL if that is the answer waited for.
async fn serve(mut stream: TcpStream, own: &Url) -> Option<Url> {
    let mut head = Vec::new();
    let mut chunk = [0_u8; 4096];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 || head.len() + read > MOST_HEAD {
            return None;
        }
        head.extend_from_slice(chunk.get(..read)?);
    }
    let line = head.split(|b| *b == b'\r').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let url = Some(target).filter(|t| t.starts_with('/') && !t.starts_with("//")).and_then(|t| own.join(t).ok());
    let url = url.filter(|url| {
        method == "GET" && url.path() == own.path() && url.query_pairs().any(|(n, _)| n == "code" || n == "error")
    });
    let page = match &url {
        None => Page::Nothing,
        Some(url) if url.query_pairs().any(|(name, _)| name == "error") => Page::Refused,
        Some(_) => Page::Arrived,
    };
    // Whether the page is seen matters to nobody but the person.
    let _ = stream.write_all(page.answer().as_bytes()).await;
    let _ = stream.shutdown().await;
    url
}
