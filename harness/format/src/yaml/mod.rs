//! YAML (and JSON) text to a [`Node`] tree, with limits.
//!
//! Built on parser events and not on serde: only events tell the style of a scalar (so that `007` can be refused and `"007"`
//! be taken), and give a place to each key and value without buffering.

mod build;
mod scalar;

use std::path::Path;
use std::sync::Arc;

use granit_parser::{Event, Parser};

use crate::diagnostic::Diagnostic;
use crate::node::{Node, Source, Span};

use build::{Builder, span_of};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Deepest nesting of sequences and mappings.
pub const MAX_DEPTH: usize = 64;
/// Most values in a file, aliases expanded.
pub const MAX_NODES: usize = 50_000;
/// Most values that aliases and merge keys may add.
pub const MAX_ALIASED_NODES: usize = 10_000;

/// Bytes of a file to a [`Source`].
///
/// # Errors
/// The file is too large (`file-too-large`) or not UTF-8 (`invalid-utf8`).
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Arc<Source>, Diagnostic> {
    let empty = |text: &str| Arc::new(Source { path: path.to_path_buf(), text: text.into() });
    if bytes.len() > MAX_FILE_BYTES {
        let size = bytes.len();
        return Err(Diagnostic::error(
            "file-too-large",
            &empty(""),
            first_place(0),
            format!("the file has {size} bytes, the limit is {MAX_FILE_BYTES}"),
        ));
    }
    String::from_utf8(bytes).map(|text| Arc::new(Source { path: path.to_path_buf(), text: text.into() })).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let good = String::from_utf8_lossy(&e.as_bytes()[..valid]).into_owned();
        let byte = e.as_bytes().get(valid).copied().unwrap_or_default();
        let span = end_of(&good);
        Diagnostic::error("invalid-utf8", &empty(&good), span, format!("byte {valid} (0x{byte:02x}) is not UTF-8"))
            .help("save the file as UTF-8")
    })
}

/// Parses one document. `index` is what [`Span::source`] shall say.
///
/// # Errors
/// The syntax error, or every duplicate key, ambiguous number and so on of a file whose syntax is good.
pub fn parse(source: &Arc<Source>, index: u16) -> Result<Node, Vec<Diagnostic>> {
    if source.text.len() > MAX_FILE_BYTES {
        let size = source.text.len();
        let message = format!("the file has {size} bytes, the limit is {MAX_FILE_BYTES}");
        return Err(vec![Diagnostic::error("file-too-large", source, first_place(index), message)]);
    }
    let text: &str = &source.text;
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    options.disallow_directives = true;
    let mut builder = Builder::new(source, index);
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(e) => {
                let mark = *e.marker();
                let span = span_of(granit_parser::Span::empty(mark), text, index);
                builder.report(Diagnostic::error("syntax", source, span, format!("not YAML: {}", e.info())));
                return Err(builder.into_problems());
            }
        };
        if let Event::DocumentStart(..) = event {
            documents += 1;
            if documents > 1 {
                let span = span_of(span, text, index);
                builder.report(
                    Diagnostic::error("several-documents", source, span, "a file holds one document")
                        .help("put the second document into a file of its own"),
                );
                return Err(builder.into_problems());
            }
        }
        if builder.event(event, span).is_err() {
            return Err(builder.into_problems());
        }
    }
    builder.finish()
}

fn first_place(index: u16) -> Span {
    Span { source: index, line: 1, column: 1, start: 0, end: 0 }
}

/// The place just after a text.
fn end_of(text: &str) -> Span {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    let at = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Span {
        source: 0,
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        start: at,
        end: at,
    }
}

#[cfg(test)]
mod tests;
