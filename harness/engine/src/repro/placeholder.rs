//! What stands in a recording in the place of a secret: `${secret:NAME}`.

use std::collections::BTreeMap;

use super::secrets::is_name;

/// How it begins.
const PREFIX: &str = "${secret:";

/// What stands before the first one, its name, and what stands behind it.
pub(super) fn cut(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find(PREFIX).map(|at| from + at) {
        let rest = &text[at + PREFIX.len()..];
        if let Some((name, behind)) = rest.split_once('}').filter(|(name, _)| is_name(name)) {
            return Some((&text[..at], name, behind));
        }
        from = at + PREFIX.len();
    }
    None
}

/// Whether one stands in the text.
pub(super) fn is_in(text: &str) -> bool {
    cut(text).is_some()
}

/// Whether the text is the recorded one but for what stands in the place of its secrets.
pub(super) fn same_but(recorded: &str, text: &str) -> bool {
    let Some((head, _, mut rest)) = cut(recorded) else { return recorded == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    while let Some((literal, _, behind)) = cut(rest) {
        let Some(at) = left.find(literal) else { return false };
        left = &left[at + literal.len()..];
        rest = behind;
    }
    left.ends_with(rest)
}

/// The text with the values that are given.
///
/// # Errors
/// The name of one that is not.
pub(super) fn filled(text: &str, given: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, name, behind)) = cut(rest) {
        out.push_str(head);
        out.push_str(given.get(name).ok_or_else(|| name.to_owned())?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_for_any_text() {
        assert!(same_but("Bearer ${secret:token}", "Bearer abc"));
        assert!(same_but("${secret:a}-${secret:b}.x", "1-2.x"));
        assert!(same_but("a ${secret:a} b ${secret:b}", "a 1 b 2"));
        assert!(!same_but("Bearer ${secret:token}", "Basic abc"));
        assert!(!same_but("a${secret:b}c", "ac-"));
        assert!(!same_but("plain", "other"));
        assert!(!same_but("ab${secret:x}bc", "abc"));
        // What is no name stands for itself.
        assert!(!same_but("${secret:env:HOME}", "x"));
    }

    #[test]
    fn a_missing_secret_is_named() {
        let given = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(filled("x${secret:a}y", &given).as_deref(), Ok("x1y"));
        assert_eq!(filled("${secret:b}", &given), Err("b".to_owned()));
        assert_eq!(
            filled("${secret:b ${secret:env:A} ${secret:a}", &given).as_deref(),
            Ok("${secret:b ${secret:env:A} 1")
        );
    }
}
