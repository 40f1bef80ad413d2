//! Credentials, and how STS tells them.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::defects::StsDefect;
use super::error::StsError;
use super::params::Unbounded;
use super::state::State;
use crate::aws::credentials::{self, Issued};
use crate::aws::role::Role;
use crate::aws::xml::{Element, element, text};

/// How long a session lasts that does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// A session that may be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// ARN of the role.
    pub(super) role: String,
    /// Name of the session.
    pub(super) name: String,
    pub(super) lifetime: Duration,
    /// Of the identity token, if there is one.
    pub(super) subject: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) provider: Option<String>,
}

impl State {
    /// What is not checked because of a defect.
    pub(super) fn unbounded(&self) -> Unbounded {
        Unbounded {
            name: self.shows(StsDefect::SessionNameNotChecked),
            duration: self.shows(StsDefect::DurationNotChecked),
        }
    }

    /// How long a session of a role may last.
    pub(super) fn lifetime(&self, role: &Role, asked: Option<Duration>) -> Result<Duration, StsError> {
        let Some(asked) = asked else {
            return Ok(DEFAULT_LIFETIME);
        };
        let unbounded = self.shows(StsDefect::RoleMaximumIgnored) || self.shows(StsDefect::DurationNotChecked);
        if asked > role.max_session && !unbounded {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(StsError::validation(message, "role-maximum"));
        }
        Ok(asked)
    }

    /// Makes credentials for a session, and the result that tells them.
    pub(super) fn issue(&mut self, result: &'static str, grant: Grant, now: Duration) -> Result<Element, StsError> {
        let made = credentials::issue(&grant.role, &grant.name, now, grant.lifetime);
        let mut issued = made.ok_or_else(|| StsError::validation("Request ARN is invalid", "roleArn"))?;
        if self.shows(StsDefect::SameCredentials) {
            issued = self.kept.get_or_insert(issued).clone();
        }
        self.remember(&issued);
        let lifetime = if self.shows(StsDefect::ExpirationTooLate) { grant.lifetime * 2 } else { grant.lifetime };
        let mut inside = Vec::new();
        let put = |inside: &mut Vec<Element>, name: &'static str, value: Option<String>| {
            inside.extend(value.map(|value| text(name, value)));
        };
        let subject = grant.subject.filter(|_| !self.shows(StsDefect::SubjectMissing));
        put(&mut inside, "SubjectFromWebIdentityToken", subject);
        put(&mut inside, "Audience", grant.audience);
        inside.push(user(&issued));
        inside.push(told(&issued, now.saturating_add(lifetime)));
        put(&mut inside, "Provider", grant.provider);
        Ok(element(result, inside))
    }
}

fn user(issued: &Issued) -> Element {
    let session = &issued.session;
    element(
        "AssumedRoleUser",
        [
            text("Arn", session.principal.as_str()),
            text("AssumedRoleId", format!("{}:{}", session.role_id, session.name)),
        ],
    )
}

fn told(issued: &Issued, end: Duration) -> Element {
    let seconds = i64::try_from(end.as_secs()).unwrap_or(i64::MAX);
    let end = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|end| end.format(&Rfc3339).ok());
    element(
        "Credentials",
        [
            text("AccessKeyId", issued.session.access_key_id.as_str()),
            text("SecretAccessKey", issued.secret_access_key.as_str()),
            text("SessionToken", issued.session_token.as_str()),
            text("Expiration", end.unwrap_or_else(|| seconds.to_string())),
        ],
    )
}
