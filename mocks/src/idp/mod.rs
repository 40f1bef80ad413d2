//! An OpenID provider and OAuth authorization server: metadata, authorization with PKCE, tokens, keys, registration, revocation.
//!
//! It is an axum service of its own origin. What it issues are real JWTs, signed with keys made for the process. A `profile`
//! gives it the habits of a known provider; each habit is a member of the configuration as well.
//!
//! - `authorize`, `login`, `pages`: from the authorization request to the code. `scopes`, `redirects`: what a client may ask for.
//! - `token`, `client_auth`, `issue`, `claims`: from the code to tokens. `revoke`: their end.
//! - `register`, `cimd`, `client_metadata`, `clients`: who the clients are.
//! - `metadata`, `site`, `keys`: what is published. `mint`: tokens to order.

mod authorize;
mod bounded;
mod cimd;
mod claims;
mod client_auth;
mod client_metadata;
mod clients;
mod config;
mod defects;
mod describe;
mod issue;
mod keys;
mod login;
mod metadata;
mod mint;
mod pages;
mod profile;
mod random;
mod redirects;
mod register;
mod revoke;
mod scopes;
mod site;
mod state;
mod token;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use http::header::ALLOW;

use self::clients::Defaults;
use self::config::Settled;
use self::defects::IdpDefect;
use self::site::Endpoint;
use self::state::State;
use self::wire::{Incoming, OauthError, Params, Reply};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::defect::Defect;
use crate::front::ServiceBackend;
use crate::handle::MockHandle;
use crate::instance::Instance;
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "idp",
    title: "An OpenID provider: discovery, authorization with PKCE, tokens, keys, registration, revocation",
    versions: &[],
    lifecycle: MockLifecycle::Bare,
    transports: &[MockTransport::Http],
    departures: &[],
    defects: IdpDefect::INFOS,
};

/// Largest body of a request; forms and registrations are far smaller.
const LARGEST_BODY: usize = 256 << 10;
/// How long metadata takes that takes too long.
const SLOW: Duration = Duration::from_secs(20);

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(INFO.name, options)?;
    let defaults = Defaults::new().map_err(|error| setup.wrong(ConfigError::new("", error.to_string())))?;
    // The issuer is part of nearly every answer, so the address has to be known first.
    let bound = setup.bind().await?;
    let settled = setup.settle(|members| Settled::read(members, &defaults))?;
    let state = State::new(settled, bound.origin.clone(), defaults);
    let description = describe::describe(&state);
    let idp = Arc::new(Idp::new(Clock::default(), state));
    let service = Router::new().fallback(answer).with_state(Arc::clone(&idp));
    setup.serve(bound, description, Arc::new(ServiceBackend::new(service)), idp)
}

/// One instance.
type Idp = Instance<State>;

async fn answer(Extracted(idp): Extracted<Arc<Idp>>, request: Request) -> Reply {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return Reply::error(413, &OauthError::new("invalid_request", "the body is too large"));
    };
    let incoming = Incoming {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    idp.answer(&incoming).await
}

impl Idp {
    async fn answer(&self, incoming: &Incoming) -> Reply {
        let endpoint = self.state().site().endpoint(&incoming.path);
        let now = self.now();
        let method = incoming.method.as_str();
        match endpoint {
            None => Reply::error(404, &OauthError::new("not_found", format!("there is nothing at {}", incoming.path))),
            Some(Endpoint::Metadata | Endpoint::Jwks) if !matches!(method, "GET" | "HEAD") => not_allowed("GET, HEAD"),
            Some(Endpoint::Authorize | Endpoint::Userinfo) if !matches!(method, "GET" | "POST") => {
                not_allowed("GET, POST")
            }
            Some(Endpoint::Login) if method != "POST" => not_allowed("POST"),
            Some(Endpoint::Metadata) => {
                if self.state().shows(IdpDefect::MetadataSlow) {
                    tokio::time::sleep(SLOW).await;
                }
                self.state().metadata(&incoming.path)
            }
            Some(Endpoint::Jwks) => self.state().jwks(),
            Some(Endpoint::Authorize) => self.authorize(incoming).await,
            Some(Endpoint::Login) => self.state().login(incoming, now),
            Some(Endpoint::Token) => self.state().token(incoming, now),
            Some(Endpoint::Revoke) => self.state().revoke(incoming, now),
            Some(Endpoint::Introspect) => self.state().introspect(incoming, now),
            Some(Endpoint::Userinfo) => self.state().userinfo(incoming, now),
            Some(Endpoint::Register) => self.state().register(incoming, now),
        }
    }

    async fn authorize(&self, incoming: &Incoming) -> Reply {
        let params = match incoming.method == http::Method::POST && incoming.is_form() {
            true => Params::parse(&incoming.body),
            false => Params::parse(incoming.query.as_bytes()),
        };
        if let Some(id) = params.one("client_id")
            && let Err(error) = self.learn_client(id).await
        {
            return self.state().refuse_on_page(incoming, &params, &error);
        }
        self.state().authorize(incoming, &params, self.now())
    }
}

fn not_allowed(methods: &str) -> Reply {
    Reply::error(405, &OauthError::new("invalid_request", format!("this takes {methods} only")))
        .with_header(ALLOW, methods)
}
