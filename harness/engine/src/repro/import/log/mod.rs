//! Logs with JSON-RPC messages in them: of clients (Claude Desktop, VS Code, Cursor, Kiro), of gateways and bridges, one message a line
//! or over several, alone or inside other text and other JSON.

mod conversation;
mod direction;
mod message;

use std::io::{BufRead, BufReader, Read};

use bytes::Bytes;
use gauntlet_reports::sanitize;
use serde_json::Value;
use time::OffsetDateTime;

use self::direction::Marker;
use self::message::Kind;
use super::text::without_colors;
use super::{Error, Note, Options, Place};
use crate::repro::recording::Recording;

/// A message as it stands in the log.
struct Logged {
    bytes: Bytes,
    kind: Kind,
    marker: Option<Marker>,
    at: Option<OffsetDateTime>,
    /// The server that a line names, as `[filesystem]`.
    server: Option<String>,
    line: usize,
}

/// Reads a log line by line.
pub(super) fn read(input: impl Read, name: &str, options: &Options) -> Result<(Recording, Vec<Note>), Error> {
    let mut reader = Reader { options, found: Vec::new(), held: 0, unreadable: Vec::new(), others: 0, pending: None };
    let mut input = BufReader::new(input);
    let mut number = 0;
    loop {
        let line = line(&mut input, options.limits.line).map_err(|error| Error::Io { name: name.to_owned(), error })?;
        let Some((bytes, is_whole)) = line else { break };
        number += 1;
        if is_whole {
            reader.line(&bytes, number);
        } else {
            reader.unreadable(number);
        }
        let most = options.limits.har.held;
        if reader.held > most || reader.found.len() > options.limits.entries {
            let problem = format!(
                "more than {} MiB or {} messages up to line {number}; take a part of the log",
                most >> 20,
                options.limits.entries
            );
            return Err(Error::Unusable { name: name.to_owned(), problem });
        }
    }
    reader.give_up();
    let Reader { found, unreadable, others, .. } = reader;
    if found.is_empty() {
        let problem = match unreadable.first() {
            None => format!("no JSON-RPC message is in its {number} lines"),
            Some(line) => {
                format!("no JSON-RPC message in it can be read; line {line} is like one, but is cut, or not JSON")
            }
        };
        return Err(Error::Unusable { name: name.to_owned(), problem });
    }
    let mut notes = Vec::new();
    if !unreadable.is_empty() {
        let lines: Vec<String> = unreadable.iter().take(5).map(ToString::to_string).collect();
        let further = if unreadable.len() > 5 { format!(" and {} more", unreadable.len() - 5) } else { String::new() };
        let text = format!(
            "{} like a message and cannot be read, as it is cut or not JSON: {}{further}",
            if unreadable.len() == 1 { "1 line is" } else { "some lines are" },
            lines.join(", ")
        );
        notes.push(Note { place: unreadable.first().map(|line| Place::line(*line)), text });
    }
    if others > 0 {
        let lines = if others == 1 { "1 line has".to_owned() } else { format!("{others} lines have") };
        notes.push(Note { place: None, text: format!("{lines} no message") });
    }
    let recording = conversation::recording(found, &mut notes);
    Ok((recording, notes))
}

/// The next line without its end, or none at the end of the input. A line beyond the bound is passed over, and not whole.
fn line(input: &mut impl BufRead, most: usize) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let mut bytes = Vec::new();
    let read = input.by_ref().take(most as u64).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') || read < most {
        return Ok(Some((bytes, true)));
    }
    loop {
        let ahead = input.fill_buf()?;
        let (length, is_end) = match ahead.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (ahead.len(), ahead.is_empty()),
        };
        input.consume(length);
        if is_end {
            return Ok(Some((Vec::new(), false)));
        }
    }
}

/// JSON that began on a line and has no end yet.
struct Pending {
    text: String,
    /// What stands before it on its line.
    before: String,
    line: usize,
    lines: usize,
    brackets: message::Brackets,
}

struct Reader<'a> {
    options: &'a Options,
    found: Vec<Logged>,
    held: usize,
    /// Lines that are like a message and cannot be read.
    unreadable: Vec<usize>,
    others: usize,
    pending: Option<Pending>,
}

/// Lines of one message.
const LINES: usize = 5000;

/// Places in a line at which a message is looked for in vain, before the line is given up.
const ATTEMPTS: usize = 64;

impl Reader<'_> {
    fn unreadable(&mut self, line: usize) {
        if self.unreadable.len() < 100_000 {
            self.unreadable.push(line);
        }
    }

    fn line(&mut self, bytes: &[u8], number: usize) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\n', '\r']).trim_start_matches('\u{feff}');
        let text = without_colors(text);
        if let Some(mut pending) = self.pending.take() {
            let is_new = text.starts_with(|c: char| c.is_ascii_digit()) && message::time(&text).is_some();
            if !is_new {
                pending.text.push('\n');
                pending.text.push_str(&text);
                pending.brackets.feed(&text);
                pending.lines += 1;
                self.go_on(pending);
                return;
            }
            self.pending = Some(pending);
            self.give_up();
        }
        self.search(&text, number);
    }

    /// Whether the JSON that is pending is whole now.
    fn go_on(&mut self, pending: Pending) {
        if pending.text.len() > self.options.limits.line || pending.lines > LINES {
            self.pending = Some(pending);
            return self.give_up();
        }
        if !pending.brackets.are_closed {
            self.pending = Some(pending);
            return;
        }
        let Pending { text, before, line, .. } = pending;
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = values.byte_offset();
                let had = self.take(&value, None, &before, line);
                if !had && message::is_like_one(&text) {
                    self.unreadable(line);
                } else if !had {
                    self.others += 1;
                }
                let rest = text[end..].to_owned();
                if rest.contains('{') {
                    self.search(&rest, line);
                }
            }
            _ => {
                let brackets = message::Brackets::default();
                self.pending = Some(Pending { text, before, line, lines: 0, brackets });
                self.give_up();
            }
        }
    }

    /// What is pending will not become whole.
    fn give_up(&mut self) {
        if let Some(pending) = self.pending.take() {
            if message::is_like_one(&pending.text) {
                self.unreadable(pending.line);
            } else {
                self.others += 1;
            }
        }
    }

    /// Looks for messages in a line.
    fn search(&mut self, text: &str, number: usize) {
        let mut had = false;
        let mut from = 0;
        let mut before = 0;
        let mut attempts = 0;
        while let Some(at) = text[from..].find(['{', '[']).map(|at| from + at) {
            // `[info]` and `[2025-01-01 …]` are no JSON; lists of messages are.
            if text[at..].starts_with('[') && !text[at + 1..].trim_start().starts_with('{') {
                from = at + 1;
                continue;
            }
            let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
            match values.next() {
                Some(Ok(value)) => {
                    let end = at + values.byte_offset();
                    had |= self.take(&value, Some(&text[at..end]), &text[before..at], number);
                    from = end;
                    before = end;
                }
                Some(Err(error)) if error.is_eof() => {
                    let mut brackets = message::Brackets::default();
                    brackets.feed(&text[at..]);
                    let (text, before) = (text[at..].to_owned(), text[before..at].to_owned());
                    self.pending = Some(Pending { text, before, line: number, lines: 1, brackets });
                    return;
                }
                _ => {
                    attempts += 1;
                    if attempts > ATTEMPTS {
                        break;
                    }
                    from = at + 1;
                }
            }
        }
        if !had && message::is_like_one(text) {
            self.unreadable(number);
        } else if !had && !text.trim().is_empty() {
            self.others += 1;
        }
    }

    /// Takes the messages in a document; whether there were any.
    fn take(&mut self, value: &Value, spelled: Option<&str>, before: &str, line: usize) -> bool {
        let mut found = Vec::new();
        message::find(value, spelled, &mut found);
        let had = !found.is_empty();
        for message::Found { bytes, kind, beside, at } in found {
            let words = format!("{before} {beside}");
            let entry = Logged {
                at: at.or_else(|| message::time(before)),
                marker: direction::marker(&words),
                server: server(before),
                kind,
                bytes,
                line,
            };
            self.held += entry.bytes.len() + 200;
            self.found.push(entry);
        }
        had
    }
}

/// The server that a log of Claude Desktop names on each line: the brackets beside those of the level.
fn server(before: &str) -> Option<String> {
    const LEVELS: [&str; 6] = ["info", "debug", "trace", "warn", "warning", "error"];
    let (head, _) = before.split_once("Message from ")?;
    let names = head.split('[').skip(1).filter_map(|part| part.split_once(']').map(|(name, _)| name.trim()));
    let name = names.into_iter().find(|name| !LEVELS.contains(name) && name.contains(|c: char| c.is_alphabetic()))?;
    Some(sanitize::line(name, 80).into_owned())
}
