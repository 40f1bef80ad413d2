//! ListAvailableProfiles and ListAvailableModels.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::Request;

use super::accounts::{AccountKind, region_of};
use super::config::Operation;
use super::defects::KiroDefect;
use super::state::State;
use super::wire::{Answer, header, host, host_region};

impl State {
    /// `POST /` with the target ListAvailableProfiles.
    pub(super) fn list_profiles(&mut self, request: &Request, now: Duration) -> Answer {
        if let Some(forced) = self.forced(Operation::ListProfiles) {
            return forced;
        }
        let account = match self.authenticate(request, now) {
            Ok(account) => account,
            Err(refusal) => return refusal,
        };
        let token_type = header(request, "tokentype");
        if account.kind == AccountKind::ExternalIdp
            && token_type != account.kind.token_type()
            && !self.shows(KiroDefect::ExternalIdpTokentypeUnchecked)
        {
            return self.refuse_bearer();
        }
        if account.kind == AccountKind::BuilderId && !self.shows(KiroDefect::BuilderIdProfilesListed) {
            return self.refuse(403, "AWS Builder ID is not supported for this operation.", None);
        }
        if self.shows(KiroDefect::ProfilesEmpty) {
            return Answer::json(200, &json!({ "profiles": [] }));
        }
        let host = host(request);
        let asked = host_region(host, "q", "amazonaws.com").or_else(|| host_region(host, "management", "kiro.dev"));
        let any_region = asked.is_none() || self.shows(KiroDefect::ProfilesOfAllRegions);
        let profiles: Vec<Value> = account
            .profiles
            .iter()
            .filter(|arn| any_region || asked == region_of(arn))
            .map(|arn| {
                let name = format!("KiroProfile-{}", region_of(arn).unwrap_or_default());
                json!({ "arn": arn, "profileName": name })
            })
            .collect();
        Answer::json(200, &json!({ "profiles": profiles }))
    }

    /// `GET /ListAvailableModels`.
    pub(super) fn list_models(&mut self, request: &Request, now: Duration) -> Answer {
        if let Some(forced) = self.forced(Operation::ListModels) {
            return forced;
        }
        if let Err(refusal) = self.authenticate(request, now) {
            return refusal;
        }
        let models: Vec<Value> = self.settled.config.models.iter().map(|model| json!({ "modelId": model })).collect();
        Answer::json(200, &json!({ "models": models }))
    }
}
