//! Calls that take several exchanges.

use serde_json::{Map, Value};

use crate::lifecycle::{Call, Session, Spoken};

/// Rounds of input requests that are answered at most.
const MAX_ROUNDS: usize = 8;

/// Follows `nextCursor` to the end. A server that never ends is cut off; the pages show the loop.
pub(crate) async fn walk(session: &Session, call: Call<'_>) -> (Spoken, Vec<Value>) {
    const MAX_PAGES: usize = 50;
    let mut pages = Vec::new();
    let mut params = call.params.clone();
    loop {
        let page = Call {
            step: call.step,
            method: call.method,
            params: params.clone(),
            envelope: call.envelope.clone(),
            headers: call.headers.clone(),
            credential: call.credential.clone(),
            deadline: call.deadline,
            ..Call::default()
        };
        let spoken = session.call(page).await;
        let result = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id)).and_then(|a| a.get("result")).cloned();
        let next = result.as_ref().and_then(|r| r.get("nextCursor")).filter(|c| !c.is_null()).cloned();
        pages.extend(result);
        match next {
            Some(cursor) if pages.len() < MAX_PAGES => {
                let object = params.get_or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    object.insert("cursor".to_owned(), cursor);
                }
            }
            _ => return (spoken, pages),
        }
    }
}

/// A call; where the server asks for input in its result (2026-07-28), it is sent again with the scripted answers.
pub(super) async fn call_with_inputs(session: &Session, call: Call<'_>) -> Spoken {
    let Some(replies) = call.replies.clone() else { return session.call(call).await };
    let mut params = call.params.clone();
    let mut rounds = 0;
    loop {
        let round = Call {
            step: call.step,
            method: call.method,
            params: params.clone(),
            id: call.id.clone().filter(|_| rounds == 0),
            envelope: call.envelope.clone(),
            headers: call.headers.clone(),
            credential: call.credential.clone(),
            replies: Some(replies.clone()),
            linger: call.linger,
            deadline: call.deadline,
            is_notification: false,
        };
        let spoken = session.call(round).await;
        let result = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id)).and_then(|a| a.get("result"));
        rounds += 1;
        match result.and_then(|r| answered_inputs(r, &replies)) {
            Some((responses, state)) if rounds <= MAX_ROUNDS => {
                let object = params.get_or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    object.insert("inputResponses".to_owned(), responses);
                    match state {
                        Some(state) => object.insert("requestState".to_owned(), state),
                        None => object.shift_remove("requestState"),
                    };
                }
            }
            _ => return spoken,
        }
    }
}

/// Answers to all input requests of a result, if the scenario has one for each (mrtr.client-fulfils-before-retry).
fn answered_inputs(result: &Value, replies: &Value) -> Option<(Value, Option<Value>)> {
    if result.get("resultType").and_then(Value::as_str) != Some("input_required") {
        return None;
    }
    let mut responses = Map::new();
    for (key, request) in result.get("inputRequests").and_then(Value::as_object).into_iter().flatten() {
        let method = request.get("method")?.as_str()?;
        responses.insert(key.clone(), replies.get(method)?.get("result")?.clone());
    }
    Some((Value::Object(responses), result.get("requestState").cloned()))
}
