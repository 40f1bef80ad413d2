//! How a path is written: `result.tools[2].name`, `headers.content-type`, `body["odd key"]`, `result.tools[echo]`.

/// One step, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `name`.
    Name(String),
    /// `["name"]` or `['name']`, in which nothing has a meaning of its own.
    Quoted(String),
    /// `[text]`.
    Bracketed(String),
}

/// Takes a path apart. `None` if it is not one.
pub(crate) fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracket(inner)?;
            steps.push(step);
            rest = after;
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) if !steps.is_empty() => name,
                None if steps.is_empty() => rest,
                _ => return None,
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Name(name[..end].to_owned()));
            rest = &name[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// What stands after `[`, up to and with `]`.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    match inner.chars().next()? {
        '"' => {
            let mut values = serde_json::Deserializer::from_str(inner).into_iter::<String>();
            let name = values.next()?.ok()?;
            let after = inner.get(values.byte_offset()..)?.strip_prefix(']')?;
            Some((Step::Quoted(name), after))
        }
        '\'' => {
            let (name, after) = inner[1..].split_once("']")?;
            Some((Step::Quoted(name.to_owned()), after))
        }
        _ => {
            let (text, after) = inner.split_once(']')?;
            (!text.is_empty()).then(|| (Step::Bracketed(text.to_owned()), after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        let name = |text: &str| Step::Name(text.to_owned());
        let quoted = |text: &str| Step::Quoted(text.to_owned());
        let bracketed = |text: &str| Step::Bracketed(text.to_owned());
        assert_eq!(
            parse("body.tools[2].name[echo][*]"),
            Some(vec![name("body"), name("tools"), bracketed("2"), name("name"), bracketed("echo"), bracketed("*")])
        );
        assert_eq!(
            parse(r#"$sse[0]["a.\"]b"]['c d'].e"#),
            Some(vec![name("$sse"), bracketed("0"), quoted("a.\"]b"), quoted("c d"), name("e")])
        );
        for bad in ["", ".a", "a..b", "a[", "a[]", "a[\"b]", "a['b]", "a.", "a[1", "[0]a"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
