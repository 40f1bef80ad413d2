//! An AgentCore gateway: MCP behind OAuth, with tools that belong to targets.
//!
//! Callers are judged by an authorizer ([`auth`]): one knows a list of opaque bearer tokens, one takes the signed tokens of an
//! issuer, one takes requests that are signed with an access key. The MCP side speaks the version without handshake and those with one at the same endpoint, answers in plain JSON
//! unless told otherwise, and has sessions only if configured.

mod auth;
mod backend;
mod config;
mod defects;
mod legacy;
mod mcp;
mod metadata;
mod modern;
mod state;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use wiremock::{Match, Mock, Request, Respond, ResponseTemplate};

use self::auth::{METADATA_PATH, make_keys};
use self::backend::GatewayBackend;
use self::config::{AuthorizerKind, Settled};
use self::defects::GatewayDefect;
use self::state::State;
use crate::answer::{Answer, header};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::defect::Defect;
use crate::front::WiremockBackend;
use crate::handle::{MockHandle, SelfDescription};
use crate::instance::Instance;
use crate::mcp::{AnswerForm, INVALID_REQUEST, VERSIONS, error_answer};
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "agentcore-gateway",
    title: "AgentCore Gateway: challenge, protected resource metadata, tools of several targets",
    versions: VERSIONS,
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http],
    departures: &[],
    defects: GatewayDefect::INFOS,
};

/// Carries the journal's note from the answer to the front, which the client does not see.
const NOTE_HEADER: &str = "x-gauntlet-note";

/// Selects among the configured domains.
const DOMAIN_HEADER: &str = "x-amzn-bedrock-agentcore-gateway-domain";

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let mut setup = Setup::read(INFO.name, options)?;
    setup.complete(|members| {
        make_keys(members);
        Ok(())
    })?;
    let clock = Clock::default();
    let state = State::new(setup.settle(Settled::read)?, clock.now());
    let description = describe(&state.settled);
    let gateway = Arc::new(Gateway::new(clock, state));
    let backend = GatewayBackend::new(Arc::clone(&gateway), WiremockBackend::start(gateway.mocks()).await);
    setup.start(description, Arc::new(backend), gateway).await
}

fn describe(settled: &Settled) -> SelfDescription {
    let mut vars = Map::new();
    for token in settled.tokens.iter().rev() {
        // In reverse, so that the first token of a subject wins.
        vars.insert(format!("{}_token", token.subject), json!(token.token));
    }
    let good = settled.tokens.iter().find(|token| !token.expires_in.is_zero());
    let expired = settled.tokens.iter().find(|token| token.expires_in.is_zero());
    let scopes = &settled.allowed_scopes;
    let unscoped = settled.tokens.iter().find(|token| !token.scopes.iter().any(|scope| scopes.contains(scope)));
    for (name, token) in [("token", good), ("expired_token", expired), ("unscoped_token", unscoped)] {
        if let Some(token) = token {
            vars.insert(name.to_owned(), json!(token.token));
        }
    }
    if settled.config.authorizer == AuthorizerKind::Jwt {
        vars.insert("discovery_url".to_owned(), json!(settled.jwt.discovery_url));
    } else {
        vars.insert("unknown_token".to_owned(), json!("fake-gateway-token-never-issued"));
    }
    if let Some(iam) = &settled.iam {
        return SelfDescription {
            path: "/mcp".to_owned(),
            secrets: iam.secrets(),
            vars: iam.vars(),
            sigv4: iam.signing(),
            fixtures: fixtures(),
            ..SelfDescription::default()
        };
    }
    vars.insert("metadata_path".to_owned(), json!(METADATA_PATH));
    vars.insert("scope".to_owned(), json!(settled.advertised_scopes().join(" ")));
    vars.insert("issuer".to_owned(), json!(settled.issuers().first()));
    SelfDescription {
        path: "/mcp".to_owned(),
        secrets: settled.tokens.iter().map(|token| token.token.clone()).collect(),
        vars,
        bearer: good.map(|token| token.token.clone()),
        fixtures: fixtures(),
        ..SelfDescription::default()
    }
}

fn fixtures() -> Map<String, Value> {
    let tool = json!({ "name": "Demo___echo", "arguments": { "text": "Hello, gateway" } });
    Map::from_iter([("tool".to_owned(), tool)])
}

fn server_info() -> Value {
    json!({ "name": "agentcore-gateway", "version": "1.0.0" })
}

/// Where the metadata of the endpoint stands if it is not at the root (RFC 9728 section 3.1).
const PATH_FORM: &str = "/.well-known/oauth-protected-resource/mcp";

/// One instance.
type Gateway = Instance<State>;

/// What wiremock tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Endpoint,
    Metadata,
    Unknown,
}

impl Route {
    const ALL: [Self; 3] = [Self::Endpoint, Self::Metadata, Self::Unknown];

    fn of(request: &Request) -> Self {
        match (request.method.as_str(), request.url.path()) {
            (_, "/mcp") => Self::Endpoint,
            ("GET", METADATA_PATH | PATH_FORM) => Self::Metadata,
            _ => Self::Unknown,
        }
    }
}

impl Match for Route {
    fn matches(&self, request: &Request) -> bool {
        Self::of(request) == *self
    }
}

struct Responder {
    gateway: Arc<Gateway>,
    route: Route,
}

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.gateway.answer(self.route, request).into_template()
    }
}

impl Gateway {
    fn mocks(self: &Arc<Self>) -> Vec<Mock> {
        Route::ALL
            .into_iter()
            .map(|route| Mock::given(route).respond_with(Responder { gateway: Arc::clone(self), route }))
            .collect()
    }

    fn answer(&self, route: Route, request: &Request) -> Answer {
        let mut state = self.state();
        let domains = &state.settled.config.domains;
        if let Some(domain) = header(request, DOMAIN_HEADER)
            && !domains.iter().any(|known| known == domain)
            && !state.shows(GatewayDefect::UnknownDomainAccepted)
        {
            return error_answer(400, None, INVALID_REQUEST, "Unknown gateway domain");
        }
        match route {
            Route::Endpoint => {
                let now = self.now().saturating_sub(state.started);
                state.endpoint(request, now)
            }
            Route::Metadata => state.resource_metadata(request),
            Route::Unknown => state.elsewhere(request),
        }
    }
}

impl State {
    /// Any request to the endpoint; `now` counts from the start of the mock.
    fn endpoint(&mut self, request: &Request, now: Duration) -> Answer {
        if !self.is_allowed_origin(request) {
            return error_answer(403, None, INVALID_REQUEST, "Origin not allowed");
        }
        let caller = match self.authorize(request, now) {
            Ok(caller) => caller,
            Err(refusal) => return self.refuse(&refusal, request),
        };
        if !caller.token.is_empty() {
            self.seen.note(&caller.token);
        }
        if let Some(address) = &self.settled.config.redirect_to {
            return Answer::text(307, "text/plain", String::new()).with_header("location", address);
        }
        match request.method.as_str() {
            "POST" => as_configured(self.post(request, &caller, now), self.settled.config.answers),
            "DELETE" if self.settled.config.sessions.is_none() && self.shows(GatewayDefect::DeleteServed) => {
                Answer::text(204, "application/json", String::new())
            }
            "DELETE" => self.delete(request, &caller, now).unwrap_or_else(method_not_allowed),
            "GET" if self.shows(GatewayDefect::GetServed) => Answer::json(200, &json!({ "status": "ok" })),
            _ => method_not_allowed(),
        }
    }

    /// A browser says where its page came from; other clients do not.
    fn is_allowed_origin(&self, request: &Request) -> bool {
        let Some(origin) = request.headers.get("origin") else {
            return true;
        };
        if self.shows(GatewayDefect::OriginUnchecked) {
            return true;
        }
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        origin == self.advertised_origin(request)
            || self.settled.config.allowed_origins.iter().any(|allowed| allowed == origin)
    }
}

/// An answer of the MCP endpoint as a document or as a stream.
fn as_configured(answer: Answer, form: AnswerForm) -> Answer {
    if form == AnswerForm::Json || answer.status != 200 || answer.body.is_empty() {
        return answer;
    }
    // JSON in one line, so one data field.
    let body = [b"event: message\ndata: ".as_slice(), &answer.body, b"\n\n"].concat();
    Answer { content_type: "text/event-stream", body, ..answer }
}

fn method_not_allowed() -> Answer {
    Answer::text(405, "text/plain", "Method Not Allowed".to_owned()).with_header("allow", "POST")
}
