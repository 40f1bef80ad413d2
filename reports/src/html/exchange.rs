//! Exchanges and differences as the page shows them, within bounds.

use serde::Serialize;

use crate::canonical::{self, Volatile};
use crate::diff::{DiffLine, Tag};
use crate::model::{Attempt, Body, Exchange};
use crate::sanitize::{self, MAX_LINE};
use crate::{story, words};

/// Longest sentence, in characters.
const TEXT: usize = 2000;

/// Longest line of a message, in characters.
const LINE: usize = 2000;

/// Lines of a message.
const LINES: usize = 800;

/// Bytes of a message.
const MESSAGE: usize = 48 * 1024;

/// Exchanges of a try.
const EXCHANGES: usize = 250;

/// Arrivals of one stream that the timeline marks.
const MARKS: usize = 100;

/// How much of a case the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// All of it, within the bounds of each part.
    Whole,
    /// What is wrong, without the transcript.
    Brief,
}

impl Size {
    /// Checks of a try that are told in full.
    pub(super) fn checks(self) -> usize {
        match self {
            Self::Whole => 100,
            Self::Brief => 5,
        }
    }

    /// Mismatches of one check.
    pub(super) fn mismatches(self) -> usize {
        match self {
            Self::Whole => 50,
            Self::Brief => 3,
        }
    }

    /// Lines of one difference.
    pub(super) fn diff_lines(self) -> usize {
        match self {
            Self::Whole => 400,
            Self::Brief => 10,
        }
    }

    /// Characters of a line of a difference.
    fn line(self) -> usize {
        match self {
            Self::Whole => LINE,
            Self::Brief => MAX_LINE / 2,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ExchangeView {
    /// Its number in the transcript, from 0.
    number: usize,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<usize>,
    asked: String,
    answer: String,
    at: f64,
    took: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<f64>,
    /// When the events of a stream came, from the send of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
}

/// The exchanges of a try in causal order, and how many are left out.
pub(super) fn exchanges(attempt: &Attempt, size: Size) -> (Vec<ExchangeView>, usize) {
    if size == Size::Brief {
        return (Vec::new(), attempt.transcript.len());
    }
    let shown = attempt.transcript.len().min(EXCHANGES);
    let views = attempt.transcript[..shown].iter().enumerate().map(|(number, exchange)| view(number, exchange));
    (views.collect(), attempt.transcript.len() - shown)
}

fn view(number: usize, exchange: &Exchange) -> ExchangeView {
    let text = |text: &str| sanitize::line(text, TEXT).into_owned();
    let marks = match exchange.response.as_ref().map(|response| &response.body) {
        Some(Body::Events(events)) => events.iter().take(MARKS).map(|event| event.at_ms).collect(),
        _ => Vec::new(),
    };
    ExchangeView {
        number,
        from: text(&exchange.hop.from),
        to: text(&exchange.hop.to),
        step: exchange.step,
        cause: exchange.cause,
        asked: text(&story::asked(exchange)),
        answer: text(&story::came_back(exchange)),
        at: exchange.started_ms,
        took: exchange.elapsed_ms,
        began: exchange.began_ms,
        marks,
        note: exchange.note.as_deref().map(text),
        failure: exchange.failure.as_deref().map(text),
        request: message(&canonical::request(&exchange.request, Volatile::Keep)),
        response: exchange.response.as_ref().map(|response| message(&canonical::response(response, Volatile::Keep))),
    }
}

/// The lines of a message as one text, and at its end what is left out.
fn message(lines: &[String]) -> String {
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i == LINES || out.len() > MESSAGE {
            let more = words::count((lines.len() - i) as u64, "more line", "more lines");
            out.push_str(&format!("… {more}; the JSON report has them"));
            return out;
        }
        out.push_str(&sanitize::line(line, LINE));
        out.push('\n');
    }
    out.pop();
    out
}

/// A line of a difference: `=`, `-`, `+` or `…`, then its pieces; one that differs stands in a list of its own.
#[derive(Serialize)]
pub(super) struct DiffView(char, Vec<Piece>);

#[derive(Serialize)]
#[serde(untagged)]
enum Piece {
    Same(String),
    Differs([String; 1]),
}

pub(super) fn diff_line(line: &DiffLine, size: Size) -> DiffView {
    let tag = match line.tag {
        Tag::Same => '=',
        Tag::Expected => '-',
        Tag::Actual => '+',
        Tag::Gap => '…',
    };
    let long = line.parts.iter().map(|(_, part)| part.len()).sum::<usize>() > MAX_LINE;
    let last = line.parts.len().saturating_sub(1);
    let pieces = line.parts.iter().enumerate().map(|(i, (differs, part))| {
        if *differs {
            Piece::Differs([sanitize::line(part, size.line()).into_owned()])
        } else if long && last > 0 {
            Piece::Same(story::shortened(part, i > 0, i < last))
        } else {
            Piece::Same(sanitize::line(part, size.line()).into_owned())
        }
    });
    // The pieces of a line that is compared word by word may be many.
    DiffView(tag, pieces.take(MAX_LINE).collect())
}

/// The line that stands for those which are not shown.
pub(super) fn left_out(lines: usize) -> DiffView {
    let more = words::count(lines as u64, "more line", "more lines");
    DiffView('…', vec![Piece::Same(format!("… {more} of the difference; the JSON report has them"))])
}
