//! A recorded request as it is sent now.

use std::sync::Arc;

use gauntlet_format::Version;
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use super::super::http_sse::is_of_stream;
use super::super::messages::messages;
use super::super::placeholder::filled;
use super::super::recording::{Entry, Transport};
use super::clean::headers;
use super::plan::SESSION;
use super::send::{AFTER_A_LINE, AFTERWARDS, Kind, Player};
use crate::lifecycle::{ACCEPT, Resend, name_header_value, named_parameter};
use crate::transport::asks;

impl Player<'_> {
    /// The request as it is sent.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) async fn prepare(&mut self, entry: &Entry, kind: Kind) -> Result<Resend, String> {
        let missing =
            |name: String| format!("it needs a secret that is not in the recording; give it with `--secret {name}`");
        let mut body = self.body(entry, kind).await?;
        if let Ok(text) = std::str::from_utf8(&body) {
            let given = filled(text, self.options.given.values()).map_err(missing)?;
            body = given.into_bytes();
        }
        let sent = messages(&body);
        let asked = sent.iter().find(|message| asks(message)).and_then(|message| message.get("id")).cloned();
        let over_stdio = self.target.spec.is_stdio();
        let said = entry.response.as_ref().map(|response| response.messages(entry.transport)).unwrap_or_default();
        let count = u64::try_from(said.len()).unwrap_or(u64::MAX);
        let answer = if kind == Kind::Open { None } else { asked };
        let (path, mut headers) = match entry.transport {
            Transport::Http => (
                self.path(entry).map_err(missing)?,
                headers(&entry.request.headers, &self.carried, self.options.given.values()),
            ),
            Transport::Stdio => (None, self.headers_for(&sent)),
        };
        // It stands for a stream, and was never said.
        headers.retain(|(name, value)| name != SESSION || !is_of_stream(value));
        for (name, value) in &self.instance.headers {
            // What the mock's own client would add is not what was recorded.
            if self.target.spec.headers.keys().any(|own| own.eq_ignore_ascii_case(name)) {
                headers.retain(|(known, _)| known != name);
                headers.push((name.clone(), value.clone()));
            }
        }
        let questions = Arc::clone(&self.questions);
        let (tap, mut inbox) = mpsc::unbounded_channel::<Value>();
        tokio::spawn(async move {
            while let Some(message) = inbox.recv().await {
                questions.add(&message);
            }
        });
        Ok(Resend {
            method: if entry.transport == Transport::Stdio { "POST".to_owned() } else { entry.request.method.clone() },
            path,
            headers,
            count: if kind == Kind::Open { Some(count) } else { None },
            linger: if over_stdio { AFTER_A_LINE } else { AFTERWARDS },
            answer,
            body,
            tap: Some(tap),
            events: None,
        })
    }

    /// The body with the live values.
    async fn body(&mut self, entry: &Entry, kind: Kind) -> Result<Vec<u8>, String> {
        let recorded = &entry.request.body.bytes;
        let Ok(mut value) = serde_json::from_slice::<Value>(recorded) else {
            let text = std::str::from_utf8(recorded).ok().map(|text| self.carried.text(text).into_owned());
            return Ok(text.map_or_else(|| recorded.to_vec(), String::into_bytes));
        };
        let mut changed = false;
        if kind == Kind::Answer {
            let id = value.get("id").cloned().unwrap_or_default();
            let known = self.recorded_questions.iter().find(|(known, ..)| *known == id);
            let Some((_, method, nth)) = known else {
                return Err("nobody asked for this answer in the recording".to_owned());
            };
            let live = self.questions.id(method, *nth, self.options.patience).await;
            let live = live.ok_or_else(|| format!("the target did not ask `{method}`"))?;
            changed = live != id;
            value["id"] = live;
            self.carried.said(&value);
        } else {
            for message in messages(recorded) {
                self.carried.said(message.get("params").unwrap_or(&Value::Null));
            }
            let batch = match &mut value {
                Value::Array(items) => items.as_mut_slice(),
                one => std::slice::from_mut(one),
            };
            for message in batch {
                // An id is the client's own.
                let id = message.as_object_mut().and_then(|members| members.get_mut("id").map(Value::take));
                changed |= self.carried.document(message) | self.identify(message);
                if let (Some(id), Some(members)) = (id, message.as_object_mut()) {
                    members.insert("id".to_owned(), id);
                }
            }
        }
        Ok(if changed { value.to_string().into_bytes() } else { recorded.to_vec() })
    }

    /// Puts what the target says of its own client in the place of what was recorded beside the message.
    fn identify(&mut self, message: &mut Value) -> bool {
        let mut changed = false;
        let Some(members) = message.as_object_mut() else { return false };
        for (name, own) in &self.instance.envelope {
            let Some(recorded) = members.get_mut(name).filter(|recorded| *recorded != own) else { continue };
            *recorded = own.clone();
            changed = true;
            let note = format!("`{name}` beside the messages is the target's own");
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        changed
    }

    /// Path and query on the target's origin; none for its endpoint.
    fn path(&self, entry: &Entry) -> Result<Option<String>, String> {
        let Ok(url) = Url::parse(&entry.request.url) else { return Ok(None) };
        let query = match url.query() {
            Some(query) => Some(filled(&self.carried.text(query), self.options.given.values())?),
            None => None,
        };
        let is_endpoint = self.plan.home.endpoint.as_deref() == Some(url.path());
        let own = self.instance.url().filter(|own| own.path() != "/");
        if let (true, Some(own)) = (is_endpoint, own) {
            return Ok(query.map(|query| format!("{}?{query}", own.path())));
        }
        let path = filled(&self.carried.text(url.path()), self.options.given.values())?;
        Ok(Some(query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))))
    }

    /// What a message has around it over HTTP that was said over stdio.
    fn headers_for(&self, sent: &[Value]) -> Vec<(String, String)> {
        let mut headers =
            vec![("accept".to_owned(), ACCEPT.to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
        let Some(version) = self.version else { return headers };
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        let method = sent.first().and_then(|message| message.get("method")).and_then(Value::as_str);
        if !version.is_stateful() {
            add("mcp-protocol-version", version.to_string());
            if let Some(method) = method {
                add("mcp-method", method.to_owned());
                let named =
                    named_parameter(method).and_then(|name| sent.first()?.pointer("/params")?.get(name)?.as_str());
                named.into_iter().for_each(|name| add("mcp-name", name_header_value(name)));
            }
            return headers;
        }
        if method != Some("initialize") {
            if version >= Version::V2025_06_18 {
                add("mcp-protocol-version", version.to_string());
            }
            // The session that the first answer opened.
            self.live_session.iter().for_each(|id| add(SESSION, id.clone()));
        }
        headers
    }
}
