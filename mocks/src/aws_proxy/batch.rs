//! A batch of messages, which is of one version only.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::client::{Asked, Client, Outgoing};
use super::proxy::Proxy;
use crate::mcp::BATCHES;
use crate::mcp_server::rpc::{self, Kind, Refusal};

impl Proxy {
    /// Carries out the requests of a batch at the same time; returns what is to be answered together, refusals first, then in the order
    /// of the requests. `tell` gets what comes before an answer, as it comes.
    pub(super) async fn batch(
        self: &Arc<Self>,
        client: &Arc<Client>,
        members: Vec<Value>,
        mut tell: impl FnMut(Outgoing),
    ) -> Vec<Value> {
        let mut refused = Vec::new();
        let mut asked_for = Vec::new();
        let mut running = JoinSet::new();
        let (out, mut outgoing) = unbounded_channel();
        for member in members {
            match rpc::classify(&member) {
                Ok(Kind::Request { id, method }) if method != "initialize" => {
                    asked_for.push(id.clone());
                    let (proxy, client, out) = (Arc::clone(self), Arc::clone(client), out.clone());
                    let asked = Asked::in_session(id, method, member);
                    running.spawn(async move { proxy.serve(&client, asked, &out).await });
                }
                Ok(Kind::Notification { .. }) => self.notified(client, &member).await,
                Ok(Kind::Response) => self.answered(client, member).await,
                Ok(Kind::Request { .. } | Kind::Batch) => {
                    let id = member.get("id").cloned();
                    refused.push(Refusal::new(rpc::INVALID_REQUEST, "not in a batch", id).to_json(BATCHES));
                }
                Err(refusal) => refused.push(refusal.to_json(BATCHES)),
            }
        }
        // It ends with the last request.
        drop(out);
        let mut answers = Vec::new();
        while let Some(outgoing) = outgoing.recv().await {
            match outgoing.message.get("method") {
                None => answers.push(outgoing.message),
                Some(_) => tell(outgoing),
            }
        }
        answers.sort_by_key(|answer| asked_for.iter().position(|id| Some(id) == answer.get("id")));
        refused.extend(answers);
        refused
    }
}
