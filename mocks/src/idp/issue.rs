//! Making tokens.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::authorize::Authorization;
use super::claims::{self, Facts};
use super::clients::{Client, Grant};
use super::config::{RefreshFor, ResourceParameter};
use super::defects::IdpDefect;
use super::keys::{self, KeyError, Purpose, SigningKey};
use super::metadata::FOREIGN_ORIGIN;
use super::random;
use super::state::{AccessToken, Grantee, RefreshToken, State};

/// Lifetime of tokens that live too long.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What is signed: header and claims, base64url.
pub(super) fn signing_input(header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let part = |members: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The header of a token signed by a key.
pub(super) fn header_for(key: &SigningKey, kind: Option<&str>) -> Map<String, Value> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), Value::from(key.alg.name()));
    if let Some(kind) = kind {
        header.insert("typ".to_owned(), Value::from(kind));
    }
    header.insert("kid".to_owned(), Value::from(key.kid.as_str()));
    header
}

/// A token whose signature is of the right length and wrong.
pub(super) fn corrupted(signature: &str) -> String {
    let middle = signature.len() / 2;
    let other = if signature[middle..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &signature[..middle], &signature[middle + 1..])
}

impl State {
    /// The audience of a token for these resources.
    pub(super) fn audience(&self, client: &Client, resources: &[String]) -> Vec<String> {
        let config = &self.settled.config;
        if self.shows(IdpDefect::WrongAudience) {
            return vec!["https://another-resource.example.com/mcp".to_owned()];
        }
        let follows = config.resource_parameter == ResourceParameter::Accept;
        if follows && !resources.is_empty() && !self.shows(IdpDefect::ResourceIgnored) {
            return resources.to_vec();
        }
        vec![config.audience.clone().unwrap_or_else(|| client.id.clone())]
    }

    /// What a token for this grantee says.
    pub(super) fn facts<'a>(&'a self, grantee: &'a Grantee, issued_at: Duration, lifetime: Duration) -> Facts<'a> {
        let issuer = match self.shows(IdpDefect::WrongTokenIssuer) {
            true => FOREIGN_ORIGIN.to_owned(),
            false => self.site().issuer(),
        };
        Facts {
            issuer,
            client: &grantee.client,
            user: grantee.user.and_then(|index| self.user(index)),
            subject: None,
            scopes: &grantee.scopes,
            audience: self.audience(&grantee.client, &grantee.resources),
            nonce: grantee.nonce.as_deref().filter(|_| !self.shows(IdpDefect::NonceDropped)),
            auth_time: grantee.auth_time,
            issued_at,
            expires_at: issued_at + lifetime,
            id: random::secret(),
        }
    }

    /// The key that signs tokens now.
    pub(super) fn current_key(&self) -> Result<Arc<SigningKey>, KeyError> {
        let keys = self.settled.config.keys;
        keys::key(Purpose::Tokens(keys.generation), keys.alg)
    }

    fn sign(&self, kind: Option<&str>, claims: &Map<String, Value>) -> Result<String, KeyError> {
        let key = self.current_key()?;
        let mut header = header_for(&key, kind);
        if self.shows(IdpDefect::KidNotInJwks) {
            header.insert("kid".to_owned(), Value::from("a-key-that-is-not-there"));
        }
        let message = signing_input(&header, claims);
        let signature = key.sign(&message)?;
        Ok(match self.shows(IdpDefect::SignatureBroken) {
            true => format!("{message}.{}", corrupted(&signature)),
            false => format!("{message}.{signature}"),
        })
    }

    /// How long access tokens live.
    pub(super) fn lifetime(&self) -> Duration {
        if self.shows(IdpDefect::LongLived) { YEAR } else { self.settled.config.tokens.lifetime }
    }

    /// The members of a token answer (RFC 6749, section 5.1). `refresh_token` is the one to give, if any.
    pub(super) fn issue(
        &mut self,
        grantee: &Grantee,
        refresh_token: Option<String>,
        now: Duration,
    ) -> Result<Map<String, Value>, KeyError> {
        let tokens = self.settled.config.tokens.clone();
        let lifetime = self.lifetime();
        let issued_at = match self.shows(IdpDefect::ExpiredTokens) {
            true => now.saturating_sub(lifetime + Duration::from_secs(600)),
            false => now,
        };
        let facts = self.facts(grantee, issued_at, lifetime);
        let mut claims = facts.access(tokens.style);
        claims::lay_over(&mut claims, &tokens.claims);
        let access_token = self.sign(claims::access_type(tokens.style), &claims)?;
        let mut answer = Map::new();
        answer.insert("access_token".to_owned(), Value::from(access_token.as_str()));
        answer.insert("token_type".to_owned(), Value::from("Bearer"));
        answer.insert("expires_in".to_owned(), json!(lifetime.as_secs()));
        answer.insert("scope".to_owned(), Value::from(self.told_scopes(&grantee.scopes)));
        let openid = grantee.user.is_some() && grantee.scopes.iter().any(|scope| scope == "openid");
        let id_token = match openid {
            true => {
                let mut claims = facts.id(tokens.style, &access_token);
                claims::lay_over(&mut claims, &tokens.id_claims);
                Some(self.sign(Some("JWT"), &claims)?)
            }
            false => None,
        };
        let expires_at = facts.expires_at;
        self.remember(&access_token);
        if let Some(id_token) = id_token {
            self.remember(&id_token);
            answer.insert("id_token".to_owned(), Value::from(id_token));
        }
        if let Some(refresh_token) = refresh_token {
            answer.insert("refresh_token".to_owned(), Value::from(refresh_token));
        }
        let entry = AccessToken { grantee: grantee.clone(), claims, expires_at, revoked: false };
        self.access_tokens.insert(access_token, entry);
        Ok(answer)
    }

    /// Whether an authorization gives a refresh token with its first tokens.
    pub(super) fn may_refresh(&self, authorization: &Authorization) -> bool {
        let asked = match self.settled.config.tokens.refresh_for {
            RefreshFor::Always => true,
            RefreshFor::OfflineAccess => authorization.scopes.iter().any(|scope| scope == "offline_access"),
            RefreshFor::AccessType => authorization.offline,
        };
        asked && authorization.client.may(Grant::RefreshToken)
    }

    /// A refresh token of a grantee.
    pub(super) fn new_refresh_token(&mut self, grantee: &Grantee, now: Duration) -> String {
        let token = self.mint();
        let expires_at = now + self.settled.config.tokens.refresh_lifetime;
        let entry = RefreshToken { grantee: grantee.clone(), expires_at, replaced: false, revoked: false };
        self.refresh_tokens.insert(token.as_str(), entry);
        token
    }
}
