//! Text from targets, made safe to print.
//!
//! A target decides what stands in its answers, so it could move the cursor, recolour or retitle the terminal, or show
//! another text than the one that was sent. Characters that can are replaced by a visible escape: `\x1b`, `\u{202e}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Length, in characters, beyond which [`line()`] cuts by default.
pub const MAX_LINE: usize = 400;

/// Whether a terminal could do more with the character than show it: C0 and C1 controls, line and paragraph separators,
/// bidirectional controls, zero-width and other invisible characters.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e01ef}')
}

/// Appends the character, or its visible escape.
fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if !is_unsafe(c) => out.push(c),
        c if u32::from(c) < 0x80 => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        c => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

/// Whether the text can be printed as it is; ASCII without controls, which nearly all text is, is decided bytewise.
fn is_clean(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(is_unsafe)
}

/// The text on one line: line breaks and tabs become `\n`, `\r`, `\t`. Nothing is cut.
#[must_use]
pub fn inline(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_visible(&mut out, c);
    }
    Cow::Owned(out)
}

/// The first `max` characters, and then `…` if there are more. Nothing is made safe.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match split(text, max) {
        (_, "") => Cow::Borrowed(text),
        (head, _) => Cow::Owned(format!("{head}…")),
    }
}

/// The first `max` characters, and the rest.
fn split(text: &str, max: usize) -> (&str, &str) {
    // A character has at least a byte.
    let at = if text.len() <= max { None } else { text.char_indices().nth(max) };
    at.map_or((text, ""), |(at, _)| text.split_at(at))
}

/// The text on one line of at most `max` characters, and then `… +N characters`.
#[must_use]
pub fn line(text: &str, max: usize) -> Cow<'_, str> {
    let (head, rest) = split(text, max);
    if rest.is_empty() {
        return inline(text);
    }
    let left_out = rest.chars().count();
    let mut out = inline(head).into_owned();
    let _ = write!(out, "… +{left_out} {}", if left_out == 1 { "character" } else { "characters" });
    Cow::Owned(out)
}

/// Text of several lines, each as [`line()`] makes it with [`MAX_LINE`]; tabs become spaces and line breaks stay.
#[must_use]
pub fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, part) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if part.contains('\t') {
            out.push_str(&line(&part.replace('\t', "    "), MAX_LINE));
        } else {
            out.push_str(&line(part, MAX_LINE));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(inline("plain ünïcode 日本 ${token}"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_that_moves_the_cursor_gets_through() {
        let hostile = "a\x1b[2Jb\x07\u{9b}31m\u{202e}evil\u{2066}\u{200b}\u{feff}\u{2028}\r\nend\x7f";
        let safe = inline(hostile);
        assert!(!safe.chars().any(is_unsafe), "{safe}");
        assert_eq!(safe, "a\\x1b[2Jb\\x07\\u{9b}31m\\u{202e}evil\\u{2066}\\u{200b}\\u{feff}\\u{2028}\\r\\nend\\x7f");
    }

    #[test]
    fn long_lines_are_cut_with_a_count() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcdef… +1 character");
        assert_eq!(line("äöüäöüää", 6), "äöüäöü… +2 characters");
        assert_eq!(line("äöüäöü", 6), "äöüäöü");
    }

    #[test]
    fn a_cut_leaves_whole_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äöü…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut("\x1b[", 1), "\x1b…");
    }

    #[test]
    fn blocks_keep_their_lines() {
        assert_eq!(block("a\tb\r\n\x1bc\nd\n"), "a    b\n\\x1bc\nd");
    }
}
