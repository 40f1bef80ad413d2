//! A gateway in front of the Kiro runtime: the Anthropic Messages API in, the runtime's protocol out.
//!
//! A search that a client asks for as a side query goes straight to the runtime's `/mcp`; in any other turn the model is offered a
//! search tool, whose calls the gateway carries out between the rounds of a completion.
//!
//! - `client`: what clients send and get: requests, logins, messages whole and streamed, errors.
//! - `turn`: what is made of a request. `failure`: what goes wrong, and how it is told.
//! - `runtime`: credentials and their renewal, the profile, searches and completions.

mod client;
mod config;
mod context;
mod defects;
mod failure;
mod runtime;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use self::client::{ApiError, MessageHead, Messages, channel, collected, json_response, log_in, streamed};
use self::config::Settled;
use self::context::Context;
use self::defects::GatewayDefect;
use self::runtime::{Connection, Identity, Vault};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::defect::Defect;
use crate::front::{Backend, Body, BoxError};
use crate::handle::{MockHandle, SelfDescription};
use crate::in_force::InForce;
use crate::instance::{Instance, Memory};
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "kiro-gateway",
    title: "A gateway in front of the Kiro runtime: Anthropic Messages in, web search and completions out",
    versions: &[],
    lifecycle: MockLifecycle::Bare,
    transports: &[MockTransport::Http],
    departures: &[],
    defects: GatewayDefect::INFOS,
};

const MESSAGES_PATH: &str = "/v1/messages";

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(INFO.name, options)?;
    let settled = setup.settle(Settled::read)?;
    let connection = Connection::new(&settled.runtime)
        .map_err(|error| setup.wrong(ConfigError::new("upstreams.runtime", error.to_string())))?;
    let description = describe(&settled);
    let clock = Clock::default();
    let vault = Arc::new(Vault::new(&settled, clock.now()));
    let state = State { settled, vault, identity: Identity::new(), connection };
    let gateway = Arc::new(Gateway::new(clock, state));
    setup.start(description, gateway.clone(), gateway).await
}

fn describe(settled: &Settled) -> SelfDescription {
    let keys = &settled.config.api_keys;
    let mut vars = Map::new();
    vars.insert("api_key".to_owned(), json!(keys.first()));
    vars.insert("region".to_owned(), json!(settled.config.region));
    vars.insert("model".to_owned(), json!(settled.config.models.first()));
    let credentials = &settled.credentials;
    let mut secrets = keys.clone();
    secrets.extend(
        [&credentials.token, &credentials.refresh_token, &credentials.client_secret].into_iter().flatten().cloned(),
    );
    SelfDescription {
        path: MESSAGES_PATH.to_owned(),
        vars,
        secrets,
        headers: vec![("anthropic-version".to_owned(), "2023-06-01".to_owned())],
        bearer: keys.first().cloned(),
        ..SelfDescription::default()
    }
}

/// One instance.
type Gateway = Instance<State>;

/// What it goes by.
#[derive(Debug)]
struct State {
    settled: InForce<Settled, GatewayDefect>,
    vault: Arc<Vault>,
    identity: Identity,
    connection: Connection,
}

impl Gateway {
    /// What a request of the client with this key works with.
    fn context(&self, client_key: String) -> Context {
        let state = self.state();
        Context {
            settled: state.settled.clone(),
            vault: Arc::clone(&state.vault),
            identity: state.identity.clone(),
            connection: state.connection.clone(),
            clock: self.clock().clone(),
            client_key,
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => json_response(200, &json!({ "status": "healthy" })),
            (&Method::POST, MESSAGES_PATH) => self.messages(&request).await.unwrap_or_else(ApiError::into_response),
            (&Method::GET, "/v1/models") => self.models(&request).unwrap_or_else(ApiError::into_response),
            (_, MESSAGES_PATH | "/v1/models" | "/health") => {
                ApiError::new(405, "invalid_request_error", "Method not allowed").into_response()
            }
            _ => ApiError::new(404, "not_found_error", "There is nothing here").into_response(),
        }
    }

    fn log_in(&self, request: &Request<Bytes>) -> Result<Context, ApiError> {
        let key = {
            let state = self.state();
            log_in(request.headers(), &state.settled, state.settled.defects())?
        };
        Ok(self.context(key))
    }

    async fn messages(&self, request: &Request<Bytes>) -> Result<Response<Body>, ApiError> {
        let context = self.log_in(request)?;
        let messages = Messages::read(request.body(), context.settled.defects())?;
        let head = MessageHead::new(&messages.model);
        let streams = messages.stream || context.shows(GatewayDefect::StreamFalseIgnored);
        let keep_alive = (!context.shows(GatewayDefect::NoKeepAlive)).then_some(context.settled.config.keep_alive);
        let (out, pieces) = channel();
        let mut running = JoinSet::new();
        running.spawn(turn::run(context, messages, out));
        Ok(match streams {
            true => streamed(head, pieces, keep_alive, running).await,
            false => collected(head, pieces, running).await,
        })
    }

    fn models(&self, request: &Request<Bytes>) -> Result<Response<Body>, ApiError> {
        let context = self.log_in(request)?;
        let models = &context.settled.config.models;
        let data: Vec<Value> = models
            .iter()
            .map(|id| json!({ "type": "model", "id": id, "display_name": id, "created_at": "2025-09-29T00:00:00Z" }))
            .collect();
        let page = json!({ "data": data, "has_more": false, "first_id": models.first(), "last_id": models.last() });
        Ok(json_response(200, &page))
    }
}

impl Backend for Gateway {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move { Ok(Gateway::answer(self, request).await) })
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, now: Duration) -> Result<(), ConfigError> {
        let settled = self.settled.over(change, Settled::read)?;
        if settled.runtime != self.settled.runtime {
            return Err(ConfigError::new("upstreams", "cannot change while the gateway runs"));
        }
        // Credentials that nobody touched go on as they are, renewed or not.
        let touched = ["account", "credentials", "stored_profile", "cached_token", "region"];
        if touched.iter().any(|name| change.contains_key(*name)) {
            self.vault = Arc::new(Vault::new(&settled, now));
        }
        self.settled = settled;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    fn restart(&mut self, now: Duration) {
        self.vault = Arc::new(Vault::new(&self.settled, now));
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.vault.minted()
    }
}
