//! The systems that are recorded, wired as their operators wire them.

use serde_json::{Map, Value, json};

use super::process::Mock;
use super::recorder::{Recorder, ask};
use crate::support::Folder;

/// What systems behind gateways are called.
const UPSTREAMS: [&str; 5] = ["runtime", "aws", "sts", "idp", "upstream"];

/// A gateway under test.
pub(in super::super) struct Gateway {
    /// What its users send.
    pub(in super::super) headers: Vec<(String, String)>,
    /// What nobody may see.
    pub(in super::super) secrets: Vec<String>,
    /// What stands in the texts of stories as `<<name>>`.
    words: Vec<(&'static str, String)>,
    recorder: Option<Recorder>,
    mocks: Vec<Mock>,
}

/// What is wrong, and under which conditions.
pub(in super::super) struct Conditions<'a> {
    /// The mock and its defect.
    pub(in super::super) defect: (&'a str, &'a str),
    /// As `given` of a scenario: configuration of the gateway, or by name of a system behind it.
    pub(in super::super) given: Value,
    /// Whether what is behind is recorded too.
    pub(in super::super) both_sides: bool,
}

impl Conditions<'_> {
    /// The configuration of a mock: what is usual, what is given, what is wrong.
    fn config(&self, mock: &str, usual: Value, given: Option<&Value>) -> Value {
        let mut config = usual;
        let given = given.and_then(Value::as_object).cloned().unwrap_or_default();
        config.as_object_mut().unwrap().extend(given);
        if self.defect.0 == mock {
            config["defects"] = json!([self.defect.1]);
        }
        config
    }

    /// What is given to the gateway itself.
    fn own(&self) -> Value {
        let mut own: Map<String, Value> = self.given.as_object().cloned().unwrap_or_default();
        own.retain(|name, _| !UPSTREAMS.contains(&name.as_str()));
        Value::Object(own)
    }
}

impl Gateway {
    pub(in super::super) fn start(folder: &Folder, role: &str, conditions: &Conditions<'_>) -> Self {
        let mut gateway = Self {
            headers: vec![("accept".to_owned(), "application/json, text/event-stream".to_owned())],
            secrets: Vec::new(),
            words: Vec::new(),
            recorder: None,
            mocks: Vec::new(),
        };
        match role {
            "kiro-gateway" => gateway.kiro(folder, conditions),
            "aws-proxy" => gateway.signing(folder, conditions),
            "remote-proxy" => gateway.remote(folder, conditions),
            "gateway" => gateway.plain(folder, conditions),
            "agentcore-gateway" => gateway.agentcore(folder, conditions),
            "agentcore-jwt" => gateway.signed_in(folder, conditions),
            "idp" => gateway.provider(folder, conditions),
            "kiro-runtime" => gateway.runtime(folder, conditions),
            other => gateway.alone(folder, other, conditions),
        }
        gateway
    }

    /// A text of a story, with what is another for each gateway.
    pub(in super::super) fn filled(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<<{name}>>"), value))
    }

    /// A word for the texts that follow.
    pub(in super::super) fn learns(&mut self, name: &'static str, value: &str) {
        self.words.retain(|(known, _)| *known != name);
        self.words.push((name, value.to_owned()));
    }

    /// The recorder in front of it, which may stand behind it as well.
    pub(in super::super) fn recorder(&self) -> &Recorder {
        self.recorder.as_ref().unwrap()
    }

    /// Ends all of it; gives what the recorder said.
    pub(in super::super) fn end(self) -> String {
        self.recorder.unwrap().end()
    }

    /// What clients of the gateway send of credentials.
    fn takes(&mut self, header: &str, scheme: &str, secret: &str) {
        self.headers.push((header.to_owned(), format!("{scheme}{secret}")));
        self.secrets.push(secret.to_owned());
    }

    /// Starts what is behind; gives it.
    fn upstream(&mut self, folder: &Folder, conditions: &Conditions<'_>, behind: Behind) -> Upstream {
        let config = conditions.config(behind.mock, behind.usual, conditions.given.get(behind.name));
        let mock = Mock::start(folder, behind.mock, &config).unwrap();
        let origin = mock.origin();
        self.mocks.push(mock);
        Upstream { name: behind.name, mock: self.mocks.len() - 1, origin }
    }

    /// Starts the gateway and the recorder. `config` has the origins of what is behind, in the order of `behind`.
    fn itself(
        &mut self,
        folder: &Folder,
        mock: &str,
        conditions: &Conditions<'_>,
        behind: &[Upstream],
        config: &dyn Fn(&[String]) -> Value,
    ) {
        let own = conditions.own();
        let configured = |origins: &[String]| conditions.config(mock, config(origins), Some(&own));
        if !conditions.both_sides {
            let origins: Vec<String> = behind.iter().map(|behind| behind.origin.clone()).collect();
            let gateway = Mock::start(folder, mock, &configured(&origins)).unwrap();
            self.recorder = Some(Recorder::start(folder, &gateway.origin(), &[]));
            self.mocks.push(gateway);
            return;
        }
        // The recorder has to know where the gateway will be, and the gateway where the recorder is. The port that is free now may be
        // somebody else's when the gateway comes.
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let recorder = Recorder::start(folder, &format!("http://127.0.0.1:{port}"), behind);
            if let Some(gateway) = Mock::start_at(folder, mock, &configured(recorder.behind()), port) {
                self.recorder = Some(recorder);
                self.mocks.push(gateway);
                return;
            }
            recorder.forget();
            std::fs::remove_file(folder.path("bug.har")).unwrap();
        }
        panic!("no port is free for {mock}");
    }

    fn last(&self) -> &Mock {
        self.mocks.last().unwrap()
    }

    fn kiro(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        let behind = Behind { name: "runtime", mock: "kiro-runtime", usual: json!({}) };
        let runtime = self.upstream(folder, conditions, behind);
        let credentials = self.mocks[runtime.mock].var("credentials");
        self.itself(
            folder,
            "kiro-gateway",
            conditions,
            &[runtime],
            &|origins| json!({ "upstreams": { "runtime": origins[0] }, "credentials": credentials }),
        );
        let key = self.last().text("api_key");
        self.takes("x-api-key", "", &key);
    }

    /// A proxy that signs with the credentials of two profiles.
    fn signing(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        let aws = self.upstream(folder, conditions, Behind { name: "aws", mock: "aws-mcp", usual: json!({}) });
        let profile = |name: &str, region: &str| {
            let key = |member: &str| self.mocks[aws.mock].var(&format!("{name}_{member}"));
            json!({
                "access_key_id": key("access_key_id"), "secret_access_key": key("secret_access_key"),
                "session_token": key("session_token"), "region": region,
            })
        };
        let profiles = json!({ "dev": profile("dev", "eu-central-1"), "prod": profile("prod", "us-west-2") });
        self.itself(
            folder,
            "aws-proxy",
            conditions,
            &[aws],
            &|origins| json!({ "upstreams": { "aws": origins[0] }, "profiles": profiles, "allowed": ["dev", "prod"] }),
        );
        self.open();
    }

    /// A proxy whose callers sign in, and who get a role for each request.
    fn remote(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        const AUDIENCE: &str = "remote-proxy";
        let role = "arn:aws:iam::123456789012:role/Reader";
        let usual = json!({ "audience": AUDIENCE, "resource_parameter": "ignore" });
        let idp = Mock::start(folder, "idp", &conditions.config("idp", usual, conditions.given.get("idp"))).unwrap();
        let (issuer, provider) = (idp.text("issuer"), idp.text("provider_name"));
        let token = token(&idp);
        self.mocks.push(idp);
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": { "Federated": format!("arn:aws:iam::123456789012:oidc-provider/{provider}") },
        }] });
        let usual = json!({
            "issuer": issuer, "audiences": [AUDIENCE],
            "roles": [{ "arn": role, "trust_policy": trust, "max_session": "12h" }],
        });
        let sts = self.upstream(folder, conditions, Behind { name: "sts", mock: "sts", usual });
        let aws = self.upstream(folder, conditions, Behind { name: "aws", mock: "aws-mcp", usual: json!({}) });
        self.itself(folder, "remote-proxy", conditions, &[sts, aws], &|origins| {
            json!({
                "upstreams": { "idp": issuer, "sts": origins[0], "aws": format!("{}/mcp", origins[1]) },
                "audience": AUDIENCE, "fallback_role_arn": role,
            })
        });
        self.takes("authorization", "Bearer ", &token);
    }

    fn plain(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        let behind = Behind { name: "upstream", mock: "mcp-server", usual: json!({}) };
        let upstream = self.upstream(folder, conditions, behind);
        self.itself(
            folder,
            "gateway",
            conditions,
            &[upstream],
            &|origins| json!({ "upstreams": { "upstream": origins[0] } }),
        );
        self.open();
    }

    fn agentcore(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        self.itself(folder, "agentcore-gateway", conditions, &[], &|_| json!({}));
        let token = self.last().text("token");
        self.words.push(("unscoped", self.last().text("unscoped_token")));
        self.takes("authorization", "Bearer ", &token);
    }

    /// One that takes the tokens of a provider.
    fn signed_in(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        let idp =
            Mock::start(folder, "idp", &conditions.config("idp", json!({}), conditions.given.get("idp"))).unwrap();
        let (discovery_url, token) = (idp.text("discovery_url"), token(&idp));
        self.mocks.push(idp);
        self.itself(
            folder,
            "agentcore-gateway",
            conditions,
            &[],
            &|_| json!({ "authorizer": "jwt", "discovery_url": discovery_url }),
        );
        self.takes("authorization", "Bearer ", &token);
    }

    fn provider(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        self.itself(folder, "idp", conditions, &[], &|_| json!({}));
    }

    fn runtime(&mut self, folder: &Folder, conditions: &Conditions<'_>) {
        self.itself(folder, "kiro-runtime", conditions, &[], &|_| json!({}));
        let token = self.last().text("token");
        self.words.push(("arn", self.last().text("arn")));
        self.takes("authorization", "Bearer ", &token);
    }

    fn alone(&mut self, folder: &Folder, mock: &str, conditions: &Conditions<'_>) {
        self.itself(folder, mock, conditions, &[], &|_| json!({}));
        self.open();
    }

    /// One that asks for no credentials; its client sends a token all the same.
    fn open(&mut self) {
        self.takes("authorization", "Bearer ", "canary-of-the-client-0815-4711");
    }
}

/// A system behind a gateway.
struct Behind {
    name: &'static str,
    mock: &'static str,
    usual: Value,
}

/// A system behind a gateway that has started.
pub(super) struct Upstream {
    pub(super) name: &'static str,
    mock: usize,
    pub(super) origin: String,
}

/// A token of the provider for a service.
fn token(idp: &Mock) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        idp.text("service_client_id"),
        idp.text("service_client_secret")
    );
    let answer = ask(idp.origin().trim_start_matches("http://"), "POST /v1/token", &form, &[]);
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}
