//! AssumeRoleWithWebIdentity: credentials for whoever an identity provider speaks for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::config::Provider;
use super::defects::StsDefect;
use super::error::StsError;
use super::issue::Grant;
use super::params::Params;
use super::state::State;
use crate::aws::arn;
use crate::aws::policy::{Access, Caller, Context, Decision, Mistakes, evaluate};
use crate::jwt::{self, KeyPlan, SignatureProblem, Token};

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/// A token as far as it can be judged without the keys of its issuer.
struct Presented<'t> {
    token: Token<'t>,
    /// None for an issuer that a defect lets pass.
    provider: Option<Provider>,
}

impl State {
    /// The keys that the token of a request needs; none if it will be refused without them.
    pub(super) fn keys_wanted(&self, params: &Params, now: Duration) -> Option<KeyPlan> {
        let presented = self.presented(params.get("WebIdentityToken")?).ok()?;
        let provider = presented.provider?;
        Some(KeyPlan::of_issuer(&provider.issuer, presented.token.kid, now))
    }

    /// Judges a token and a role; `keys` are those of the issuer, fetched before.
    pub(super) fn assume_role_with_web_identity(
        &self,
        params: &Params,
        keys: Option<Arc<jwt::Provider>>,
        now: Duration,
    ) -> Result<Grant, StsError> {
        let asked = params.session(self.unbounded(), true)?;
        let Presented { token, provider } = self.presented(params.get("WebIdentityToken").unwrap_or_default())?;
        let claims = &token.claims;
        if let Some(provider) = &provider {
            self.check_signature(&token, provider, keys)?;
        }
        self.check_times(claims, now)?;
        let audience = claims.get("aud").map(|audience| jwt::texts(audience).collect::<Vec<_>>()).unwrap_or_default();
        if let Some(provider) = &provider
            && !audience.iter().any(|named| provider.audiences.iter().any(|known| known == named))
            && !self.shows(StsDefect::AudienceNotChecked)
        {
            return Err(StsError::token("Incorrect token audience", "wrong-audience"));
        }
        let subject = jwt::text(claims, "sub").ok_or_else(|| missing("sub"))?.to_owned();
        if self.settled.config.idp_rejects {
            let message = "The identity provider rejected the token";
            return Err(StsError::new(403, "IDPRejectedClaim", message, "idp-rejects"));
        }
        let provider = provider.or_else(|| self.settled.providers.first().cloned());
        let provider = provider.ok_or_else(|| StsError::denied(DENIED, "no-provider"))?;
        let role = self.role(&asked.role_arn).ok_or_else(|| StsError::denied(DENIED, "no-such-role"))?;
        let mut context = Context::default();
        context.set_all(&format!("{}:aud", provider.name), audience.iter().map(|text| (*text).to_owned()).collect());
        context.set(&format!("{}:sub", provider.name), &subject);
        context.set("sts:RoleSessionName", &asked.session_name);
        let access =
            Access { caller: Caller::Federated(&provider.arn), action: ACTION, resource: &role.arn, context: &context };
        let decision = evaluate(&role.trust_policy, &access, self.mistakes());
        if decision != Decision::Allow && !self.shows(StsDefect::TrustPolicyIgnored) {
            return Err(StsError::denied(DENIED, "trust-policy"));
        }
        if self.shows(StsDefect::RolePolicyConsulted) {
            let session = arn::session_of(&role.arn, &asked.session_name).unwrap_or_default();
            let access = Access { caller: Caller::Aws(&session), ..access };
            if evaluate(self.policies_of(&session), &access, Mistakes::default()) != Decision::Allow {
                return Err(StsError::denied(DENIED, "role-policy"));
            }
        }
        let lifetime = self.lifetime(role, asked.duration)?;
        let name = match self.shows(StsDefect::SessionNameFromSubject) {
            true => subject.clone(),
            false => asked.session_name,
        };
        Ok(Grant {
            role: role.arn.clone(),
            name,
            lifetime,
            subject: Some(subject),
            audience: audience.first().map(|audience| (*audience).to_owned()),
            provider: Some(provider.arn),
        })
    }

    fn presented<'t>(&self, text: &'t str) -> Result<Presented<'t>, StsError> {
        let token = Token::parse(text).ok_or_else(|| {
            let message =
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
            StsError::token(message, "malformed")
        })?;
        let issuer = jwt::text(&token.claims, "iss").ok_or_else(|| missing("iss"))?;
        let provider = self.settled.providers.iter().find(|provider| provider.issuer == issuer).cloned();
        if provider.is_none() && !self.shows(StsDefect::UnknownIssuerAccepted) {
            let message = format!("No OpenIDConnect provider found in your account for {issuer}");
            return Err(StsError::token(message, "unknown-issuer"));
        }
        Ok(Presented { token, provider })
    }

    fn check_signature(
        &self,
        token: &Token<'_>,
        provider: &Provider,
        keys: Option<Arc<jwt::Provider>>,
    ) -> Result<(), StsError> {
        let Some(keys) = keys else {
            if self.shows(StsDefect::UnreachableAsDenied) {
                return Err(StsError::denied(DENIED, "keys-unavailable"));
            }
            let message = format!("The identity provider {} could not be reached", provider.issuer);
            return Err(StsError::new(400, "IDPCommunicationError", message, "keys-unavailable"));
        };
        if keys.issuer.as_deref() != Some(provider.issuer.as_str()) {
            return Err(StsError::token("The identity provider names another issuer", "wrong-issuer"));
        }
        if self.shows(StsDefect::JwtSignatureNotChecked) {
            return Ok(());
        }
        let invalid = |note: &str| StsError::token("The web identity token could not be verified", note);
        token.is_signed_by(&keys.keys).map_err(|problem| match problem {
            SignatureProblem::UnknownKid => StsError::token(
                "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
                 documentation for requirements",
                "unknown-kid",
            ),
            SignatureProblem::Algorithm => invalid("algorithm"),
            SignatureProblem::BadSignature => invalid("bad-signature"),
        })
    }

    fn check_times(&self, claims: &Map<String, Value>, now: Duration) -> Result<(), StsError> {
        let number = |name: &str| claims.get(name).and_then(Value::as_f64);
        let end = number("exp").ok_or_else(|| missing("exp"))?;
        number("iat").ok_or_else(|| missing("iat"))?;
        if !jwt::is_alive(claims, now) && !self.shows(StsDefect::ExpiredJwtAccepted) {
            let message = format!(
                "Token expired: current date/time {} must be before the expiration date/time {end:.0}",
                now.as_secs()
            );
            return Err(StsError::new(400, "ExpiredTokenException", message, "expired"));
        }
        match jwt::is_begun(claims, now) {
            true => Ok(()),
            false => Err(StsError::token("The web identity token is not good yet", "not-yet-valid")),
        }
    }
}

fn missing(claim: &str) -> StsError {
    StsError::token(format!("Missing a required claim: {claim}"), "missing-claim")
}
