//! The token endpoint (RFC 6749, sections 4 to 6).

use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::authorize::is_pkce_value;
use super::clients::{Client, Grant};
use super::config::{Acceptance, PkceMethod, Refresh};
use super::defects::IdpDefect;
use super::random;
use super::state::{Grantee, State};
use super::wire::{Incoming, OauthError, Params, Reply};

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: OauthError,
    /// The client tried HTTP Basic, so the answer has to offer it (RFC 6749, section 5.2).
    pub(super) basic: bool,
}

impl From<OauthError> for Refusal {
    fn from(error: OauthError) -> Self {
        Self { error, basic: false }
    }
}

pub(super) fn refusal(code: &'static str, description: impl Into<String>) -> Refusal {
    OauthError::new(code, description).into()
}

impl State {
    /// Answers a token request.
    pub(super) fn token(&mut self, incoming: &Incoming, now: Duration) -> Reply {
        if incoming.method != http::Method::POST {
            let error = OauthError::new("invalid_request", "the token endpoint takes POST only");
            return Reply::error(405, &error).with_header(ALLOW, "POST");
        }
        match self.tokens_for(incoming, now) {
            Ok(answer) => self.token_reply(answer),
            Err(refusal) => self.token_refusal(&refusal),
        }
    }

    /// The parameters of a form, with those of the URL if a defect says so.
    pub(super) fn form(&self, incoming: &Incoming) -> Result<Params, Refusal> {
        let from_query = self.shows(IdpDefect::QueryParametersAccepted);
        let bare = from_query && incoming.body.is_empty();
        if !incoming.is_form() && !bare {
            return Err(refusal("invalid_request", "the body is not application/x-www-form-urlencoded"));
        }
        let params = match from_query {
            true => Params::parse(&[incoming.query.as_bytes(), b"&", &incoming.body].concat()),
            false => Params::parse(&incoming.body),
        };
        match params.repeated() {
            Some(name) if !self.shows(IdpDefect::RepeatedParametersAccepted) => {
                Err(refusal("invalid_request", format!("`{name}` stands there more than once")))
            }
            _ => Ok(params),
        }
    }

    fn tokens_for(&mut self, incoming: &Incoming, now: Duration) -> Result<Map<String, Value>, Refusal> {
        let params = self.form(incoming)?;
        let Some(name) = params.one("grant_type") else {
            return Err(refusal("invalid_request", "`grant_type` is missing"));
        };
        let Some(grant) = Grant::from_name(name) else {
            return Err(refusal("unsupported_grant_type", format!("grant_type `{name}` is not supported")));
        };
        let client = self.authenticate(incoming, &params, now)?;
        if !client.may(grant) && !self.shows(IdpDefect::GrantNotChecked) {
            let problem = format!("the client `{}` is not registered for `{name}`", client.id);
            return Err(refusal("unauthorized_client", problem));
        }
        match grant {
            Grant::AuthorizationCode => self.exchange_code(&client, &params, now),
            Grant::RefreshToken => self.refresh(&client, &params, now),
            Grant::ClientCredentials => self.client_tokens(&client, &params, now),
        }
    }

    fn exchange_code(
        &mut self,
        client: &Arc<Client>,
        params: &Params,
        now: Duration,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(text) = params.one("code") else {
            return Err(refusal("invalid_request", "`code` is missing"));
        };
        let invalid = |problem: &str| Err(refusal("invalid_grant", problem));
        let Some(code) = self.codes.get(text).cloned() else {
            return invalid("the code is unknown");
        };
        if code.grantee.client.id != client.id && !self.shows(IdpDefect::CodeClientNotCompared) {
            return invalid("the code was issued to another client");
        }
        if code.used && !self.shows(IdpDefect::CodeReplayAccepted) {
            if !self.shows(IdpDefect::ReplayKeepsTokens) {
                self.ended.insert(code.grantee.family);
            }
            return invalid("the code was used before; the tokens that came from it are no longer good");
        }
        if code.expires_at <= now && !self.shows(IdpDefect::CodeNeverExpires) {
            return invalid("the code has expired");
        }
        let asked = &code.authorization;
        let same_redirect = match (params.one("redirect_uri"), asked.target.named) {
            (Some(uri), _) => uri == asked.target.redirect_uri,
            (None, named) => !named,
        };
        if !same_redirect && !self.shows(IdpDefect::RedirectUriNotCompared) {
            return invalid("`redirect_uri` is not that of the authorization request");
        }
        self.check_verifier(asked.challenge.as_ref(), params.one("code_verifier"))?;
        let mut grantee = code.grantee.clone();
        self.narrow_resources(&mut grantee, params)?;
        if asked.dead {
            return invalid("the code was issued for no scope and cannot be exchanged");
        }
        if let Some(kept) = self.codes.get_mut(text) {
            kept.used = true;
        }
        let refresh_token = self.may_refresh(&code.authorization).then(|| self.new_refresh_token(&code.grantee, now));
        self.issued(&grantee, refresh_token, now)
    }

    fn check_verifier(&self, challenge: Option<&(PkceMethod, String)>, verifier: Option<&str>) -> Result<(), Refusal> {
        let invalid = |problem: &str| Err(refusal("invalid_grant", problem));
        match (challenge, verifier) {
            (None, None) => Ok(()),
            // A verifier without challenge hints at a request that somebody changed (OAuth 2.1, section 4.1.3).
            (None, Some(_)) => invalid("there is a `code_verifier`, but the authorization request had no challenge"),
            (Some(_), None) if self.shows(IdpDefect::VerifierNotRequired) => Ok(()),
            (Some(_), None) => invalid("`code_verifier` is missing"),
            (Some(_), Some(_)) if self.shows(IdpDefect::PkceNotVerified) => Ok(()),
            (Some(_), Some(verifier)) if !is_pkce_value(verifier) => {
                invalid("`code_verifier` is not 43 to 128 unreserved characters")
            }
            (Some((method, challenge)), Some(verifier)) => {
                let computed = match method {
                    PkceMethod::S256 => random::s256(verifier),
                    PkceMethod::Plain => verifier.to_owned(),
                };
                match computed == *challenge {
                    true => Ok(()),
                    false => invalid("`code_verifier` does not fit the challenge of the authorization request"),
                }
            }
        }
    }

    /// Takes the resources that the request names, which must have been authorized (RFC 8707, section 2.2).
    fn narrow_resources(&self, grantee: &mut Grantee, params: &Params) -> Result<(), Refusal> {
        let requested = params.all("resource");
        if requested.is_empty() {
            return Ok(());
        }
        let requested = self.resources(requested, &grantee.scopes)?;
        let strange = requested.iter().find(|resource| !grantee.resources.contains(resource));
        if let Some(strange) = strange
            && !self.shows(IdpDefect::ResourceNotCompared)
        {
            let problem = format!("resource `{strange}` was not part of the authorization request");
            return Err(refusal("invalid_target", problem));
        }
        if !requested.is_empty() {
            grantee.resources = requested;
        }
        Ok(())
    }

    fn refresh(&mut self, client: &Arc<Client>, params: &Params, now: Duration) -> Result<Map<String, Value>, Refusal> {
        let Some(text) = params.one("refresh_token") else {
            return Err(refusal("invalid_request", "`refresh_token` is missing"));
        };
        let invalid = |problem: &str| Err(refusal("invalid_grant", problem));
        let mode = self.settled.config.tokens.refresh;
        let Some(known) = self.refresh_tokens.get(text).cloned() else {
            return invalid("the refresh token is unknown");
        };
        if known.grantee.client.id != client.id && !self.shows(IdpDefect::RefreshClientNotCompared) {
            return invalid("the refresh token was issued to another client");
        }
        let revoked = known.revoked || self.ended.contains(&known.grantee.family);
        if revoked && !self.shows(IdpDefect::RevokedRefreshAccepted) {
            return invalid("the refresh token was revoked");
        }
        if known.replaced && !self.shows(IdpDefect::RotationMissing) {
            if !self.shows(IdpDefect::ReuseKeepsFamily) {
                self.ended.insert(known.grantee.family);
            }
            return invalid("the refresh token was replaced before; all tokens of its sign-in are no longer good");
        }
        if known.expires_at <= now && !self.shows(IdpDefect::RefreshNeverExpires) {
            return invalid("the refresh token has expired");
        }
        if mode == Refresh::Refuse {
            return invalid("refresh tokens are not taken any more");
        }
        let mut grantee = known.grantee.clone();
        match params.one("scope") {
            Some(scope) => grantee.scopes = self.refreshed_scopes(&known.grantee, scope)?,
            None if self.settled.config.tokens.refresh_without_scope == Acceptance::Refuse => {
                let problem = "AADSTS90009: Application is requesting a token for itself. This scenario is supported \
                               only if resource is specified using the GUID based App Identifier";
                return Err(refusal("invalid_request", problem));
            }
            None => {}
        }
        self.narrow_resources(&mut grantee, params)?;
        let next = match mode {
            Refresh::Rotate => {
                if let Some(old) = self.refresh_tokens.get_mut(text) {
                    old.replaced = true;
                }
                Some(self.new_refresh_token(&known.grantee, now))
            }
            Refresh::Renew => Some(self.new_refresh_token(&known.grantee, now)),
            Refresh::Keep | Refresh::Refuse => None,
        };
        self.issued(&grantee, next, now)
    }

    /// The scopes of a refresh: no more than were granted (RFC 6749, section 6).
    fn refreshed_scopes(&self, granted: &Grantee, scope: &str) -> Result<Vec<String>, Refusal> {
        let scopes = self.scopes(&granted.client, Some(scope))?;
        let told = self.told_scopes(&granted.scopes);
        let strange = scopes.iter().find(|scope| !told.split(' ').any(|known| known == scope.as_str()));
        match strange {
            Some(strange) if !self.shows(IdpDefect::RefreshWidensScope) => {
                Err(refusal("invalid_scope", format!("the scope `{strange}` was not granted")))
            }
            _ => Ok(scopes),
        }
    }

    fn client_tokens(
        &mut self,
        client: &Arc<Client>,
        params: &Params,
        now: Duration,
    ) -> Result<Map<String, Value>, Refusal> {
        if client.is_public() {
            return Err(refusal("unauthorized_client", "a public client has no credentials of its own"));
        }
        let scopes = self.scopes(client, params.one("scope"))?;
        // A client is nobody who could sign in.
        let scopes: Vec<String> = scopes
            .into_iter()
            .filter(|scope| !["openid", "profile", "email", "offline_access"].contains(&scope.as_str()))
            .collect();
        let resources = self.resources(params.all("resource"), &scopes)?;
        let family = self.new_family();
        let grantee =
            Grantee { client: Arc::clone(client), user: None, scopes, resources, nonce: None, auth_time: now, family };
        self.issued(&grantee, None, now)
    }

    fn issued(
        &mut self,
        grantee: &Grantee,
        refresh_token: Option<String>,
        now: Duration,
    ) -> Result<Map<String, Value>, Refusal> {
        self.issue(grantee, refresh_token, now).map_err(|error| refusal("server_error", error.to_string()))
    }

    fn token_reply(&self, mut answer: Map<String, Value>) -> Reply {
        for (defect, name) in [
            (IdpDefect::TokenWithoutType, "token_type"),
            (IdpDefect::AccessTokenMissing, "access_token"),
            (IdpDefect::ExpiresInMissing, "expires_in"),
        ] {
            if self.shows(defect) {
                answer.shift_remove(name);
            }
        }
        if self.shows(IdpDefect::TokenTypeUnknown) {
            answer.insert("token_type".to_owned(), Value::from("mac"));
        }
        if let Some(seconds) = answer.get("expires_in").and_then(Value::as_u64)
            && self.shows(IdpDefect::ExpiresInAsString)
        {
            answer.insert("expires_in".to_owned(), Value::from(seconds.to_string()));
        }
        let mut reply = Reply::uncached_json(200, &Value::Object(answer.clone()));
        if self.shows(IdpDefect::TokenNotJson) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let pairs = answer.iter().map(|(name, value)| (name, text(value)));
            reply.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes();
            reply.headers.retain(|(name, _)| name != CONTENT_TYPE);
            reply = reply.with_header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if self.shows(IdpDefect::TokenCacheable) {
            reply.headers.retain(|(name, _)| name != CACHE_CONTROL && name.as_str() != "pragma");
        }
        reply
    }

    /// The answer to a client that gets no token (RFC 6749, section 5.2).
    pub(super) fn token_refusal(&self, refused: &Refusal) -> Reply {
        let status = match refused.error.code {
            _ if self.shows(IdpDefect::ErrorAs200) => 200,
            "invalid_client" if self.shows(IdpDefect::InvalidClientAs400) => 400,
            "invalid_client" => 401,
            "server_error" => 500,
            _ => 400,
        };
        let reply = Reply::error(status, &refused.error);
        match status == 401 && refused.basic {
            true => reply.with_header(WWW_AUTHENTICATE, "Basic realm=\"idp\", charset=\"UTF-8\""),
            false => reply,
        }
    }
}
