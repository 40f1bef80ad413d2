//! Dotted paths: `body.params.arguments`, `items[0].name`, `body.params._meta["example.com/key"]`.
//!
//! Unlike a JSONPath one leads to a single value, and its names may hold what names of headers do.

use serde_json::Value;

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDotted(String);

/// A path to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dotted(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `.name` or `["name"]`.
    Name(String),
    /// `[0]`, of an array.
    Index(usize),
}

impl Dotted {
    /// Reads a path.
    ///
    /// # Errors
    /// It is empty, a name is missing, or a bracket is not closed or holds neither a number nor a quoted name.
    pub fn parse(text: &str) -> Result<Self, BadDotted> {
        let bad = |reason: &str| Err(BadDotted(reason.to_owned()));
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            if let Some(inside) = rest.strip_prefix('[') {
                let (segment, after) = bracket(inside)?;
                segments.push(segment);
                rest = after;
            } else {
                let name = if segments.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
                let Some(name) = name else { return bad("expected `.` or `[` after `]`") };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 {
                    return bad("a name is missing");
                }
                segments.push(Segment::Name(name[..end].to_owned()));
                rest = &name[end..];
            }
            if rest.is_empty() {
                return Ok(Self(segments));
            }
        }
    }

    /// The first name; empty if the path begins with an index.
    #[must_use]
    pub fn root(&self) -> &str {
        match self.0.first() {
            Some(Segment::Name(name)) => name,
            _ => "",
        }
    }

    /// How many names and indices it has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The second name, if the path has one: of `headers.accept` the header.
    #[must_use]
    pub fn second(&self) -> Option<&str> {
        match self.0.get(1) {
            Some(Segment::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// The value there.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| match (segment, value) {
            (Segment::Name(name), Value::Array(items)) => items.get(name.parse::<usize>().ok()?),
            (Segment::Name(name), other) => other.get(name),
            (Segment::Index(at), other) => other.get(at),
        })
    }
}

/// What stands between `[` and `]`, and what comes after.
fn bracket(inside: &str) -> Result<(Segment, &str), BadDotted> {
    let open = || BadDotted("`[` without `]`".to_owned());
    if let Some(quote) = inside.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (name, after) = inside[1..].split_once(quote).ok_or_else(open)?;
        let after = after.strip_prefix(']').ok_or_else(open)?;
        return Ok((Segment::Name(name.to_owned()), after));
    }
    let (index, after) = inside.split_once(']').ok_or_else(open)?;
    let index = index.parse().map_err(|_| BadDotted(format!("`[{index}]` is neither an index nor a quoted name")))?;
    Ok((Segment::Index(index), after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(path: &str) -> Option<Value> {
        let value = json!({
            "headers": { "x-amz-date": "d" },
            "body": { "params": { "_meta": { "example.com/key": 1 }, "items": [{ "n": 2 }] } },
        });
        Dotted::parse(path).expect("a path").find(&value).cloned()
    }

    #[test]
    fn names_indices_and_quoted_names() {
        assert_eq!(at("headers.x-amz-date"), Some(json!("d")));
        assert_eq!(at("body.params.items[0].n"), Some(json!(2)));
        assert_eq!(at("body.params.items.0.n"), Some(json!(2)));
        assert_eq!(at("body.params._meta[\"example.com/key\"]"), Some(json!(1)));
        assert_eq!(at("body['params'].items[1]"), None);
        assert_eq!(at("body.params.items[0].n.deeper"), None);
    }

    #[test]
    fn malformed_paths_say_why() {
        for (path, reason) in [
            ("", "a name is missing"),
            ("a..b", "a name is missing"),
            ("a.", "a name is missing"),
            ("a[0", "`[` without `]`"),
            ("a[\"b]", "`[` without `]`"),
            ("a[b]", "`[b]` is neither an index nor a quoted name"),
            ("a[0]b", "expected `.` or `[` after `]`"),
        ] {
            assert_eq!(Dotted::parse(path).map_err(|e| e.to_string()), Err(reason.to_owned()), "{path}");
        }
    }
}
