//! A proxy for a remote MCP server on AWS: callers sign in with OpenID Connect, the remote gets requests signed with the credentials
//! of a role.
//!
//! For every request, of whatever method: the caller's token is checked ([`bearer`]), the role and the name of the session come from
//! its claims ([`roles`]), the token is exchanged for credentials ([`sts`]), the request is signed and forwarded ([`forward`]) and its
//! answer is handed on as it comes. Nothing is kept between requests unless configured.

mod answers;
mod bearer;
mod config;
mod defects;
mod forward;
mod headers;
mod roles;
mod state;
mod sts;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use serde_json::json;

use self::answers::{METADATA_PATH, refusal};
use self::bearer::Caller;
use self::config::Settled;
use self::defects::ProxyDefect;
use self::forward::Inbound;
use self::headers::Passage;
use self::roles::{NameProblem, Role};
use self::state::{State, View};
use self::sts::ExchangeError;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::defect::Defect;
use crate::front::{Backend, Body, BoxError, PeerAddress};
use crate::handle::{MockHandle, SelfDescription};
use crate::instance::Instance;
use crate::setup::Setup;
use crate::sigv4::AccessKey;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "remote-proxy",
    title: "A proxy for a remote server on AWS: OpenID Connect in, STS exchange, signed requests out",
    versions: crate::mcp::VERSIONS,
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http],
    // Those of the remote, whose answers pass.
    departures: &["null-error", "string-null-id"],
    defects: ProxyDefect::INFOS,
};

/// Path of its endpoint.
const ENDPOINT: &str = "/mcp";

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(INFO.name, options)?;
    // Unless told otherwise it is the resource of its own address.
    let bound = setup.bind().await?;
    let own_url = format!("{}{ENDPOINT}", bound.origin);
    let settled = setup.settle(|members| Settled::read(members, &own_url))?;
    let description = describe(&settled);
    let proxy = Arc::new(RemoteProxy::new(Clock::default(), State::new(settled, own_url)));
    setup.serve(bound, description, Arc::new(ProxyBackend(Arc::clone(&proxy))), proxy)
}

fn describe(settled: &Settled) -> SelfDescription {
    let vars = [
        ("issuer", json!(settled.issuer)),
        ("resource_url", json!(settled.resource_url)),
        ("metadata_path", json!(format!("{METADATA_PATH}{ENDPOINT}"))),
        ("region", json!(settled.region)),
        ("service", json!(settled.service)),
        ("role_arn", json!(settled.fallback_role_arn)),
    ];
    SelfDescription {
        path: ENDPOINT.to_owned(),
        vars: vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..SelfDescription::default()
    }
}

/// One instance.
type RemoteProxy = Instance<State>;

/// The proxy behind its front.
struct ProxyBackend(Arc<RemoteProxy>);

impl Backend for ProxyBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move { Ok(self.0.answer(request).await) })
    }
}

impl RemoteProxy {
    async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let view = self.state().view(self.now());
        if head.uri.path().starts_with("/.well-known/") {
            return view.well_known(&head.method, head.uri.path(), &head.headers);
        }
        let caller = match self.authenticate(&view, &head.headers).await {
            Ok(caller) => caller,
            Err(why) => return view.unauthenticated(&why),
        };
        let key = match self.credentials(&view, &caller).await {
            Ok(key) => key,
            Err(refused) => return refused,
        };
        let PeerAddress(peer) = head.extensions.get().copied().unwrap_or(PeerAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let passage = Passage::new(&view, &head.headers, peer, &caller.token);
        view.forward(Inbound { head: &head, body, passage }, key).await
    }

    /// Credentials for a caller: role, session name, exchange.
    async fn credentials(&self, view: &View, caller: &Caller) -> Result<AccessKey, Response<Body>> {
        let role = match view.role(&caller.claims) {
            Role::Arn(role) => role,
            Role::None => return Err(refusal(StatusCode::FORBIDDEN, "Failed to determine IAM role", "no-role")),
            Role::Crash => {
                return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "crashed"));
            }
        };
        let unnamed = |text, note| refusal(StatusCode::UNAUTHORIZED, text, note);
        let name = view.session_name(&caller.claims).map_err(|problem| match problem {
            NameProblem::Missing => unnamed("Missing session name claim", "no-session-name"),
            NameProblem::Invalid => unnamed("Invalid session name", "bad-session-name"),
        })?;
        let kept_as = view.caches().then(|| view.credentials_key(&role, &name, &caller.token));
        if let Some(kept) = kept_as.as_ref().and_then(|kept_as| self.state().kept(kept_as, view)) {
            return Ok(kept);
        }
        let exchanged = view.exchange(&caller.token, &role, &name).await;
        let key = exchanged.map_err(|error| exchange_failed(view, caller, &error))?;
        if let Some(kept_as) = kept_as {
            self.state().keep(kept_as, key.clone());
        }
        Ok(key)
    }
}

/// Every failure of STS looks alike to the client; the journal tells them apart.
fn exchange_failed(view: &View, caller: &Caller, error: &ExchangeError) -> Response<Body> {
    tracing::debug!(code = error.code, message = error.message, "no credentials");
    let status = match view.shows(ProxyDefect::StsErrorAsForbidden) {
        true => StatusCode::FORBIDDEN,
        false => StatusCode::UNAUTHORIZED,
    };
    let text = match view.shows(ProxyDefect::StsErrorLeaked) {
        true => format!(
            "AWS credential exchange failed: {}: {} (WebIdentityToken={})",
            error.code, error.message, caller.token
        ),
        false => "AWS credential exchange failed".to_owned(),
    };
    refusal(status, &text, &format!("sts-{}", error.code))
}
