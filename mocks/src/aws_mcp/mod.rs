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

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Map, json};

use self::config::Settled;
use self::defects::AwsMcpDefect;
use self::endpoint::Asked;
use self::reply::Reply;
use self::state::State;
use crate::answer::Answer;
use crate::aws::profile;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::defect::Defect;
use crate::front::{Backend, Body, BoxError};
use crate::handle::{MockHandle, SelfDescription};
use crate::instance::Instance;
use crate::mcp::VERSIONS;
use crate::setup::Setup;
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
    let mut setup = Setup::read(INFO.name, options)?;
    setup.complete(config::complete)?;
    let settled = setup.settle(Settled::read)?;
    let description = describe(&settled);
    // Presigned URLs hold the address.
    let bound = setup.bind().await?;
    let clock = Clock::default();
    let state = State::new(settled, bound.origin.clone(), clock.now());
    let server = Arc::new(Server::new(clock, state));
    setup.serve(bound, description, Arc::new(ServerBackend(Arc::clone(&server))), server)
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
type Server = Instance<State>;

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
        let now = self.now();
        let mut state = self.state();
        let path = request.uri().path();
        let is_direct = direct::is_here(path);
        if path != ENDPOINT && !is_direct {
            return Answer::json(404, &json!({ "message": "Not Found" })).into();
        }
        let rules = if is_direct { state.s3_rules() } else { state.settled.rules.clone() };
        let judged = state.judge(request, &rules, now);
        let asked = Asked { request, judged, now };
        match is_direct {
            true => state.s3(&asked),
            false => state.endpoint(&asked),
        }
    }
}
