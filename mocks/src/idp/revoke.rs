//! What becomes of tokens: revocation (RFC 7009), introspection (RFC 7662), userinfo (OpenID Connect Core, section 5.3).

use std::time::Duration;

use http::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::defects::IdpDefect;
use super::state::{AccessToken, State};
use super::token::{Refusal, refusal};
use super::wire::{Incoming, OauthError, Reply};

fn post_only() -> Reply {
    Reply::error(405, &OauthError::new("invalid_request", "this endpoint takes POST only")).with_header(ALLOW, "POST")
}

impl State {
    /// Answers a revocation.
    pub(super) fn revoke(&mut self, incoming: &Incoming, now: Duration) -> Reply {
        if incoming.method != http::Method::POST {
            return post_only();
        }
        match self.revoked(incoming, now) {
            Ok(()) => Reply::empty(200),
            Err(refused) => self.token_refusal(&refused),
        }
    }

    fn revoked(&mut self, incoming: &Incoming, now: Duration) -> Result<(), Refusal> {
        let params = self.form(incoming)?;
        let client = self.authenticate(incoming, &params, now)?;
        let Some(token) = params.one("token") else {
            return Err(refusal("invalid_request", "`token` is missing"));
        };
        let foreign = || Err(refusal("unauthorized_client", "the token was issued to another client"));
        let ignored = self.shows(IdpDefect::RevocationIgnored);
        if let Some(refresh) = self.refresh_tokens.get_mut(token) {
            if refresh.grantee.client.id != client.id {
                return foreign();
            }
            if !ignored {
                refresh.revoked = true;
                // The access tokens of the same sign-in go with it (RFC 7009, section 2.1).
                self.ended.insert(refresh.grantee.family);
            }
            return Ok(());
        }
        if let Some(access) = self.access_tokens.get_mut(token) {
            if access.grantee.client.id != client.id {
                return foreign();
            }
            access.revoked |= !ignored;
            return Ok(());
        }
        match self.shows(IdpDefect::RevocationOfUnknownFails) {
            true => Err(refusal("invalid_request", "the token is unknown")),
            false => Ok(()),
        }
    }

    /// The access token, if it is good now.
    fn active(&self, token: &str, now: Duration) -> Option<&AccessToken> {
        let access = self.access_tokens.get(token)?;
        let revoked = access.revoked || self.ended.contains(&access.grantee.family);
        let good = access.expires_at > now && (!revoked || self.shows(IdpDefect::RevokedStaysActive));
        good.then_some(access)
    }

    /// Answers an introspection.
    pub(super) fn introspect(&mut self, incoming: &Incoming, now: Duration) -> Reply {
        if incoming.method != http::Method::POST {
            return post_only();
        }
        let token = self.form(incoming).and_then(|params| {
            self.authenticate(incoming, &params, now)?;
            params.one("token").map(str::to_owned).ok_or_else(|| refusal("invalid_request", "`token` is missing"))
        });
        let token = match token {
            Ok(token) => token,
            Err(refused) => return self.token_refusal(&refused),
        };
        if let Some(access) = self.active(&token, now) {
            let mut claims = access.claims.clone();
            claims.insert("active".to_owned(), Value::from(true));
            claims.insert("token_type".to_owned(), Value::from("Bearer"));
            return Reply::uncached_json(200, &Value::Object(claims));
        }
        let refresh = self.refresh_tokens.get(&token).is_some_and(|refresh| {
            let ended = refresh.revoked || refresh.replaced || self.ended.contains(&refresh.grantee.family);
            !ended && refresh.expires_at > now
        });
        Reply::uncached_json(200, &json!({ "active": refresh }))
    }

    /// Answers a userinfo request.
    pub(super) fn userinfo(&self, incoming: &Incoming, now: Duration) -> Reply {
        let Some(token) = incoming.bearer() else {
            return Reply::empty(401).with_header(WWW_AUTHENTICATE, "Bearer realm=\"idp\"");
        };
        let Some(access) = self.active(token, now) else {
            let error = OauthError::new("invalid_token", "the token is unknown, expired or revoked");
            return Reply::error(401, &error)
                .with_header(WWW_AUTHENTICATE, "Bearer realm=\"idp\", error=\"invalid_token\"");
        };
        let has = |scope: &str| access.grantee.scopes.iter().any(|known| known == scope);
        let user = access.grantee.user.and_then(|index| self.user(index));
        let Some(user) = user.filter(|_| has("openid")) else {
            let error = OauthError::new("insufficient_scope", "the token has no scope `openid`");
            return Reply::error(403, &error)
                .with_header(WWW_AUTHENTICATE, "Bearer realm=\"idp\", error=\"insufficient_scope\", scope=\"openid\"");
        };
        let mut answer = json!({ "sub": access.claims.get("sub").cloned().unwrap_or_default() });
        if has("email") {
            answer["email"] = Value::from(user.email());
        }
        if has("profile") {
            answer["name"] = Value::from(user.name.as_deref().unwrap_or(&user.username));
            answer["preferred_username"] = Value::from(user.username.as_str());
        }
        Reply::uncached_json(200, &answer)
    }
}
