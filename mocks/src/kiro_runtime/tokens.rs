//! Token endpoints: `/refreshToken` of Kiro Desktop and `/token` of the OIDC services.

use std::time::Duration;

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::accounts::{AccountKind, PLACEHOLDER_ARN};
use super::config::Operation;
use super::defects::KiroDefect;
use super::state::State;
use super::wire::{Answer, header, object};

const INVALID_REFRESH_TOKEN: &str = "Invalid refresh token provided";

/// What a refresh needs, whatever the spelling of its members.
struct Grant {
    refresh_token: String,
    client_id: String,
    client_secret: String,
}

impl State {
    /// `POST /refreshToken`.
    pub(super) fn desktop_refresh(&mut self, request: &Request, now: Duration) -> Answer {
        if let Some(forced) = self.forced(Operation::RefreshToken) {
            return forced;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let token = body.get("refreshToken").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(account) = self.usable(&token, |kind| kind == AccountKind::Desktop) else {
            return Answer::json(400, &object([("message", Value::from(INVALID_REFRESH_TOKEN))]));
        };
        let settings = self.settled.config.tokens.clone();
        let access = self.mint_access(account, now);
        let refresh = match settings.desktop_rotate {
            true => self.rotate(&token, account),
            false => token,
        };
        let mut answer = Map::new();
        answer.insert("accessToken".to_owned(), Value::from(access));
        if settings.desktop_refresh_token {
            answer.insert("refreshToken".to_owned(), Value::from(refresh));
        }
        answer.insert("expiresIn".to_owned(), Value::from(settings.expires_in));
        let profile = self.settled.accounts.get(account).and_then(|account| account.profiles.first());
        if let Some(arn) = profile
            && settings.desktop_profile_arn
            && !self.shows(KiroDefect::DesktopProfileArnMissing)
        {
            answer.insert("profileArn".to_owned(), Value::from(arn.clone()));
        }
        Answer::json(200, &Value::Object(answer))
    }

    /// `POST /token`: camelCase JSON for IAM Identity Center and Builder ID, a form for an external provider.
    pub(super) fn oidc_token(&mut self, request: &Request, now: Duration) -> Answer {
        if let Some(forced) = self.forced(Operation::Token) {
            return forced;
        }
        let is_form =
            header(request, "content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form { self.external_token(request, now) } else { self.aws_token(request, now) }
    }

    fn aws_token(&mut self, request: &Request, now: Duration) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match member("grantType").as_str() {
            "refresh_token" => {}
            "" => {
                return self.token_error(400, "invalid_request", "Missing grantType", "InvalidRequestException");
            }
            other => {
                let text = format!("Unsupported grant type: {other}");
                return self.token_error(400, "unsupported_grant_type", &text, "UnsupportedGrantTypeException");
            }
        }
        let grant = Grant {
            refresh_token: member("refreshToken"),
            client_id: member("clientId"),
            client_secret: member("clientSecret"),
        };
        let account = match self.redeem(&grant, AccountKind::uses_aws_oidc) {
            Ok(account) => account,
            Err(refusal) => return refusal,
        };
        let access = self.mint_access(account, now);
        let refresh = self.next_refresh(&grant.refresh_token, account);
        let expires_in = self.settled.config.tokens.expires_in;
        let mut answer = match self.shows(KiroDefect::TokenResponseSnakeCase) {
            true => snake_case(&access, &refresh, expires_in),
            false => camel_case(&access, &refresh, expires_in),
        };
        if self.shows(KiroDefect::OidcProfileArnPresent) {
            answer["profileArn"] = Value::from(PLACEHOLDER_ARN);
        }
        Answer::json(200, &answer)
    }

    fn external_token(&mut self, request: &Request, now: Duration) -> Answer {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let member = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value).to_owned();
        if member("grant_type") != "refresh_token" {
            let text = "Only refresh_token is supported";
            return self.token_error(400, "unsupported_grant_type", text, "UnsupportedGrantTypeException");
        }
        let grant = Grant {
            refresh_token: member("refresh_token"),
            client_id: member("client_id"),
            client_secret: member("client_secret"),
        };
        let account = match self.redeem(&grant, |kind| kind == AccountKind::ExternalIdp) {
            Ok(account) => account,
            Err(refusal) => return refusal,
        };
        let access = self.mint_access(account, now);
        let refresh = self.next_refresh(&grant.refresh_token, account);
        let expires_in = self.settled.config.tokens.expires_in;
        let answer = match self.shows(KiroDefect::ExternalTokenCamelCase) {
            true => camel_case(&access, &refresh, expires_in),
            false => snake_case(&access, &refresh, expires_in),
        };
        Answer::json(200, &answer)
    }

    /// The account that a grant is good for.
    fn redeem(&self, grant: &Grant, kind: impl Fn(AccountKind) -> bool) -> Result<usize, Answer> {
        let invalid_grant = || self.token_error(400, "invalid_grant", INVALID_REFRESH_TOKEN, "InvalidGrantException");
        let index = self.usable(&grant.refresh_token, kind).ok_or_else(invalid_grant)?;
        let account = self.settled.accounts.get(index).ok_or_else(invalid_grant)?;
        let known_client = account.client_id.as_deref() == Some(grant.client_id.as_str());
        let right_secret = account.client_secret.as_deref() == Some(grant.client_secret.as_str())
            // A client of an external provider may be public.
            || (account.kind == AccountKind::ExternalIdp && grant.client_secret.is_empty());
        if known_client && (right_secret || self.shows(KiroDefect::ClientSecretUnchecked)) {
            Ok(index)
        } else {
            Err(self.token_error(401, "invalid_client", "Invalid client provided", "InvalidClientException"))
        }
    }

    /// The account of a refresh token that may be used.
    fn usable(&self, token: &str, kind: impl Fn(AccountKind) -> bool) -> Option<usize> {
        let accounts = &self.settled.accounts;
        if self.shows(KiroDefect::UnknownRefreshTokenAccepted) {
            let issued = self.ledger.refresh(token).and_then(|refresh| accounts.get(refresh.account));
            if !issued.is_some_and(|account| kind(account.kind)) {
                return accounts.iter().position(|account| kind(account.kind));
            }
        }
        let refresh = self.ledger.refresh(token)?;
        let account = accounts.get(refresh.account)?;
        let unspent = !refresh.spent || self.shows(KiroDefect::RefreshTokenReuseAccepted);
        (unspent && kind(account.kind)).then_some(refresh.account)
    }

    fn mint_access(&mut self, account: usize, now: Duration) -> String {
        let expires_at = now + Duration::from_secs(self.settled.config.tokens.expires_in);
        let token = match self.shows(KiroDefect::RefreshReturnsDeadToken) {
            true => self.ledger.mint_dead(),
            false => self.ledger.mint_access(account, expires_at),
        };
        self.minted.push(token.clone());
        token
    }

    fn next_refresh(&mut self, token: &str, account: usize) -> String {
        match self.settled.config.tokens.rotate && !self.shows(KiroDefect::RefreshTokenNotRotated) {
            true => self.rotate(token, account),
            false => token.to_owned(),
        }
    }

    fn rotate(&mut self, token: &str, account: usize) -> String {
        self.ledger.spend(token);
        let next = self.ledger.mint_refresh(account);
        self.minted.push(next.clone());
        next
    }

    fn token_error(&self, status: u16, error: &str, description: &str, exception: &str) -> Answer {
        let body = object([("error", Value::from(error)), ("error_description", Value::from(description))]);
        let answer = Answer::json(status, &body);
        match self.shows(KiroDefect::TokenErrorTypeMissing) {
            true => answer,
            false => answer.with_header(
                "x-amzn-errortype",
                format!("{exception}:http://internal.amazon.com/coral/com.amazonaws.ssooidc/"),
            ),
        }
    }
}

/// A token answer as the AWS services spell it.
fn camel_case(access: &str, refresh: &str, expires_in: u64) -> Value {
    json!({ "accessToken": access, "refreshToken": refresh, "expiresIn": expires_in, "tokenType": "Bearer" })
}

/// A token answer as OAuth 2.0 spells it (RFC 6749, section 5.1).
fn snake_case(access: &str, refresh: &str, expires_in: u64) -> Value {
    json!({ "access_token": access, "refresh_token": refresh, "expires_in": expires_in, "token_type": "Bearer" })
}
