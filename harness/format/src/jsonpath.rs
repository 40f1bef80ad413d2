//! Captures: JSONPath (RFC 9535) queries that give exactly one value.

use jsonpath_rust::JsonPath as _;
use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadPath {
    /// One sentence.
    pub reason: String,
    /// Where, in characters from the start of the path.
    pub offset: usize,
}

/// Longest path that is parsed, in bytes.
const MAX_PATH: usize = 1024;

/// Whether a path is well-formed.
///
/// # Errors
/// What is wrong and where.
pub fn check(path: &str) -> Result<(), BadPath> {
    let bad = |reason: &str, offset| Err(BadPath { reason: reason.to_owned(), offset });
    if !path.starts_with('$') {
        return bad("expected `$`", 0);
    }
    if path.len() > MAX_PATH {
        return bad("longer than 1024 bytes", MAX_PATH);
    }
    if is_plain(path) {
        return Ok(());
    }
    match parse_json_path(path) {
        Ok(_) => Ok(()),
        Err(JsonPathError::PestError(e)) => {
            // The type of the place is of a crate that is not a dependency; its text begins with ` --> line:column`.
            let text = e.to_string();
            let column = text.lines().next().and_then(|l| l.rsplit(':').next()?.trim().parse::<usize>().ok());
            bad("the path goes wrong here", column.unwrap_or(1).saturating_sub(1))
        }
        Err(e) => bad(&e.to_string(), 0),
    }
}

/// The part of a string that a regular expression takes: its first group, or the whole match if it has none.
///
/// # Errors
/// The value is no string, the expression is malformed, or it has no match.
pub fn part(regex: &str, value: &Value) -> Result<Value, String> {
    let text =
        value.as_str().ok_or_else(|| "`regex` takes a part of a string, and the path leads to none".to_owned())?;
    let compiled = crate::matching::compiled_regex(regex)?;
    let found = compiled.captures(text).ok_or_else(|| format!("`{regex}` has no match in the text"))?;
    let taken = found.get(1).or_else(|| found.get(0)).map_or("", |m| m.as_str());
    Ok(taken.into())
}

/// The value at a path, for `capture`.
///
/// # Errors
/// The path is malformed, finds nothing, or finds several values.
pub fn capture(path: &str, value: &Value) -> Result<Value, String> {
    check(path).map_err(|e| format!("`{path}` is not a JSONPath: {} (character {})", e.reason, e.offset + 1))?;
    let found = value.query(path).map_err(|e| format!("`{path}` cannot be evaluated: {e}"))?;
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(format!("`{path}` finds nothing in the exchange")),
        many => Err(format!("`{path}` finds {} values, a capture takes exactly one", many.len())),
    }
}

/// Names and indices alone, which is what nearly every capture is: no need for the grammar.
fn is_plain(path: &str) -> bool {
    let mut rest = &path[1..];
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
            if end == 0 || name.starts_with(|c: char| c.is_ascii_digit()) {
                return false;
            }
            rest = &name[end..];
        } else if let Some(index) = rest.strip_prefix('[') {
            let Some((digits, after)) = index.split_once(']') else { return false };
            let canonical = digits == "0" || !digits.starts_with('0');
            if digits.is_empty() || digits.len() > 9 || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            rest = after;
        } else {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn one_value_is_captured() {
        let value = json!({"result": {"tools": [{"name": "a", "x": 1}, {"name": "b"}], "a-b": null}});
        assert_eq!(capture("$.result.tools[1].name", &value), Ok(json!("b")));
        assert_eq!(capture("$['result']['a-b']", &value), Ok(json!(null)));
        assert_eq!(capture("$.result.tools[?@.name=='a'].x", &value), Ok(json!(1)));
        assert_eq!(capture("$.result.tools[-1].name", &value), Ok(json!("b")));
        assert_eq!(capture("$", &json!(1)), Ok(json!(1)));
    }

    #[test]
    fn none_and_many_are_errors() {
        let value = json!({"a": [1, 2]});
        assert_eq!(capture("$.b", &value).unwrap_err(), "`$.b` finds nothing in the exchange");
        assert_eq!(capture("$.a[*]", &value).unwrap_err(), "`$.a[*]` finds 2 values, a capture takes exactly one");
    }

    #[test]
    fn a_part_of_a_text() {
        assert_eq!(part("name=\"([a-z]+)\"", &json!("<a name=\"bc\">")), Ok(json!("bc")));
        assert_eq!(part("[0-9]+", &json!("a12b")), Ok(json!("12")));
        assert_eq!(part("x", &json!("abc")).unwrap_err(), "`x` has no match in the text");
        assert!(part("x", &json!(1)).is_err());
        assert!(part("(", &json!("(")).is_err());
    }

    #[test]
    fn a_malformed_path_says_where() {
        assert_eq!(check("result.x").unwrap_err(), BadPath { reason: "expected `$`".to_owned(), offset: 0 });
        let e = check("$.result.tools[").unwrap_err();
        assert!(e.offset >= 14, "{e:?}");
        assert!(check("$.a[01]").is_err());
        assert!(check(&format!("${}", "[0]".repeat(2000))).is_err());
        assert!(check(&format!("$[?{}", "(".repeat(200))).is_err());
    }
}
