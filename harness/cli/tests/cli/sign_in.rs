//! `gauntlet probe --sign-in` on the embedded mocks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{Folder, Running, Said, nowhere, response, said, serve};

/// A gateway that takes the tokens of an OpenID provider beside it.
pub(crate) struct Lab {
    pub(crate) gateway: MockHandle,
    idp: MockHandle,
    _runtime: Runtime,
}

impl Lab {
    fn start(gateway: &Value, idp: Value) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let start = |name: &'static str, config| {
            runtime.block_on(gauntlet_mocks::start(name, StartOptions { config, ..StartOptions::default() })).unwrap()
        };
        let idp = start("idp", idp);
        let discovery_url = format!("{}/.well-known/openid-configuration", idp.url().trim_end_matches('/'));
        let mut config = json!({ "authorizer": "jwt", "discovery_url": discovery_url });
        config.as_object_mut().unwrap().extend(gateway.as_object().unwrap().clone());
        let gateway = start("agentcore-gateway", config);
        Self { gateway, idp, _runtime: runtime }
    }

    pub(crate) fn ordinary() -> Self {
        Self::start(&json!({}), json!({}))
    }

    pub(crate) fn var(&self, name: &str) -> String {
        self.idp.vars()[name].as_str().unwrap().to_owned()
    }

    /// Requests to the provider, as method and path.
    pub(crate) fn at_the_provider(&self, wanted: &str) -> usize {
        let entries = self.idp.journal().entries();
        entries.iter().filter(|e| format!("{} {}", e.method, e.target).starts_with(wanted)).count()
    }

    /// What the provider issued.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.idp.secrets()
    }

    fn probe(&self, arguments: &[&str]) -> Said {
        Folder::new(&[]).run(&[&["probe", self.gateway.url(), "--sign-in"], arguments].concat())
    }
}

#[test]
fn a_target_with_oauth_is_visited() {
    let said = Folder::new(&[]).run(&["probe", "agentcore-jwt"]);
    said.assert_code(0).assert_says("found by header").assert_says("gauntlet-public by configuration");
    said.assert_says("version          2026-07-28").assert_says("called           Demo___echo: result");
}

#[test]
fn a_client_that_nobody_knows_registers_itself() {
    let lab = Lab::ordinary();
    let said = lab.probe(&["--json", "--call", "Demo___whoami"]);
    let report: Value = serde_json::from_str(&said.assert_code(0).out).unwrap();
    assert_eq!(report["sign_in"]["registered_by"], "dynamic registration");
    assert_eq!(report["sign_in"]["issuer"], lab.var("issuer"));
    assert_eq!(report["sign_in"]["obtained_after"], json!([401]));
    assert_eq!(report["calls"].as_array().unwrap().len(), 1);
    assert_eq!(report["problem"], Value::Null);
}

#[test]
fn each_version_is_visited_as_it_is_opened() {
    let lab = Lab::ordinary();
    for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        let before = lab.gateway.journal().next_sequence();
        lab.probe(&["--mcp-version", version]).assert_code(0).assert_says(&format!("version          {version}"));
        let opened = lab.gateway.journal().since(before).iter().any(|entry| {
            let body: Value = serde_json::from_slice(&entry.body).unwrap_or_default();
            body["method"] == "initialize" && body["params"]["protocolVersion"] == version
        });
        assert_eq!(opened, version < "2026-07-28", "{version}");
    }
}

#[test]
fn a_client_is_let_in_by_its_own_credentials() {
    let lab = Lab::ordinary();
    let (id, secret) = (lab.var("service_client_id"), lab.var("service_client_secret"));
    let auth = json!({ "oauth": { "client_id": id, "client_secret": "${env:SERVICE_SECRET}", "grant": "client_credentials" } });
    let folder = Folder::new(&[]);
    let mut command = folder.command(&["probe", lab.gateway.url(), "-vv", "--auth", &auth.to_string()]);
    // Whatever is asked to talk must not tell a secret.
    command.env("SERVICE_SECRET", &secret).env("RUST_LOG", "trace").env("GAUNTLET_LOG", "trace");
    let said = said(&command.output().unwrap());
    said.assert_code(0).assert_says("gauntlet-service by configuration");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 0);
    let secrets = lab.idp.secrets();
    assert!(secrets.contains(&secret) && secrets.len() > 1, "the provider issued no token");
    for secret in secrets {
        assert!(!said.both().contains(&secret), "a secret in\n{}", said.both());
    }
}

#[test]
fn tokens_and_codes_of_a_sign_in_are_not_told() {
    let lab = Lab::ordinary();
    let folder = Folder::new(&[]);
    let mut command = folder.command(&["probe", lab.gateway.url(), "--sign-in", "-vv", "--json"]);
    let said = said(&command.env("RUST_LOG", "trace").env("GAUNTLET_LOG", "trace").output().unwrap());
    said.assert_code(0);
    let exchanged = lab.idp.journal().entries();
    let form = exchanged.iter().find(|e| e.target == "/v1/token").map(|e| e.body.clone()).unwrap();
    let mut secrets: Vec<String> = url::form_urlencoded::parse(&form)
        .filter(|(name, _)| matches!(&**name, "code" | "code_verifier"))
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(secrets.len(), 2);
    secrets.extend(lab.idp.secrets());
    for secret in secrets {
        assert!(!said.both().contains(&secret), "a secret in\n{}", said.both());
    }
}

#[test]
fn a_step_up_is_made_and_told() {
    let scopes =
        json!({ "required_scopes": { "Demo___echo": ["gateway/admin"] }, "challenge_scopes": ["gateway/invoke"] });
    let lab = Lab::start(&scopes, json!({}));
    let said = lab.probe(&["--call", "Demo___echo"]);
    said.assert_code(0).assert_says("after HTTP 401, then 403: gateway/invoke offline_access gateway/admin");
}

#[test]
fn scopes_that_never_suffice_are_asked_for_once_more_and_no_oftener() {
    let scopes = json!({
        "required_scopes": { "Demo___echo": ["gateway/invoke"] },
        "challenge_scopes": ["gateway/invoke"],
        "scopes_never_suffice": true,
    });
    let lab = Lab::start(&scopes, json!({}));
    lab.probe(&["--call", "Demo___echo"]).assert_code(1).assert_says("step-up-limit (the server)");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 2);
}

#[test]
fn an_answer_of_another_issuer_is_the_provider_s_fault() {
    let lab = Lab::start(&json!({}), json!({ "defects": ["iss-wrong"] }));
    lab.probe(&[]).assert_code(1).assert_says("iss-mismatch (the authorization server)");
    assert_eq!(lab.at_the_provider("POST /v1/token"), 0);
}

#[test]
fn faults_of_this_side_and_of_the_network_are_no_verdict() {
    let folder = Folder::new(&[]);
    folder.run(&["probe", &nowhere(), "--sign-in"]).assert_code(3).assert_says("unreachable (the network)");
    let lab = Lab::start(&json!({}), json!({ "registration": false }));
    lab.probe(&[]).assert_code(3).assert_says("registration-unavailable (this side)");
    lab.probe(&["--call", "no-such-tool", "--auth", "{ oauth: { client_id: gauntlet-public } }"])
        .assert_code(3)
        .assert_says("no-such-tool (this side)");
}

#[test]
fn options_that_do_not_fit_are_usage_errors() {
    let folder = Folder::new(&[]);
    let url = nowhere();
    folder.run(&["probe", &url, "--call", "x"]).assert_code(2).assert_says("add `--sign-in`");
    folder
        .run(&["probe", &url, "--sign-in", "--auth", "{ bearer: x }"])
        .assert_code(2)
        .assert_says("other credentials");
    folder.run(&["probe", &url, "--auth", "{ oauth: "]).assert_code(2);
    folder.run(&["probe", &url, "--conformance-suite"]).assert_code(2).assert_says("MCP_CONFORMANCE_SCENARIO");
}

#[test]
fn what_the_conformance_suite_tells_is_taken() {
    let lab = Lab::ordinary();
    let context = json!({ "client_id": lab.var("confidential_client_id"),
        "client_secret": lab.var("confidential_client_secret"), "issuer": lab.var("issuer") });
    let folder = Folder::new(&[]);
    let mut command = folder.command(&["probe", "--conformance-suite", lab.gateway.url()]);
    command
        .env("MCP_CONFORMANCE_SCENARIO", "auth/pre-registration")
        .env("MCP_CONFORMANCE_CONTEXT", context.to_string());
    let said = said(&command.env("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25").output().unwrap());
    said.assert_code(0).assert_says("gauntlet-confidential by configuration").assert_says("2025-11-25");
    // Every tool, not only what is read-only.
    said.assert_says("Demo___fail:");
}

/// A server of 2025-03-26 that is its own authorization server, at the default endpoints.
fn old_server(speaks: &'static str) -> String {
    let json = |status: &str, body: &Value| response(status, "content-type: application/json\r\n", body.to_string());
    serve(move |head, body| {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let path = target.split('?').next().unwrap();
        match (method, path) {
            ("POST", "/mcp") if !head.to_ascii_lowercase().contains("authorization: bearer the-only-token") => {
                json("401 Unauthorized", &Value::Null)
            }
            ("POST", "/mcp") => {
                let message: Value = serde_json::from_str(body).unwrap();
                let result = match message["method"].as_str().unwrap() {
                    "initialize" => json!({ "protocolVersion": speaks, "capabilities": { "tools": {} },
                        "serverInfo": { "name": "old", "version": "1" } }),
                    "tools/list" => json!({ "tools": [{ "name": "look", "inputSchema": { "type": "object" } }] }),
                    "tools/call" => json!({ "content": [] }),
                    _ => return response("202 Accepted", "", ""),
                };
                json("200 OK", &json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
            }
            ("POST", "/register") => {
                let registered = json!({ "client_id": "c", "token_endpoint_auth_method": "none" });
                json("201 Created", &registered)
            }
            ("GET", "/authorize") => {
                let url = url::Url::parse(&format!("http://x{target}")).unwrap();
                let given = |name: &str| url.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
                let location = format!("{}?code=some-code&state={}", given("redirect_uri"), given("state"));
                response("302 Found", &format!("location: {location}\r\n"), "")
            }
            ("POST", "/token") => {
                let token = json!({ "access_token": "the-only-token", "token_type": "Bearer" });
                json("200 OK", &token)
            }
            _ => json("404 Not Found", &Value::Null),
        }
    })
}

#[test]
fn a_server_without_metadata_is_one_of_2025_03_26() {
    let folder = Folder::new(&[]);
    let url = old_server("2025-03-26");
    let said = folder.run(&["probe", &url, "--sign-in", "--call", "all"]);
    said.assert_code(0).assert_says("no metadata, default endpoints").assert_says("version          2025-03-26");
    said.assert_says("called           look: result");
    // Whoever wants a newer version is told what that one lacks.
    let said = folder.run(&["probe", &url, "--sign-in", "--mcp-version", "2025-11-25"]);
    said.assert_code(1).assert_says("prm-not-found (the server)");
}

#[test]
fn a_server_that_is_of_no_version_is_told_what_the_newest_asks_for() {
    let url = serve(|head, _| {
        let status = if head.starts_with("POST /mcp ") { "401 Unauthorized" } else { "404 Not Found" };
        response(status, "", "")
    });
    let said = Folder::new(&[]).run(&["probe", &url, "--sign-in"]);
    said.assert_code(1).assert_says("prm-not-found (the server)");
    assert!(!said.out.contains("registration-refused"), "{}", said.out);
}

#[test]
fn a_version_that_does_not_exist_is_the_server_s_fault() {
    let said = Folder::new(&[]).run(&["probe", &old_server("1999-01-01"), "--sign-in", "--mcp-version", "2025-03-26"]);
    said.assert_code(1).assert_says("version-unknown (the server)");
}

#[test]
fn an_older_server_is_asked_with_the_handshake() {
    let folder = Folder::new(&[(
        "gauntlet.yaml",
        "targets:\n  old: { mock: mcp-server, given: { versions: [2025-06-18] }, auth: { oauth: true } }\n",
    )]);
    let said = folder.run(&["probe", "old"]);
    said.assert_code(0).assert_says("version          2025-06-18").assert_says("none demanded");
}

#[test]
fn a_target_is_visited_at_the_newest_of_its_versions() {
    let folder = Folder::new(&[(
        "gauntlet.yaml",
        "targets:\n  some: { mock: mcp-server, versions: [2025-03-26, 2025-06-18], auth: { oauth: {} } }\n",
    )]);
    folder.run(&["probe", "some"]).assert_code(0).assert_says("version          2025-06-18");
}

/// The answer to a GET: its `location` if it has one, and its text.
pub(crate) fn get(url: &str) -> (Option<String>, String) {
    let url = url::Url::parse(url).unwrap();
    let place = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(&place).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let location = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    (location, text)
}

#[test]
fn a_person_signs_in_once_in_a_browser() {
    let lab = Lab::ordinary();
    let folder = Folder::new(&[]);
    let config = folder.path("config");
    let arguments = ["probe", lab.gateway.url(), "--sign-in", "--browser", "open", "--call", "Demo___echo"];
    let command = || {
        let mut command = folder.command(&arguments);
        // No real browser, and no real store.
        command
            .env("BROWSER", "true")
            .env("GAUNTLET_CONFIG_DIR", &config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let mut child = Running::start(&mut command());
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("Sign in to `probe` within 300 s at"));
    let (location, text) = get(&lines.next().unwrap());
    let (_, page) = get(&location.expect(&text));
    assert!(page.contains("You can close this window"), "{page}");
    let first = child.said();
    first.assert_code(0).assert_says("after HTTP 401").assert_says("called           Demo___echo: result");

    let second = said(&command().output().unwrap());
    second.assert_code(0).assert_says("called           Demo___echo: result");
    assert_eq!(second.err, "", "the stored token was not used");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 1);
}
