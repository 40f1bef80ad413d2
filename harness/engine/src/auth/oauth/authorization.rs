//! The authorization request and its answer (RFC 6749 §4.1, RFC 7636, RFC 8707, RFC 9207).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gauntlet_format::Version;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::discovery::Discovered;
use super::metadata::BearerChallenge;
use super::problem::{Problem, Who, quote};
use super::registration::Registration;
use super::settings::{OauthSettings, Secret};
use super::wire::Wire;

/// Longest code that is taken.
const MOST_CODE: usize = 8 * 1024;

/// Changes to the parameters of a request: a value in place of the usual one, or `None` to leave it out.
pub(crate) type Parameters = BTreeMap<String, Option<String>>;

/// Lays changes over parameters; what is replaced keeps its place.
pub(super) fn change(parameters: &mut Vec<(String, String)>, changes: &Parameters) {
    for (name, value) in changes {
        let place = parameters.iter().position(|(n, _)| n == name);
        match (place, value) {
            (Some(at), Some(value)) => parameters[at].1.clone_from(value),
            (Some(at), None) => {
                parameters.remove(at);
            }
            (None, Some(value)) => parameters.push((name.clone(), value.clone())),
            (None, None) => {}
        }
    }
}

/// An authorization request that has been made, and what is needed to go on from its answer.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    /// Where the browser goes; holds `state` and the challenge.
    pub url: Url,
    /// Where it comes back to, as sent.
    pub redirect_uri: String,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// The `resource` parameter.
    pub resource: Option<String>,
    /// The client it is for.
    pub registration: Registration,
    /// `state`, as sent.
    pub(super) state: Option<Secret>,
    pub(super) verifier: Secret,
    expects_iss: bool,
}

/// 32 random bytes in base64url.
pub(super) fn random() -> Result<String, Problem> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| Problem::new("no-randomness", Who::Harness, format!("the system gives no random bytes: {e}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// BASE64URL(SHA256(verifier)), RFC 7636 §4.2.
pub(super) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// The scopes of a first request: as configured, else of the challenge, else all of the resource's metadata, else none;
/// and `offline_access` where it is wanted and offered.
pub(super) fn select_scopes(settings: &OauthSettings, found: &Discovered, version: Version) -> Vec<String> {
    let mut scopes = settings
        .scopes
        .clone()
        .or_else(|| found.challenge.as_ref().and_then(BearerChallenge::scopes))
        .or_else(|| found.prm.as_ref().and_then(super::metadata::ResourceMetadata::scopes))
        .unwrap_or_default();
    let wanted = settings.offline_access.unwrap_or(settings.scopes.is_none() && version >= Version::V2026_07_28);
    let offered = found.metadata.lists("scopes_supported", "offline_access");
    if wanted && offered && !scopes.iter().any(|s| s == "offline_access") {
        scopes.push("offline_access".to_owned());
    }
    scopes
}

/// Builds the request.
pub(super) fn request(
    wire: &Wire<'_>,
    found: &Discovered,
    registration: &Registration,
    redirect_uri: &str,
    scopes: &[String],
    changes: &Parameters,
) -> Result<AuthorizationRequest, Problem> {
    let Some(mut url) = found.metadata.authorization_endpoint.clone() else {
        let message = format!("the metadata of {} has no `authorization_endpoint`", quote(&found.issuer));
        return Err(
            Problem::new("metadata-incomplete", Who::AuthorizationServer, message).breaks("auth.as.metadata-fields")
        );
    };
    let verifier = random()?;
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
    add("response_type", "code");
    add("client_id", &registration.client_id);
    add("redirect_uri", redirect_uri);
    add("state", &random()?);
    add("code_challenge", &s256(&verifier));
    add("code_challenge_method", "S256");
    if let Some(resource) = &found.resource {
        add("resource", resource);
    }
    if !scopes.is_empty() {
        add("scope", &scopes.join(" "));
    }
    if scopes.iter().any(|scope| scope == "offline_access") {
        // OpenID Connect Core §11: without consent the scope may be ignored.
        add("prompt", "consent");
    }
    change(&mut parameters, changes);
    // A fragment would swallow the query.
    url.set_fragment(None);
    url.query_pairs_mut().extend_pairs(&parameters);
    let sent = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let state = sent("state");
    wire.secret("code_verifier", &verifier);
    if let Some(state) = &state {
        wire.secret("state", state);
    }
    Ok(AuthorizationRequest {
        url,
        redirect_uri: sent("redirect_uri").unwrap_or_else(|| redirect_uri.to_owned()),
        scopes: sent("scope").map(|scope| super::metadata::split_scopes(&scope)).unwrap_or_default(),
        resource: sent("resource"),
        registration: registration.clone(),
        state: state.map(Secret::new),
        verifier: Secret::new(verifier),
        expects_iss: found.metadata.flag("authorization_response_iss_parameter_supported"),
    })
}

impl AuthorizationRequest {
    /// Whether a URL is the redirect URI with an answer, whatever the answer says.
    pub(crate) fn is_redirect(&self, url: &Url) -> bool {
        let Ok(mut expected) = Url::parse(&self.redirect_uri) else { return false };
        let mut place = url.clone();
        for url in [&mut expected, &mut place] {
            url.set_query(None);
            url.set_fragment(None);
        }
        expected == place
    }

    /// Takes the code from the URL that the browser was sent back to: `state` is compared first, then `iss`, and only then
    /// is anything else read.
    ///
    /// # Errors
    /// `state-mismatch`, `iss-mismatch`, `iss-missing`, `authorization-refused`, `response-malformed`.
    pub(super) fn code(&self, wire: &mut Wire<'_>, url: &Url, exchange: Option<usize>) -> Result<Secret, Problem> {
        let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let code = one(&parameters, "code");
        if let Ok(Some(code)) = &code {
            wire.secret("code", code);
        }
        self.check(&parameters, code, url.fragment().is_some()).map_err(|mut problem| {
            problem.exchange = exchange;
            problem
        })
    }

    fn check(
        &self,
        parameters: &[(String, String)],
        code: Result<Option<String>, Problem>,
        has_fragment: bool,
    ) -> Result<Secret, Problem> {
        let problem = |code, message: String| Problem::new(code, Who::AuthorizationServer, message);
        let state = one(parameters, "state")?;
        if state.as_deref() != self.state.as_ref().map(Secret::expose) {
            let said = if state.is_some() { "has another `state` than" } else { "lacks the `state` of" };
            let message =
                format!("the redirect {said} the request, so it may be the answer to another; it is not used");
            return Err(problem("state-mismatch", message));
        }
        let issuer = &self.registration.issuer;
        match one(parameters, "iss")? {
            Some(iss) if iss != *issuer => {
                let message = format!(
                    "the redirect is from the issuer {}; expected exactly {}; nothing else of it is used",
                    quote(&iss),
                    quote(issuer)
                );
                return Err(problem("iss-mismatch", message).breaks("auth.as.iss-included"));
            }
            None if self.expects_iss => {
                let message =
                    format!("the redirect has no `iss`, though the metadata of {} promises it", quote(issuer));
                return Err(problem("iss-missing", message).breaks("auth.as.iss-included"));
            }
            _ => {}
        }
        if let Some(error) = one(parameters, "error")? {
            let description = one(parameters, "error_description")?;
            let more = description.map(|text| format!(": {}", quote(&text))).unwrap_or_default();
            let message = format!("the authorization server refused with {}{more}", quote(&error));
            return Err(problem("authorization-refused", message));
        }
        match code? {
            Some(code) if code.is_empty() || code.len() > MOST_CODE => Err(problem(
                "response-malformed",
                format!("the code has {} bytes; expected 1 to {MOST_CODE}", code.len()),
            )),
            Some(code) => Ok(Secret::new(code)),
            None if has_fragment => {
                let message = "the redirect has its answer in the fragment; `response_type=code` has it in the query";
                Err(problem("response-malformed", message.to_owned()))
            }
            None => Err(problem("response-malformed", "the redirect has neither `code` nor `error`".to_owned())),
        }
    }
}

/// A parameter that must not be there twice (RFC 6749 §3.1).
fn one(parameters: &[(String, String)], name: &str) -> Result<Option<String>, Problem> {
    let mut values = parameters.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone());
    let first = values.next();
    if values.next().is_some() {
        let message = format!("the redirect has `{name}` more than once");
        return Err(Problem::new("response-malformed", Who::AuthorizationServer, message));
    }
    Ok(first)
}
