//! Parameters of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use url::form_urlencoded;

use super::error::StsError;

/// Most parameters that are read; the rest is ignored.
const MOST_PARAMS: usize = 200;

/// Most of a value that an error shows.
const MOST_SHOWN: usize = 200;

/// Parameters by name; of several with one name the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(BTreeMap<String, String>);

/// What a session is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionParams {
    pub(super) role_arn: String,
    pub(super) session_name: String,
    /// As asked for; none for the default.
    pub(super) duration: Option<Duration>,
}

impl Params {
    /// Of the query, and of a form.
    pub(super) fn read(request: &Request<Bytes>) -> Self {
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        let body: &[u8] = if is_form && request.method() == http::Method::POST { request.body() } else { b"" };
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(body).chain(query).take(MOST_PARAMS) {
            params.0.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        params
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What narrows a session down, which is not done here. A session that may do more than was asked for would be a trap.
    fn refuse_what_is_not_done(&self) -> Result<(), StsError> {
        const NOT_DONE: [&str; 6] =
            ["Policy", "PolicyArns.", "Tags.", "TransitiveTagKeys.", "SourceIdentity", "SerialNumber"];
        let is_not_done = |name: &&String| NOT_DONE.iter().any(|member| name.starts_with(member));
        match self.0.keys().find(is_not_done) {
            None => Ok(()),
            Some(name) => {
                let message = format!("{} is not supported by this mock", shown(name));
                Err(StsError::validation(message, "not-supported"))
            }
        }
    }

    /// Role, session name and duration, held against the limits of the service. With `unbounded`, duration and name are not.
    pub(super) fn session(&self, unbounded: Unbounded, with_token: bool) -> Result<SessionParams, StsError> {
        self.refuse_what_is_not_done()?;
        let mut problems = Vec::new();
        let mut note = Vec::new();
        let mut wrong = |member: &'static str, value: Option<&str>, constraint: String| {
            let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{}'", shown(value)));
            problems
                .push(format!("Value {value} at '{member}' failed to satisfy constraint: Member must {constraint}"));
            if !note.contains(&member) {
                note.push(member);
            }
        };
        let role_arn = self.get("RoleArn");
        check_length(role_arn, 20, 2048).into_iter().for_each(|why| wrong("roleArn", role_arn, why));
        let name = self.get("RoleSessionName");
        if !unbounded.name || name.is_none() {
            check_length(name, 2, 64).into_iter().for_each(|why| wrong("roleSessionName", name, why));
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
            if name.is_some_and(|name| !name.bytes().all(is_allowed)) {
                wrong("roleSessionName", name, "satisfy regular expression pattern: [\\w+=,.@-]*".to_owned());
            }
        }
        if with_token {
            let token = self.get("WebIdentityToken");
            // A token is not repeated.
            let hidden = token.map(|_| "***");
            check_length(token, 4, 20_000).into_iter().for_each(|why| wrong("webIdentityToken", hidden, why));
        }
        let duration = self.get("DurationSeconds");
        let seconds = match duration.map(str::parse::<u64>) {
            None => None,
            Some(Ok(seconds)) => {
                if seconds < 900 && !unbounded.duration {
                    wrong("durationSeconds", duration, "have value greater than or equal to 900".to_owned());
                }
                if seconds > 43_200 && !unbounded.duration {
                    wrong("durationSeconds", duration, "have value less than or equal to 43200".to_owned());
                }
                Some(seconds)
            }
            Some(Err(_)) => {
                wrong("durationSeconds", duration, "be an integer".to_owned());
                None
            }
        };
        if !problems.is_empty() {
            let plural = if problems.len() == 1 { "error" } else { "errors" };
            let message = format!("{} validation {plural} detected: {}", problems.len(), problems.join("; "));
            return Err(StsError::validation(message, note.join(", ")));
        }
        Ok(SessionParams {
            role_arn: role_arn.unwrap_or_default().to_owned(),
            session_name: name.unwrap_or_default().to_owned(),
            duration: seconds.map(Duration::from_secs),
        })
    }
}

/// What a defect does not check.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unbounded {
    pub(super) name: bool,
    pub(super) duration: bool,
}

fn check_length(value: Option<&str>, least: usize, most: usize) -> Option<String> {
    match value.map(|value| value.chars().count()) {
        None => Some("not be null".to_owned()),
        Some(length) if length < least => Some(format!("have length greater than or equal to {least}")),
        Some(length) if length > most => Some(format!("have length less than or equal to {most}")),
        Some(_) => None,
    }
}

fn shown(value: &str) -> String {
    value.chars().take(MOST_SHOWN).collect()
}
