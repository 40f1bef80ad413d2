//! Batches: served in 2025-03-26, which the SDK does not, by giving it the members one by one.

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::{Response, StatusCode};
use serde_json::Value;

use super::answer::{self, Answered};
use super::{Defect, Gate, Kind, Post, Refusal, rpc};
use crate::mcp_server::mangle::{Exchange, Mangler};
use crate::mcp_server::sse::Event;

impl Gate {
    pub(super) async fn batch(&self, post: Post, batch: Value) -> Response<Body> {
        let served = post.version == "2025-03-26" && self.settings.has_handshake() && !self.shows(Defect::BatchRefused);
        if !served && !self.shows(Defect::BatchStillServed) {
            let what = format!("Invalid Request: {} has no batches", post.version);
            let what =
                if post.version == "2025-03-26" { "Invalid Request: batches are refused".to_owned() } else { what };
            let refusal = Refusal::new(rpc::INVALID_REQUEST, what, None);
            return self.refuse(&post, StatusCode::BAD_REQUEST, &refusal).await;
        }
        let Value::Array(mut members) = batch else {
            return answer::empty(StatusCode::BAD_REQUEST);
        };
        if self.shows(Defect::BatchAnswerMissing)
            && let Some(last) = members.iter().rposition(|m| matches!(rpc::classify(m), Ok(Kind::Request { .. })))
        {
            members.remove(last);
        }
        let mut head = None;
        let mut streams: Vec<BoxStream<'static, Vec<u8>>> = Vec::new();
        for member in members {
            let kind = match rpc::classify(&member) {
                Ok(Kind::Request { id, method }) if method == "initialize" => {
                    Err(Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: initialize inside a batch", Some(id)))
                }
                Ok(Kind::Batch) => {
                    Err(Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: a batch inside a batch", None))
                }
                other => other,
            };
            let kind = match kind {
                Ok(kind) => kind,
                Err(refusal) => {
                    let error = refusal.to_json(&post.version).to_string().into_bytes();
                    streams.push(stream::iter([error]).boxed());
                    continue;
                }
            };
            let single = Post {
                parts: post.parts.clone(),
                body: Bytes::from(member.to_string()),
                message: Ok((member.clone(), kind.clone())),
                version: post.version.clone(),
            };
            let response = self.dispatch(&single).await;
            let Kind::Request { id, method } = kind else {
                if !response.status().is_success() {
                    return answer::plain(response);
                }
                continue;
            };
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                let refusal = Refusal::new(rpc::INVALID_PARAMS, "Invalid params: they do not fit the method", Some(id));
                streams.push(stream::iter([refusal.to_json(&post.version).to_string().into_bytes()]).boxed());
                continue;
            }
            let exchange = Exchange::new(method, &member, post.version.clone());
            let mut mangler = Mangler::new(self.live().clone(), exchange);
            match answer::open(response).await {
                Answered::Other(response) => return response,
                Answered::Document(parts, document) => {
                    head.get_or_insert(parts);
                    streams.push(stream::iter(mangler.outgoing(document)).boxed());
                }
                Answered::Stream(parts, events) => {
                    head.get_or_insert(parts);
                    let messages = events.filter_map(|event| std::future::ready(event.message()));
                    streams.push(messages.flat_map(move |m| stream::iter(mangler.outgoing(m))).boxed());
                }
            }
        }
        if streams.is_empty() {
            return answer::empty(StatusCode::ACCEPTED);
        }
        let parts = head.unwrap_or_else(|| Response::new(()).into_parts().0);
        let messages = stream::select_all(streams);
        if self.settings.config.json_response {
            let all: Vec<Vec<u8>> = messages.collect().await;
            let array = [b"[".as_slice(), &all.join(&b','), b"]"].concat();
            let mut response = answer::json(StatusCode::OK, &Value::Null);
            *response.body_mut() = Body::from(array);
            return response;
        }
        let pieces = messages.map(|data| Event { data: Some(data), ..Event::default() }.encode());
        answer::event_stream(parts, pieces)
    }
}
