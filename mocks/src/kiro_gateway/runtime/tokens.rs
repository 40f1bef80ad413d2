//! Renewing the access token, as the kind of account asks.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::{Failure, FailureKind};
use super::connection::{Incoming, Outgoing};
use crate::kiro_runtime::AccountKind;

/// Assumed where a token endpoint does not say.
const USUAL_LIFETIME: u64 = 3600;

/// Stands for the provider that a customer brought.
const EXTERNAL_PROVIDER: &str = "idp.example.com";

const FORM: &str = "application/x-www-form-urlencoded";

impl Context {
    /// A token that is good by the gateway's own reckoning.
    pub(super) async fn access(&self) -> Result<String, Failure> {
        let fresh = match self.shows(GatewayDefect::ExpiringTokenUsed) {
            true => self.vault.token(),
            false => self.vault.fresh_token(self.now()),
        };
        if let Some(token) = fresh {
            return Ok(token);
        }
        let stale = self.vault.token();
        self.renew(stale.as_deref()).await?;
        self.vault.token().ok_or_else(|| over("there is no access token"))
    }

    /// Whether a refused token can be replaced.
    pub(super) fn can_renew(&self) -> bool {
        self.vault.kind != AccountKind::ApiKey && self.vault.held().refresh_token.is_some()
    }

    /// Gets a new token in place of `stale`, unless somebody else did so meanwhile.
    pub(super) async fn renew(&self, stale: Option<&str>) -> Result<(), Failure> {
        let _turn = match self.shows(GatewayDefect::RefreshInParallel) {
            true => None,
            false => {
                let turn = self.vault.renewing.lock().await;
                if self.vault.token().as_deref() != stale {
                    return Ok(());
                }
                Some(turn)
            }
        };
        let Some(refresh_token) = self.vault.held().refresh_token.clone() else {
            return Err(over("there is no refresh token"));
        };
        let answer = self.send(self.token_request(&refresh_token)).await?;
        self.take_over(&answer)
    }

    fn token_request(&self, refresh_token: &str) -> Outgoing {
        let vault = &self.vault;
        let product = ("user-agent", self.identity.product());
        let json_body = ("content-type", "application/json".to_owned());
        match vault.kind {
            AccountKind::Desktop => Outgoing {
                host: format!("prod.{}.auth.desktop.kiro.dev", vault.region),
                target: "/refreshToken".to_owned(),
                headers: vec![json_body, product],
                body: json!({ "refreshToken": refresh_token }).to_string().into_bytes(),
            },
            AccountKind::ExternalIdp => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh_token);
                form.append_pair("client_id", &vault.client_id);
                if let Some(secret) = &vault.client_secret {
                    form.append_pair("client_secret", secret);
                }
                Outgoing {
                    host: EXTERNAL_PROVIDER.to_owned(),
                    target: "/token".to_owned(),
                    headers: vec![("content-type", FORM.to_owned()), product],
                    body: form.finish().into_bytes(),
                }
            }
            AccountKind::IdentityCenter | AccountKind::BuilderId | AccountKind::ApiKey => Outgoing {
                host: format!("oidc.{}.amazonaws.com", vault.region),
                target: "/token".to_owned(),
                headers: vec![json_body, product],
                body: json!({
                    "grantType": "refresh_token",
                    "clientId": vault.client_id,
                    "clientSecret": vault.client_secret,
                    "refreshToken": refresh_token,
                })
                .to_string()
                .into_bytes(),
            },
        }
    }

    fn take_over(&self, answer: &Incoming) -> Result<(), Failure> {
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            let why = ["error", "message"].into_iter().find_map(|name| document.get(name)?.as_str());
            return Err(over(&format!("the token endpoint answered {} {}", answer.status, why.unwrap_or_default())));
        }
        let text = |names: [&str; 2]| names.iter().find_map(|name| document.get(name)?.as_str()).map(str::to_owned);
        let token = text(["accessToken", "access_token"]).ok_or_else(|| over("the token answer has no token"))?;
        let lifetime = ["expiresIn", "expires_in"].iter().find_map(|name| document.get(name)?.as_u64());
        let expires_at = self.now().saturating_add(Duration::from_secs(lifetime.unwrap_or(USUAL_LIFETIME)));
        let mut refresh_token = text(["refreshToken", "refresh_token"]);
        if self.shows(GatewayDefect::RotatedTokenForgotten) {
            refresh_token = None;
        }
        let mut held = self.vault.held();
        held.renew(token, expires_at, refresh_token);
        // Only Kiro Desktop is told its profile here.
        if held.profile.is_none() && self.vault.has_profiles() {
            held.profile = text(["profileArn", "profile_arn"]).filter(|arn| !arn.is_empty());
        }
        Ok(())
    }
}

fn over(told: &str) -> Failure {
    Failure::new(FailureKind::SignInOver, told)
}
