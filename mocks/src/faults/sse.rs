//! Event streams as bytes: where one event ends and the next begins.

use bytes::{Bytes, BytesMut};

/// Longest event that is looked at as a whole; a longer one passes in pieces.
const LONGEST_EVENT: usize = 16 << 20;

/// Splits a stream of bytes into events, each with the blank line that ends it. Nothing is changed, so comments and line ends
/// stay as they are.
#[derive(Debug, Default)]
pub(crate) struct EventSplitter {
    pending: BytesMut,
    /// Bytes of `pending` known to hold no end of an event.
    scanned: usize,
}

impl EventSplitter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole event.
    pub(crate) fn next_event(&mut self) -> Option<Bytes> {
        if let Some(end) = event_end(&self.pending, self.scanned) {
            self.scanned = 0;
            return Some(self.pending.split_to(end).freeze());
        }
        if self.pending.len() > LONGEST_EVENT {
            return self.rest();
        }
        // A line end at the very end may be the first half of a blank line.
        self.scanned = self.pending.len().saturating_sub(3);
        None
    }

    /// What is left when the stream ends.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        self.scanned = 0;
        if self.pending.is_empty() { None } else { Some(self.pending.split().freeze()) }
    }
}

/// Position behind the first blank line at or after `from`. Lines end with CRLF, LF or CR.
fn event_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        let Some(first) = line_end(bytes, at) else {
            at += 1;
            continue;
        };
        match line_end(bytes, first) {
            Some(second) => return Some(second),
            None => at = first,
        }
    }
    None
}

/// Position behind the line end that starts at `at`.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'\n' => Some(at + 1),
        b'\r' if bytes.get(at + 1) == Some(&b'\n') => Some(at + 2),
        b'\r' => Some(at + 1),
        _ => None,
    }
}

/// The data of an event, its lines joined; none if it has no data.
pub(crate) fn event_data(event: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(event);
    let lines: Vec<&str> = text
        .split(['\n', '\r'])
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

/// The event with other data; its other fields stay.
pub(crate) fn with_data(event: &[u8], data: &str) -> Bytes {
    let text = String::from_utf8_lossy(event);
    let mut out = String::with_capacity(text.len());
    for line in text.split(['\n', '\r']).filter(|line| !line.is_empty() && !line.starts_with("data:")) {
        out.push_str(line);
        out.push('\n');
    }
    for line in data.split('\n') {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> Vec<String> {
        let mut splitter = EventSplitter::default();
        let mut events = Vec::new();
        for piece in pieces {
            splitter.push(piece.as_bytes());
            while let Some(event) = splitter.next_event() {
                events.push(String::from_utf8_lossy(&event).into_owned());
            }
        }
        events
    }

    #[test]
    fn events_end_at_blank_lines_wherever_the_pieces_break() {
        let stream = "data: 1\n\nid: 2\r\ndata: 2\r\n\r\n: comment\n\n";
        let whole = split(&[stream]);
        assert_eq!(whole, ["data: 1\n\n", "id: 2\r\ndata: 2\r\n\r\n", ": comment\n\n"]);
        let letters: Vec<String> = stream.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(split(&letters).concat(), stream);
    }

    #[test]
    fn data_is_read_and_replaced() {
        let event = b"event: message\nid: 7\ndata: {\"a\":\ndata: 1}\n\n";
        assert_eq!(event_data(event).as_deref(), Some("{\"a\":\n1}"));
        assert_eq!(with_data(event, "x"), "event: message\nid: 7\ndata: x\n\n");
        assert_eq!(event_data(b": comment\n\n"), None);
    }
}
