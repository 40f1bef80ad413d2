//! A command line that repeats a request.
//!
//! What a target or a scenario put into the request is data here: it is quoted for a POSIX shell, and characters that a
//! terminal would act upon are written as octal escapes for `printf`. Secrets become shell variables. A request that AWS
//! Signature Version 4 signs is signed anew by `curl`, with the keys of the usual variables.

mod aws;

use std::fmt::Write as _;

use crate::model::{Body, WireRequest};
use crate::sanitize;

/// Headers that `curl` makes itself.
const OWN: [&str; 4] = ["content-length", "connection", "transfer-encoding", "host"];

/// Headers that `curl` adds when nobody says otherwise; to repeat a request without them they are switched off.
const ADDED: [&str; 2] = ["accept", "user-agent"];

/// The command line, or `None` where there is none: a message on stdio, a body that is not text or that is not whole.
///
/// `labels` are those of the secrets ([`crate::Redactor::labels`]): `${token}` becomes `$TOKEN`. Nothing else does, so that
/// a target cannot make the user send a variable of the environment.
#[must_use]
pub fn command<S: AsRef<str>>(request: &WireRequest, labels: &[S]) -> Option<String> {
    if request.method == "stdin" {
        return None;
    }
    let body = match &request.body {
        Body::Empty => None,
        Body::Json(value) => Some(value.to_string()),
        Body::Text { text, truncated: 0 } => Some(text.clone()),
        Body::Text { .. } | Body::Events(_) | Body::Binary { .. } => return None,
    };
    let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
    let shell = Shell { labels: &labels };
    // Only a pipe carries NUL, and keeps line breaks at the end.
    let piped = body.as_deref().is_some_and(|text| text.chars().any(sanitize::is_unsafe));

    let mut out = String::new();
    if let (true, Some(text)) = (piped, &body) {
        let _ = write!(out, "{} | ", shell.printf(text));
    }
    out.push_str("curl -sSi");
    match (request.method.as_str(), &body) {
        ("GET", None) | ("POST", Some(_)) => {}
        ("HEAD", None) => out.push_str(" -I"),
        (method, _) => {
            let _ = write!(out, " -X {}", shell.word(method));
        }
    }
    if request.headers.iter().any(|(_, value)| value.contains("text/event-stream")) {
        out.push_str(" -N");
    }
    if request.url.contains(['[', ']', '{', '}']) {
        out.push_str(" -g");
    }
    if request.url.starts_with('-') {
        out.push_str(" --url");
    }
    let _ = write!(out, " {}", shell.word(&request.url));
    let signed = aws::Signed::of(request);
    if let Some(signed) = &signed {
        signed.write(&shell, &mut out);
    }
    headers(request, body.is_some(), signed.is_some(), &shell, &mut out);
    match &body {
        Some(_) if piped => out.push_str(" --data-binary @-"),
        Some(text) => {
            let _ = write!(out, " --data-raw {}", shell.word(text));
        }
        None => {}
    }
    Some(out)
}

fn headers(request: &WireRequest, has_body: bool, is_signed: bool, shell: &Shell<'_>, out: &mut String) {
    let has = |wanted: &str| request.headers.iter().any(|(name, _)| name == wanted);
    for (name, value) in &request.headers {
        // `-H @name` would read a file.
        let file = name.starts_with('@');
        let host = name == "host" && authority(&request.url) != Some(value.as_str());
        if file || OWN.contains(&name.as_str()) && !host || is_signed && aws::MADE.contains(&name.as_str()) {
            continue;
        }
        // `name:` would take the header away.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        let _ = write!(out, " -H {}", shell.word(&header));
    }
    if is_signed {
        // Older versions sign a header that is switched off. What `curl` adds of its own is not signed.
        return;
    }
    for name in ADDED {
        if !has(name) {
            let _ = write!(out, " -H {name}:");
        }
    }
    if has_body && !has("content-type") {
        out.push_str(" -H content-type:");
    }
}

/// Host and port of an absolute URL.
fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[..end].rsplit('@').next()
}

/// Quotes for a POSIX shell.
struct Shell<'a> {
    labels: &'a [&'a str],
}

/// A piece of a text.
enum Piece<'a> {
    Literal(&'a str),
    Variable(String),
}

impl Shell<'_> {
    /// The text as one word.
    fn word(&self, text: &str) -> String {
        if text.chars().any(sanitize::is_unsafe) {
            return format!("\"$({})\"", self.printf(text));
        }
        let pieces = self.pieces(text);
        let has_variable = pieces.iter().any(|piece| matches!(piece, Piece::Variable(_)));
        if !has_variable {
            return quote(text);
        }
        let simple = |piece: &Piece<'_>| match piece {
            Piece::Literal(text) => !text.contains(['"', '$', '`', '\\', '!']),
            Piece::Variable(_) => true,
        };
        let mut out = String::new();
        if pieces.iter().all(simple) {
            out.push('"');
            for piece in &pieces {
                match piece {
                    Piece::Literal(text) => out.push_str(text),
                    // Braces, for a letter may follow.
                    Piece::Variable(name) => {
                        let _ = write!(out, "${{{name}}}");
                    }
                }
            }
            out.push('"');
        } else {
            for piece in &pieces {
                match piece {
                    Piece::Literal(text) => out.push_str(&single(text)),
                    Piece::Variable(name) => {
                        let _ = write!(out, "\"${{{name}}}\"");
                    }
                }
            }
        }
        out
    }

    /// A command that writes the text, every byte of it.
    fn printf(&self, text: &str) -> String {
        let mut format = String::new();
        let mut arguments = String::new();
        for piece in self.pieces(text) {
            match piece {
                Piece::Literal(text) => push_format(&mut format, text),
                Piece::Variable(name) => {
                    format.push_str("%s");
                    let _ = write!(arguments, " \"${{{name}}}\"");
                }
            }
        }
        format!("printf {}{arguments}", single(&format))
    }

    fn pieces<'t>(&self, text: &'t str) -> Vec<Piece<'t>> {
        let mut pieces = Vec::new();
        let mut literal = 0;
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let start = at + found;
            let inner = &text[start + 2..];
            let label =
                self.labels.iter().find(|label| inner.strip_prefix(**label).is_some_and(|rest| rest.starts_with('}')));
            match label {
                Some(label) => {
                    if literal < start {
                        pieces.push(Piece::Literal(&text[literal..start]));
                    }
                    pieces.push(Piece::Variable(variable(label)));
                    at = start + 2 + label.len() + 1;
                    literal = at;
                }
                None => at = start + 2,
            }
        }
        if literal < text.len() {
            pieces.push(Piece::Literal(&text[literal..]));
        }
        pieces
    }
}

/// `token` → `TOKEN`, `kiro token` → `KIRO_TOKEN`.
fn variable(label: &str) -> String {
    let mut name: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// Quotes only where a shell would see more than a word.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { single(text) }
}

/// In single quotes, inside of which nothing is special.
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The text as a format of `printf`.
fn push_format(format: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '%' => format.push_str("%%"),
            '\\' => format.push_str("\\\\"),
            '\n' => format.push_str("\\n"),
            c if sanitize::is_unsafe(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(format, "\\{byte:03o}");
                }
            }
            c => format.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
