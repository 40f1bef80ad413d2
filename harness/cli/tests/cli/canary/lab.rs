//! A provider and a gateway in this process, and what their journals know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::form_urlencoded::parse;

use super::hunt::Secrets;

/// Parameters and members that are secret.
const SECRET: [&str; 14] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "code",
    "code_verifier",
    "state",
    "client_secret",
    "client_assertion",
    "registration_access_token",
    "password",
    "assertion",
    "csrf",
    "device_code",
];

/// The mocks that the command is set on.
pub(super) struct Lab {
    pub gateway: MockHandle,
    pub idp: MockHandle,
    runtime: Runtime,
}

impl Lab {
    /// A gateway whose `whoami` shows the caller's token, and asks more scopes for `echo` than a first sign-in gets.
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let start = |name: &'static str, config| {
            runtime.block_on(gauntlet_mocks::start(name, StartOptions { config, ..StartOptions::default() })).unwrap()
        };
        let idp = start("idp", json!({}));
        let gateway = start(
            "agentcore-gateway",
            json!({
                "authorizer": "jwt",
                "discovery_url": idp.vars()["discovery_url"],
                "required_scopes": { "Demo___echo": ["gateway/admin"] },
                "challenge_scopes": ["gateway/invoke"],
                "defects": ["leaks-token"],
            }),
        );
        Self { gateway, idp, runtime }
    }

    pub(super) fn var(&self, name: &str) -> String {
        self.idp.vars()[name].as_str().unwrap().to_owned()
    }

    /// Lets the mocks misbehave.
    pub(super) fn misbehave(&self, idp: &Value, gateway: &Value) {
        self.runtime.block_on(self.idp.control(idp)).unwrap();
        self.runtime.block_on(self.gateway.control(gateway)).unwrap();
    }

    /// Every secret that the mocks handed out or were told.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for entry in self.idp.journal().entries().iter().chain(&self.gateway.journal().entries()) {
            url(&mut secrets, &entry.target);
            credentials(&mut secrets, &entry.headers);
            body(&mut secrets, &entry.body);
            if let Some(response) = &entry.response {
                response.headers.iter().filter(|(n, _)| n == "location").for_each(|(_, v)| url(&mut secrets, v));
                body(&mut secrets, &response.body);
            }
        }
        for value in self.idp.secrets().iter().chain(&self.gateway.secrets()) {
            secrets.add("of a mock", value);
            value.lines().filter(|line| !line.starts_with("-----")).for_each(|line| secrets.add("of a mock", line));
        }
        secrets
    }

    /// The challenges of PKCE: as long and as random as verifiers, and no secret.
    pub(super) fn challenges(&self) -> Secrets {
        let mut challenges = Secrets::default();
        for entry in self.idp.journal().entries() {
            let query = entry.target.split_once('?').map_or("", |(_, query)| query);
            parse(query.as_bytes()).filter(|(n, _)| n == "code_challenge").for_each(|(n, v)| challenges.add(&n, &v));
        }
        challenges
    }
}

fn pairs(secrets: &mut Secrets, text: &[u8]) {
    for (name, value) in parse(text).filter(|(name, _)| SECRET.contains(&&**name)) {
        secrets.add(&name, &value);
    }
}

fn url(secrets: &mut Secrets, url: &str) {
    url.split(['?', '#']).skip(1).for_each(|part| pairs(secrets, part.as_bytes()));
}

fn credentials(secrets: &mut Secrets, headers: &[(String, String)]) {
    for (_, value) in headers.iter().filter(|(name, _)| name == "authorization") {
        let Some((scheme, credentials)) = value.split_once(' ') else { continue };
        secrets.add(scheme, credentials);
        let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
            secrets.add("client_secret", password);
        }
    }
}

fn body(secrets: &mut Secrets, bytes: &[u8]) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(members)) => {
            for (name, value) in members.iter().filter(|(name, _)| SECRET.contains(&name.as_str())) {
                secrets.add(name, value.as_str().unwrap_or_default());
            }
        }
        _ => pairs(secrets, bytes),
    }
}
