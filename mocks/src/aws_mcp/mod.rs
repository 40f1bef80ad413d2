//! The AWS MCP Server: MCP whose tools call AWS services for whoever signs the call (AWS Signature Version 4).
//!
//! A signature is asked for by the tools that act for a caller, not by the endpoint: `initialize`, `tools/list` and the documentation
//! answer anybody. What a call then may do is decided by IAM policies, which can tell it from one that the caller makes directly by the
//! condition keys `aws:ViaAWSMCPService` and `aws:CalledViaAWSMCP`. For the latter there is an S3 beside the server.
//!
//! - `endpoint`, `reply`: MCP. `tools`, `command`: what the tools do.
//! - `auth`: who signed. `downstream`: what policies say. `direct`: calls without the server.

mod auth;
mod command;
mod config;
mod defects;
mod direct;
mod downstream;
mod endpoint;
mod reply;
mod state;
mod tools;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Map, Value, json};

use self::config::Settled;
use self::defects::AwsMcpDefect;
use self::endpoint::Asked;
use self::reply::Reply;
use self::state::State;
use crate::answer::Answer;
use crate::aws::profile;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::config::{CommonConfig, ConfigError};
use crate::defect::{Defect, DefectSet};
use crate::front::{Backend, Body, BoxError, Front, origin_of};
use crate::handle::{Controller, MockHandle, SelfDescription};
use crate::journal::Journal;
use crate::mcp::VERSIONS;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "aws-mcp",
    title: "AWS MCP Server: tools for signed requests, IAM policies and their condition keys",
    versions: VERSIONS,
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http],
    departures: &["null-error", "string-null-id"],
    defects: AwsMcpDefect::INFOS,
};

/// Path of the MCP endpoint.
const ENDPOINT: &str = "/mcp";

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let wrong = |error| StartError::config(INFO.name, error);
    let common = CommonConfig::split(options.config.clone()).map_err(wrong)?;
    let defects = DefectSet::parse(INFO.name, &common.defects).map_err(wrong)?;
    let clock = Clock::default();
    let state = State::new(common.rest, defects, clock.now()).map_err(wrong)?;
    let description = describe(&state.settled);
    let unbound = |source| StartError::bind(INFO.name, &options, source);
    // Presigned URLs hold the address.
    let listener = Front::bind(options.bind, options.port.unwrap_or(0)).await.map_err(unbound)?;
    let origin = origin_of(listener.local_addr().map_err(unbound)?);
    let server = Arc::new(Server { clock, origin, state: Mutex::new(state) });
    let journal = Journal::new(options.journal_limits);
    let backend = Arc::new(ServerBackend(Arc::clone(&server)));
    let front = Front::serve(listener, journal, common.faults, backend).map_err(unbound)?;
    Ok(MockHandle::new(front, description, server))
}

fn describe(settled: &Settled) -> SelfDescription {
    let mut vars = profile::vars(&settled.profiles);
    vars.insert("service".to_owned(), json!(settled.rules.service));
    vars.insert("region".to_owned(), json!(settled.rules.region));
    vars.insert("s3_path".to_owned(), json!(direct::PREFIX));
    let tool = json!({ "name": "aws___search_documentation", "arguments": { "search_phrase": "S3 bucket policies" } });
    SelfDescription {
        path: ENDPOINT.to_owned(),
        vars,
        secrets: profile::secrets(&settled.profiles),
        sigv4: profile::signing(&settled.profiles, &settled.rules.service, &settled.rules.region),
        fixtures: Map::from_iter([("tool".to_owned(), tool)]),
        ..SelfDescription::default()
    }
}

/// One instance.
#[derive(Debug)]
struct Server {
    clock: Clock,
    /// Scheme, host and port.
    origin: String,
    state: Mutex<State>,
}

/// The server behind its front.
struct ServerBackend(Arc<Server>);

impl Backend for ServerBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            let reply = self.0.answer(&request);
            Ok(reply.into_response().await)
        })
    }
}

impl Server {
    fn answer(&self, request: &Request<Bytes>) -> Reply {
        let now = self.clock.now();
        let mut state = self.state();
        let path = request.uri().path();
        let is_direct = direct::is_here(path);
        if path != ENDPOINT && !is_direct {
            return Answer::json(404, &json!({ "message": "Not Found" })).into();
        }
        let rules = if is_direct { state.s3_rules() } else { state.settled.rules.clone() };
        let judged = state.judge(request, &rules, now);
        let asked = Asked { request, judged, now, origin: &self.origin };
        match is_direct {
            true => state.s3(&asked),
            false => state.endpoint(&asked),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Controller for Server {
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError> {
        self.state().set(config)
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        let defects = DefectSet::parse(INFO.name, ids)?;
        self.state().set_defects(defects);
        Ok(())
    }

    fn restart(&self) {
        self.state().restart();
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
