//! Who calls: a token of the issuer (OpenID Connect), checked with the keys that it publishes.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::RemoteProxy;
use super::defects::ProxyDefect;
use super::state::View;
use crate::jwt::{KeyPlan, SignatureProblem, Token, is_alive, is_begun, text, texts};

/// A caller whose token is good.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) token: String,
    pub(super) claims: Map<String, Value>,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unauthenticated {
    /// Code of RFC 6750 section 3.1.
    pub(super) error: &'static str,
    pub(super) description: String,
    /// For the journal.
    pub(super) note: &'static str,
}

impl Unauthenticated {
    fn request(note: &'static str, description: &str) -> Self {
        Self { error: "invalid_request", description: description.to_owned(), note }
    }

    fn token(note: &'static str, why: &str) -> Self {
        Self { error: "invalid_token", description: format!("Invalid token: {why}"), note }
    }
}

impl RemoteProxy {
    /// The caller of a request, or why there is none.
    pub(super) async fn authenticate(&self, view: &View, headers: &HeaderMap) -> Result<Caller, Unauthenticated> {
        let token = presented(headers)?;
        let malformed = || Unauthenticated::token("malformed", "token is malformed");
        let parsed = Token::parse(token).ok_or_else(malformed)?;
        let remembered = view.shows(ProxyDefect::ValidatedOnce) && self.state().has_seen(token);
        if !remembered {
            view.check(&parsed).await?;
            self.state().note_seen(token);
        }
        Ok(Caller { token: token.to_owned(), claims: parsed.claims })
    }
}

impl View {
    async fn check(&self, token: &Token<'_>) -> Result<(), Unauthenticated> {
        let plan = KeyPlan::of_issuer(&self.settled.issuer, token.kid.clone(), self.now);
        let unavailable = || Unauthenticated::token("keys-unavailable", "keys of the issuer are not available");
        let provider = self.providers.fetched(&plan).await.ok_or_else(unavailable)?;
        if !self.shows(ProxyDefect::SignatureNotVerified) {
            token.is_signed_by(&provider.keys).map_err(|problem| match problem {
                SignatureProblem::Algorithm => Unauthenticated::token("algorithm", "signing method is invalid"),
                SignatureProblem::UnknownKid => Unauthenticated::token("unknown-kid", "key ID not found in JWKS"),
                SignatureProblem::BadSignature => Unauthenticated::token("bad-signature", "signature is invalid"),
            })?;
        }
        let claims = &token.claims;
        if !is_alive(claims, self.now) && !self.shows(ProxyDefect::ExpiredTokenAccepted) {
            return Err(Unauthenticated::token("expired", "token is expired"));
        }
        if !is_begun(claims, self.now) {
            return Err(Unauthenticated::token("not-yet-valid", "token is not valid yet"));
        }
        // The document of the issuer has to say that it is of this issuer.
        let issuer = provider.issuer.as_deref().filter(|issuer| *issuer == self.settled.issuer);
        let names_issuer = issuer.is_some() && text(claims, "iss") == issuer;
        if !names_issuer && !self.shows(ProxyDefect::IssuerNotChecked) {
            return Err(Unauthenticated::token("wrong-issuer", "invalid issuer"));
        }
        let is_for_us = match &self.settled.audience {
            None => true,
            Some(own) => claims.get("aud").is_some_and(|audience| texts(audience).any(|named| named == own)),
        };
        if !is_for_us && !self.shows(ProxyDefect::AudienceNotChecked) {
            return Err(Unauthenticated::token("wrong-audience", "invalid audience"));
        }
        Ok(())
    }
}

/// The token that a request carries. The scheme is told apart by case, and of several headers the first counts.
fn presented(headers: &HeaderMap) -> Result<&str, Unauthenticated> {
    let missing = || Unauthenticated::request("no-header", "authorization header required");
    let header = headers.get(AUTHORIZATION).filter(|value| !value.is_empty()).ok_or_else(missing)?;
    let token = header.to_str().ok().and_then(|credentials| credentials.strip_prefix("Bearer "));
    match token {
        None => Err(Unauthenticated::request(
            "not-bearer",
            "invalid authorization header format, expected 'Bearer <token>'",
        )),
        Some(token) if token.trim().is_empty() => {
            Err(Unauthenticated::request("no-token", "empty token in authorization header"))
        }
        Some(token) => Ok(token),
    }
}
