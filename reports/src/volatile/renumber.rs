//! Placeholders of a part of a transcript, whose numbers tell of the other parts too.

use std::collections::HashMap;

use super::normalise::is_placeholder;

/// The text with its placeholders counted from its own beginning: two parts of which the same was said are the same then, whatever
/// went before.
#[must_use]
pub fn renumbered(text: &str) -> String {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    replaced(text, |placeholder, name| {
        let number = *known.entry(placeholder).or_insert_with(|| {
            let count = counts.entry(name).or_default();
            *count += 1;
            *count
        });
        format!("<{name}:{number}>")
    })
}

/// The text with placeholders that say which kind of value stood there, and not which one.
#[must_use]
pub fn unnumbered(text: &str) -> String {
    replaced(text, |_, name| format!("<{name}>"))
}

/// The text with other placeholders of the same values: `by` makes one out of a whole placeholder and its name.
pub fn replaced<'t>(text: &'t str, mut by: impl FnMut(&'t str, &'t str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let end = from.find('>').map_or(from.len(), |end| end + 1);
        // A bracket inside begins anew.
        let next = from.get(1..end).and_then(|inner| inner.find('<')).map_or(end, |next| next + 1);
        let (candidate, after) = from.split_at(next);
        let name = candidate.get(1..).and_then(|inner| inner.rsplit_once(':')).map(|(name, _)| name);
        match name.filter(|_| is_placeholder(candidate)) {
            Some(name) => out.push_str(&by(candidate, name)),
            None => out.push_str(candidate),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_from_the_beginning_of_the_part() {
        let later = "id <uuid:3> of <token:1>, <uuid:7> and <uuid:3> < 5 <a <uuid:7>";
        assert_eq!(renumbered(later), "id <uuid:1> of <token:1>, <uuid:2> and <uuid:1> < 5 <a <uuid:2>");
        assert_eq!(renumbered("<uuid:1> <uuid:1>"), renumbered("<uuid:4> <uuid:4>"));
        assert_ne!(renumbered("<uuid:1> <uuid:1>"), renumbered("<uuid:4> <uuid:5>"));
    }

    #[test]
    fn what_is_no_placeholder_stays() {
        for text in ["", "<", "<a", "<a:b>", "<:1>", "a < b > c", "<<x:1", "ä<ü:>ö"] {
            assert_eq!(renumbered(text), text);
        }
        assert_eq!(unnumbered("<<x:1> <date> <y-z:12>"), "<<x> <date> <y-z>");
    }
}
