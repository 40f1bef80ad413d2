//! Speaking MCP, and signing in when the server asks for it.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::Problem;
use super::discovery::{Found, discover, strings};
use super::http::{Answer, Http, challenge_parameter};
use super::options::{FOREVER, Options, Switch};
use super::sign_in::{self, SignIn};
use super::store::Stored;

/// Sign-ins for one request before it is hopeless.
const SIGN_INS: usize = 2;
/// Requests for more scope before it is hopeless.
const STEP_UPS: usize = 2;

pub(crate) struct Client {
    options: Options,
    stored: Stored,
    session: Option<String>,
    initialized: bool,
    requests: i64,
    token_shown: bool,
}

impl Client {
    pub(crate) fn new(options: Options) -> Self {
        let stored = Stored::load(&options);
        Self { options, stored, session: None, initialized: false, requests: 0, token_shown: false }
    }

    fn is(&self, switch: Switch) -> bool {
        self.options.is(switch)
    }

    /// Connects, lists the tools, calls one; the result of that.
    pub(crate) async fn work(mut self) -> Result<Value, Problem> {
        let http = Http::new(&self.options)?;
        if !self.options.is_stateless() {
            let params = json!({
                "protocolVersion": self.options.protocol, "capabilities": {},
                "clientInfo": { "name": "careless-client", "version": "1.0.0" },
            });
            self.request(&http, "initialize", params).await?;
            self.initialized = true;
            if !self.is(Switch::NoInitialized) {
                let message = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                self.send(&http, &message).await?;
            }
        }
        self.request(&http, "tools/list", json!({})).await?;
        let tool = std::env::var("GAUNTLET_TOOL").unwrap_or_else(|_| "echo".to_owned());
        let arguments = std::env::var("GAUNTLET_ARGUMENTS").ok().and_then(|text| serde_json::from_str(&text).ok());
        let mut params = json!({ "name": tool, "arguments": arguments.unwrap_or_else(|| json!({})) });
        if self.is(Switch::WrongParams) {
            params["arguments"] = json!("none");
        }
        let result = self.request(&http, "tools/call", params).await?;
        if self.session.is_some() {
            self.exchange(&http, Method::DELETE, None).await?;
        }
        Ok(result)
    }

    /// A request and its result; whatever the server wants first is done.
    async fn request(&mut self, http: &Http, method: &str, params: Value) -> Result<Value, Problem> {
        self.requests += if self.is(Switch::SameId) { i64::from(self.requests == 0) } else { 1 };
        let id = if self.is(Switch::NullId) { Value::Null } else { self.requests.into() };
        let version = if self.is(Switch::OldJsonrpc) { "1.0" } else { "2.0" };
        let mut message = json!({ "jsonrpc": version, "id": id, "method": method, "params": params });
        if self.options.is_stateless() && !self.is(Switch::NoMeta) {
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.options.protocol,
                "io.modelcontextprotocol/clientInfo": { "name": "careless-client", "version": "1.0.0" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let answer = self.send(http, &message).await?;
        let answer = answer.message(&id).ok_or_else(|| format!("{method} was answered with {}", answer.status))?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(format!("{method} was answered with {answer}")),
        }
    }

    /// Posts a message, and signs in or asks for more scope as often as that can help.
    async fn send(&mut self, http: &Http, message: &Value) -> Result<Answer, Problem> {
        let (mut refreshed, mut sign_ins, mut step_ups) = (false, 0, 0);
        let most = |forever: bool, usual: usize| if forever { FOREVER } else { usual };
        loop {
            let answer = self.exchange(http, Method::POST, Some(message)).await?;
            let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
            let lacks_scope = challenge_parameter(&challenge, "error").is_some_and(|e| e == "insufficient_scope");
            match answer.status {
                401 if self.is(Switch::GivesUpOn401) => return Err("the server refuses".to_owned()),
                401 if self.stored.refresh_token.is_some() && !refreshed && !self.is(Switch::NoRefresh) => {
                    refreshed = true;
                    if sign_in::refresh(http, &self.options, &mut self.stored).await.is_err() {
                        self.stored.refresh_token = None;
                    }
                }
                401 if sign_ins < most(self.is(Switch::RetriesForever), SIGN_INS) => {
                    sign_ins += 1;
                    self.sign_in(http, &challenge, &[]).await?;
                    refreshed = true;
                }
                403 if lacks_scope
                    && !self.is(Switch::NoStepUp)
                    && step_ups < most(self.is(Switch::StepUpForever), STEP_UPS) =>
                {
                    step_ups += 1;
                    let earlier = if self.is(Switch::StepUpForgets) { Vec::new() } else { self.stored.scopes.clone() };
                    self.sign_in(http, &challenge, &earlier).await?;
                }
                200..=299 => return Ok(answer),
                status => return Err(format!("the server answered {status} {challenge}")),
            }
        }
    }

    async fn sign_in(&mut self, http: &Http, challenge: &str, earlier: &[String]) -> Result<(), Problem> {
        let found = discover(http, &self.options, challenge).await?;
        let scopes = self.scopes(&found, challenge, earlier);
        let sign_in = SignIn { http, options: &self.options, found: &found };
        sign_in.run(&mut self.stored, &scopes).await?;
        if self.is(Switch::TokenToProvider) {
            let token = format!("Bearer {}", self.stored.access_token.as_deref().unwrap_or_default());
            http.get(&found.metadata_url, &[("authorization", &token)]).await?;
        }
        Ok(())
    }

    /// What is challenged, else what the server lists, besides what was asked for before.
    fn scopes(&self, found: &Found, challenge: &str, earlier: &[String]) -> Vec<String> {
        if self.is(Switch::NoScope) {
            return Vec::new();
        }
        if self.is(Switch::AsksEverything) {
            return strings(&found.metadata, "scopes_supported").unwrap_or_default();
        }
        let challenged = challenge_parameter(challenge, "scope").filter(|_| !self.is(Switch::IgnoresChallengedScope));
        let wanted = match challenged {
            Some(text) => text.split(' ').map(str::to_owned).collect(),
            None => found.scopes.clone().unwrap_or_default(),
        };
        let mut scopes = earlier.to_vec();
        scopes.extend(wanted.into_iter().filter(|scope| !earlier.contains(scope)));
        scopes
    }

    async fn exchange(&mut self, http: &Http, method: Method, message: Option<&Value>) -> Result<Answer, Problem> {
        let mut url: Url = self.options.server.clone();
        let mut headers: Vec<(&str, String)> = Vec::new();
        if message.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        if !self.is(Switch::NoAccept) {
            headers.push(("accept", "application/json, text/event-stream".to_owned()));
        }
        let member = |pointer: &str| message.and_then(|m| m.pointer(pointer)).and_then(Value::as_str);
        let knows_version = self.initialized || self.options.is_stateless();
        if knows_version && !self.is(Switch::NoVersionHeader) {
            headers.push(("mcp-protocol-version", self.options.protocol.clone()));
        }
        if let (true, Some(name)) = (self.options.is_stateless(), member("/method")) {
            headers.push(("mcp-method", name.to_owned()));
            if let Some(tool) = member("/params/name") {
                headers.push(("mcp-name", tool.to_owned()));
            }
        }
        if let (Some(session), false) = (&self.session, self.is(Switch::NoSessionId)) {
            headers.push(("mcp-session-id", session.clone()));
        }
        if let Some(token) = self.stored.access_token.clone()
            && !(self.is(Switch::TokenOnce) && self.token_shown)
        {
            if self.is(Switch::TokenInQuery) || self.is(Switch::TokenInBoth) {
                url.query_pairs_mut().append_pair("access_token", &token);
            }
            if !self.is(Switch::TokenInQuery) {
                let scheme = if self.is(Switch::OtherScheme) { "" } else { "Bearer " };
                headers.push(("authorization", format!("{scheme}{token}")));
            }
            self.token_shown = true;
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = http.send(method, &url, &headers, message.map(Value::to_string)).await?;
        if let Some(session) = answer.header("mcp-session-id") {
            self.session = Some(session.to_owned());
        }
        Ok(answer)
    }
}
