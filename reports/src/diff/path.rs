//! Paths of mismatches, which name members and count elements.

use crate::path::{self, Step};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A member.
    Key(String),
    /// An element.
    Index(usize),
}

/// Takes a path apart. `None` if it is not one.
pub(super) fn parse(path: &str) -> Option<Vec<Segment>> {
    let segment = |step| match step {
        Step::Name(name) | Step::Quoted(name) => Some(Segment::Key(name)),
        Step::Bracketed(digits) => digits.parse().ok().map(Segment::Index),
    };
    path::parse(path)?.into_iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_names_and_elements_have_numbers() {
        let key = |k: &str| Segment::Key(k.to_owned());
        assert_eq!(parse(r#"a[2]["b c"]"#), Some(vec![key("a"), Segment::Index(2), key("b c")]));
        assert_eq!(parse("a[x]"), None);
    }
}
