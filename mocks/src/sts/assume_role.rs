//! AssumeRole and GetCallerIdentity: calls that are signed.

use std::time::Duration;

use super::defects::StsDefect;
use super::error::StsError;
use super::issue::Grant;
use super::params::Params;
use super::state::State;
use crate::aws::arn::{self, Arn};
use crate::aws::policy::{self, Access, Context, Decision, Mistakes, evaluate};
use crate::aws::xml::{Element, element, text};
use crate::sigv4::Caller;

const ACTION: &str = "sts:AssumeRole";

/// Longest session that a session of a role can be given.
const LONGEST_CHAINED: Duration = Duration::from_secs(3600);

impl State {
    /// Judges whether a caller may have a session of a role.
    pub(super) fn assume_role(&self, params: &Params, caller: &Caller) -> Result<Grant, StsError> {
        let asked = params.session(self.unbounded(), false)?;
        let principal = &caller.principal;
        let denied = |note: &str| {
            let message =
                format!("User: {principal} is not authorized to perform: {ACTION} on resource: {}", asked.role_arn);
            StsError::denied(message, note)
        };
        let role = self.role(&asked.role_arn).ok_or_else(|| denied("no-such-role"))?;
        let mut context = Context::default();
        context.set("aws:PrincipalArn", arn::owner_of(principal));
        context.set("aws:PrincipalAccount", arn::account_of(principal));
        context.set("sts:RoleSessionName", &asked.session_name);
        if let Some(external_id) = params.get("ExternalId") {
            context.set("sts:ExternalId", external_id);
        }
        let trusts = |caller: policy::Caller<'_>| {
            let access = Access { caller, action: ACTION, resource: &role.arn, context: &context };
            evaluate(&role.trust_policy, &access, self.mistakes()) == Decision::Allow
        };
        if !trusts(policy::Caller::Aws(principal)) && !self.shows(StsDefect::TrustPolicyIgnored) {
            return Err(denied("trust-policy"));
        }
        let access =
            Access { caller: policy::Caller::Aws(principal), action: ACTION, resource: &role.arn, context: &context };
        let may = match evaluate(self.policies_of(principal), &access, Mistakes::default()) {
            Decision::Allow => true,
            Decision::ExplicitDeny => false,
            // In its own account a principal that the role names needs no permission besides.
            Decision::ImplicitDeny => {
                arn::account_of(principal) == arn::account_of(&role.arn) && trusts(policy::Caller::Named(principal))
            }
        };
        if !may && !self.shows(StsDefect::IdentityPolicyIgnored) {
            return Err(denied("identity-policy"));
        }
        let is_chained = arn::owner_of(principal) != *principal;
        if is_chained
            && asked.duration.is_some_and(|duration| duration > LONGEST_CHAINED)
            && !self.shows(StsDefect::ChainingUnbounded)
        {
            let message =
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
            return Err(StsError::validation(message, "role-chaining"));
        }
        Ok(Grant {
            role: role.arn.clone(),
            lifetime: self.lifetime(role, asked.duration)?,
            name: asked.session_name,
            subject: None,
            audience: None,
            provider: None,
        })
    }

    /// Who signed a request. No policy takes that away.
    pub(super) fn caller_identity(&self, caller: &Caller) -> Result<Element, StsError> {
        const ACTION: &str = "sts:GetCallerIdentity";
        let principal = &caller.principal;
        let context = Context::default();
        let access =
            Access { caller: policy::Caller::Aws(principal), action: ACTION, resource: "*", context: &context };
        if self.shows(StsDefect::CallerIdentityDenied)
            && evaluate(self.policies_of(principal), &access, Mistakes::default()) != Decision::Allow
        {
            let message = format!("User: {principal} is not authorized to perform: {ACTION}");
            return Err(StsError::denied(message, "identity-policy"));
        }
        let account = arn::account_of(principal);
        let told = match self.shows(StsDefect::CallerIdentityOfAccount) {
            true => format!("arn:aws:iam::{account}:root"),
            false => principal.clone(),
        };
        Ok(element(
            "GetCallerIdentityResult",
            [text("Arn", told), text("UserId", user_id(caller)), text("Account", account)],
        ))
    }
}

/// The unique id of a principal: of a session that of its role and its name.
fn user_id(caller: &Caller) -> String {
    let session = Arn::parse(&caller.principal).and_then(|arn| arn.resource.strip_prefix("assumed-role/"));
    match session.and_then(|session| session.split_once('/')) {
        Some((_, name)) => {
            format!("{}:{name}", crate::aws::credentials::role_id(&arn::owner_of(&caller.principal)))
        }
        None => crate::aws::credentials::user_id(&caller.principal),
    }
}
