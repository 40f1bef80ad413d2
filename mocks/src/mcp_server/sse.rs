//! The SDK's event streams, taken apart and put together again.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};

/// One event, or one comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) retry: Option<String>,
    pub(super) data: Option<Vec<u8>>,
    pub(super) comment: Option<String>,
}

impl Event {
    /// Reads the lines of one event, without the blank line that ends it.
    fn parse(frame: &[u8]) -> Self {
        let mut event = Self::default();
        for line in frame.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            let text = || String::from_utf8_lossy(value).into_owned();
            match name {
                b"" if colon < line.len() => event.comment = Some(text()),
                b"id" => event.id = Some(text()),
                b"retry" => event.retry = Some(text()),
                b"data" => match &mut event.data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    None => event.data = Some(value.to_vec()),
                },
                _ => {}
            }
        }
        event
    }

    /// The bytes, the blank line included.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        let mut line = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.push(b'\n');
        };
        if let Some(comment) = &self.comment {
            line("", comment.as_bytes());
        }
        if let Some(id) = &self.id {
            line("id", id.as_bytes());
        }
        if let Some(retry) = &self.retry {
            line("retry", retry.as_bytes());
        }
        for part in self.data.iter().flat_map(|data| data.split(|&b| b == b'\n')) {
            line("data", part);
        }
        out.push(b'\n');
        Bytes::from(out)
    }

    /// The message it carries; none for comments and priming events.
    pub(super) fn message(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(self.data.as_ref()?).ok()
    }
}

/// The events of a body.
pub(super) fn events<S, E>(body: S) -> impl Stream<Item = Event> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
{
    stream::unfold((body, BytesMut::new()), |(mut body, mut buffer)| async move {
        loop {
            if let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame = buffer.split_to(end + 2);
                return Some((Event::parse(&frame[..end]), (body, buffer)));
            }
            match body.next().await {
                Some(Ok(bytes)) => buffer.extend_from_slice(&bytes),
                Some(Err(_)) | None => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_survive_any_split() {
        let event = Event {
            id: Some("1-0".to_owned()),
            retry: Some("500".to_owned()),
            data: Some(b"{\"a\":1}\n{}".to_vec()),
            comment: None,
        };
        let second = Event { data: Some(Vec::new()), ..Event::default() };
        let bytes: Vec<u8> = [event.encode(), second.encode()].concat();
        let pieces: Vec<Result<Bytes, ()>> = bytes.chunks(3).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        let got: Vec<Event> = events(stream::iter(pieces)).collect().await;
        assert_eq!(got, [event, second]);
    }
}
