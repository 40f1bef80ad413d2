//! Diagnostics as text for people.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};

/// Most characters of a source line that are quoted of the place and after it.
const CONTEXT: usize = 160;

/// A diagnostic with its place quoted. No colour means no escape sequence at all. Control and direction characters of the
/// quoted source are shown as symbols.
#[must_use]
pub fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    };
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let message = harmless(&diagnostic.message);
    let label = harmless(&diagnostic.label);
    let path = harmless(&diagnostic.source.path.display().to_string());
    let quote = Quote::of(diagnostic);
    let annotation = AnnotationKind::Primary.span(quote.range);
    let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
    let snippet = Snippet::source(quote.line)
        .line_start(diagnostic.span.line.max(1) as usize)
        .path(path)
        .fold(false)
        .annotation(annotation);
    let mut group = level.primary_title(message).id(diagnostic.code).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(harmless(help)));
    }
    renderer.render(&[group])
}

/// The line that is quoted, made harmless, and the place in it.
struct Quote {
    line: String,
    range: std::ops::Range<usize>,
}

impl Quote {
    fn of(diagnostic: &Diagnostic) -> Self {
        let text: &str = &diagnostic.source.text;
        let mut start = (diagnostic.span.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let mut end = (diagnostic.span.end as usize).clamp(start, line_end);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        // A value of many lines is marked on its first one.
        let before = &text[line_start..start];
        let inside: String = text[start..end].chars().take(CONTEXT).collect();
        let after: String = text[end..line_end].trim_end_matches('\r').chars().take(CONTEXT).collect();
        let (before, inside, after) = (harmless(before), harmless(&inside), harmless(&after));
        let range = before.len()..before.len() + inside.len();
        Self { line: format!("{before}{inside}{after}"), range }
    }
}

/// Text without characters that act on a terminal or reorder what is around them.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            '\n' => '\u{2424}',
            c if c.is_ascii_control() => {
                char::from_u32(0x2400 + c as u32).filter(|_| c != '\x7f').unwrap_or('\u{2421}')
            }
            c if c.is_control() || is_invisible(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Direction marks, isolates, tags and other characters that are not seen, and line separators.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::node::{Source, Span};
    use crate::scenario::Scenario;

    fn first(text: &str) -> Diagnostic {
        let source = Arc::new(Source { path: "scenarios/a.yaml".into(), text: text.into() });
        Scenario::parse(source, None).unwrap_err().remove(0)
    }

    #[test]
    fn an_unknown_key() {
        let text = "id: a\ntitle: b\ntarget: c\nsteps:\n  - call: tools/list\n    expct: { status: 200 }\n";
        assert_eq!(
            render(&first(text), false),
            "\
error[unknown-key]: unknown key `expct` in a `call` step
 --> scenarios/a.yaml:6:5
  |
6 |     expct: { status: 200 }
  |     ^^^^^ not part of the format
  |
  = help: did you mean `expect`?"
        );
    }

    #[test]
    fn a_duplicate_key() {
        assert_eq!(
            render(&first("id: a\nid: b\n"), false),
            "\
error[duplicate-key]: the key `id` is there twice
 --> scenarios/a.yaml:2:1
  |
2 | id: b
  | ^^ first on line 1"
        );
    }

    #[test]
    fn a_jsonpath_has_its_caret_inside() {
        let text = "id: a\ntitle: b\ntarget: c\nsteps:\n  - { call: a, capture: { x: $.result..[ } }\n";
        let out = render(&first(&text.replace("$.result..[ ", "'$.result.x[' ")), false);
        assert_eq!(
            out,
            "\
error[bad-jsonpath]: `$.result.x[` is not a JSONPath
 --> scenarios/a.yaml:5:42
  |
5 |   - { call: a, capture: { x: '$.result.x[' } }
  |                                          ^ the path goes wrong here
  |
  = help: a path starts with `$`: `$.result.tools[0].name`"
        );
    }

    #[test]
    fn colour_is_asked_for() {
        let d = first("id: a\nid: b\n");
        assert!(render(&d, true).contains("\u{1b}["));
        assert!(!render(&d, false).contains('\u{1b}'));
    }

    #[test]
    fn hostile_characters_are_shown_as_symbols() {
        let text = "a: \u{1b}[31m\u{202e}x\u{7f}\r\u{9b}y # \u{2066}z";
        let source = Arc::new(Source { path: "\u{1b}]0;x\u{7}.yaml".into(), text: text.into() });
        let span = Span { source: 0, line: 1, column: 4, start: 3, end: 8 };
        let d = Diagnostic::error("x", &source, span, "bad \u{202e} \u{1b}[2J").label("\u{1b}").help("\u{7}");
        let out = render(&d, false);
        assert!(!out.chars().any(|c| (c.is_control() && c != '\n') || is_invisible(c)), "{out:?}");
        assert!(out.contains("\u{241b}[31m\u{fffd}x\u{2421}"), "{out}");
    }

    #[test]
    fn a_place_outside_of_the_text_is_no_panic() {
        let source = Arc::new(Source { path: "a.yaml".into(), text: "é".into() });
        for (start, end) in [(0, 9), (1, 1), (9, 3), (2, 2)] {
            let span = Span { source: 0, line: 1, column: 1, start, end };
            assert!(render(&Diagnostic::error("x", &source, span, "m"), false).starts_with("error[x]: m"));
        }
    }
}
