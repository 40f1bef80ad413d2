//! Where in an exchange something differs: `result.tools[echo].inputSchema.properties.message`, `headers.retry-after`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::path::{self, Step};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A member.
    Key(String),
    /// An element, by its position.
    Index(usize),
    /// An element, by the name that it has in its list.
    Item(String),
}

impl Segment {
    fn matches(&self, wanted: &str) -> bool {
        match self {
            Self::Key(text) | Self::Item(text) => text == wanted,
            Self::Index(n) => n.to_string() == wanted,
        }
    }
}

/// Steps from the top of an exchange down to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// A path of one member.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(vec![Segment::Key(name.to_owned())])
    }

    pub(super) fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(super) fn key(&self, name: &str) -> Self {
        self.with(Segment::Key(name.to_owned()))
    }

    /// Whether it begins with these members; elements of lists may be anything where `*` stands.
    pub(super) fn begins(&self, wanted: &[&str]) -> bool {
        self.0.len() >= wanted.len()
            && wanted.iter().zip(&self.0).all(|(wanted, segment)| *wanted == "*" || segment.matches(wanted))
    }

    /// Whether it is just these members.
    pub(super) fn is(&self, wanted: &[&str]) -> bool {
        self.0.len() == wanted.len() && self.begins(wanted)
    }

    /// Whether a member of that name is on the way.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.0.iter().any(|segment| matches!(segment, Segment::Key(key) if key == name))
    }

    /// The name of the member, or of the element, at its end.
    pub(super) fn last(&self) -> Option<&str> {
        match self.0.last()? {
            Segment::Key(text) | Segment::Item(text) => Some(text),
            Segment::Index(_) => None,
        }
    }

    /// Whether it leads to an element of a list.
    pub(super) fn ends_in_list(&self) -> bool {
        matches!(self.0.last(), Some(Segment::Index(_) | Segment::Item(_)))
    }

    /// The path without its last step.
    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Whether the other path is this one or leads on from it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain =
            |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if is_plain(key) => write!(f, "{}{key}", if i == 0 { "" } else { "." })?,
                Segment::Key(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
                Segment::Index(n) => write!(f, "[{n}]")?,
                Segment::Item(name) if is_plain(name) => write!(f, "[{name}]")?,
                Segment::Item(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str()))?,
            }
        }
        Ok(())
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A path as a user writes it, in which `*` is any member or element. It holds for everything below, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Option<String>>);

impl Pattern {
    /// Reads one. `None` if it is not a path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let wanted = |step| match step {
            Step::Name(name) | Step::Bracketed(name) => (name != "*").then_some(name),
            Step::Quoted(name) => Some(name),
        };
        Some(Self(path::parse(text)?.into_iter().map(wanted).collect()))
    }

    /// Its steps, `None` for any.
    pub(crate) fn segments(&self) -> &[Option<String>] {
        &self.0
    }

    /// Whether the path is one that is meant, or below one.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        path.0.len() >= self.0.len()
            && self.0.iter().zip(&path.0).all(|(wanted, segment)| match wanted {
                None => true,
                Some(wanted) => segment.matches(wanted),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        let list = Path::of("result").key("tools");
        list.with(Segment::Item("my tool".into())).key("inputSchema").key("a.b").with(Segment::Index(2))
    }

    #[test]
    fn paths_read_as_they_are_written() {
        assert_eq!(path().to_string(), r#"result.tools["my tool"].inputSchema["a.b"][2]"#);
        assert_eq!(Path::of("headers").key("retry-after").to_string(), "headers.retry-after");
    }

    #[test]
    fn patterns_cover_a_value_and_what_is_below() {
        for covering in [
            "result",
            "result.tools[*].inputSchema",
            "result.tools[*]",
            "*.tools",
            r#"result.tools["my tool"].inputSchema["a.b"][2]"#,
            r#"result.tools["my tool"].inputSchema["a.b"][*]"#,
        ] {
            assert!(Pattern::parse(covering).is_some_and(|p| p.covers(&path())), "{covering}");
        }
        for other in [r#"result["*"]"#, "result.resources", "result.tools[echo]", "result.tools[*].a", "error"] {
            assert!(Pattern::parse(other).is_some_and(|p| !p.covers(&path())), "{other}");
        }
        for bad in ["", ".a", "a..b", "a[", "a[]", "a[\"b]", "a."] {
            assert_eq!(Pattern::parse(bad), None, "{bad}");
        }
    }
}
