//! What a client may ask for: scopes (RFC 6749, section 3.3) and resources (RFC 8707).

use url::Url;

use super::clients::Client;
use super::config::{Acceptance, ResourceParameter, UnknownScope};
use super::defects::IdpDefect;
use super::profile::Profile;
use super::state::State;
use super::wire::OauthError;

/// Most scopes or resources in one request.
const MOST: usize = 100;
/// Stands for all scopes of an application (Entra ID).
const ALL_OF_APPLICATION: &str = ".default";

impl State {
    /// The scopes that a client gets for `scope`.
    pub(super) fn scopes(&self, client: &Client, requested: Option<&str>) -> Result<Vec<String>, OauthError> {
        let config = &self.settled.config;
        let allowed = |scope: &str| {
            config.scopes.iter().any(|known| known == scope)
                && client.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|known| known == scope))
        };
        let Some(requested) = requested else {
            let granted: Vec<String> = config.default_scopes.iter().filter(|scope| allowed(scope)).cloned().collect();
            return Ok(granted);
        };
        let mut granted: Vec<String> = Vec::new();
        for scope in requested.split(' ').filter(|scope| !scope.is_empty()).take(MOST) {
            let known = allowed(scope) || self.shows(IdpDefect::ScopeNotChecked);
            match config.unknown_scope {
                _ if known && !granted.iter().any(|before| before == scope) => granted.push(scope.to_owned()),
                UnknownScope::Refuse if !known => {
                    let problem = format!("the client `{}` may not have the scope `{scope}`", client.id);
                    return Err(OauthError::new("invalid_scope", problem));
                }
                _ => {}
            }
        }
        if granted.is_empty() {
            return Err(OauthError::new("invalid_scope", "the client may have none of the scopes"));
        }
        if config.tokens.mixed_default_scope == Acceptance::Refuse && mixes_default(&granted) {
            let problem = "AADSTS70011: The provided value for the input parameter 'scope' is not valid: .default \
                           cannot be combined with other scopes of a resource";
            return Err(OauthError::new("invalid_scope", problem));
        }
        Ok(granted)
    }

    /// The scopes as a token answer names them. Entra ID spells out what `.default` stands for.
    pub(super) fn told_scopes(&self, granted: &[String]) -> String {
        let config = &self.settled.config;
        let mut told: Vec<&str> = Vec::new();
        for scope in granted {
            if config.tokens.style == Profile::Entra
                && let Some((application, ALL_OF_APPLICATION)) = split_scope(scope)
            {
                let all = config.scopes.iter().filter(|known| {
                    split_scope(known).is_some_and(|(app, name)| app == application && name != ALL_OF_APPLICATION)
                });
                told.extend(all.map(String::as_str));
            }
            told.push(scope);
        }
        told.join(" ")
    }

    /// The resources that a token is for.
    pub(super) fn resources(&self, requested: Vec<String>, scopes: &[String]) -> Result<Vec<String>, OauthError> {
        let config = &self.settled.config;
        let invalid = |problem: String| Err(OauthError::new("invalid_target", problem));
        if requested.len() > MOST {
            return invalid(format!("more than {MOST} resources"));
        }
        for resource in &requested {
            if self.shows(IdpDefect::ResourceNotChecked) {
                continue;
            }
            match config.resource_parameter {
                ResourceParameter::Ignore => {}
                ResourceParameter::Refuse => {
                    return invalid(format!("the parameter `resource` is not supported: `{resource}`"));
                }
                ResourceParameter::MatchScope => {
                    let fits = scopes.iter().filter_map(|scope| split_scope(scope)).any(|(app, _)| app == resource);
                    if !fits {
                        return invalid(format!(
                            "AADSTS9010010: The resource parameter provided in the request doesn't match with the \
                             requested scopes: {resource}"
                        ));
                    }
                }
                ResourceParameter::Accept => {
                    if Url::parse(resource).is_err() || resource.contains('#') {
                        return invalid(format!("resource `{resource}` is not an absolute URI without fragment"));
                    }
                    if config.resources.as_ref().is_some_and(|known| !known.contains(resource)) {
                        return invalid(format!("resource `{resource}` is not served here"));
                    }
                }
            }
        }
        match config.resource_parameter {
            ResourceParameter::Ignore => Ok(Vec::new()),
            _ => Ok(requested),
        }
    }
}

/// Application and name of a scope such as `api://gateway/invoke`; none for those of OpenID Connect.
pub(super) fn split_scope(scope: &str) -> Option<(&str, &str)> {
    scope.contains("://").then(|| scope.rsplit_once('/')).flatten()
}

fn mixes_default(scopes: &[String]) -> bool {
    let names: Vec<&str> = scopes.iter().filter_map(|scope| split_scope(scope)).map(|(_, name)| name).collect();
    names.contains(&ALL_OF_APPLICATION) && names.iter().any(|name| *name != ALL_OF_APPLICATION)
}
