//! Recorded messages as answers to somebody else.

use std::borrow::Cow;

use serde_json::Value;

/// The member of `params._meta` by which a notification names the request that it belongs to (2026-07-28, subscriptions).
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What the client of the recording chose, and what this one chose in its place.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    ids: Vec<(Value, Value)>,
    progress: Vec<(Value, Value)>,
}

impl Rewrite {
    /// From the messages of both requests.
    pub(super) fn between(recorded: &[Value], asked: &[Value]) -> Self {
        let mut rewrite = Self::default();
        let token = |message: &Value| message.pointer("/params/_meta/progressToken").cloned();
        for (recorded, asked) in recorded.iter().zip(asked) {
            if let (Some(was), Some(is)) = (recorded.get("id"), asked.get("id"))
                && was != is
            {
                rewrite.ids.push((was.clone(), is.clone()));
            }
            if let (Some(was), Some(is)) = (token(recorded), token(asked))
                && was != is
            {
                rewrite.progress.push((was, is));
            }
        }
        rewrite
    }

    /// The text of a message, or of several, with this client's values; anything else as it is.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.ids.is_empty() && self.progress.is_empty() {
            return Cow::Borrowed(text);
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return Cow::Borrowed(text) };
        if self.value(&mut value) { Cow::Owned(value.to_string()) } else { Cow::Borrowed(text) }
    }

    /// The same of a value; whether anything changed.
    pub(super) fn value(&self, value: &mut Value) -> bool {
        match value {
            // All of them, also behind one that changes.
            Value::Array(items) => items.iter_mut().filter_map(|item| self.message(item).then_some(())).count() > 0,
            message => self.message(message),
        }
    }

    fn message(&self, message: &mut Value) -> bool {
        let swap = |pairs: &[(Value, Value)], place: Option<&mut Value>| -> bool {
            let Some(place) = place else { return false };
            match pairs.iter().find(|(was, _)| was == place) {
                Some((_, is)) => {
                    *place = is.clone();
                    true
                }
                None => false,
            }
        };
        match message.get("method").and_then(Value::as_str) {
            None => swap(&self.ids, message.get_mut("id")),
            Some("notifications/progress") => swap(&self.progress, message.pointer_mut("/params/progressToken")),
            Some(_) => {
                let meta = message.pointer_mut("/params/_meta");
                swap(&self.ids, meta.and_then(|meta| meta.get_mut(SUBSCRIPTION)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_progress_tokens_become_those_of_the_client() {
        let request = |id: Value, token: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "_meta": { "progressToken": token } } });
        let rewrite = Rewrite::between(&[request(json!(1), "a")], &[request(json!("x"), "b")]);
        assert_eq!(rewrite.text(r#"{"id":1,"result":{"id":1}}"#), r#"{"id":"x","result":{"id":1}}"#);
        assert_eq!(
            rewrite.text(r#"{"method":"notifications/progress","params":{"progressToken":"a"}}"#),
            r#"{"method":"notifications/progress","params":{"progressToken":"b"}}"#
        );
        // A request of the server keeps its id, and so does the answer to another request.
        for same in [r#"{"id":1, "method":"sampling/createMessage"}"#, r#"{"id":2, "result":{}}"#, "no JSON"] {
            assert!(matches!(rewrite.text(same), Cow::Borrowed(_)), "{same}");
        }
        let listen = json!({ "id": 7, "method": "subscriptions/listen" });
        let rewrite = Rewrite::between(&[listen], &[json!({ "id": 8, "method": "subscriptions/listen" })]);
        let mut told =
            json!({ "method": "notifications/tools/list_changed", "params": { "_meta": { SUBSCRIPTION: 7 } } });
        assert!(rewrite.value(&mut told));
        assert_eq!(told["params"]["_meta"][SUBSCRIPTION], 8);
    }

    #[test]
    fn each_request_of_a_batch_has_its_own_id() {
        let ask = |id: u8| json!({ "id": id, "method": "ping" });
        let rewrite = Rewrite::between(&[ask(1), ask(2)], &[ask(8), ask(9)]);
        assert_eq!(
            rewrite.text(r#"[{"id":2,"result":{}},{"id":1,"result":{}}]"#),
            r#"[{"id":9,"result":{}},{"id":8,"result":{}}]"#
        );
    }
}
