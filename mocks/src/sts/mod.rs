//! AWS Security Token Service: temporary credentials for a role, in exchange for an identity token or a signature.
//!
//! The credentials carry their session themselves, so that every other mock of an AWS service takes them, in whatever process it runs; see
//! [`crate::aws::credentials`].
//!
//! - `params`, `error`: the query API. `issue`: credentials.
//! - `web_identity`: for whoever an identity provider speaks for. `assume_role`: for whoever signs.

mod assume_role;
mod config;
mod defects;
mod error;
mod issue;
mod params;
mod state;
mod web_identity;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use self::config::{EXTERNAL_ID, Settled};
use self::defects::StsDefect;
use self::error::{NAMESPACE, StsError};
use self::params::Params;
use self::state::State;
use crate::answer::Answer;
use crate::aws::xml::{self, Declaration, Element, element, text};
use crate::aws::{arn, profile};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::defect::Defect;
use crate::front::{Backend, Body, BoxError};
use crate::handle::{MockHandle, SelfDescription};
use crate::instance::Instance;
use crate::journal::JournalNote;
use crate::jwt;
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "sts",
    title: "AWS STS: AssumeRoleWithWebIdentity, AssumeRole, GetCallerIdentity",
    versions: &[],
    lifecycle: MockLifecycle::Bare,
    transports: &[MockTransport::Http],
    departures: &[],
    defects: StsDefect::INFOS,
};

/// The only version of the API.
const VERSION: &str = "2011-06-15";

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let mut setup = Setup::read(INFO.name, options)?;
    setup.complete(config::complete)?;
    let clock = Clock::default();
    let state = State::new(setup.settle(Settled::read)?, clock.now());
    let description = describe(&state.settled);
    let sts = Arc::new(Sts::new(clock, state));
    setup.start(description, Arc::new(StsBackend(Arc::clone(&sts))), sts).await
}

fn describe(settled: &Settled) -> SelfDescription {
    let mut vars = profile::vars(&settled.profiles);
    let account = settled.account();
    let mut put = |name: &str, value: Value| {
        vars.insert(name.to_owned(), value);
    };
    put("service", json!(settled.rules.service));
    put("region", json!(settled.rules.region));
    put("role_account", json!(account));
    put("role_arn", json!(arn::role(account, "Developer")));
    put("operator_role_arn", json!(arn::role(account, "Operator")));
    put("partner_role_arn", json!(arn::role(account, "Partner")));
    put("external_id", json!(EXTERNAL_ID));
    if let Some(provider) = settled.providers.first() {
        put("issuer", json!(provider.issuer));
        put("provider_name", json!(provider.name));
        put("provider_arn", json!(provider.arn));
        put("audience", json!(provider.audiences.first()));
    }
    SelfDescription {
        path: "/".to_owned(),
        vars,
        secrets: profile::secrets(&settled.profiles),
        sigv4: profile::signing(&settled.profiles, &settled.rules.service, &settled.rules.region),
        ..SelfDescription::default()
    }
}

/// One instance.
type Sts = Instance<State>;

/// The service behind its front.
struct StsBackend(Arc<Sts>);

impl Backend for StsBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            let (answer, note) = self.0.answer(&request).await;
            let mut response = answer.into_response();
            if let Some(note) = note {
                response.extensions_mut().insert(JournalNote(note));
            }
            Ok(response)
        })
    }
}

impl Sts {
    /// The answer, and a note for the journal.
    async fn answer(&self, request: &Request<Bytes>) -> (Answer, Option<String>) {
        let params = Params::read(request);
        let now = self.now();
        let request_id = uuid::Uuid::new_v4().to_string();
        let answered = self.act(request, &params, now).await;
        let state = self.state();
        let (answer, note) = match answered {
            Ok((action, result)) => (success(action, result, &request_id), None),
            Err(error) => (self.refusal(&state, &error, &request_id), Some(error.note)),
        };
        let answer = match state.shows(StsDefect::RequestIdMissing) {
            true => answer,
            false => answer.with_header("x-amzn-RequestId", request_id),
        };
        (answer, note)
    }

    fn refusal(&self, state: &State, error: &StsError, request_id: &str) -> Answer {
        let answer = match state.shows(StsDefect::ErrorAsJson) {
            true => Answer::json(error.status, &json!({ "Error": { "Code": error.code, "Message": error.message } })),
            false => error.answer(request_id),
        };
        match state.shows(StsDefect::ErrorAs200) {
            true => Answer { status: 200, ..answer },
            false => answer,
        }
    }

    async fn act(
        &self,
        request: &Request<Bytes>,
        params: &Params,
        now: Duration,
    ) -> Result<(Action, Element), StsError> {
        let method = request.method();
        let is_taken = match *method {
            Method::POST => true,
            Method::GET => !self.state().shows(StsDefect::GetRefused),
            _ => false,
        };
        if request.uri().path() != "/" || !is_taken {
            let status = if is_taken { 404 } else { 405 };
            return Err(StsError::new(status, "InvalidAction", "There is nothing here", "no-endpoint"));
        }
        if self.state().settled.config.region_disabled {
            let message = "STS is not activated in this region for account";
            return Err(StsError::new(403, "RegionDisabledException", message, "region-disabled"));
        }
        let action = self.action(params)?;
        let keys = match action {
            Action::AssumeRoleWithWebIdentity => self.keys(params, now).await,
            Action::AssumeRole | Action::GetCallerIdentity => None,
        };
        let mut state = self.state();
        let result = match action {
            Action::AssumeRoleWithWebIdentity => {
                let grant = state.assume_role_with_web_identity(params, keys, now)?;
                state.issue("AssumeRoleWithWebIdentityResult", grant, now)?
            }
            Action::AssumeRole => {
                let grant = state.assume_role(params, &state.caller(request, now)?)?;
                state.issue("AssumeRoleResult", grant, now)?
            }
            Action::GetCallerIdentity => state.caller_identity(&state.caller(request, now)?)?,
        };
        Ok((action, result))
    }

    fn action(&self, params: &Params) -> Result<Action, StsError> {
        let name = params.get("Action").unwrap_or_default();
        let version = params.get("Version").unwrap_or("NO_VERSION_SPECIFIED");
        let known = Action::ALL.into_iter().find(|action| action.name() == name && version == VERSION);
        known.ok_or_else(|| {
            let status = if self.state().shows(StsDefect::UnknownActionAs500) { 500 } else { 400 };
            let shown = |text: &str| text.chars().take(200).collect::<String>();
            let message = format!("Could not find operation {} for version {}", shown(name), shown(version));
            StsError::new(status, "InvalidAction", message, "unknown-action")
        })
    }

    /// The keys of whoever issued the token of a request.
    async fn keys(&self, params: &Params, now: Duration) -> Option<Arc<jwt::Provider>> {
        let (providers, plan) = {
            let state = self.state();
            (Arc::clone(&state.providers), state.keys_wanted(params, now)?)
        };
        providers.fetched(&plan).await
    }
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    GetCallerIdentity,
}

impl Action {
    const ALL: [Self; 3] = [Self::AssumeRole, Self::AssumeRoleWithWebIdentity, Self::GetCallerIdentity];

    fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// Name of the root of the answer.
    fn response(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRoleResponse",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentityResponse",
            Self::GetCallerIdentity => "GetCallerIdentityResponse",
        }
    }
}

fn success(action: Action, result: Element, request_id: &str) -> Answer {
    let root = element(action.response(), [result, element("ResponseMetadata", [text("RequestId", request_id)])]);
    Answer::text(200, "text/xml", xml::document(&root, Some(NAMESPACE), Declaration::LeftOut))
}
