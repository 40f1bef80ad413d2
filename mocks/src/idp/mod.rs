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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use http::header::ALLOW;
use serde_json::{Map, Value};

use self::clients::Defaults;
use self::defects::IdpDefect;
use self::site::Endpoint;
use self::state::State;
use self::wire::{Incoming, OauthError, Params, Reply};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::config::{CommonConfig, ConfigError};
use crate::defect::{Defect, DefectSet};
use crate::front::{Front, ServiceBackend, origin_of};
use crate::handle::{Controller, MockHandle};
use crate::journal::Journal;
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
    let wrong = |error| StartError::config(INFO.name, error);
    let common = CommonConfig::split(options.config.clone()).map_err(wrong)?;
    let defects = DefectSet::parse(INFO.name, &common.defects).map_err(wrong)?;
    let defaults = Defaults::new().map_err(|error| wrong(ConfigError::new("", error.to_string())))?;
    let unbound = |source| StartError::bind(INFO.name, &options, source);
    // The issuer is part of nearly every answer, so the address has to be known first.
    let listener = Front::bind(options.bind, options.port.unwrap_or(0)).await.map_err(unbound)?;
    let origin = origin_of(listener.local_addr().map_err(unbound)?);
    let state = State::new(common.rest, origin, defaults, defects).map_err(wrong)?;
    let description = describe::describe(&state);
    let idp = Arc::new(Idp { clock: Clock::default(), state: Mutex::new(state) });
    let service = Router::new().fallback(answer).with_state(Arc::clone(&idp));
    let journal = Journal::new(options.journal_limits);
    let backend = Arc::new(ServiceBackend::new(service));
    let front = Front::serve(listener, journal, common.faults, backend).map_err(unbound)?;
    Ok(MockHandle::new(front, description, idp))
}

/// One instance.
#[derive(Debug)]
struct Idp {
    clock: Clock,
    state: Mutex<State>,
}

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
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, incoming: &Incoming) -> Reply {
        let endpoint = self.state().site().endpoint(&incoming.path);
        let now = self.clock.now();
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
        self.state().authorize(incoming, &params, self.clock.now())
    }
}

fn not_allowed(methods: &str) -> Reply {
    Reply::error(405, &OauthError::new("invalid_request", format!("this takes {methods} only")))
        .with_header(ALLOW, methods)
}

impl Controller for Idp {
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError> {
        self.state().set(config)
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.state().defects = DefectSet::parse(INFO.name, ids)?;
        Ok(())
    }

    fn restart(&self) {
        self.state().restart();
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn mint(&self, spec: &Value) -> Result<String, ConfigError> {
        self.state().mint_to_order(spec, self.clock.now())
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.state().minted()
    }
}
