//! One origin in place of another, in what passes: `http://127.0.0.1:8080` where the upstream says `https://gateway.example.com`, and
//! back. What passes is held back only as far as it may be the beginning of an origin.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aho_corasick::{AhoCorasick, MatchKind};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use hyper::body::{Body, Frame, SizeHint};
use url::Url;

/// Both ways between a client and the upstream.
#[derive(Debug)]
pub(super) struct Origins {
    pub(super) to_upstream: Arc<Swap>,
    pub(super) to_client: Arc<Swap>,
}

impl Origins {
    /// `host` is what the client calls the recorder, `local` its address.
    pub(super) fn new(host: Option<&str>, local: Option<SocketAddr>, upstream: &Url) -> Self {
        let theirs = upstream.origin().ascii_serialization();
        let own: Vec<String> =
            host.map(str::to_owned).into_iter().chain(local.map(|address| address.to_string())).collect();
        let own: Vec<String> = own.into_iter().map(|host| format!("http://{host}")).collect();
        let to_client = own.first().map_or("", String::as_str);
        Self { to_upstream: Arc::new(Swap::new(&own, &theirs)), to_client: Arc::new(Swap::new(&[theirs], to_client)) }
    }
}

/// Replaces origins, in the spellings that URLs have in headers, JSON and forms.
#[derive(Debug)]
pub(super) struct Swap {
    from: Vec<String>,
    to: Vec<String>,
    searcher: Option<AhoCorasick>,
}

impl Swap {
    pub(super) fn new(from: &[String], to: &str) -> Self {
        let spellings = |origin: &str| {
            let encoded = |colon: &str, slash: &str| origin.replace(':', colon).replace('/', slash);
            [origin.to_owned(), origin.replace('/', "\\/"), encoded("%3A", "%2F"), encoded("%3a", "%2f")]
        };
        let from: Vec<String> = from.iter().flat_map(|origin| spellings(origin)).collect();
        let to = spellings(to).into_iter().cycle().take(from.len()).collect();
        let searcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&from).ok();
        Self { from, to, searcher }
    }

    /// The text with the origins replaced, and how much of it was looked at: the rest, unless it is the last, may be the beginning of
    /// an origin.
    fn replaced(&self, text: &[u8], is_last: bool) -> (Vec<u8>, usize) {
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        for found in self.searcher.iter().flat_map(|searcher| searcher.find_iter(text)) {
            match continues(&text[found.end()..]) {
                None if !is_last => {
                    out.extend_from_slice(&text[done..found.start()]);
                    return (out, found.start());
                }
                None | Some(false) => {
                    out.extend_from_slice(&text[done..found.start()]);
                    out.extend_from_slice(self.to[found.pattern().as_usize()].as_bytes());
                    done = found.end();
                }
                Some(true) => {}
            }
        }
        let end = if is_last { text.len() } else { text.len() - self.begun(&text[done..]) };
        out.extend_from_slice(&text[done..end]);
        (out, end)
    }

    /// How many bytes at the end of the text are the beginning of an origin.
    fn begun(&self, text: &[u8]) -> usize {
        let longest = self.from.iter().map(|origin| origin.len() - 1).max().unwrap_or(0).min(text.len());
        let begins =
            |length: &usize| self.from.iter().any(|origin| origin.as_bytes().starts_with(&text[text.len() - length..]));
        (1..=longest).rev().find(begins).unwrap_or(0)
    }

    fn whole(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.searcher.as_ref().filter(|searcher| searcher.is_match(text)).map(|_| self.replaced(text, true).0)
    }

    /// In all headers.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if let Some(rewritten) = self.whole(value.as_bytes())
                && let Ok(rewritten) = HeaderValue::from_bytes(&rewritten)
            {
                *value = rewritten;
            }
        }
    }

    /// In a path with a query.
    pub(super) fn path(&self, path: &PathAndQuery) -> PathAndQuery {
        let rewritten = self.whole(path.as_str().as_bytes());
        rewritten.and_then(|rewritten| PathAndQuery::try_from(rewritten).ok()).unwrap_or_else(|| path.clone())
    }
}

/// Whether what follows an origin makes it another one, as in `http://a.example.com`; none if that is not known yet.
fn continues(rest: &[u8]) -> Option<bool> {
    match rest {
        [] | [b'%'] | [b'%', _] => None,
        // A colon, in a form.
        [b'%', b'3', b'a' | b'A', ..] => Some(true),
        [next, ..] => {
            Some(next.is_ascii_alphanumeric() || matches!(next, b'.' | b'-' | b'_' | b':' | b'@') || !next.is_ascii())
        }
    }
}

/// A body in which origins are replaced.
#[derive(Debug)]
pub(super) struct Rewritten<B> {
    inner: B,
    /// None for what is passed on as it is.
    swap: Option<Arc<Swap>>,
    held_back: Vec<u8>,
    ended: bool,
}

impl<B: Body<Data = Bytes>> Rewritten<B> {
    /// `headers` are those of the message: of a text without a content coding, which is rewritten, the length is not known any more.
    pub(super) fn new(inner: B, swap: Arc<Swap>, headers: &mut HeaderMap) -> Self {
        let swaps = !inner.is_end_stream() && is_plain_text(headers);
        if swaps {
            headers.remove(header::CONTENT_LENGTH);
        }
        Self { inner, swap: swaps.then_some(swap), held_back: Vec::new(), ended: false }
    }
}

fn is_plain_text(headers: &HeaderMap) -> bool {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_ascii_lowercase);
    if text(header::CONTENT_ENCODING).is_some_and(|coding| coding.trim() != "identity") {
        return false;
    }
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || matches!(essence, "application/json" | "application/x-www-form-urlencoded")
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Rewritten<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(swap) = &this.swap else { return Pin::new(&mut this.inner).poll_frame(cx) };
        while !this.ended {
            let (frame, is_last) = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => (data, false),
                    // Trailers come last, and say nothing of origins.
                    Err(_) => (Bytes::new(), true),
                },
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => (Bytes::new(), true),
            };
            this.ended = is_last;
            this.held_back.extend_from_slice(&frame);
            let (out, done) = swap.replaced(&this.held_back, is_last);
            this.held_back.drain(..done);
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        if self.swap.is_some() { self.ended } else { self.inner.is_end_stream() }
    }

    fn size_hint(&self) -> SizeHint {
        if self.swap.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swap() -> Swap {
        Swap::new(&["https://gateway.example.com".to_owned()], "http://127.0.0.1:8080")
    }

    #[test]
    fn origins_are_replaced_in_every_spelling_and_others_are_not() {
        for (text, rewritten) in [
            ("https://gateway.example.com", "http://127.0.0.1:8080"),
            (r#"{"a":"https://gateway.example.com/mcp"}"#, r#"{"a":"http://127.0.0.1:8080/mcp"}"#),
            (r#""https:\/\/gateway.example.com\/mcp""#, r#""http:\/\/127.0.0.1:8080\/mcp""#),
            ("resource=https%3A%2F%2Fgateway.example.com%2Fmcp&x", "resource=http%3A%2F%2F127.0.0.1%3A8080%2Fmcp&x"),
            ("https%3a%2f%2fgateway.example.com%2fmcp", "http%3a%2f%2f127.0.0.1%3a8080%2fmcp"),
            ("https%3A%2F%2Fgateway.example.com%3A444", "https%3A%2F%2Fgateway.example.com%3A444"),
            ("https://gateway.example.com:444/", "https://gateway.example.com:444/"),
            ("https://gateway.example.com.evil.example/", "https://gateway.example.com.evil.example/"),
            ("https://gateway.example.com@evil.example/", "https://gateway.example.com@evil.example/"),
            ("http://gateway.example.com/", "http://gateway.example.com/"),
        ] {
            assert_eq!(String::from_utf8_lossy(&swap().replaced(text.as_bytes(), true).0), rewritten);
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let text = "https://gateway.example.com https://gateway.example.comx hhttps://gateway.example.com\n\n";
        let whole = swap().replaced(text.as_bytes(), true).0;
        for size in 1..text.len() {
            let (mut held, mut out) = (Vec::new(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                held.extend_from_slice(piece);
                let (ready, done) = swap().replaced(&held, false);
                out.extend(ready);
                held.drain(..done);
            }
            // What cannot be the beginning of an origin is not held back.
            assert_eq!(held, b"", "pieces of {size}");
            assert_eq!(out, whole, "pieces of {size}");
        }
    }
}
