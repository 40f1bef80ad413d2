//! Places in a text.

use std::fmt;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters; none where only the line is known.
    pub column: Option<usize>,
}

impl Place {
    /// The place of a byte.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Self { line, column: Some(before[begin..].chars().count() + 1) }
    }

    /// A line.
    pub(super) fn line(line: usize) -> Self {
        Self { line, column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}", self.line),
            None => write!(f, "{}", self.line),
        }
    }
}

/// What is wrong at a byte of a text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }

    pub(super) fn of(self, text: &str, name: &str) -> super::Error {
        super::Error::Malformed { name: name.to_owned(), place: Place::of(text, self.at), problem: self.problem }
    }
}

/// Notes, each with the byte that it is about.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(usize, String)>);

/// Notes that are kept; a hostile text could make any number.
const MOST: usize = 50;

impl Notes {
    /// Adds one, unless the same is there.
    pub(super) fn add(&mut self, at: usize, text: impl Into<String>) {
        let text = text.into();
        if self.0.len() < MOST && !self.0.iter().any(|(_, known)| *known == text) {
            self.0.push((at, text));
        }
    }

    /// In the order of the text.
    pub(super) fn of(mut self, text: &str) -> Vec<super::Note> {
        self.0.sort_by_key(|(at, _)| *at);
        self.0.into_iter().map(|(at, note)| super::Note { place: Some(Place::of(text, at)), text: note }).collect()
    }
}
