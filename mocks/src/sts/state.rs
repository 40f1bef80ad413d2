//! Everything that the mock remembers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use super::config::Settled;
use super::defects::StsDefect;
use super::error::StsError;
use crate::aws::credentials::{Issued, IssuedAnd};
use crate::aws::policy::{Mistakes, Policy};
use crate::aws::profile;
use crate::aws::role::Role;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;
use crate::jwt::Providers;
use crate::sigv4::{Caller, Check, Failure, Received, verify};

/// Most credentials whose secrets are remembered, so that they are not shown.
const MOST_ISSUED: usize = 10_000;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settled: InForce<Settled, StsDefect>,
    /// When the mock was started, since the Unix epoch.
    started: Duration,
    /// Keys of the identity providers. Requests fetch them without holding the state.
    pub(super) providers: Arc<Providers>,
    /// Secret keys and session tokens.
    issued: VecDeque<[String; 2]>,
    /// What everybody gets with a defect.
    pub(super) kept: Option<Issued>,
}

impl State {
    pub(super) fn new(settled: InForce<Settled, StsDefect>, started: Duration) -> Self {
        Self { settled, started, providers: Arc::default(), issued: VecDeque::new(), kept: None }
    }

    pub(super) fn shows(&self, defect: StsDefect) -> bool {
        self.settled.shows(defect)
    }

    pub(super) fn remember(&mut self, issued: &Issued) {
        if self.issued.len() >= MOST_ISSUED {
            self.issued.pop_front();
        }
        self.issued.push_back([issued.secret_access_key.clone(), issued.session_token.clone()]);
    }

    pub(super) fn role(&self, arn: &str) -> Option<&Role> {
        self.settled.roles.iter().find(|role| role.arn == arn)
    }

    /// The policies of a principal: its own, those of its role, or those of everybody.
    pub(super) fn policies_of(&self, principal: &str) -> &[Policy] {
        let own = self.settled.profiles.iter().find(|profile| profile.principal() == principal);
        let role = self.settled.roles.iter().find(|role| role.has_session(principal));
        own.and_then(|profile| profile.policies.as_deref())
            .or_else(|| role.and_then(|role| role.policies.as_deref()))
            .unwrap_or(&self.settled.policies)
    }

    /// How trust policies are misread.
    pub(super) fn mistakes(&self) -> Mistakes {
        Mistakes { conditions_ignored: self.shows(StsDefect::TrustConditionsIgnored), ..Mistakes::default() }
    }

    /// Who signed a request; `now` is the time since the Unix epoch.
    pub(super) fn caller(&self, request: &Request<Bytes>, now: Duration) -> Result<Caller, StsError> {
        let received = Received {
            method: request.method().as_str(),
            target: request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            headers: request.headers(),
            body: request.body(),
        };
        let ring = profile::ring(&self.settled.profiles, self.started);
        let rejection = match verify(&received, &self.settled.rules, &IssuedAnd(&ring), now) {
            Ok(caller) => return Ok(caller),
            Err(rejection) => rejection,
        };
        let failures: Vec<Failure> =
            rejection.failures.iter().filter(|failure| !self.tolerates(failure.check)).cloned().collect();
        match (failures.is_empty(), rejection.caller) {
            (true, Some(caller)) if !caller.principal.is_empty() => Ok(caller),
            (true, _) => Ok(Caller {
                access_key_id: String::new(),
                principal: format!("arn:aws:iam::{}:user/nobody", self.settled.account()),
            }),
            (false, _) => Err(StsError::signature(&failures)),
        }
    }

    /// Whether a defect lets this pass.
    fn tolerates(&self, check: Check) -> bool {
        let defect = match check {
            Check::OtherScheme | Check::Malformed | Check::UnknownKey | Check::Date | Check::ScopeDate => return false,
            // None is for this alone.
            Check::PayloadHash => return false,
            Check::NoSignature => StsDefect::UnsignedAccepted,
            Check::KeyExpired => StsDefect::ExpiredTokenAccepted,
            Check::SessionToken => StsDefect::SessionTokenNotChecked,
            Check::SignatureExpired => StsDefect::ExpiredSignatureAccepted,
            Check::NotYetCurrent => StsDefect::FutureSignatureAccepted,
            Check::Region => StsDefect::WrongRegionAccepted,
            Check::Service => StsDefect::WrongServiceAccepted,
            Check::HeaderNotSigned => StsDefect::UnsignedHostAccepted,
            Check::HeaderMissing | Check::Signature => StsDefect::SignatureNotChecked,
        };
        self.shows(defect)
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        self.settled = self.settled.over(change, Settled::read)?;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    /// Forgets the keys of identity providers. Credentials that were issued stay good.
    fn restart(&mut self, _now: Duration) {
        self.providers.clear();
        self.kept = None;
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.issued.iter().flatten().cloned().collect()
    }
}
