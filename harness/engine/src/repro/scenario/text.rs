//! Texts of a recording as strings of a scenario, in which `${` begins a variable.

use std::ops::Range;

/// How a text that stands for a secret begins.
const SECRET: &str = "${secret:";

/// A text that stands for itself, but for what stands for a secret.
pub(super) fn literal(text: &str) -> String {
    composed(text, &[])
}

/// A text in which some parts are the values of variables; they are in order.
pub(super) fn composed(text: &str, parts: &[(Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, name) in parts {
        escape(&text[done..range.start], &mut out);
        out.push_str("${");
        out.push_str(name);
        out.push('}');
        done = range.end;
    }
    escape(&text[done..], &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match secret(rest) {
            Some((_, length)) => {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            None => {
                out.push_str("$${");
                rest = &rest[2..];
            }
        }
    }
    out.push_str(rest);
}

/// The name of the secret that a text begins with, and how long the text is that stands for it.
pub(super) fn secret(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix(SECRET)?;
    let end = rest.find('}')?;
    let name = &rest[..end];
    crate::repro::secrets::is_name(name).then_some((name, SECRET.len() + end + 1))
}

/// Whether a text holds something that stands for a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    text.match_indices(SECRET).any(|(at, _)| secret(&text[at..]).is_some())
}

/// The names of all secrets in a text.
pub(super) fn secrets(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(SECRET).filter_map(|(at, _)| secret(&text[at..]).map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_variable_is_none() {
        assert_eq!(
            literal("a ${env:HOME} ${secret:env:HOME} $${x} ${"),
            "a $${env:HOME} $${secret:env:HOME} $$${x} $${"
        );
        assert_eq!(literal("Bearer ${secret:access-token}!"), "Bearer ${secret:access-token}!");
        assert_eq!(composed("/a/xyz?${", &[(3..6, "id".to_owned())]), "/a/${id}?$${");
    }
}
