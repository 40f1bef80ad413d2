//! URLs that a program wants opened in a browser: printed for the user, or handed to a browser.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use url::Url;

/// Bytes of one printed word; no URL that a person could open is longer.
const WORD_LIMIT: usize = 16 * 1024;

/// URLs taken note of in one case.
const URL_LIMIT: usize = 256;

/// Bytes of the file that the stand-in for a browser writes.
const HANDED_LIMIT: usize = 1 << 20;

/// Parameters of which an authorization request has at least one (RFC 6749 section 4.1.1, RFC 7636, RFC 9126): other URLs in
/// the output are told, not meant to be opened.
const AUTHORIZATION: [&str; 5] = ["response_type", "client_id", "redirect_uri", "code_challenge", "request_uri"];

/// What a program wants opened, each URL once. Clones of the [`Arc`] share it.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Vec<(String, String)>>,
    waiting: VecDeque<Url>,
    /// Bytes of the stand-in's file that were read.
    read: usize,
}

impl Sightings {
    /// Reads one stream of the program's output.
    pub(crate) fn scanner(self: &Arc<Self>) -> Scanner {
        Scanner { sightings: Arc::clone(self), word: Vec::new(), overlong: false }
    }

    /// The next URL, when there is one.
    pub(crate) async fn next(&self) -> Url {
        loop {
            let news = self.news.notified();
            if let Some(url) = self.with(|s| s.waiting.pop_front()) {
                return url;
            }
            news.await;
        }
    }

    /// Takes what the stand-in for a browser was handed since the last call.
    pub(crate) fn read_handed(&self, file: &Path) {
        let Ok(bytes) = std::fs::read(file) else { return };
        let bytes = &bytes[..bytes.len().min(HANDED_LIMIT)];
        let fresh = self.with(|s| {
            let fresh = bytes.get(s.read..).unwrap_or_default();
            // A line that is still being written is read with its end.
            let whole = fresh.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            s.read += whole;
            fresh[..whole].to_vec()
        });
        for line in String::from_utf8_lossy(&fresh).lines() {
            if let Ok(url) = Url::parse(line.trim()) {
                self.add(url);
            }
        }
    }

    /// Drops what waits.
    pub(super) fn forget(&self) {
        self.with(|s| s.waiting.clear());
    }

    fn add(&self, url: Url) {
        // The same request may be spelt with `+` here and `%20` there.
        let mut key = vec![(url.origin().ascii_serialization(), url.path().to_owned())];
        key.extend(url.query_pairs().into_owned());
        let fresh = self.with(|s| {
            let fresh = s.seen.len() < URL_LIMIT && !s.seen.contains(&key);
            if fresh {
                s.seen.push(key);
                s.waiting.push_back(url);
            }
            fresh
        });
        if fresh {
            self.news.notify_one();
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Finds authorization requests in text that comes in pieces.
#[derive(Debug)]
pub(crate) struct Scanner {
    sightings: Arc<Sightings>,
    word: Vec<u8>,
    overlong: bool,
}

impl Scanner {
    /// The next piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if matches!(byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'`' | 0x7f..) {
                self.end_word();
            } else if self.word.len() < WORD_LIMIT {
                self.word.push(*byte);
            } else {
                self.overlong = true;
            }
        }
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        if std::mem::take(&mut self.overlong) {
            return;
        }
        let Ok(word) = String::from_utf8(word) else { return };
        let Some(start) = word.find("https://").or_else(|| word.find("http://")) else { return };
        // As in a line of JSON.
        let text = word[start..].replace(r"\u0026", "&").replace(r"\/", "/");
        let text = text.trim_end_matches(['.', ',', ';', ':', ')', ']', '}', '!']);
        if let Ok(url) = Url::parse(text)
            && url.query_pairs().any(|(name, _)| AUTHORIZATION.contains(&name.as_ref()))
        {
            self.sightings.add(url);
        }
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.end_word();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "http://127.0.0.1:4000/v1/authorize?response_type=code&client_id=a&scope=x+y&state=s";

    fn waiting(sightings: &Sightings) -> Vec<String> {
        sightings.with(|s| s.waiting.drain(..).map(|url| url.to_string()).collect())
    }

    #[test]
    fn a_request_is_found_in_any_surroundings_and_in_any_pieces() {
        let surroundings = [
            ("Please authorize this client by visiting:\n", "\n"),
            ("Please navigate to: ", ""),
            ("(", ")."),
            ("\u{1b}[4m", "\u{1b}[0m"),
            ("{\"url\":\"", "\"}"),
            ("<a href='", "'>"),
            ("Öffne „", "“ bitte"),
        ];
        for (before, after) in surroundings {
            for size in [1, 7, 1000] {
                let sightings = Arc::new(Sightings::default());
                let mut scanner = sightings.scanner();
                for piece in format!("{before}{REQUEST}{after}").as_bytes().chunks(size) {
                    scanner.push(piece);
                }
                drop(scanner);
                assert_eq!(waiting(&sightings), [REQUEST], "between {before:?} and {after:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn other_urls_in_the_output_are_left_alone() {
        let sightings = Arc::new(Sightings::default());
        let mut scanner = sightings.scanner();
        scanner
            .push(b"Connecting to http://127.0.0.1:4000/mcp\nhttps://example.com/?q=1 http:// https://[ client_id=1\n");
        scanner.push(&vec![b'x'; 3 * WORD_LIMIT]);
        scanner.push(b"http://127.0.0.1/?client_id=a\n");
        assert_eq!(waiting(&sightings), [""; 0]);
    }

    #[test]
    fn one_request_is_opened_once_however_it_is_spelt() {
        let sightings = Arc::new(Sightings::default());
        let mut scanner = sightings.scanner();
        scanner.push(format!("{REQUEST}\n{}\n", REQUEST.replace('+', "%20")).as_bytes());
        scanner.push(format!("{REQUEST}2\n").as_bytes());
        assert_eq!(waiting(&sightings), [REQUEST.to_owned(), format!("{REQUEST}2")]);
    }

    #[test]
    fn what_a_browser_is_handed_is_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("handed");
        let sightings = Sightings::default();
        sightings.read_handed(&file);
        std::fs::write(&file, "open\nhttp://127.0.0.1:9/start\nhttp://127.0.0.1:9/sec").expect("written");
        sightings.read_handed(&file);
        assert_eq!(waiting(&sightings), ["http://127.0.0.1:9/start"]);
        std::fs::write(&file, "open\nhttp://127.0.0.1:9/start\nhttp://127.0.0.1:9/second\n").expect("written");
        sightings.read_handed(&file);
        sightings.read_handed(&file);
        assert_eq!(waiting(&sightings), ["http://127.0.0.1:9/second"]);
    }

    #[test]
    fn a_flood_of_requests_is_bounded() {
        let sightings = Arc::new(Sightings::default());
        let mut scanner = sightings.scanner();
        for i in 0..10 * URL_LIMIT {
            scanner.push(format!("{REQUEST}{i}\n").as_bytes());
        }
        assert_eq!(waiting(&sightings).len(), URL_LIMIT);
    }
}
