//! Finding the profile of the account.

use serde_json::Value;

use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::{Failure, FailureKind};
use super::connection::Outgoing;
use crate::kiro_runtime::{AccountKind, PLACEHOLDER_ARN};

/// Regions that have profiles, in the order in which clients ask.
const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

impl Context {
    /// The profile that a request is to name; none for accounts that have none. `token` is a good one.
    pub(super) async fn profile(&self, token: &str) -> Result<Option<String>, Failure> {
        if !self.vault.has_profiles() || self.shows(GatewayDefect::ProfileArnOmitted) {
            return Ok(None);
        }
        if self.shows(GatewayDefect::PlaceholderProfile) {
            return Ok(Some(PLACEHOLDER_ARN.to_owned()));
        }
        if let Some(profile) = self.stored_profile() {
            return Ok(Some(profile));
        }
        if self.shows(GatewayDefect::ProfileArnNotResolved) {
            return Ok(None);
        }
        if self.shows(GatewayDefect::ProfileArnEmpty) {
            return Ok(Some(String::new()));
        }
        let _turn = self.vault.resolving.lock().await;
        // Somebody else may have found it.
        if let Some(profile) = self.stored_profile() {
            return Ok(Some(profile));
        }
        self.find_profile(token).await
    }

    fn stored_profile(&self) -> Option<String> {
        self.vault.held().profile.clone()
    }

    async fn find_profile(&self, token: &str) -> Result<Option<String>, Failure> {
        let by_refresh_only = self.shows(GatewayDefect::ProfileArnByRefreshOnly);
        if (self.vault.kind == AccountKind::Desktop || by_refresh_only) && self.can_renew() {
            self.renew(Some(token)).await?;
            if let Some(profile) = self.stored_profile() {
                return Ok(Some(profile));
            }
        }
        if by_refresh_only {
            return Ok(None);
        }
        let token = self.vault.token().unwrap_or_else(|| token.to_owned());
        for region in REGIONS {
            if let Some(profile) = self.look_up(&token, region).await? {
                if !self.shows(GatewayDefect::ProfileForgotten) {
                    self.vault.held().profile = Some(profile.clone());
                }
                return Ok(Some(profile));
            }
            if self.shows(GatewayDefect::ProfileLookupOneRegion) {
                break;
            }
        }
        Err(Failure::new(FailureKind::NoProfile, "ListAvailableProfiles lists no profile"))
    }

    /// The first profile that a region lists.
    async fn look_up(&self, token: &str, region: &str) -> Result<Option<String>, Failure> {
        let mut headers = self.identity.headers(true, false);
        headers.extend([
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", "AmazonCodeWhispererService.ListAvailableProfiles".to_owned()),
        ]);
        headers.extend(self.token_type());
        let request = Outgoing {
            host: format!("q.{region}.amazonaws.com"),
            target: "/".to_owned(),
            headers,
            body: br#"{"maxResults":10}"#.to_vec(),
        };
        let answer = self.send(request).await?;
        if answer.status != 200 {
            return Err(super::search::refusal(&answer));
        }
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let profiles = document.get("profiles").and_then(Value::as_array);
        let mut arns = profiles.into_iter().flatten().filter_map(|profile| profile.get("arn")?.as_str());
        Ok(arns.find(|arn| !arn.is_empty()).map(str::to_owned))
    }

    /// The `tokentype` header, for accounts that need one.
    pub(super) fn token_type(&self) -> Option<(&'static str, String)> {
        let kind = self.vault.kind.token_type()?;
        let hidden = self.vault.kind == AccountKind::ApiKey && self.shows(GatewayDefect::TokentypeMissing);
        (!hidden).then(|| ("tokentype", kind.to_owned()))
    }
}
