//! Variables: `${…}` in strings.

use std::borrow::Cow;

use serde_json::Value;

use crate::node::{Node, NodeValue, Span};

/// Where variables come from.
pub trait Lookup {
    /// The value of the variable, the text between `${` and `}` with blanks trimmed.
    ///
    /// # Errors
    /// One sentence saying why there is no such value.
    fn lookup(&self, name: &str) -> Result<Value, String>;
}

/// A variable that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{name}}}`: {reason}")]
pub struct Unresolved {
    /// The variable.
    pub name: String,
    /// Why there is none.
    pub reason: String,
    /// The string that holds it.
    pub span: Span,
}

/// A piece of a string with variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text that stands for itself.
    Text(&'t str),
    /// A variable's name.
    Variable(&'t str),
    /// A `${` whose `}` is missing: the rest of the string.
    Open(&'t str),
}

/// Splits a string at its variables. `$${` gives the text `${`.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let piece = match rest.find("${") {
            // `$${`: the text up to the first `$`, then the rest of the escape as text.
            Some(at) if at > 0 && rest.as_bytes()[at - 1] == b'$' => {
                if at == 1 {
                    let piece = &rest[1..3];
                    rest = &rest[3..];
                    return Some(Piece::Text(piece));
                }
                let piece = &rest[..at - 1];
                rest = &rest[at - 1..];
                return Some(Piece::Text(piece));
            }
            Some(0) => match rest.find('}') {
                Some(end) => {
                    let piece = Piece::Variable(rest[2..end].trim());
                    rest = &rest[end + 1..];
                    return Some(piece);
                }
                None => Piece::Open(rest),
            },
            Some(at) => {
                let piece = &rest[..at];
                rest = &rest[at..];
                return Some(Piece::Text(piece));
            }
            None => Piece::Text(rest),
        };
        rest = "";
        Some(piece)
    })
}

/// The tree with every variable replaced; places stay. A string that is nothing but one variable takes the variable's value
/// with its type. Keys are left as they are.
///
/// # Errors
/// The first variable that has no value.
pub fn resolve(node: &Node, lookup: &dyn Lookup) -> Result<Node, Unresolved> {
    let value = match &node.value {
        NodeValue::String(s) if may_hold_variable(s) => {
            let mut parts = pieces(s);
            if let (Some(Piece::Variable(name)), None) = (parts.next(), parts.next()) {
                let value = look(name, node.span, lookup)?;
                return Ok(Node::from_json(&value, node.span));
            }
            NodeValue::String(resolve_str(s, node.span, lookup)?)
        }
        NodeValue::Array(items) => {
            NodeValue::Array(items.iter().map(|n| resolve(n, lookup)).collect::<Result<_, _>>()?)
        }
        NodeValue::Object(members) => NodeValue::Object(
            members.iter().map(|(k, n)| Ok((k.clone(), resolve(n, lookup)?))).collect::<Result<_, _>>()?,
        ),
        scalar => scalar.clone(),
    };
    Ok(Node { value, span: node.span })
}

/// As [`resolve`], without a copy of a tree that holds no variable.
///
/// # Errors
/// The first variable that has no value.
pub fn resolved<'n>(node: &'n Node, lookup: &dyn Lookup) -> Result<Cow<'n, Node>, Unresolved> {
    if holds_variable(node) { resolve(node, lookup).map(Cow::Owned) } else { Ok(Cow::Borrowed(node)) }
}

/// As [`resolve`], without places.
///
/// # Errors
/// The first variable that has no value.
pub fn resolve_json(node: &Node, lookup: &dyn Lookup) -> Result<Value, Unresolved> {
    Ok(if holds_variable(node) { resolve(node, lookup)?.to_json() } else { node.to_json() })
}

pub(crate) fn holds_variable(node: &Node) -> bool {
    match &node.value {
        NodeValue::String(text) => may_hold_variable(text),
        NodeValue::Array(items) => items.iter().any(holds_variable),
        NodeValue::Object(members) => members.iter().any(|(_, n)| holds_variable(n)),
        _ => false,
    }
}

/// One sign is found much faster than two; few strings have it.
fn may_hold_variable(text: &str) -> bool {
    text.contains('$') && text.contains("${")
}

/// A string with every variable replaced by its text (JSON for values that are not strings).
///
/// # Errors
/// The first variable that has no value.
pub fn resolve_str(text: &str, span: Span, lookup: &dyn Lookup) -> Result<String, Unresolved> {
    if !may_hold_variable(text) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(t) => out.push_str(t),
            Piece::Variable(name) => match look(name, span, lookup)? {
                Value::String(s) => out.push_str(&s),
                other => out.push_str(&other.to_string()),
            },
            Piece::Open(rest) => {
                return Err(Unresolved {
                    name: rest[2..].to_owned(),
                    reason: "the closing `}` is missing; write `$${` for a literal `${`".to_owned(),
                    span,
                });
            }
        }
    }
    Ok(out)
}

fn look(name: &str, span: Span, lookup: &dyn Lookup) -> Result<Value, Unresolved> {
    lookup.lookup(name).map_err(|reason| Unresolved { name: name.to_owned(), reason, span })
}

/// Every variable in a tree with the place of the string that holds it, in order.
#[must_use]
pub fn variables(node: &Node) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    each_string(node, &mut |text, span| {
        found.extend(pieces(text).filter_map(|p| match p {
            Piece::Variable(name) => Some((name.to_owned(), span)),
            _ => None,
        }));
    });
    found
}

/// Calls `f` with each string value of a tree that may hold a variable.
pub(crate) fn each_string<'n>(node: &'n Node, f: &mut impl FnMut(&'n str, Span)) {
    match &node.value {
        NodeValue::String(s) if may_hold_variable(s) => f(s, node.span),
        NodeValue::Array(items) => items.iter().for_each(|n| each_string(n, f)),
        NodeValue::Object(members) => members.iter().for_each(|(_, n)| each_string(n, f)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    struct Table(Value);

    impl Lookup for Table {
        fn lookup(&self, name: &str) -> Result<Value, String> {
            self.0.get(name).cloned().ok_or_else(|| "not defined".to_owned())
        }
    }

    fn run(text: Value) -> Result<Value, Unresolved> {
        let table = Table(json!({"n": 3, "s": "text", "o": {"a": [1]}, "env:X": "x", "nil": null}));
        resolve(&Node::from_json(&text, Span::default()), &table).map(|n| n.to_json())
    }

    #[test]
    fn a_lone_variable_keeps_its_type() {
        assert_eq!(run(json!(["${n}", "${ o }", "${nil}", "${env:X}"])).unwrap(), json!([3, {"a": [1]}, null, "x"]));
    }

    #[test]
    fn a_variable_in_text_becomes_text() {
        assert_eq!(run(json!({"k": "a${s}b${n}${o}"})).unwrap(), json!({"k": "atextb3{\"a\":[1]}"}));
    }

    #[test]
    fn the_escape_gives_a_literal() {
        assert_eq!(
            run(json!(["$${n}", "a$${n}${n}", "$$${n}", "$", "cost $5", "$${"])).unwrap(),
            json!(["${n}", "a${n}3", "$${n}", "$", "cost $5", "${"])
        );
    }

    #[test]
    fn what_has_no_value_is_named() {
        let error = run(json!({"a": ["x ${nope} y"]})).unwrap_err();
        assert_eq!(error.to_string(), "`${nope}`: not defined");
        let open = run(json!("a ${n")).unwrap_err();
        assert!(open.reason.contains("closing"), "{open}");
    }

    #[test]
    fn what_holds_no_variable_is_lent() {
        let table = Table(json!({"n": 3}));
        let of = |value: Value| Node::from_json(&value, Span::default());
        let plain = of(json!({"cost": ["$5", {"a": null}]}));
        assert!(matches!(resolved(&plain, &table), Ok(Cow::Borrowed(_))));
        for value in [json!(["x", {"k": "${n}"}]), json!({"k": "a${n}"}), json!("$${n}"), json!("${nope}")] {
            let node = of(value);
            let expected = resolve(&node, &table);
            assert_eq!(resolved(&node, &table).map(Cow::into_owned), expected);
            assert_eq!(resolve_json(&node, &table), expected.map(|n| n.to_json()));
        }
        assert_eq!(resolve_json(&plain, &table), Ok(plain.to_json()));
    }

    #[test]
    fn variables_are_listed_in_order() {
        let node = Node::from_json(&json!({"a": "${x} $${no} ${y.z}", "b": [1, "${x}"]}), Span::default());
        let names: Vec<_> = variables(&node).into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, ["x", "y.z", "x"]);
    }
}
