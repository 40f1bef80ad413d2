//! Signed requests (AWS Signature Version 4), and who may call by IAM's policies.
//!
//! A signature covers headers that do not survive the way to wiremock, so the front judges the request as it arrived and sends the
//! verdict along.

mod config;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(in crate::agentcore_gateway) use self::config::{AccessKeyConfig, IamRules, RefusalForm, make_keys};
use super::Identity;
use super::reason::{Reason, Refusal, Told};
use crate::agentcore_gateway::NOTE_HEADER;
use crate::agentcore_gateway::config::ExceptionLevel;
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::answer::{Answer, header};
use crate::aws::credentials::IssuedAnd;
use crate::sigv4::{Check, Received, Rejection, verify};

/// Carries the verdict from the front to the answer. What a client sends under this name is dropped.
const VERDICT_HEADER: HeaderName = HeaderName::from_static("x-gauntlet-signature-verdict");

/// Most of a canonical request that a detailed answer shows.
const MOST_SHOWN: usize = 16 << 10;

/// Code of every refusal.
const REFUSED: i64 = -32001;

/// Whether the caller of a signed request is let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Verdict {
    /// The principal.
    Passed(String),
    Refused(IamRefusal),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agentcore_gateway) struct IamRefusal {
    message: String,
    error_type: String,
    /// Every check that failed, for the journal.
    note: String,
    /// Whether there was a signature, or credentials of whatever kind.
    has_credentials: bool,
}

impl State {
    /// Judges a request as it arrived, if requests are to be signed. `now` is the time since the Unix epoch.
    pub(in crate::agentcore_gateway) fn attach_verdict(&self, request: &mut http::Request<Bytes>, now: Duration) {
        request.headers_mut().remove(VERDICT_HEADER);
        let Some(iam) = &self.settled.iam else {
            return;
        };
        let verdict = self.judge_signed(iam, request, now);
        // Neither can fail: plain members, and letters that a header may hold. Without a verdict the request is refused.
        let encoded = serde_json::to_vec(&verdict).ok().map(|json| STANDARD.encode(json));
        if let Some(value) = encoded.and_then(|text| HeaderValue::from_str(&text).ok()) {
            request.headers_mut().insert(VERDICT_HEADER, value);
        }
    }

    fn judge_signed(&self, iam: &IamRules, request: &http::Request<Bytes>, now: Duration) -> Verdict {
        let received = Received {
            method: request.method().as_str(),
            target: request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            headers: request.headers(),
            body: request.body(),
        };
        if self.shows(GatewayDefect::UnsignedHeadersRefused) && request.headers().contains_key("x-forwarded-for") {
            return Verdict::Refused(IamRefusal::of(
                Check::Signature,
                "The request has headers that are not signed.".into(),
            ));
        }
        let caller = match verify(&received, &iam.rules, &IssuedAnd(&iam.ring(self.started)), now) {
            Ok(caller) => Some(caller),
            Err(rejection) if rejection.checks().into_iter().all(|check| self.tolerates(check)) => rejection.caller,
            Err(rejection) => return Verdict::Refused(self.refusal_of(&rejection)),
        };
        let Some(caller) = caller else {
            return Verdict::Passed("anyone".to_owned());
        };
        if iam.allows(&caller) || self.shows(GatewayDefect::PolicyNotChecked) {
            return Verdict::Passed(caller.principal);
        }
        Verdict::Refused(IamRefusal {
            message: format!(
                "User: {} is not authorized to perform: bedrock-agentcore:InvokeGateway on resource: {}",
                caller.principal, iam.gateway_arn
            ),
            error_type: "AccessDeniedException".to_owned(),
            note: "access-denied".to_owned(),
            has_credentials: true,
        })
    }

    /// Whether a defect lets this pass.
    fn tolerates(&self, check: Check) -> bool {
        let defect = match check {
            Check::NoSignature | Check::Malformed | Check::Date | Check::ScopeDate => return false,
            Check::OtherScheme => GatewayDefect::BearerInsteadOfSignature,
            Check::UnknownKey => GatewayDefect::UnknownKeyAccepted,
            Check::KeyExpired => GatewayDefect::KeyExpiryNotChecked,
            Check::SessionToken => GatewayDefect::SessionTokenNotChecked,
            Check::SignatureExpired => GatewayDefect::ExpiredSignatureAccepted,
            Check::NotYetCurrent => GatewayDefect::FutureSignatureAccepted,
            Check::Region => GatewayDefect::RegionNotChecked,
            Check::Service => GatewayDefect::ServiceNotChecked,
            Check::HeaderNotSigned => GatewayDefect::UnsignedHostAccepted,
            Check::PayloadHash => GatewayDefect::PayloadHashNotChecked,
            Check::HeaderMissing | Check::Signature => GatewayDefect::SignatureNotVerified,
        };
        self.shows(defect)
    }

    /// The first failure is told, all are noted.
    fn refusal_of(&self, rejection: &Rejection) -> IamRefusal {
        let not_tolerated = |check: &Check| !self.tolerates(*check);
        let checks: Vec<Check> = rejection.checks().into_iter().filter(not_tolerated).collect();
        let first = rejection.failures.iter().find(|failure| not_tolerated(&failure.check));
        let (check, mut message) = match first {
            Some(failure) => (failure.check, failure.message.clone()),
            None => (Check::Signature, String::new()),
        };
        if check == Check::Signature && self.settled.config.exception_level == Some(ExceptionLevel::Debug) {
            message.push_str(&in_detail(rejection));
        }
        let ids: Vec<&str> = checks.iter().map(|check| check.id()).collect();
        IamRefusal { note: ids.join(", "), ..IamRefusal::of(check, message) }
    }

    /// The caller by the verdict that the front sent along.
    pub(super) fn judge_iam(&self, request: &wiremock::Request) -> Result<Identity, Refusal> {
        let verdict = header(request, VERDICT_HEADER.as_str())
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|json| serde_json::from_slice(&json).ok());
        match verdict {
            Some(Verdict::Passed(principal)) => Ok(Identity::without_credentials(&principal)),
            Some(Verdict::Refused(refused)) => {
                let reason = if refused.has_credentials { Reason::BadSignature } else { Reason::NoHeader };
                Err(Refusal { told: Told::Iam(refused), reason })
            }
            None => Err(Reason::Malformed.into()),
        }
    }

    /// What a caller is told. There is no challenge.
    pub(super) fn refuse_iam(&self, refused: &IamRefusal, id: Value) -> Answer {
        let answer = match self.settled.config.iam_refusal.unwrap_or(RefusalForm::JsonRpc) {
            RefusalForm::Message => Answer::json(403, &json!({ "message": refused.message }))
                .with_header("x-amzn-ErrorType", &refused.error_type),
            RefusalForm::JsonRpc => self.refusal_body(403, REFUSED, &refused.message, id),
        };
        let answer = match self.shows(GatewayDefect::InvalidTokenAs200Error) && refused.has_credentials {
            true => Answer { status: 200, ..answer },
            false => answer,
        };
        answer.with_header(NOTE_HEADER, &refused.note)
    }
}

impl IamRefusal {
    fn of(check: Check, message: String) -> Self {
        let error_type = match check {
            Check::NoSignature | Check::OtherScheme => "MissingAuthenticationTokenException",
            Check::Malformed | Check::Date => "IncompleteSignatureException",
            Check::UnknownKey | Check::SessionToken => "UnrecognizedClientException",
            Check::KeyExpired => "ExpiredTokenException",
            _ => "InvalidSignatureException",
        };
        Self {
            message,
            error_type: error_type.to_owned(),
            note: check.id().to_owned(),
            has_credentials: check != Check::NoSignature,
        }
    }
}

/// What was to be signed, for the caller who knows the rest.
fn in_detail(rejection: &Rejection) -> String {
    let shown =
        |text: &Option<String>| text.as_deref().unwrap_or_default().chars().take(MOST_SHOWN).collect::<String>();
    format!(
        "\n\nThe Canonical String for this request should have been\n'{}'\n\nThe String-to-Sign should have been\n'{}'\n",
        shown(&rejection.canonical_request),
        shown(&rejection.string_to_sign)
    )
}
