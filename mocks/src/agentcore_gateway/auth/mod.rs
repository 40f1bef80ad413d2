//! Who calls, and who may.

mod challenge;
mod iam;
mod jwt;
mod opaque;
mod reason;
mod scopes;
mod seen;

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use wiremock::Request;

pub(super) use self::challenge::METADATA_PATH;
pub(super) use self::iam::{AccessKeyConfig, IamRules, RefusalForm, make_keys};
pub(super) use self::jwt::{CustomClaim, JwtRules, MAX_ADVERTISED_SCOPES};
pub(super) use self::opaque::TokenConfig;
pub(super) use self::reason::{Reason, Refusal};
pub(super) use self::scopes::ScopeAnswer;
pub(super) use self::seen::SeenTokens;
use super::config::AuthorizerKind;
use super::defects::GatewayDefect;
use super::state::{Owner, State};
use crate::answer::header;
use crate::mcp::SESSION_HEADER;

/// A caller who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) subject: String,
    /// The client that the credentials were given to, if they say so.
    pub(super) client: Option<String>,
    /// The credentials; empty if none were needed.
    pub(super) token: String,
    /// What the credentials allow.
    pub(super) scopes: Vec<String>,
    /// Whether the caller was asked who they are.
    pub(super) is_known: bool,
}

impl Identity {
    /// Somebody, whoever it is.
    fn anonymous() -> Self {
        Self { is_known: false, ..Self::without_credentials("anonymous") }
    }

    fn without_credentials(subject: &str) -> Self {
        Self { subject: subject.to_owned(), client: None, token: String::new(), scopes: Vec::new(), is_known: true }
    }

    fn unchecked(token: &str) -> Self {
        Self { token: token.to_owned(), ..Self::without_credentials("anyone") }
    }

    /// Whose sessions these are; none for a caller who was not asked who they are.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.is_known.then(|| Owner { subject: self.subject.clone(), client: self.client.clone() })
    }
}

impl State {
    /// The caller, or why not. `now` counts from the start of the mock.
    pub(super) fn authorize(&self, request: &Request, now: Duration) -> Result<Identity, Refusal> {
        if self.settled.config.authorizer == AuthorizerKind::None {
            return Ok(Identity::anonymous());
        }
        let refusal = match self.identify(request, now) {
            Ok(caller) => return Ok(caller),
            Err(refusal) => refusal,
        };
        if self.is_public(request) {
            return Ok(Identity::anonymous());
        }
        if self.shows(GatewayDefect::SessionInsteadOfToken)
            && let Some(session) = header(request, SESSION_HEADER).and_then(|id| self.sessions.get(id))
            && let Some(owner) = &session.owner
        {
            let Owner { subject, client } = owner.clone();
            return Ok(Identity { client, ..Identity::without_credentials(&subject) });
        }
        let has_credentials = request.headers.get("authorization").is_some_and(|value| !is_blank(value));
        if refusal.reason == Reason::NoHeader && !has_credentials {
            let listing = self.shows(GatewayDefect::ListsWithoutToken) && methods(request) == ["tools/list"];
            if listing || self.shows(GatewayDefect::AcceptsNoToken) {
                return Ok(Identity::without_credentials("nobody"));
            }
        }
        Err(refusal)
    }

    /// The caller that the credentials of a request stand for.
    fn identify(&self, request: &Request, now: Duration) -> Result<Identity, Refusal> {
        if self.settled.config.authorizer == AuthorizerKind::Iam {
            return self.judge_iam(request);
        }
        let several = request.headers.get_all("authorization").iter().count() > 1;
        if several && self.shows(GatewayDefect::AnyAuthorizationCounts) {
            return Ok(Identity::unchecked(""));
        }
        let token = self.presented_token(&request.headers, request.url.query())?;
        if self.shows(GatewayDefect::AcceptsAnyToken) {
            return Ok(Identity::unchecked(&token));
        }
        let remembered = self.shows(GatewayDefect::ValidatedOnce) && self.seen.contains(&token);
        let judged = match self.settled.config.authorizer {
            AuthorizerKind::Opaque => self.judge_opaque(&token, now),
            AuthorizerKind::Jwt => self.judge_jwt(&token, request, now),
            AuthorizerKind::None | AuthorizerKind::Iam => Ok(Identity::anonymous()),
        };
        let caller = match judged {
            Err(_) if remembered => return Ok(Identity::unchecked(&token)),
            judged => judged?,
        };
        if self.is_withdrawn(&token) && !remembered {
            return Err(Reason::Revoked.into());
        }
        self.check_scopes(&caller, request)?;
        Ok(caller)
    }

    /// Whether a token that is good in itself is not wanted any more.
    fn is_withdrawn(&self, token: &str) -> bool {
        let config = &self.settled.config;
        let listed = config.revoked.iter().any(|revoked| revoked == token);
        let seen = config.reject_seen && self.seen.is_rejected(token);
        config.reject_tokens || ((listed || seen) && !self.shows(GatewayDefect::RevokedAccepted))
    }

    /// The token that a request carries.
    pub(super) fn presented_token(&self, headers: &HeaderMap, query: Option<&str>) -> Result<String, Refusal> {
        let mut given = headers.get_all("authorization").iter();
        let (first, second) = (given.next(), given.next());
        let Some(first) = first.filter(|value| !is_blank(value) || second.is_some()) else {
            return self.token_elsewhere(headers, query).ok_or_else(|| Refusal::missing(Reason::NoHeader));
        };
        if second.is_some() && !self.shows(GatewayDefect::FirstOfTwoHeadersCounts) {
            return Err(Reason::Malformed.into());
        }
        let credentials = first.to_str().map_err(|_| Reason::Malformed)?.trim();
        let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
        let token = token.trim();
        let is_bearer = match self.shows(GatewayDefect::SchemeCaseSensitive) {
            true => scheme == "Bearer",
            false => scheme.eq_ignore_ascii_case("bearer"),
        };
        match is_bearer {
            true if token.is_empty() => Err(Refusal::missing(Reason::NoHeader)),
            true => Ok(token.to_owned()),
            false => Err(Reason::NotBearer.into()),
        }
    }

    /// A token where none belongs.
    fn token_elsewhere(&self, headers: &HeaderMap, query: Option<&str>) -> Option<String> {
        if self.shows(GatewayDefect::TokenInQueryAccepted) {
            let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            if let Some((_, token)) = pairs.find(|(name, _)| name == "access_token") {
                return Some(token.into_owned());
            }
        }
        if self.shows(GatewayDefect::TokenInOtherHeaderAccepted) {
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            let value = ["x-api-key", "proxy-authorization", "cookie"].into_iter().find_map(text)?;
            // The last word, whatever stands before it.
            return value.rsplit([' ', '=']).next().map(str::to_owned);
        }
        None
    }

    /// Whether every message of a request is one that needs no token.
    fn is_public(&self, request: &Request) -> bool {
        let public = &self.settled.config.public_methods;
        if public.is_empty() {
            return false;
        }
        let methods = methods(request);
        !methods.is_empty() && methods.iter().all(|method| public.contains(method))
    }
}

fn is_blank(value: &HeaderValue) -> bool {
    value.as_bytes().trim_ascii().is_empty()
}

/// The methods of a request's messages; a message without one has an empty one.
fn methods(request: &Request) -> Vec<String> {
    let method = |message: &Value| message.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
    match serde_json::from_slice(&request.body) {
        Ok(Value::Array(batch)) => batch.iter().map(method).collect(),
        Ok(message) => vec![method(&message)],
        Err(_) => Vec::new(),
    }
}
