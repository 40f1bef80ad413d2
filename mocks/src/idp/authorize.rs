//! The authorization endpoint (RFC 6749, section 4.1; RFC 7636; RFC 8707; RFC 9207).

use std::sync::Arc;
use std::time::Duration;

use url::form_urlencoded;

use super::clients::{Client, Grant};
use super::config::{Consent, PkceMethod, Requirement, WithoutScope};
use super::defects::IdpDefect;
use super::metadata::FOREIGN_ORIGIN;
use super::pages;
use super::redirects;
use super::site::Endpoint;
use super::state::{Code, Grantee, State};
use super::wire::{Incoming, OauthError, Params, Reply};

/// Values of `prompt` (OpenID Connect Core, section 3.1.2.1).
const PROMPTS: [&str; 4] = ["none", "login", "consent", "select_account"];

/// An authorization request that may be granted.
#[derive(Debug, Clone)]
pub(super) struct Authorization {
    pub(super) client: Arc<Client>,
    pub(super) target: Target,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) challenge: Option<(PkceMethod, String)>,
    pub(super) nonce: Option<String>,
    pub(super) prompts: Vec<String>,
    pub(super) login_hint: Option<String>,
    /// The request said `access_type=offline`.
    pub(super) offline: bool,
    /// The code will not be good for a token.
    pub(super) dead: bool,
}

/// Where the response goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) redirect_uri: String,
    /// The request named it; otherwise it is the only one there is.
    pub(super) named: bool,
    /// As it came, still encoded.
    state: Option<String>,
}

impl State {
    /// Answers an authorization request. `params` is its query, or its form.
    pub(super) fn authorize(&mut self, incoming: &Incoming, params: &Params, now: Duration) -> Reply {
        if self.shows(IdpDefect::AuthorizeNeverRedirects) {
            return pages::notice("Signed in", "You are signed in. You can close this window.");
        }
        if self.shows(IdpDefect::AuthorizeLoops) {
            return Reply::redirect(302, &format!("{}?{}", incoming.path, incoming.query));
        }
        let (client, target) = match self.trusted(params) {
            Ok(trusted) => trusted,
            Err(error) => return self.refuse_on_page(incoming, params, &error),
        };
        match self.checked(client, &target, params) {
            Ok(authorization) => self.ask(authorization, incoming, now),
            Err(error) => self.respond_error(&target, &error, 302),
        }
    }

    /// Client and redirect URI: until they are known to fit, nothing is sent anywhere.
    fn trusted(&self, params: &Params) -> Result<(Arc<Client>, Target), OauthError> {
        let lenient = self.shows(IdpDefect::RepeatedParametersAccepted);
        if let Some(name @ ("client_id" | "redirect_uri")) = params.repeated()
            && !lenient
        {
            return Err(OauthError::new("invalid_request", format!("`{name}` stands there more than once")));
        }
        let id = params.one("client_id").unwrap_or_default();
        let client = match self.client(id) {
            Some(client) => client,
            None if self.shows(IdpDefect::UnknownClientAccepted) => Arc::new(self.settled.first_client().clone()),
            None if id.is_empty() => return Err(OauthError::new("invalid_request", "`client_id` is missing")),
            None => return Err(OauthError::new("invalid_client", format!("no client has the id `{id}`"))),
        };
        let state = params.raw("state").map(|raw| carried(raw, params.one("state").unwrap_or_default()));
        let Some(uri) = params.one("redirect_uri") else {
            return match client.redirect_uris.as_slice() {
                [only] => Ok((Arc::clone(&client), Target { redirect_uri: only.clone(), named: false, state })),
                _ => Err(OauthError::new("invalid_request", "`redirect_uri` is missing")),
            };
        };
        if let Err(problem) = redirects::check(uri) {
            return Err(OauthError::new("invalid_request", format!("redirect_uri: {problem}")));
        }
        let registered = self.document_redirects(&client);
        if !registered && !redirects::allowed(&client.redirect_uris, uri, self.settled.defects()) {
            let problem = format!("redirect_uri `{uri}` is not registered for the client `{}`", client.id);
            return Err(OauthError::new("invalid_request", problem));
        }
        Ok((client, Target { redirect_uri: uri.to_owned(), named: true, state }))
    }

    /// Everything else about the request; what is wrong goes to the redirect URI.
    fn checked(&self, client: Arc<Client>, target: &Target, params: &Params) -> Result<Authorization, OauthError> {
        let invalid = |problem: &str| Err(OauthError::new("invalid_request", problem));
        if let Some(name) = params.repeated()
            && !self.shows(IdpDefect::RepeatedParametersAccepted)
        {
            return invalid(&format!("`{name}` stands there more than once"));
        }
        match params.one("response_type") {
            Some("code") => {}
            _ if self.shows(IdpDefect::ResponseTypeNotChecked) => {}
            None => return invalid("`response_type` is missing"),
            Some(other) => {
                let problem = format!("response_type `{other}` is not `code`");
                return Err(OauthError::new("unsupported_response_type", problem));
            }
        }
        if !client.may(Grant::AuthorizationCode) && !self.shows(IdpDefect::GrantNotChecked) {
            return Err(OauthError::new("unauthorized_client", "the client is not registered for authorization codes"));
        }
        if params.one("response_mode").is_some_and(|mode| mode != "query") {
            return invalid("`response_mode` can only be `query`");
        }
        if params.one("request").is_some() {
            return Err(OauthError::new("request_not_supported", "request objects are not supported"));
        }
        if params.one("request_uri").is_some() {
            return Err(OauthError::new("request_uri_not_supported", "request objects are not supported"));
        }
        if self.settled.config.state == Requirement::Required && params.one("state").is_none() {
            return invalid("`state` is missing");
        }
        let challenge = self.challenge(params)?;
        let scopes = self.scopes(&client, params.one("scope"))?;
        let dead = match (params.one("scope"), self.settled.config.without_scope) {
            (None, WithoutScope::Refuse) => return Err(OauthError::new("invalid_scope", "`scope` is missing")),
            (None, WithoutScope::DeadCode) => true,
            _ => false,
        };
        let resources = self.resources(params.all("resource"), &scopes)?;
        let prompts: Vec<String> = params.one("prompt").unwrap_or_default().split(' ').map(str::to_owned).collect();
        let prompts: Vec<String> = prompts.into_iter().filter(|prompt| !prompt.is_empty()).collect();
        if let Some(unknown) = prompts.iter().find(|prompt| !PROMPTS.contains(&prompt.as_str())) {
            return invalid(&format!("there is no prompt `{unknown}`"));
        }
        if prompts.len() > 1 && prompts.iter().any(|prompt| prompt == "none") {
            return invalid("prompt `none` cannot stand beside others");
        }
        let text = |name: &str| params.one(name).map(str::to_owned);
        Ok(Authorization {
            client,
            target: target.clone(),
            scopes,
            resources,
            challenge,
            nonce: text("nonce"),
            prompts,
            login_hint: text("login_hint"),
            offline: params.one("access_type") == Some("offline"),
            dead,
        })
    }

    fn challenge(&self, params: &Params) -> Result<Option<(PkceMethod, String)>, OauthError> {
        let Some(challenge) = params.one("code_challenge") else {
            let needed =
                self.settled.config.pkce == Requirement::Required && !self.shows(IdpDefect::ChallengeNotRequired);
            return match (needed, params.one("code_challenge_method")) {
                (true, _) => Err(OauthError::new("invalid_request", "`code_challenge` is missing")),
                (false, Some(_)) => {
                    Err(OauthError::new("invalid_request", "`code_challenge_method` without `code_challenge`"))
                }
                (false, None) => Ok(None),
            };
        };
        // Without a method it is `plain` (RFC 7636, section 4.3).
        let method = match params.one("code_challenge_method").unwrap_or("plain") {
            "S256" => PkceMethod::S256,
            "plain" => PkceMethod::Plain,
            other => {
                let problem = format!("there is no code_challenge_method `{other}`");
                return Err(OauthError::new("invalid_request", problem));
            }
        };
        let offered = self.settled.config.pkce_methods.contains(&method)
            || (method == PkceMethod::Plain && self.shows(IdpDefect::PlainAccepted));
        if !offered {
            let problem = format!("code_challenge_method `{}` is not offered", method.name());
            return Err(OauthError::new("invalid_request", problem));
        }
        if !is_pkce_value(challenge) {
            return Err(OauthError::new("invalid_request", "`code_challenge` is not 43 to 128 unreserved characters"));
        }
        Ok(Some((method, challenge.to_owned())))
    }

    /// Asks the user, or knows already what the answer is.
    fn ask(&mut self, authorization: Authorization, incoming: &Incoming, now: Duration) -> Reply {
        match self.settled.config.consent {
            Consent::Page => self.ask_on_page(authorization, incoming, now),
            Consent::Deny if !self.shows(IdpDefect::DenialIgnored) => self.respond_denied(&authorization.target, 302),
            Consent::Auto | Consent::Deny => {
                let hint = authorization.login_hint.as_deref();
                let users = &self.settled.config.users;
                let named = users.iter().position(|user| Some(user.username.as_str()) == hint);
                self.grant(authorization, named.unwrap_or(0), now, now, 302)
            }
        }
    }

    /// The user agreed: a new code goes to the client.
    pub(super) fn grant(
        &mut self,
        authorization: Authorization,
        user: usize,
        auth_time: Duration,
        now: Duration,
        status: u16,
    ) -> Reply {
        let code = self.mint();
        let target = authorization.target.clone();
        let grantee = Grantee {
            client: Arc::clone(&authorization.client),
            user: Some(user),
            scopes: authorization.scopes.clone(),
            resources: authorization.resources.clone(),
            nonce: authorization.nonce.clone(),
            auth_time,
            family: self.new_family(),
        };
        let expires_at = now + self.settled.config.tokens.code_lifetime;
        self.codes.insert(code.as_str(), Code { authorization, grantee, expires_at, used: false });
        let pairs: &[(&str, &str)] = if self.shows(IdpDefect::CodeMissing) { &[] } else { &[("code", code.as_str())] };
        self.respond(&target, pairs, false, status)
    }

    pub(super) fn respond_denied(&self, target: &Target, status: u16) -> Reply {
        self.respond_error(target, &OauthError::new("access_denied", "the user refused"), status)
    }

    pub(super) fn respond_error(&self, target: &Target, error: &OauthError, status: u16) -> Reply {
        let pairs = [("error", error.code), ("error_description", error.description.as_str())];
        self.respond(target, &pairs, true, status).with_note(error)
    }

    /// The response: a redirect with these parameters, `state` and `iss`.
    fn respond(&self, target: &Target, pairs: &[(&str, &str)], is_error: bool, status: u16) -> Reply {
        let mut query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if let Some(state) = &target.state
            && !self.shows(IdpDefect::StateDropped)
        {
            let change = if self.shows(IdpDefect::StateAltered) { "x" } else { "" };
            query.push(format!("state={state}{change}"));
        }
        if self.settled.config.iss && !self.shows(IdpDefect::IssMissing) {
            let wrong = if is_error { IdpDefect::IssWrongOnError } else { IdpDefect::IssWrong };
            let issuer = match self.shows(wrong) {
                true => FOREIGN_ORIGIN.to_owned(),
                false if self.shows(IdpDefect::IssWithSlash) => format!("{}/", self.site().issuer()),
                false => self.site().issuer(),
            };
            query.push(format!("iss={}", encoded(&issuer)));
        }
        let base = match self.shows(IdpDefect::RedirectToForeignOrigin) {
            true => format!("{FOREIGN_ORIGIN}/callback"),
            false => target.redirect_uri.clone(),
        };
        let separator = match base.contains('?') {
            _ if self.shows(IdpDefect::CodeInFragment) => '#',
            true => '&',
            false => '?',
        };
        Reply::redirect(status, &format!("{base}{separator}{}", query.join("&")))
    }

    /// What cannot be sent to the client is shown to the user.
    pub(super) fn refuse_on_page(&self, incoming: &Incoming, params: &Params, error: &OauthError) -> Reply {
        if self.shows(IdpDefect::ErrorToUnregistered)
            && let Some(uri) = params.one("redirect_uri").filter(|uri| redirects::check(uri).is_ok())
        {
            let target = Target { redirect_uri: uri.to_owned(), named: true, state: None };
            return self.respond_error(&target, error, 302);
        }
        match incoming.wants_json() {
            true => Reply::error(400, error),
            false => pages::refusal(400, error),
        }
    }

    /// Path of the form that the pages post to.
    pub(super) fn login_path(&self) -> String {
        self.site().path(Endpoint::Login)
    }
}

/// Whether a text can be a verifier or a challenge (RFC 7636, sections 4.1 and 4.2).
pub(super) fn is_pkce_value(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The state as it is sent back: byte for byte, unless it could not stand in a query like that.
fn carried(raw: &str, decoded: &str) -> String {
    match raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        true => raw.to_owned(),
        false => encoded(decoded),
    }
}
