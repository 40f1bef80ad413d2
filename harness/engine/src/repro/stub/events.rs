//! An event stream in the pieces that are its events, byte for byte.

use std::time::Duration;

use serde_json::Value;

use super::super::recording::Received;
use super::rewrite::Rewrite;

/// The events of a recorded stream, each with the blank line that ends it, and when it came. What comes after the last
/// blank line is a piece too.
pub(super) fn pieces(response: &Received) -> Vec<(Option<Duration>, &[u8])> {
    let body = &response.body.bytes;
    let time = |end: usize| response.arrivals.iter().find(|arrival| arrival.length >= end).map(|arrival| arrival.at);
    let mut out = Vec::new();
    let (mut from, mut line, mut at) = (0, 0, 0);
    while at < body.len() {
        let end = match (body[at], body.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            (b'\r' | b'\n', _) => at + 1,
            _ => {
                at += 1;
                continue;
            }
        };
        // An empty line ends an event.
        if line == at {
            out.push((time(end), &body[from..end]));
            from = end;
        }
        (line, at) = (end, end);
    }
    if from < body.len() {
        out.push((time(body.len()), &body[from..]));
    }
    out
}

/// An event with the client's own values in its message; one without any is left as it is.
pub(super) fn rewritten(event: &str, rewrite: &Rewrite) -> Option<String> {
    let lines = || event.split_inclusive(['\r', '\n']).map(|line| line.trim_end_matches(['\r', '\n']));
    let data = |line: &str| {
        let rest = line.strip_prefix("data:")?;
        Some(rest.strip_prefix(' ').unwrap_or(rest).to_owned())
    };
    let text: Vec<String> = lines().filter_map(data).collect();
    let mut value: Value = serde_json::from_str(&text.join("\n")).ok()?;
    if !rewrite.value(&mut value) {
        return None;
    }
    let mut out = String::with_capacity(event.len());
    for line in lines().filter(|line| !line.is_empty() && data(line).is_none()) {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(&format!("data: {value}\n\n"));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::super::recording::{Arrival, Payload};
    use super::*;

    fn response(body: &'static str, arrivals: &[(u64, usize)]) -> Received {
        Received {
            status: Some(200),
            http_version: None,
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            body: Payload::whole(body),
            arrivals: arrivals.iter().map(|&(at, length)| Arrival { at: Duration::from_millis(at), length }).collect(),
        }
    }

    #[test]
    fn pieces_are_events_whatever_ends_their_lines() {
        let stream = response("data: 1\n\ndata: 2\r\n\r\n: x\r\rdata: 3", &[(5, 9), (7, 20)]);
        let pieces: Vec<_> =
            pieces(&stream).into_iter().map(|(at, piece)| (at.map(|at| at.as_millis()), piece)).collect();
        let expected: [(Option<u128>, &[u8]); 4] =
            [(Some(5), b"data: 1\n\n"), (Some(7), b"data: 2\r\n\r\n"), (None, b": x\r\r"), (None, b"data: 3")];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn only_the_data_of_a_changed_event_is_written_anew() {
        let ask = |id: u8| serde_json::json!({ "id": id, "method": "ping" });
        let rewrite = Rewrite::between(&[ask(1)], &[ask(2)]);
        assert_eq!(
            rewritten("event: message\r\nid: 7\r\ndata: {\"id\":1,\r\ndata:\"result\":{}}\r\n\r\n", &rewrite)
                .as_deref(),
            Some("event: message\nid: 7\ndata: {\"id\":2,\"result\":{}}\n\n")
        );
        assert_eq!(rewritten("data: {\"id\":3,\"result\":{}}\n\n", &rewrite), None);
        assert_eq!(rewritten(": ping\n\n", &rewrite), None);
    }
}
