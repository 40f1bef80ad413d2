//! Which headers a request carries, and how a step changes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gauntlet_format::{Node, NodeValue};

/// A step's `headers:`, variables resolved.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderChanges {
    only: Option<Vec<String>>,
    drop: Vec<String>,
    set: Vec<(String, Vec<String>)>,
}

impl HeaderChanges {
    /// From the resolved node.
    pub(crate) fn from_node(node: Option<&Node>) -> Self {
        let mut changes = Self::default();
        let Some(NodeValue::Object(members)) = node.map(|n| &n.value) else { return changes };
        for (key, value) in members {
            match key.name.as_str() {
                "$only" => changes.only = Some(texts(value).iter().map(|n| n.to_ascii_lowercase()).collect()),
                "$drop" => changes.drop = texts(value).iter().map(|n| n.to_ascii_lowercase()).collect(),
                name => changes.set.push((name.to_ascii_lowercase(), texts(value))),
            }
        }
        changes
    }

    /// Sets one header.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.set.push((name.to_ascii_lowercase(), vec![value]));
    }

    /// Applies the changes: `$only` and `$drop` to what is there, then what is set.
    pub(crate) fn apply(&self, headers: &mut Vec<(String, String)>) {
        headers.retain(|(name, _)| self.keeps(name));
        for (name, values) in &self.set {
            headers.retain(|(n, _)| n != name);
            headers.extend(values.iter().map(|v| (name.clone(), v.clone())));
        }
    }

    /// Whether a header that the harness adds by itself stays.
    pub(crate) fn keeps(&self, name: &str) -> bool {
        let set = self.set.iter().any(|(n, _)| n == name);
        set || (self.only.as_ref().is_none_or(|only| only.iter().any(|n| n == name))
            && !self.drop.iter().any(|n| n == name))
    }
}

fn texts(node: &Node) -> Vec<String> {
    match &node.value {
        NodeValue::Array(items) => items.iter().map(text).collect(),
        _ => vec![text(node)],
    }
}

fn text(node: &Node) -> String {
    node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned)
}

/// A value as `Mcp-Name` carries it: plain when it is safe in a header, else in the Base64 form
/// (headers.base64.client-encodes-unsafe, headers.base64.client-escapes-literal).
pub(crate) fn name_header_value(value: &str) -> String {
    let safe =
        value.bytes().all(|b| (0x20..0x7f).contains(&b)) && value.trim() == value && !value.starts_with("=?base64?");
    if safe { value.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_format::Span;
    use serde_json::json;

    fn changed(changes: serde_json::Value) -> Vec<(String, String)> {
        let mut headers = vec![("accept".to_owned(), "a".to_owned()), ("user-agent".to_owned(), "u".to_owned())];
        HeaderChanges::from_node(Some(&Node::from_json(&changes, Span::default()))).apply(&mut headers);
        headers
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn only_and_drop_take_away_and_plain_names_set() {
        assert_eq!(changed(json!({"$only": ["Accept"]})), pairs(&[("accept", "a")]));
        assert_eq!(changed(json!({"$drop": ["accept"]})), pairs(&[("user-agent", "u")]));
        assert_eq!(
            changed(json!({"$drop": ["accept"], "X-Two": ["1", "2"]})),
            pairs(&[("user-agent", "u"), ("x-two", "1"), ("x-two", "2")])
        );
    }

    #[test]
    fn unsafe_names_are_encoded_and_so_is_the_marker_itself() {
        assert_eq!(name_header_value("echo"), "echo");
        assert_eq!(name_header_value("Mönkebude"), "=?base64?TcO2bmtlYnVkZQ==?=");
        assert!(name_header_value("=?base64?x?=").starts_with("=?base64?PT9"));
        assert!(name_header_value(" lead").starts_with("=?base64?"));
    }
}
