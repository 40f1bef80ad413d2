//! Paths of mismatches: `body.tools[2].name`, `headers.content-type`, `body["odd key"]`.

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
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (segment, after) = bracket(inner)?;
            segments.push(segment);
            rest = after;
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) if !segments.is_empty() => name,
                None if segments.is_empty() => rest,
                _ => return None,
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            segments.push(Segment::Key(name[..end].to_owned()));
            rest = &name[end..];
        }
    }
    (!segments.is_empty()).then_some(segments)
}

/// What stands after `[`, up to and with `]`.
fn bracket(inner: &str) -> Option<(Segment, &str)> {
    match inner.chars().next()? {
        '"' => {
            let mut values = serde_json::Deserializer::from_str(inner).into_iter::<String>();
            let key = values.next()?.ok()?;
            let after = inner.get(values.byte_offset()..)?.strip_prefix(']')?;
            Some((Segment::Key(key), after))
        }
        '\'' => {
            let (key, after) = inner[1..].split_once("']")?;
            Some((Segment::Key(key.to_owned()), after))
        }
        _ => {
            let (digits, after) = inner.split_once(']')?;
            Some((Segment::Index(digits.parse().ok()?), after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        let key = |k: &str| Segment::Key(k.to_owned());
        assert_eq!(parse("body.tools[2].name"), Some(vec![key("body"), key("tools"), Segment::Index(2), key("name")]));
        assert_eq!(
            parse(r#"$sse[0]["a.\"]b"]['c d'].e"#),
            Some(vec![key("$sse"), Segment::Index(0), key("a.\"]b"), key("c d"), key("e")])
        );
        for bad in ["", ".a", "a..b", "a[", "a[x]", "a[\"b]", "a.", "a[1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
