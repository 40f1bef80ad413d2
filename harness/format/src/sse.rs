//! Event streams, as the HTML standard §9.2.6 interprets them.

/// Longest line, in bytes; the rest of a longer one is dropped and the event is marked.
pub const MAX_LINE_BYTES: usize = 8 << 20;
/// Most data of an event, in bytes.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// Type; `message` if the stream does not say.
    pub event: String,
    /// The last event id of the stream when this event was dispatched; it stays until another one comes.
    pub id: Option<String>,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// The reconnection time that this event's block set, in milliseconds.
    pub retry: Option<u64>,
    /// A line or the event was longer than the limits, and its end is lost.
    pub truncated: bool,
    /// A line was not valid UTF-8; what could not be read is replaced by U+FFFD.
    pub lossy: bool,
}

/// An incremental parser: bytes in, complete events out. An event at the end that no blank line follows is not dispatched,
/// as the standard asks.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_cr: bool,
    started: bool,
    event: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    retry: Option<u64>,
    truncated: bool,
    lossy: bool,
    max_line: Option<usize>,
    max_event: Option<usize>,
}

impl SseParser {
    /// A parser with the limits [`MAX_LINE_BYTES`] and [`MAX_EVENT_BYTES`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A parser with other limits, in bytes.
    #[must_use]
    pub fn with_limits(max_line: usize, max_event: usize) -> Self {
        Self { max_line: Some(max_line), max_event: Some(max_event), ..Self::default() }
    }

    /// The last event id so far, for `Last-Event-ID`.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the stream so far ends within an event: a cut stream.
    #[must_use]
    pub fn is_mid_event(&self) -> bool {
        self.has_data || !self.event.is_empty() || !self.line.is_empty()
    }

    /// Takes bytes as they came, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        let max_line = self.max_line.unwrap_or(MAX_LINE_BYTES);
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = tail;
                continue;
            }
            let end = rest.iter().position(|b| *b == b'\n' || *b == b'\r');
            let piece = &rest[..end.unwrap_or(rest.len())];
            let room = max_line.saturating_sub(self.line.len());
            self.truncated |= piece.len() > room;
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            match end {
                None => break,
                Some(end) => {
                    self.after_cr = rest[end] == b'\r';
                    rest = &rest[end + 1..];
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_of_line(&line));
                    // The allocation serves the next line.
                    self.line = line;
                    self.line.clear();
                }
            }
        }
        events
    }

    fn end_of_line(&mut self, mut line: &[u8]) -> Option<SseEvent> {
        if !std::mem::replace(&mut self.started, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let line = String::from_utf8_lossy(line);
        self.lossy |= matches!(line, std::borrow::Cow::Owned(_));
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                let room = self.max_event.unwrap_or(MAX_EVENT_BYTES).saturating_sub(self.data.len());
                let mut cut = value.len().min(room);
                while !value.is_char_boundary(cut) {
                    cut -= 1;
                }
                self.truncated |= cut < value.len();
                self.data.push_str(&value[..cut]);
            }
            // An id with NUL is ignored.
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            // Comments (an empty field name) and unknown fields are ignored.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        let truncated = std::mem::take(&mut self.truncated);
        let lossy = std::mem::take(&mut self.lossy);
        let retry = self.retry.take();
        // Without a `data` line nothing is dispatched. An empty one counts here, unlike in browsers, because MCP servers
        // prime a stream with an id and empty data.
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(SseEvent { event, id: self.id.clone().filter(|id| !id.is_empty()), data, retry, truncated, lossy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<SseEvent> {
        SseParser::new().push(text)
    }

    fn event(event: &str, id: Option<&str>, data: &str) -> SseEvent {
        SseEvent { event: event.to_owned(), id: id.map(str::to_owned), data: data.to_owned(), ..SseEvent::default() }
    }

    #[test]
    fn lines_of_every_kind() {
        let text = b"\xef\xbb\xbf: comment\nevent: a\r\ndata: one\rdata:two\n\ndata\n\nid: 7\nretry: 100\nretry: x\ndata:  spaced\nunknown: x\n\n";
        assert_eq!(
            all(text),
            [
                event("a", None, "one\ntwo"),
                event("message", None, ""),
                SseEvent { retry: Some(100), ..event("message", Some("7"), " spaced") },
            ]
        );
    }

    #[test]
    fn any_split_gives_the_same_events() {
        let text = "event: é\r\ndata: {\"a\":1}\r\n\r\nid: 1\r\ndata: x\r\n\r\n".as_bytes();
        let whole = all(text);
        assert_eq!(whole.len(), 2);
        for cut in 0..text.len() {
            let mut parser = SseParser::new();
            let mut events = parser.push(&text[..cut]);
            events.extend(parser.push(&text[cut..]));
            assert_eq!(events, whole, "cut at {cut}");
        }
        let mut parser = SseParser::new();
        let bytewise: Vec<_> = text.iter().flat_map(|b| parser.push(&[*b])).collect();
        assert_eq!(bytewise, whole);
    }

    #[test]
    fn ids_stay_and_nul_is_ignored() {
        let events = all(b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n");
        let ids: Vec<_> = events.iter().map(|e| e.id.as_deref()).collect();
        assert_eq!(ids, [Some("1"), Some("1"), Some("1"), None]);
    }

    #[test]
    fn an_unfinished_event_is_not_dispatched() {
        let mut parser = SseParser::new();
        assert_eq!(parser.push(b"event: a\n\ndata: x\n"), []);
        assert!(parser.is_mid_event());
        assert_eq!(parser.push(b"\n"), [event("message", None, "x")]);
        assert!(!parser.is_mid_event());
    }

    #[test]
    fn memory_is_bounded() {
        let mut parser = SseParser::with_limits(10, 12);
        let events = parser.push(b"data: 123456789\n\ndata: 1234\ndata: 5678\ndata: 9012\n\ndata: ok\n\n");
        assert_eq!(
            events.iter().map(|e| (e.data.as_str(), e.truncated)).collect::<Vec<_>>(),
            [("1234", true), ("1234\n5678\n90", true), ("ok", false)]
        );
        assert!(parser.line.capacity() < 64);
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let replaced = SseEvent { lossy: true, ..event("message", None, "a\u{fffd}b") };
        assert_eq!(all(b"data: a\xffb\n\ndata: c\n\n"), [replaced, event("message", None, "c")]);
    }
}
