//! Takes secrets out of events, ahead of every reporter.
//!
//! A secret travels in many spellings: as it is, in base64 (`Basic`, a JWT, a JSON document in a header), percent- or
//! form-encoded, inside JSON strings (and strings inside those), in hexadecimal. Two means cover them. Spellings whose
//! shape depends only on the secret are patterns of their own ([`encode`]). Escapes, of which a sender may use as
//! many as it likes, are undone before searching, and what is found is cut out of the original ([`views`]).

mod encode;
mod views;
mod visit;

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::model::{Attempt, Body, Event, Exchange};
use encode::Pattern;

/// Secrets with fewer characters are not taken out: what they would hit is mostly not them.
pub const MIN_SECRET_CHARS: usize = 4;

/// What stands where a text was cut short, in messages and in [`sanitize::line`](crate::sanitize::line()).
const CUT_MARK: &str = "…";

/// What stands for all of a text when there are more secrets than can be looked for.
const UNKNOWN: &str = "redacted";

/// How many layers of escapes are undone, e.g. JSON in a JSON string in a query parameter.
const MAX_LAYERS: usize = 3;

/// Replaces secrets, however they are encoded, by `${label}`.
///
/// ```
/// use gauntlet_reports::Redactor;
///
/// let redactor = Redactor::new([("token".to_owned(), "s3cr3t/value".to_owned())]);
/// assert_eq!(redactor.redact("Bearer s3cr3t/value"), "Bearer ${token}");
/// assert_eq!(redactor.redact("?t=s3cr3t%2Fvalue&x"), "?t=${token}&x");
/// ```
#[derive(Debug, Clone)]
pub struct Redactor {
    labels: Vec<String>,
    ignored: Vec<String>,
    patterns: Vec<Pattern>,
    /// `None` when there is nothing to look for, or too much.
    searcher: Option<AhoCorasick>,
    /// A secret has a space, so `+` may be one.
    plus_is_space: bool,
}

/// A value as it is, in hexadecimal and in base64 of several kinds: what a [`Redactor`] looks for, once escapes are undone. In base64
/// only the characters that depend on nothing else.
#[must_use]
pub fn spellings(value: &str) -> Vec<String> {
    encode::spellings(value)
}

/// A found secret: where in the original text, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hit {
    range: Range<usize>,
    label: usize,
}

impl Redactor {
    /// Takes pairs of label and value. Empty values and those shorter than [`MIN_SECRET_CHARS`] are left out and
    /// listed by [`Redactor::ignored`]. The first label of a value wins.
    pub fn new(secrets: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut labels = Vec::new();
        let mut ignored = Vec::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        let mut plus_is_space = false;
        for (label, value) in secrets {
            if value.chars().count() < MIN_SECRET_CHARS {
                ignored.push(label);
                continue;
            }
            plus_is_space |= value.contains(' ');
            encode::patterns(&value, labels.len(), &mut patterns);
            labels.push(label);
        }
        // The automaton reports every match of overlapping secrets; a leftmost-longest search would leave the end of
        // a secret that begins inside another.
        let searcher = if patterns.is_empty() {
            None
        } else {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(patterns.iter().map(|pattern| pattern.text.as_bytes()))
                .ok()
        };
        Self { labels, ignored, patterns, searcher, plus_is_space }
    }

    /// The labels in use. Only these may become shell variables, see [`crate::curl::command`].
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Labels of values that are too short to be taken out.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Takes the secrets out of every text of the event. A body that was cut may end in the beginning of a secret; that
    /// goes, too, there and in what a check found.
    pub fn redact_event(&self, event: &mut Event) {
        if self.patterns.is_empty() {
            return;
        }
        if let Event::CaseFinished(result) = event {
            result.attempts.iter_mut().for_each(|attempt| self.redact_cut_texts(attempt));
        }
        event.for_each_text(&mut |text| self.redact_in_place(text));
    }

    /// Takes the secrets out of every text of the exchanges, as [`redact_event`](Self::redact_event) does.
    pub fn redact_transcript(&self, transcript: &mut [Exchange]) {
        if self.patterns.is_empty() {
            return;
        }
        self.redact_cut_bodies(transcript);
        transcript.iter_mut().for_each(|exchange| exchange.for_each_text(&mut |text| self.redact_in_place(text)));
    }

    fn redact_cut_texts(&self, attempt: &mut Attempt) {
        let ends = self.redact_cut_bodies(&mut attempt.transcript);
        for mismatch in attempt.checks.iter_mut().flat_map(|check| &mut check.mismatches) {
            if let Some(Value::String(text)) = &mut mismatch.actual
                && ends.iter().any(|end| !end.is_empty() && text.ends_with(end.as_str()))
            {
                self.redact_cut_end(text);
            }
        }
    }

    /// The ends of the bodies that were cut, as they were.
    fn redact_cut_bodies(&self, transcript: &mut [Exchange]) -> Vec<String> {
        let mut ends = Vec::new();
        for exchange in transcript {
            let is_broken = exchange.failure.is_some();
            let bodies = [
                Some((&mut exchange.request.body, false)),
                exchange.response.as_mut().map(|response| (&mut response.body, is_broken)),
            ];
            for (body, is_broken) in bodies.into_iter().flatten() {
                if let Body::Text { text, truncated } = body
                    && (is_broken || *truncated > 0)
                {
                    ends.push(end_of(text).to_owned());
                    self.redact_cut_end(text);
                }
            }
        }
        ends
    }

    /// For a text that ends where it was cut.
    fn redact_cut_end(&self, text: &mut String) {
        if let Some(redacted) = self.replaced(text, true) {
            *text = redacted;
        }
    }

    /// Takes the secrets out of the text.
    pub fn redact_in_place(&self, text: &mut String) {
        if let Some(redacted) = self.replaced(text, false) {
            *text = redacted;
        }
    }

    /// The text without the secrets.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.replaced(text, false).unwrap_or_else(|| text.to_owned())
    }

    /// Where in the text secrets are, and their labels; in order, without overlaps. `is_cut` says that the text goes on
    /// where nobody sees it, so that it may end in the beginning of a secret.
    #[must_use]
    pub fn find(&self, text: &str, is_cut: bool) -> Vec<(Range<usize>, &str)> {
        let hits = merge(self.hits(text, is_cut));
        hits.into_iter().map(|hit| (hit.range, self.labels.get(hit.label).map_or(UNKNOWN, String::as_str))).collect()
    }

    /// As [`find`](Self::find), but every spelling of a secret by itself, in no order, also where several overlap: for whoever puts
    /// together what several redactors find.
    #[must_use]
    pub fn find_each(&self, text: &str, is_cut: bool) -> Vec<(Range<usize>, &str)> {
        let hits = self.hits(text, is_cut).into_iter();
        hits.map(|hit| (hit.range, self.labels.get(hit.label).map_or(UNKNOWN, String::as_str))).collect()
    }

    fn hits(&self, text: &str, is_cut: bool) -> Vec<Hit> {
        let Some(searcher) = &self.searcher else {
            // Secrets too large to search for: rather no text than one with a secret.
            let all = (!self.patterns.is_empty() && !text.is_empty())
                .then_some(Hit { range: 0..text.len(), label: usize::MAX });
            return all.into_iter().collect();
        };
        let mut hits = Vec::new();
        let original = Original { text, is_cut };
        self.search(searcher, &views::View::plain(text), &original, MAX_LAYERS, &mut hits);
        hits
    }

    /// `None` if there is nothing to replace. `is_cut` as in [`find`](Self::find).
    fn replaced(&self, text: &str, is_cut: bool) -> Option<String> {
        let found = self.find(text, is_cut);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (range, label) in found {
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            out.push_str("${");
            out.push_str(label);
            out.push('}');
            copied = range.end;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Some(out)
    }

    fn search(
        &self,
        searcher: &AhoCorasick,
        view: &views::View<'_>,
        original: &Original<'_>,
        layers: usize,
        hits: &mut Vec<Hit>,
    ) {
        let bytes = view.bytes();
        let mut hit = |range, label| hits.push(Hit { range: snap(original.text, view.original(range)), label });
        for found in searcher.find_overlapping_iter(bytes) {
            let pattern = &self.patterns[found.pattern().as_usize()];
            hit(pattern.widened(bytes, found.range()), pattern.label);
        }
        let marks = bytes.windows(CUT_MARK.len()).enumerate().filter(|(_, window)| *window == CUT_MARK.as_bytes());
        for end in marks.map(|(at, _)| at).chain(original.is_cut.then_some(bytes.len())) {
            if let Some((start, label)) = self.beginning_before(bytes, end) {
                hit(start..end, label);
            }
        }
        if layers == 0 {
            return;
        }
        let decoded = [
            view.json_unescaped(),
            view.percent_decoded(false),
            if self.plus_is_space { view.percent_decoded(true) } else { None },
        ];
        for deeper in decoded.into_iter().flatten() {
            self.search(searcher, &deeper, original, layers - 1, hits);
        }
    }

    /// Where the longest beginning of a secret begins that ends right there, and whose it is.
    fn beginning_before(&self, bytes: &[u8], end: usize) -> Option<(usize, usize)> {
        let longest = |pattern: &Pattern| {
            let whole = pattern.text.as_bytes();
            let head = whole.get(..MIN_SECRET_CHARS)?;
            let from = end.saturating_sub(whole.len() - 1);
            let tail = &bytes[from..end];
            let mut starts = tail.windows(head.len()).enumerate().filter(|(_, window)| *window == head);
            starts.find(|(at, _)| whole.starts_with(&tail[*at..])).map(|(at, _)| (from + at, pattern.label))
        };
        self.patterns.iter().filter_map(longest).min()
    }
}

/// The text that is searched, and whether it ends where it was cut.
struct Original<'a> {
    text: &'a str,
    is_cut: bool,
}

/// The last characters, enough to know the text again.
fn end_of(text: &str) -> &str {
    const ENOUGH: usize = 32;
    &text[text.ceil_char_boundary(text.len().saturating_sub(ENOUGH))..]
}

/// The smallest range of whole characters around the range.
fn snap(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Joins hits that overlap; the leftmost gives the label, and of those the longest.
fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end), hit.label));
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
            }
            _ => merged.push(hit),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    /// Every kind of character that some encoding changes; gives `+` and `/` in base64.
    const SECRET: &str = "p~w?>/\u{fc}\"\\ x+9~~~???";

    fn redactor(secrets: &[(&str, &str)]) -> Redactor {
        Redactor::new(secrets.iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())))
    }

    fn one() -> Redactor {
        redactor(&[("token", SECRET)])
    }

    #[test]
    fn where_secrets_are_and_where_one_begins_at_a_cut() {
        let redactor = Redactor::new([("a".to_owned(), "alpha-1".to_owned()), ("b".to_owned(), "beta-22".to_owned())]);
        assert_eq!(redactor.find("beta-22 alpha%2D1 bet", false), [(0..7, "b"), (8..17, "a")]);
        assert_eq!(redactor.find("x beta-2", true), [(2..8, "b")]);
        assert_eq!(redactor.find("x beta-2", false), []);
    }

    #[test]
    fn plain_text_in_the_middle() {
        assert_eq!(one().redact(&format!("a {SECRET} b{SECRET}")), "a ${token} b${token}");
        assert_eq!(one().redact("nothing here"), "nothing here");
    }

    #[test]
    fn base64_at_every_alignment_in_every_alphabet() {
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            for before in ["", "u", "us", "use", "user:"] {
                for after in ["", "!", "!!", "!!!", " and more"] {
                    let text = format!("Basic {}", engine.encode(format!("{before}{SECRET}{after}")));
                    let redacted = one().redact(&text);
                    assert!(redacted.contains("${token}"), "{before} {after}: {redacted}");
                    // What is left must not decode to any part of the secret, so at most what stands
                    // around it may be there.
                    let left = redacted.replace("Basic ", "").replace("${token}", "");
                    let around = (before.len() + after.len()) * 4 / 3 + 3;
                    assert!(left.len() <= around, "{before} {after}: {redacted}");
                }
            }
        }
        assert_eq!(one().redact(&format!("Basic {}", STANDARD.encode(SECRET))), "Basic ${token}");
    }

    #[test]
    fn client_secret_basic_encodes_twice() {
        // RFC 6749 section 2.3.1: form-encoded, then base64.
        let text = STANDARD.encode("id:p%7Ew%3F%3E%2F%C3%BC%22%5C+x%2B9%7E%7E%7E%3F%3F%3F");
        let redacted = one().redact(&text);
        assert!(redacted.contains("${token}"), "{redacted}");
    }

    #[test]
    fn percent_and_form_encoding_in_any_case_and_extent() {
        for text in [
            "p~w%3F%3E%2F%C3%BC%22%5C%20x%2B9~~~%3F%3F%3F",
            "p~w%3f%3e%2f%c3%bc%22%5c%20x%2b9~~~%3f%3f%3f",
            "p%7Ew%3F%3E%2F%C3%BC%22%5C+x%2B9%7E%7E%7E%3F%3F%3F",
            "p~w?%3E/%C3%BC%22\\%20x+9~~~???",
            "%70%7e%77%3f%3e%2f%c3%bc%22%5c%20%78%2b%39%7e%7e%7e%3f%3f%3f",
            // encoded twice
            "p~w%253F%253E%252F%25C3%25BC%2522%255C%2520x%252B9~~~%253F%253F%253F",
        ] {
            assert_eq!(one().redact(&format!("https://a/?t={text}&u=1")), "https://a/?t=${token}&u=1");
        }
    }

    #[test]
    fn json_escapes_in_any_spelling_and_depth() {
        let once = serde_json::to_string(SECRET).expect("serialisable");
        let twice = serde_json::to_string(&once).expect("serialisable");
        let all: String = SECRET.encode_utf16().map(|u| format!("\\u{u:04X}")).collect();
        let mixed = SECRET.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/").replace('\u{fc}', "\\u00fc");
        assert_eq!(one().redact(&format!("{{\"a\":{once}}}")), "{\"a\":\"${token}\"}");
        assert_eq!(one().redact(&format!("{{\"a\":{twice}}}")), "{\"a\":\"\\\"${token}\\\"\"}");
        assert_eq!(one().redact(&format!("{{\"a\":\"{all}\"}}")), "{\"a\":\"${token}\"}");
        assert_eq!(one().redact(&format!("{{\"a\":\"{mixed}\"}}")), "{\"a\":\"${token}\"}");
    }

    #[test]
    fn escapes_around_other_encodings() {
        let b64 = STANDARD.encode(SECRET).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        assert_eq!(one().redact(&format!("a={b64}&b")), "a=${token}&b");
        let surrogates = redactor(&[("token", "key-\u{1f511}-key")]);
        assert_eq!(surrogates.redact(r#""key-\ud83d\udd11-key""#), r#""${token}""#);
    }

    #[test]
    fn hexadecimal_in_both_cases() {
        let lower: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
        assert_eq!(one().redact(&format!("x{lower}y")), "x${token}y");
        assert_eq!(one().redact(&lower.to_uppercase()), "${token}");
    }

    #[test]
    fn the_longest_label_wins_and_overlaps_leave_nothing() {
        let r = redactor(&[("short", "abcd"), ("long", "abcdefgh"), ("tail", "ghijk")]);
        assert_eq!(r.redact("abcd abcdefgh"), "${short} ${long}");
        assert_eq!(r.redact("abcdefghijk!"), "${long}!");
        assert_eq!(r.redact("abcdghijk"), "${short}${tail}");
    }

    #[test]
    fn short_secrets_are_left_alone_and_named() {
        let r = redactor(&[("pin", "123"), ("empty", ""), ("four", "\u{fc}\u{fc}\u{fc}\u{fc}")]);
        assert_eq!(r.ignored(), ["pin", "empty"]);
        assert_eq!(r.labels(), ["four"]);
        assert_eq!(r.redact("123 \u{fc}\u{fc}\u{fc}\u{fc}"), "123 ${four}");
    }

    #[test]
    fn what_is_left_of_a_secret_before_a_cut_goes() {
        let r = redactor(&[("token", "eyJhbGciOi/J9.claims.signature"), ("other", "eyJhbGzz")]);
        assert_eq!(r.redact("`bad eyJhbGciOi/J9.cla… +9 characters`"), "`bad ${token}… +9 characters`");
        assert_eq!(r.redact("?t=eyJhbGciOi%2FJ9%2E… and eyJhbG"), "?t=${token}… and eyJhbG");
        assert_eq!(r.redact("`bad eyJ…`, claims…, …"), "`bad eyJ…`, claims…, …");
        let mut text = "{\"t\":\"eyJhbGciOi\\/J9.c".to_owned();
        r.redact_in_place(&mut text);
        assert!(text.ends_with("J9.c"), "{text}");
        r.redact_cut_end(&mut text);
        assert_eq!(text, "{\"t\":\"${token}");
    }

    #[test]
    fn broken_escapes_do_no_harm() {
        let r = redactor(&[("token", "secret")]);
        for text in ["%", "%4", "%zz%", "\\", "\\u12", "\\ud83d", "\\ud83d\\u0041", "\u{fc}%\\\u{fc}"] {
            assert_eq!(r.redact(text), text);
            assert_eq!(r.redact(&format!("{text}secret{text}")), format!("{text}${{token}}{text}"));
        }
    }
}
