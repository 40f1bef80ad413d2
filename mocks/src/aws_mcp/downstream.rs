//! What IAM says of a call to an AWS service: one that the server makes for a caller, or one that the caller makes.

use serde_json::Value;

use super::defects::AwsMcpDefect;
use super::state::State;
use crate::aws::policy::{Access, Caller, Context, Decision, Mistakes, Policy, evaluate};
use crate::aws::{arn, policy};

/// Actions that once decided on the use of MCP servers, and decide nothing since 2026-03-24.
const RETIRED: [&str; 3] = ["aws-mcp:InvokeMcp", "aws-mcp:CallReadOnlyTool", "aws-mcp:CallReadWriteTool"];

const VIA: &str = "aws:ViaAWSMCPService";
const CALLED_VIA: &str = "aws:CalledViaAWSMCP";

/// Where a call to a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The server makes it.
    Server,
    /// The caller makes it.
    Direct,
}

impl State {
    /// Why a call is not allowed, in the words of AWS; none if it is.
    pub(super) fn denied(&self, principal: &str, action: &str, resource: &str, origin: Origin) -> Option<String> {
        // It tells nothing that the caller does not know.
        if action == "sts:GetCallerIdentity" && !self.shows(AwsMcpDefect::CallerIdentityDenied) {
            return None;
        }
        let context = self.context(principal, origin);
        let enforced = match origin {
            Origin::Server if self.shows(AwsMcpDefect::McpActionsEnforced) => RETIRED.as_slice(),
            _ => &[],
        };
        let decide = |action: &str, resource: &str| {
            let access = Access { caller: Caller::Aws(principal), action, resource, context: &context };
            evaluate(self.policies_of(principal), &access, self.mistakes())
        };
        let decisions = enforced.iter().map(|action| decide(action, "*")).chain([decide(action, resource)]);
        let decision = decisions.into_iter().find(|decision| *decision != Decision::Allow)?;
        let why = match decision {
            Decision::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
            _ => format!("because no identity-based policy allows the {action} action"),
        };
        Some(format!("User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" {why}"))
    }

    /// The policies of a principal: its own, those of its role, or those of everybody.
    fn policies_of(&self, principal: &str) -> &[Policy] {
        let own = self.settled.profiles.iter().find(|profile| profile.principal() == principal);
        let role = self.settled.roles.iter().find(|role| role.has_session(principal));
        own.and_then(|profile| profile.policies.as_deref())
            .or_else(|| role.and_then(|role| role.policies.as_deref()))
            .unwrap_or(&self.settled.policies)
    }

    /// The condition keys of a call.
    fn context(&self, principal: &str, origin: Origin) -> Context {
        let mut context = Context::default();
        context.set("aws:PrincipalArn", arn::owner_of(principal));
        context.set("aws:PrincipalAccount", arn::account_of(principal));
        let is_through = origin == Origin::Server || self.shows(AwsMcpDefect::ConditionKeysOnDirectCalls);
        if !is_through || self.shows(AwsMcpDefect::ConditionKeysMissing) {
            return context;
        }
        context.set(VIA, "true");
        if !self.shows(AwsMcpDefect::CalledViaMissing) {
            context.set(CALLED_VIA, &self.settled.config.called_via);
        }
        for (key, value) in &self.settled.config.downstream_context {
            match value {
                Value::String(value) => context.set(key, value),
                _ => context.remove(key),
            }
        }
        context
    }

    fn mistakes(&self) -> Mistakes {
        policy::Mistakes {
            allow_wins: self.shows(AwsMcpDefect::DenyIgnored),
            implicit_allow: self.shows(AwsMcpDefect::ImplicitAllow),
            if_exists_ignored: self.shows(AwsMcpDefect::IfExistsIgnored),
            missing_key_matches: self.shows(AwsMcpDefect::MissingKeyMatches),
            null_inverted: self.shows(AwsMcpDefect::NullInverted),
            not_ignored: self.shows(AwsMcpDefect::NotElementsIgnored),
            wildcards_literal: self.shows(AwsMcpDefect::WildcardsLiteral),
            conditions_ignored: false,
        }
    }
}
