//! `/mcp`: who is let in, in the order in which the service decides.

use std::time::Duration;

use serde_json::{Map, Value};
use wiremock::Request;

use super::accounts::{Account, is_profile_arn};
use super::config::{HostPolicy, IdentityRule, Operation};
use super::defects::KiroDefect;
use super::errors::{ARN_REQUIRED, NOT_AUTHORIZED};
use super::identity;
use super::state::State;
use super::wire::{Answer, header, host, host_region};

const ARN_HEADER: &str = "x-amzn-kiro-profile-arn";
/// Plausible names that have no effect.
const WRONG_ARN_HEADERS: [&str; 2] = ["x-amzn-codewhisperer-profile-arn", "profilearn"];

/// The profile ARNs that a request names.
#[derive(Debug, Default)]
pub(super) struct NamedProfiles {
    body: Option<String>,
    /// The body's one is empty or no ARN.
    body_malformed: bool,
    header: Option<String>,
}

impl State {
    /// Answers a request in one of the spellings of `/mcp`.
    pub(super) fn search(&mut self, request: &Request, now: Duration) -> Answer {
        match self.admit(request, now) {
            Ok((account, message)) => {
                if let Some(forced) = self.forced(Operation::Search) {
                    let hidden = forced.status >= 500 && self.shows(KiroDefect::ServerErrorAsEmptySuccess);
                    return if hidden { self.empty_success(&message) } else { forced };
                }
                self.json_rpc(&account, &message)
            }
            Err(refusal) => refusal,
        }
    }

    /// Steps 1 to 6: the caller and the message, or why not.
    fn admit(&self, request: &Request, now: Duration) -> Result<(Account, Map<String, Value>), Answer> {
        if self.shows(KiroDefect::BodyBeforeToken)
            && !serde_json::from_slice::<Value>(&request.body).is_ok_and(|body| body.is_object())
        {
            return Err(self.refuse_body());
        }
        let account = self.authenticate(request, now)?;
        let Ok(Value::Object(message)) = serde_json::from_slice(&request.body) else {
            return Err(match self.shows(KiroDefect::AcceptsNonObjectBody) {
                true => self.rpc_error(&Map::new(), -32700, "Parse error"),
                false => self.refuse_body(),
            });
        };
        if self.is_legacy(request) {
            let demanded = self.shows(KiroDefect::LegacyHostDemandsProfile);
            if demanded && self.named_profiles(request, &message).is_empty() {
                return Err(self.refuse(400, ARN_REQUIRED, None));
            }
            return Ok((account, message));
        }
        let named = self.named_profiles(request, &message);
        if named.body_malformed {
            return Err(self.refuse_body());
        }
        if self.shows(KiroDefect::WrongDecisionOrder) {
            self.pass_identity_gate(request, &account, &named)?;
        }
        if named.is_empty() && !self.may_omit(&message) {
            return Err(self.refuse(400, ARN_REQUIRED, None));
        }
        if !account.authorized || !self.owns(&account, &named) {
            return Err(self.refuse(403, NOT_AUTHORIZED, None));
        }
        self.pass_identity_gate(request, &account, &named)?;
        Ok((account, message))
    }

    pub(super) fn is_legacy(&self, request: &Request) -> bool {
        match self.settled.config.host {
            HostPolicy::Legacy => true,
            HostPolicy::Runtime => false,
            HostPolicy::ByHost => host_region(host(request), "q", "amazonaws.com").is_some(),
        }
    }

    pub(super) fn named_profiles(&self, request: &Request, message: &Map<String, Value>) -> NamedProfiles {
        let mut named = NamedProfiles::default();
        match message.get("profileArn") {
            None | Some(Value::Null) => {}
            Some(Value::String(arn)) if is_profile_arn(arn) => named.body = Some(arn.clone()),
            Some(Value::String(arn)) if arn.is_empty() => {
                named.body_malformed = !self.shows(KiroDefect::AcceptsEmptyProfileArn);
            }
            Some(_) => named.body_malformed = !self.shows(KiroDefect::AcceptsMalformedProfileArn),
        }
        if named.body.is_none() && self.shows(KiroDefect::AcceptsNestedProfileArn) {
            let params = message.get("params");
            let nested =
                ["/profileArn", "/arguments/profileArn"].into_iter().find_map(|pointer| params?.pointer(pointer));
            named.body = nested.and_then(Value::as_str).map(str::to_owned);
        }
        if named.body.is_none() && self.shows(KiroDefect::AcceptsMisspeltProfileArn) {
            let misspelt = ["profile_arn", "profileARN"].into_iter().find_map(|name| message.get(name));
            named.body = misspelt.and_then(Value::as_str).map(str::to_owned);
        }
        if named.body.is_none() && self.shows(KiroDefect::AcceptsQueryProfileArn) {
            let mut pairs = request.url.query_pairs();
            named.body = pairs.find(|(name, _)| name == "profileArn").map(|(_, arn)| arn.into_owned());
        }
        if !self.shows(KiroDefect::IgnoresArnHeader) {
            named.header = header(request, ARN_HEADER).map(str::to_owned);
        }
        if named.header.is_none() && self.shows(KiroDefect::AcceptsWrongArnHeader) {
            named.header = WRONG_ARN_HEADERS.into_iter().find_map(|name| header(request, name)).map(str::to_owned);
        }
        named.header = named.header.filter(|arn| !arn.is_empty());
        named
    }

    /// A defect lets this request go without a profile.
    fn may_omit(&self, message: &Map<String, Value>) -> bool {
        let written = message.get("profileArn").is_some_and(|arn| !arn.is_null());
        // A written one that is no good would have been refused before, but for a defect.
        written || self.shows(KiroDefect::AcceptsMissingProfileArn)
    }

    pub(super) fn owns(&self, account: &Account, named: &NamedProfiles) -> bool {
        self.shows(KiroDefect::AcceptsForeignProfile)
            || [&named.body, &named.header].into_iter().flatten().all(|arn| account.profiles.contains(arn))
    }

    fn pass_identity_gate(&self, request: &Request, account: &Account, named: &NamedProfiles) -> Result<(), Answer> {
        let gate = &self.settled.config.identity_gate;
        let waived = gate.arn_header_waives && named.header.is_some();
        let applies = gate.kinds.contains(&account.kind) || self.shows(KiroDefect::IdentityGateForAllAccounts);
        let any_product = self.shows(KiroDefect::IdentityGateAnyProduct)
            && ["user-agent", "x-amz-user-agent"].iter().all(|name| header(request, name).is_some());
        if !applies || waived || any_product || self.shows(KiroDefect::IdentityGateOpen) {
            return Ok(());
        }
        let rule = if self.shows(KiroDefect::IdentityGateIgnoresAmzUserAgent) {
            IdentityRule::UserAgent
        } else if self.shows(KiroDefect::IdentityGateIgnoresUserAgent) {
            IdentityRule::AmzUserAgent
        } else {
            gate.identity
        };
        if identity::is_proved(request, rule) { Ok(()) } else { Err(self.refuse(403, NOT_AUTHORIZED, None)) }
    }
}

impl NamedProfiles {
    /// The body's one is empty or no ARN.
    pub(super) fn is_malformed(&self) -> bool {
        self.body_malformed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_none() && self.header.is_none()
    }
}
