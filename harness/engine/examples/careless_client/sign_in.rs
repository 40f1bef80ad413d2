//! A sign-in: registration, authorization request, redirect, token request; and the refresh.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use url::Url;
use url::form_urlencoded::Serializer;

use super::Problem;
use super::discovery::{Found, strings};
use super::http::Http;
use super::options::{Options, Switch};
use super::store::Stored;

/// How long the user may take; the user of a test client is quick.
const PATIENCE: Duration = Duration::from_secs(5);

type Parameters = Vec<(&'static str, String)>;

pub(crate) struct SignIn<'a> {
    pub http: &'a Http,
    pub options: &'a Options,
    pub found: &'a Found,
}

impl SignIn<'_> {
    fn is(&self, switch: Switch) -> bool {
        self.options.is(switch)
    }

    /// Makes the user sign in; the tokens are in `stored` then.
    pub(crate) async fn run(&self, stored: &mut Stored, scopes: &[String]) -> Result<(), Problem> {
        let listener = TcpListener::bind(("127.0.0.1", self.options.port)).await.map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let redirect = match self.is(Switch::ForeignRedirect) {
            true => "http://client.example.com/callback".to_owned(),
            false => format!("http://127.0.0.1:{port}/callback"),
        };
        self.identify(stored, &redirect).await?;
        let client_id = stored.client_id.clone().unwrap_or_default();

        let verifier = match () {
            () if self.is(Switch::SameVerifier) => "0123456789".repeat(5),
            () if self.is(Switch::ShortVerifier) => random()?[..20].to_owned(),
            () => random()?,
        };
        let state = if self.is(Switch::SameState) { "the-state-of-the-client".to_owned() } else { random()? };
        let mut url = self.found.authorization_endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code").append_pair("client_id", &client_id);
            query.append_pair("redirect_uri", &redirect);
            if !self.is(Switch::NoState) {
                query.append_pair("state", &state);
            }
            if self.is(Switch::PlainPkce) {
                query.append_pair("code_challenge", &verifier).append_pair("code_challenge_method", "plain");
            } else if !self.is(Switch::NoPkce) {
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
                query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
            }
            if !self.is(Switch::NoResource) && !self.is(Switch::NoResourceInAuthorization) {
                query.append_pair("resource", &self.resource());
            }
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes.join(" "));
            }
        }
        open(&url);
        let answer = tokio::time::timeout(PATIENCE, redirected(&listener)).await;
        let answer = answer.map_err(|_| "nobody signed in".to_owned())??;
        let code = self.check(&answer, &state)?;

        let redirect = if self.is(Switch::OtherRedirectInToken) { format!("{redirect}/other") } else { redirect };
        let mut parameters =
            vec![("grant_type", "authorization_code".to_owned()), ("code", code), ("redirect_uri", redirect)];
        if !self.is(Switch::NoPkce) {
            let verifier = if self.is(Switch::WrongVerifier) { random()? } else { verifier };
            parameters.push(("code_verifier", verifier));
        }
        if !self.is(Switch::NoResource) && !self.is(Switch::NoResourceInToken) {
            parameters.push(("resource", self.resource()));
        }
        stored.token_endpoint = self.found.token_endpoint.to_string();
        let tokens = token(self.http, self.options, Some(self.found), stored, &parameters).await?;
        if self.is(Switch::CodeTwice) {
            // Whatever comes of it.
            let _ = token(self.http, self.options, Some(self.found), stored, &parameters).await;
        }
        keep(self.options, stored, &tokens)?;
        stored.scopes = scopes.to_vec();
        stored.save(self.options)
    }

    fn resource(&self) -> String {
        resource(self.options)
    }

    /// Makes sure that the authorization server knows the client: from before, by its document, or now.
    async fn identify(&self, stored: &mut Stored, redirect: &str) -> Result<(), Problem> {
        let issuer = &self.found.issuer;
        if stored.issuer != *issuer && !self.is(Switch::MixesIssuers) {
            *stored = Stored::default();
        }
        stored.issuer.clone_from(issuer);
        let metadata = &self.found.metadata;
        let takes_documents = metadata.get("client_id_metadata_document_supported") == Some(&Value::Bool(true));
        match (&self.options.client_id, &self.options.metadata_url) {
            (Some(id), _) if !self.is(Switch::AlwaysRegisters) => {
                stored.client_id = Some(id.clone());
                stored.client_secret.clone_from(&self.options.client_secret);
                return Ok(());
            }
            (_, Some(url)) if takes_documents && !self.is(Switch::NeverUsesDocument) => {
                stored.client_id = Some(url.clone());
                return Ok(());
            }
            _ if stored.client_id.is_some() && !self.is(Switch::AlwaysRegisters) => return Ok(()),
            _ => {}
        }
        let endpoint = metadata.get("registration_endpoint").and_then(Value::as_str);
        let endpoint = endpoint.ok_or_else(|| format!("{issuer} knows no such client and registers none"))?;
        let redirect = match self.is(Switch::RegistersOtherRedirect) {
            true => "http://127.0.0.1/other",
            false => redirect,
        };
        let mut body = json!({
            "client_name": "Careless client", "redirect_uris": [redirect], "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
            "application_type": if self.is(Switch::WebApplicationType) { "web" } else { "native" },
        });
        if let (true, Some(body)) = (self.is(Switch::NoApplicationType), body.as_object_mut()) {
            body.shift_remove("application_type");
        }
        let url = Url::parse(endpoint).map_err(|e| format!("`{endpoint}`: {e}"))?;
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        let answer = self.http.send(Method::POST, &url, &headers, Some(body.to_string())).await?;
        let registered = answer.json().filter(|_| matches!(answer.status, 200 | 201)).unwrap_or_default();
        let member = |name: &str| registered.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = member("client_id").ok_or_else(|| format!("the registration was answered with {}", answer.status))?;
        stored.client_id = Some(if self.is(Switch::ForgetsRegistration) { format!("{id}-other") } else { id });
        stored.client_secret = member("client_secret");
        Ok(())
    }

    /// The code of an answer that is meant for this request (RFC 9207, RFC 6749 section 4.1.2).
    fn check(&self, answer: &[(String, String)], state: &str) -> Result<String, Problem> {
        let member = |name: &str| answer.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let promised = self.found.metadata.get("authorization_response_iss_parameter_supported") == Some(&true.into());
        let issuer = self.found.issuer.as_str();
        let foreign = member("iss").is_some_and(|iss| {
            let slash = self.is(Switch::NormalizesIss) && iss.trim_end_matches('/') == issuer.trim_end_matches('/');
            iss != issuer && !slash
        });
        if let (true, true, Some(error)) = (foreign, self.is(Switch::ShowsForeignError), member("error")) {
            return Err(format!(
                "the sign-in was refused: {error} {}",
                member("error_description").unwrap_or_default()
            ));
        }
        if foreign && !self.is(Switch::IgnoresIss) {
            return Err(format!("the answer does not come from {issuer}"));
        }
        if member("iss").is_none() && ((promised && !self.is(Switch::IgnoresMissingIss)) || self.is(Switch::DemandsIss))
        {
            return Err(format!("the answer does not say that it comes from {issuer}"));
        }
        if member("state") != Some(state) && !self.is(Switch::IgnoresState) && !self.is(Switch::NoState) {
            return Err("the answer belongs to another sign-in".to_owned());
        }
        if let Some(error) = member("error") {
            return Err(format!("the sign-in was refused: {error}"));
        }
        member("code").map(str::to_owned).ok_or_else(|| "the answer has no code".to_owned())
    }
}

/// A new access token for the refresh token.
pub(crate) async fn refresh(http: &Http, options: &Options, stored: &mut Stored) -> Result<(), Problem> {
    let refresh_token = stored.refresh_token.clone().ok_or("there is no refresh token")?;
    let mut parameters = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token)];
    if !options.is(Switch::NoResource) && !options.is(Switch::NoResourceInRefresh) {
        parameters.push(("resource", resource(options)));
    }
    let tokens = token(http, options, None, stored, &parameters).await?;
    keep(options, stored, &tokens)?;
    stored.save(options)
}

/// The canonical URI of the server.
fn resource(options: &Options) -> String {
    let mut url = options.server.clone();
    url.set_fragment(options.is(Switch::FragmentResource).then_some("tools"));
    if options.is(Switch::WrongResource) { format!("{url}/tools") } else { url.to_string() }
}

async fn token(
    http: &Http,
    options: &Options,
    found: Option<&Found>,
    stored: &Stored,
    parameters: &Parameters,
) -> Result<Value, Problem> {
    let mut url = Url::parse(&stored.token_endpoint).map_err(|e| format!("`{}`: {e}", stored.token_endpoint))?;
    let id = stored.client_id.clone().unwrap_or_default();
    let mut parameters = parameters.clone();
    let mut basic = None;
    match &stored.client_secret {
        None => parameters.push(("client_id", id)),
        Some(secret) => {
            let methods = found.and_then(|f| strings(&f.metadata, "token_endpoint_auth_methods_supported"));
            // What a server offers that does not say (RFC 8414 section 2).
            let methods = methods.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]);
            if methods.iter().any(|m| m == "client_secret_basic") && !options.is(Switch::AlwaysPost) {
                basic = Some(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))));
            } else {
                parameters.push(("client_id", id));
                parameters.push(("client_secret", secret.clone()));
            }
        }
    }
    let form = Serializer::new(String::new()).extend_pairs(parameters).finish();
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
    if let Some(basic) = &basic {
        headers.push(("authorization", basic));
    }
    let body = if options.is(Switch::TokenRequestInQuery) {
        url.set_query(Some(&form));
        String::new()
    } else {
        form
    };
    let answer = http.send(Method::POST, &url, &headers, Some(body)).await?;
    let document = answer.json().unwrap_or_default();
    let is_bearer = |kind: &Value| kind.as_str().is_some_and(|k| k.eq_ignore_ascii_case("bearer"));
    if answer.status == 200
        && document.get("access_token").is_some()
        && document.get("token_type").is_some_and(is_bearer)
    {
        return Ok(document);
    }
    let error = document.get("error").and_then(Value::as_str).unwrap_or("no token");
    Err(format!("the token request was answered with {}: {error}", answer.status))
}

fn keep(options: &Options, stored: &mut Stored, tokens: &Value) -> Result<(), Problem> {
    let member = |name: &str| tokens.get(name).and_then(Value::as_str).map(str::to_owned);
    stored.access_token = Some(member("access_token").ok_or("the access token is no text")?);
    let keeps = options.is(Switch::KeepsOldRefreshToken) && stored.refresh_token.is_some();
    if let (Some(token), false) = (member("refresh_token"), keeps) {
        stored.refresh_token = Some(token);
    }
    Ok(())
}

/// Shows the page to the user, and asks for a browser.
fn open(url: &Url) {
    eprintln!("Please sign in at:\n{url}");
    if let Ok(browser) = std::env::var("BROWSER") {
        let mut command = std::process::Command::new(browser);
        // The user can still take the URL from the screen.
        let _ = command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

/// The parameters with which the browser comes back.
async fn redirected(listener: &TcpListener) -> Result<Vec<(String, String)>, Problem> {
    loop {
        let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.map_err(|e| e.to_string())?;
        let path = line.split(' ').nth(1).unwrap_or_default();
        let (status, page) = match path.starts_with("/callback") {
            true => ("200 OK", "You can close this window."),
            false => ("404 Not Found", ""),
        };
        let length = page.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n");
        // The rest of the request is of no interest; neither is a browser that has gone.
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{page}").as_bytes()).await;
        if path.starts_with("/callback") {
            let query = path.split_once('?').map_or("", |(_, query)| query);
            return Ok(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect());
        }
    }
}

/// 43 characters that nobody can guess.
fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| e.to_string())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
