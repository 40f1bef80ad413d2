//! One search of the web: `tools/call` at the runtime's `/mcp`.

use serde_json::{Map, Value, json};

use super::super::config::{ApiHost, ArnPlace};
use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::{Failure, FailureKind};
use super::connection::{Incoming, Outgoing, within};
use super::found::{self, Found};
use crate::kiro_runtime::region_of;

/// Longest query that the tool takes, in characters.
pub(super) const LONGEST_QUERY: usize = 200;

/// Where a token that is refused again and again leaves the loop of a defect.
const MOST_LOOPS: usize = 4;

/// More tries of a gateway that repeats what was refused.
const MORE_TRIES: usize = 2;

pub(super) const COMPLETION_TARGET: &str = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse";

impl Context {
    /// Searches, with one new token if the runtime does not take the one at hand.
    pub(in super::super) async fn search(&self, query: &str) -> Result<Found, Failure> {
        match self.searched(query).await {
            Ok(found) => Ok(found),
            Err(failure) => self.told(failure, Found::default),
        }
    }

    async fn searched(&self, query: &str) -> Result<Found, Failure> {
        if query.is_empty() {
            return Err(Failure::new(FailureKind::InvalidQuery, "the query is empty"));
        }
        let mut query = query.to_owned();
        if query.chars().count() > LONGEST_QUERY {
            if !self.shows(GatewayDefect::LongQueryCut) {
                return Err(Failure::new(FailureKind::QueryTooLong, "the query is too long"));
            }
            query = query.chars().take(LONGEST_QUERY).collect();
        }
        let mut renewals = 0;
        let mut tries = 0;
        loop {
            let token = self.access().await?;
            let profile = self.profile(&token).await?;
            // Finding the profile may have brought a new token.
            let token = self.vault.token().unwrap_or(token);
            let failure = match self.ask(&query, &token, profile.as_deref()).await {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let renewal = match failure.kind {
                FailureKind::Bearer => !self.shows(GatewayDefect::ExpiredTokenNotRefreshed),
                FailureKind::NotAuthorized => self.shows(GatewayDefect::RefreshForNotAuthorized),
                _ => false,
            };
            let allowed = if self.shows(GatewayDefect::RefreshLoop) { MOST_LOOPS } else { 1 };
            let repeated = match failure.kind {
                FailureKind::RateLimit => self.shows(GatewayDefect::RetriesRateLimit),
                FailureKind::NotAuthorized => self.shows(GatewayDefect::RetriesNotAuthorized),
                _ => false,
            };
            if renewal && renewals < allowed && self.can_renew() {
                renewals += 1;
                self.renew(Some(&token)).await?;
            } else if repeated && tries < MORE_TRIES {
                tries += 1;
            } else {
                return Err(failure);
            }
        }
    }

    async fn ask(&self, query: &str, token: &str, profile: Option<&str>) -> Result<Found, Failure> {
        let id = request_id(self.now().as_millis());
        let answer = self.send(self.search_request(&id, query, token, profile)).await?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        found::read(self, &answer, &id)
    }

    fn search_request(&self, id: &str, query: &str, token: &str, profile: Option<&str>) -> Outgoing {
        let mut params = json!({ "name": "web_search", "arguments": { "query": query } });
        let mut target = "/mcp".to_owned();
        let mut headers =
            vec![("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        if !self.shows(GatewayDefect::BareHeaders) {
            headers.extend(self.identity.headers(false, self.shows(GatewayDefect::UserAgentsMismatch)));
        }
        headers.extend(self.token_type());
        if self.shows(GatewayDefect::AmzTargetLeaked) {
            headers.push(("x-amz-target", COMPLETION_TARGET.to_owned()));
        }
        if self.shows(GatewayDefect::ClientKeyForwarded) {
            headers.push(("x-api-key", self.client_key.clone()));
        }
        let place = self.settled.config.profile_arn;
        let mut in_root = None;
        if let Some(arn) = profile {
            if self.shows(GatewayDefect::ProfileArnInParams) {
                params["profileArn"] = Value::from(arn);
            } else if self.shows(GatewayDefect::ProfileArnInQuery) {
                target = format!("/mcp?profileArn={arn}");
            } else if self.shows(GatewayDefect::ProfileArnWrongHeader) {
                headers.push(("x-amzn-codewhisperer-profile-arn", arn.to_owned()));
            } else {
                in_root = matches!(place, ArnPlace::Body | ArnPlace::Both).then_some(arn);
                if matches!(place, ArnPlace::Header | ArnPlace::Both) {
                    headers.push(("x-amzn-kiro-profile-arn", arn.to_owned()));
                }
            }
        }
        let mut body = Map::new();
        body.insert("id".to_owned(), Value::from(id));
        body.insert("jsonrpc".to_owned(), Value::from("2.0"));
        body.insert("method".to_owned(), Value::from("tools/call"));
        body.insert("params".to_owned(), params);
        if let Some(arn) = in_root {
            body.insert("profileArn".to_owned(), Value::from(arn));
        }
        Outgoing { host: self.api_host(profile), target, headers, body: Value::Object(body).to_string().into_bytes() }
    }

    /// The host for searches and completions.
    pub(super) fn api_host(&self, profile: Option<&str>) -> String {
        let region = match profile.and_then(region_of) {
            Some(region) if !region.is_empty() && !self.shows(GatewayDefect::SignInRegionUsed) => region,
            _ => self.vault.region.as_str(),
        };
        let without_profile = !self.vault.has_profiles() && !self.shows(GatewayDefect::BuilderIdOnRuntime);
        match self.settled.config.host {
            ApiHost::Runtime if !without_profile => format!("runtime.{region}.kiro.dev"),
            _ => format!("q.{region}.amazonaws.com"),
        }
    }

    pub(super) async fn send(&self, request: Outgoing) -> Result<Incoming, Failure> {
        within(self.patience(), async { Incoming::read(self.connection.open(request).await?).await }).await
    }
}

/// `web_search_tooluse_`, 22 letters and digits, the time in milliseconds, 8 letters and digits.
fn request_id(millis: u128) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("web_search_tooluse_{}_{millis}_{}", &random[..22], &random[22..30])
}

/// What an answer with another status than 200 says.
pub(super) fn refusal(answer: &Incoming) -> Failure {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
    let kind = match answer.status {
        401 => FailureKind::Bearer,
        403 if message.contains("bearer token") => FailureKind::Bearer,
        403 => FailureKind::NotAuthorized,
        402 => FailureKind::Quota,
        429 => FailureKind::RateLimit,
        400..=499 => FailureKind::Refused,
        _ => FailureKind::Broken,
    };
    let mut failure = Failure::new(kind, format!("the runtime answered {} {message}", answer.status));
    if kind == FailureKind::RateLimit {
        failure.retry_after = answer.header("retry-after").map(str::to_owned);
    }
    failure.body = String::from_utf8_lossy(&answer.body).into_owned();
    failure
}
