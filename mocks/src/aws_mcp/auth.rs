//! Who signed a request.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::config::RefusalId;
use super::defects::AwsMcpDefect;
use super::state::State;
use crate::answer::Answer;
use crate::aws::credentials::IssuedAnd;
use crate::aws::profile;
use crate::sigv4::{Caller, Check, Failure, Received, Rejection, Rules, verify};

/// Code of every refusal.
const REFUSED: i64 = -32001;

const EXPIRED: &str = "Your AWS session token has expired. Please refresh your credentials and try again. If you're using temporary \
     credentials, you may need to re-authenticate to obtain new credentials.";

/// A signature that is not good, and every reason.
#[derive(Debug)]
pub(super) struct Unsigned(pub(super) Vec<Failure>);

impl Unsigned {
    /// For the journal.
    pub(super) fn note(&self) -> String {
        let mut ids: Vec<&str> = self.0.iter().map(|failure| failure.check.id()).collect();
        ids.dedup();
        ids.join(", ")
    }

    /// What is told of several reasons.
    pub(super) fn first(&self) -> (Check, &str) {
        self.0.first().map_or((Check::NoSignature, ""), |failure| (failure.check, failure.message.as_str()))
    }
}

impl State {
    /// Whose request it is; `now` is the time since the Unix epoch.
    pub(super) fn judge(&self, request: &Request<Bytes>, rules: &Rules, now: Duration) -> Result<Caller, Unsigned> {
        let received = Received {
            method: request.method().as_str(),
            target: request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            headers: request.headers(),
            body: request.body(),
        };
        if self.shows(AwsMcpDefect::ProxyHeadersRefused) && request.headers().contains_key("x-forwarded-for") {
            let message = "The request has headers that are not signed.".to_owned();
            return Err(Unsigned(vec![Failure { check: Check::HeaderNotSigned, message }]));
        }
        let ring = profile::ring(&self.settled.profiles, self.started);
        match verify(&received, rules, &IssuedAnd(&ring), now) {
            Ok(caller) => Ok(caller),
            Err(rejection) => self.forgive(*rejection),
        }
    }

    fn forgive(&self, rejection: Rejection) -> Result<Caller, Unsigned> {
        let failures: Vec<Failure> =
            rejection.failures.into_iter().filter(|failure| !self.tolerates(failure.check)).collect();
        match failures.is_empty() {
            true => Ok(rejection.caller.filter(|caller| !caller.principal.is_empty()).unwrap_or_else(nobody)),
            false => Err(Unsigned(failures)),
        }
    }

    /// Whether a defect lets this pass.
    fn tolerates(&self, check: Check) -> bool {
        let defect = match check {
            Check::OtherScheme | Check::Malformed | Check::UnknownKey | Check::Date | Check::ScopeDate => return false,
            Check::NoSignature => AwsMcpDefect::UnsignedAccepted,
            Check::KeyExpired => AwsMcpDefect::ExpiredTokenAccepted,
            Check::SessionToken => AwsMcpDefect::SessionTokenNotChecked,
            Check::SignatureExpired => AwsMcpDefect::ExpiredSignatureAccepted,
            Check::NotYetCurrent => AwsMcpDefect::FutureSignatureAccepted,
            Check::Region => AwsMcpDefect::WrongRegionAccepted,
            Check::Service => AwsMcpDefect::WrongServiceAccepted,
            Check::HeaderNotSigned => AwsMcpDefect::UnsignedHostAccepted,
            Check::PayloadHash => AwsMcpDefect::PayloadHashNotChecked,
            Check::HeaderMissing | Check::Signature => AwsMcpDefect::SignatureNotChecked,
        };
        self.shows(defect)
    }

    /// What the caller of a tool is told whose signature is not good.
    pub(super) fn refuse(&self, unsigned: &Unsigned, id: &Value) -> Answer {
        let config = &self.settled.config;
        if self.shows(AwsMcpDefect::RefusalAs200) {
            return Answer::json(200, &json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } }));
        }
        let (check, message) = unsigned.first();
        let is_expired = check == Check::KeyExpired;
        let (status, message) = match is_expired && !self.shows(AwsMcpDefect::ExpiredTokenAsGeneric) {
            true => (config.expired_status, EXPIRED),
            false if is_expired => (config.refusal_status, "The security token included in the request is invalid"),
            false => (config.refusal_status, message),
        };
        let status = if self.shows(AwsMcpDefect::RefusalAs500) { 500 } else { status };
        let id = match config.refusal_id {
            RefusalId::Echo => id.clone(),
            RefusalId::Empty => json!(""),
            RefusalId::NullText => json!("null"),
        };
        Answer::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": REFUSED, "message": message } }))
    }
}

/// Who calls when nobody was asked.
fn nobody() -> Caller {
    Caller { access_key_id: String::new(), principal: "arn:aws:iam::000000000000:user/nobody".to_owned() }
}
