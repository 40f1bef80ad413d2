//! The path to a value, written out only when something is wrong with it.

use std::fmt;

/// A path that grows on the stack.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root(&'p str),
    Member(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn index(&'p self, at: usize) -> Self {
        Self::Index(self, at)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(parent, name) => {
                let plain = !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'));
                if !plain {
                    write!(f, "{parent}[{}]", serde_json::Value::from(*name))
                } else if matches!(parent, Self::Root("")) {
                    f.write_str(name)
                } else {
                    write!(f, "{parent}.{name}")
                }
            }
            Self::Index(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
