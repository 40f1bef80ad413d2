//! `discover`, `authorize`, `refresh`, `revoke`: the legs of an OAuth flow, for one named client.

use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::scenario::{OauthLeg, OauthStep};
use gauntlet_format::{Node, Step};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::super::case::{Broken, Stop, World};
use super::super::check::Origin;
use super::super::view::View;
use crate::auth::OauthAuth;
use crate::auth::oauth::{
    BearerChallenge, Changes, Discovered, Leg, OauthClient, Parameters, Problem, Registration, Who,
};
use crate::lifecycle::{Session, Spoken};
use crate::transcript::Recorded;
use crate::transport::{Content, FailureKind};

/// What a leg came to, whatever its own result is.
struct Told {
    problem: Option<Problem>,
    exchanges: Vec<usize>,
    warnings: Vec<Problem>,
}

impl<T> From<Leg<T>> for Told {
    fn from(leg: Leg<T>) -> Self {
        Self { problem: leg.result.err(), exchanges: leg.exchanges, warnings: leg.warnings }
    }
}

impl World<'_> {
    pub(super) async fn oauth(
        &self,
        step: &Step,
        leg: &OauthStep,
        number: usize,
        deadline: Duration,
    ) -> Result<View, Stop> {
        let session = self.session(step.client.as_deref())?;
        let client = self.oauth_client(step, leg, &session)?;
        let acted = self.case.target.turn().bounded(deadline, self.act(step, leg, number, &client)).await;
        let Some(told) = acted else {
            let reason = format!("the leg took longer than {:.1} s", deadline.as_secs_f64());
            let broken = Broken { kind: Some(FailureKind::Timeout), step: Some(number) };
            return Err(Stop::broken(broken, reason, Some(step.span)));
        };
        let told = told?;
        if let Some(fault) = self.judge_new(true, true) {
            return Err(Stop::error(fault, Some(step.span)));
        }
        let recorded: Vec<(usize, Recorded)> = self.exchanges(&told.exchanges);
        let (found, registration) = client.so_far().await;
        let members = members(&told, &recorded, found.as_ref(), registration.as_ref());
        let last = recorded.iter().rev().find_map(|(number, recorded)| {
            let reply = Arc::clone(recorded.reply.as_ref()?);
            Some(Spoken { number: *number, request: Arc::clone(&recorded.request), id: None, reply })
        });
        let view = View { spoken: last, oauth: members, ..View::default() };
        self.judge_leg(step, number, &told, &view)?;
        if !step.capture.is_empty() {
            self.capture(step, &view.whole())?;
        }
        Ok(view)
    }

    /// The client of the leg: a new one when the step has settings of its own.
    fn oauth_client(&self, step: &Step, leg: &OauthStep, session: &Session) -> Result<Arc<OauthClient>, Stop> {
        let made = match &leg.settings {
            None => session.oauth_or_default(),
            Some(node) => {
                let own = self.object(Some(node))?.unwrap_or_default();
                OauthAuth::over(session.oauth_auth(), own, self.secrets)
                    .and_then(|auth| session.sign_in_with(auth.settings))
            }
        };
        made.map_err(|message| Stop::error(message, Some(step.span)))
    }

    async fn act(&self, step: &Step, leg: &OauthStep, number: usize, client: &OauthClient) -> Result<Told, Stop> {
        let number = Some(number);
        let token = self.parameters(leg.token.as_ref())?;
        Ok(match leg.leg {
            OauthLeg::Discover => client.discover(number, None).await.into(),
            OauthLeg::Authorize if leg.step_up => {
                let replies = self.recorder.since(0).into_iter().rev().filter_map(|recorded| recorded.reply);
                let Some(refusal) = replies.into_iter().find(|reply| reply.status == Some(403)) else {
                    return Err(Stop::error("`step_up` answers a 403, and there was none", Some(step.span)));
                };
                client.step_up(number, &refusal).await.into()
            }
            OauthLeg::Authorize => {
                let authorization = self.parameters(leg.authorization.as_ref())?;
                client.authorize(number, &Changes { authorization, token, scopes: None }).await.into()
            }
            OauthLeg::Refresh => client.refresh(number, &token).await.into(),
            OauthLeg::RevokeAccessToken | OauthLeg::RevokeRefreshToken => {
                self.revoke(step, leg.leg, number, client, token).await?
            }
        })
    }

    /// Revokes one token, and goes on using it.
    async fn revoke(
        &self,
        step: &Step,
        leg: OauthLeg,
        number: Option<usize>,
        client: &OauthClient,
        mut changes: Parameters,
    ) -> Result<Told, Stop> {
        let tokens = client.current().await;
        let chosen = tokens.as_ref().and_then(|tokens| match leg {
            OauthLeg::RevokeRefreshToken => Some((tokens.refresh_token.as_ref()?, "refresh_token")),
            _ => Some((&tokens.access_token, "access_token")),
        });
        let (Some((token, hint)), Some(tokens)) = (chosen, &tokens) else {
            let reason = "there is no such token: nobody has signed in, or none was given";
            return Err(Stop::error(reason, Some(step.span)));
        };
        changes.entry("token".to_owned()).or_insert_with(|| Some(token.expose().to_owned()));
        changes.entry("token_type_hint".to_owned()).or_insert_with(|| Some(hint.to_owned()));
        let told = client.revoke(number, &changes).await.into();
        client.resume(tokens.clone()).await;
        Ok(told)
    }

    fn parameters(&self, node: Option<&Node>) -> Result<Parameters, Stop> {
        let members = self.object(node)?.unwrap_or_default();
        Ok(members.into_iter().map(|(name, value)| (name, (!value.is_null()).then(|| super::plain(&value)))).collect())
    }

    fn exchanges(&self, numbers: &[usize]) -> Vec<(usize, Recorded)> {
        let all = self.recorder.since(0);
        numbers.iter().filter_map(|number| Some((*number, all.get(*number)?.clone()))).collect()
    }

    /// A problem that the scenario does not speak of fails the step, if the server or the authorization server has it;
    /// otherwise the step cannot be carried out.
    fn judge_leg(&self, step: &Step, number: usize, told: &Told, view: &View) -> Result<(), Stop> {
        let last = told.exchanges.last().copied();
        if let Some(problem) = told.problem.as_ref().filter(|_| !self.wants(&step.expect, "problem")) {
            if matches!(problem.who, Who::Harness | Who::Network) {
                return Err(Stop::error(problem.to_string(), Some(step.span)));
            }
            self.with_checks(|c| c.stopped(&origin(number, problem), problem));
        }
        for warning in told.warnings.iter().filter(|w| w.requirement.is_some()) {
            self.with_checks(|c| c.put_up_with(&origin(number, warning), warning));
        }
        self.judge(step, &Origin::of_exchange(number, last), view)
    }
}

fn origin(step: usize, problem: &Problem) -> Origin {
    Origin::of_exchange(step, problem.exchange)
}

/// What `expect` and `capture` may name.
fn members(
    told: &Told,
    recorded: &[(usize, Recorded)],
    found: Option<&Discovered>,
    registration: Option<&Registration>,
) -> Map<String, Value> {
    let mut members = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    set("problem", told.problem.as_ref().map(|p| p.code.into()));
    set("warnings", Some(told.warnings.iter().map(|w| Value::from(w.to_string())).collect()));
    set("challenge", challenge(recorded, found));
    if let Some(found) = found {
        set("resource_metadata", found.prm.as_ref().map(|prm| prm.document.clone()));
        set("resource_metadata_url", found.prm_url.as_deref().map(Value::from));
        set("found_by", found.found_by.map(|by| by.as_str().into()));
        set("issuer", Some(found.issuer.as_str().into()));
        set("server_metadata", Some(found.metadata.document.clone()));
        set("server_metadata_url", found.metadata_url.as_deref().map(Value::from));
    }
    set("registration", registration.map(|r| r.by.as_str().into()));
    let all = || recorded.iter().map(|(_, recorded)| recorded);
    let visit = all().find(|r| r.request.method == "GET" && query_of(&r.request.url).contains_key("response_type"));
    set("authorization_request", visit.map(|r| Value::Object(query_of(&r.request.url))));
    let is_answer = |parameters: &Map<String, Value>| {
        ["code", "error", "state", "iss"].iter().any(|name| parameters.contains_key(*name))
    };
    let back = all().rev().filter_map(|r| r.reply.as_ref()?.header("location").map(query_of)).find(is_answer);
    set("redirect", back.map(Value::Object));
    let asks_for_token = |r: &&Recorded| form_of(&r.request.body).contains_key("grant_type");
    let exchange = all().rev().filter(|r| r.request.method == "POST").find(asks_for_token);
    set("token_request", exchange.map(|r| Value::Object(form_of(&r.request.body))));
    let answer = exchange.and_then(|r| match &r.reply.as_ref()?.content {
        Content::Json(document) => Some(document.clone()),
        Content::Text(text) => Some(text.as_str().into()),
        _ => None,
    });
    set("token", answer);
    members
}

/// The parameters of the challenge: of this leg's own answers, else of the one that discovery began with.
fn challenge(recorded: &[(usize, Recorded)], found: Option<&Discovered>) -> Option<Value> {
    let of_reply = |recorded: &Recorded| BearerChallenge::of_reply(recorded.reply.as_ref()?, None).0;
    let own = recorded.iter().find_map(|(_, recorded)| of_reply(recorded));
    let challenge = own.or_else(|| found?.challenge.clone())?;
    let members: Map<String, Value> =
        challenge.params.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    Some(members.into())
}

fn query_of(url: &str) -> Map<String, Value> {
    let query = url.split_once('?').map_or("", |(_, rest)| rest).split('#').next().unwrap_or_default();
    form_of(query.as_bytes())
}

fn form_of(bytes: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), json!(value))).collect()
}
