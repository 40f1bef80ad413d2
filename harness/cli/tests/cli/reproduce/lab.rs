//! Gateways as programs of their own, with what stands behind them, and a recorder in front.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::Folder;

/// A mock that runs until it is dropped.
struct Mock {
    child: Child,
    url: String,
    /// What it tells of itself.
    vars: BTreeMap<String, String>,
}

impl Mock {
    fn start(folder: &Folder, name: &str, config: &Value) -> Self {
        let file = format!("{name}.json");
        folder.write(&file, config.to_string());
        let mut command = folder.command(&["mock", name, "--port", "0", "--config", &file]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().unwrap_or_default();
        let url = first.rsplit(' ').next().unwrap().to_owned();
        let vars = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C"));
        let vars = vars.filter_map(|line| line.trim().split_once(" = ").map(|(n, v)| (n.to_owned(), v.to_owned())));
        let vars = vars.collect();
        // Its journal is read so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, vars }
    }

    fn origin(&self) -> String {
        self.url.split('/').take(3).collect::<Vec<_>>().join("/")
    }

    fn var(&self, name: &str) -> Value {
        let text = self.vars.get(name).unwrap_or_else(|| panic!("{name} of {:?}", self.vars.keys()));
        serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway under test.
pub(super) struct Gateway {
    pub(super) url: String,
    /// What its users send.
    pub(super) headers: Vec<(String, String)>,
    /// What nobody may see.
    pub(super) secrets: Vec<String>,
    /// Name of a secret of the imported scenario, and its value.
    given: Vec<(String, String)>,
    _mocks: Vec<Mock>,
}

impl Gateway {
    pub(super) fn start(folder: &Folder, name: &str, defect: Option<&str>) -> Self {
        let defects: Vec<&str> = defect.into_iter().collect();
        match name {
            "kiro-gateway" => Self::kiro(folder, &defects),
            "aws-proxy" => Self::signing(folder, &defects),
            "mcp-server" => Self::alone(folder, "mcp-server", &defects),
            other => panic!("no set-up for {other}"),
        }
    }

    fn kiro(folder: &Folder, defects: &[&str]) -> Self {
        let runtime = Mock::start(folder, "kiro-runtime", &json!({}));
        let credentials = runtime.var("credentials");
        let config =
            json!({ "upstreams": { "runtime": runtime.origin() }, "credentials": credentials, "defects": defects });
        let gateway = Mock::start(folder, "kiro-gateway", &config);
        let key = gateway.var("api_key").as_str().unwrap().to_owned();
        Self {
            url: gateway.origin(),
            headers: vec![("x-api-key".to_owned(), key.clone())],
            secrets: vec![key.clone()],
            given: vec![("x-api-key".to_owned(), key)],
            _mocks: vec![gateway, runtime],
        }
    }

    /// A proxy that signs with the credentials of two profiles.
    fn signing(folder: &Folder, defects: &[&str]) -> Self {
        let aws = Mock::start(folder, "aws-mcp", &json!({}));
        let profile = |name: &str, region: &str| {
            let key = |member: &str| aws.var(&format!("{name}_{member}"));
            json!({
                "access_key_id": key("access_key_id"), "secret_access_key": key("secret_access_key"),
                "session_token": key("session_token"), "region": region,
            })
        };
        let profiles = json!({ "dev": profile("dev", "eu-central-1"), "prod": profile("prod", "us-west-2") });
        let config = json!({
            "upstreams": { "aws": aws.origin() }, "profiles": profiles, "allowed": ["dev", "prod"], "defects": defects,
        });
        let proxy = Mock::start(folder, "aws-proxy", &config);
        Self::open(proxy, vec![aws])
    }

    fn alone(folder: &Folder, name: &str, defects: &[&str]) -> Self {
        Self::open(Mock::start(folder, name, &json!({ "defects": defects })), Vec::new())
    }

    /// One that asks for no credentials; its client sends a token all the same.
    fn open(gateway: Mock, behind: Vec<Mock>) -> Self {
        let token = "canary-of-the-client-0815-4711".to_owned();
        Self {
            url: gateway.origin(),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {token}")),
                ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
            ],
            secrets: vec![token.clone()],
            given: vec![("authorization".to_owned(), token)],
            _mocks: std::iter::once(gateway).chain(behind).collect(),
        }
    }

    /// The options that give the scenario its secrets.
    pub(super) fn given(&self) -> Vec<&str> {
        self.given.iter().flat_map(|(name, _)| ["--secret", name.as_str()]).collect()
    }

    /// The environment in which they stand.
    pub(super) fn environment(&self) -> impl Iterator<Item = (String, &str)> {
        self.given.iter().map(|(name, value)| (name.to_uppercase().replace('-', "_"), value.as_str()))
    }
}

/// A recorder that listens.
pub(super) struct Recorder {
    child: Child,
    host: String,
    /// `Mcp-Session-Id`, once there is one.
    session: RefCell<Option<String>>,
}

impl Recorder {
    pub(super) fn start(folder: &Folder, upstream: &str) -> Self {
        let mut command = folder.command(&["record", "--upstream", upstream, "-o", "bug.har"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host =
            line.split("http://").nth(1).and_then(|rest| rest.split(['/', ' ', '\n']).next()).unwrap_or_default();
        assert!(host.starts_with("127.0.0.1:"), "{line}");
        Self { host: host.to_owned(), child, session: RefCell::default() }
    }

    /// Sends a request and waits for the whole answer.
    pub(super) fn ask(&self, line: &str, body: &str, headers: &[(String, String)]) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let mut head = format!("{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(session) = &*self.session.borrow() {
            head.push_str(&format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-06-18\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let session = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("mcp-session-id").then(|| value.trim().to_owned())
        });
        if session.is_some() {
            self.session.replace(session);
        }
        answer
    }

    /// Ends it; gives what it said.
    pub(super) fn end(mut self) -> String {
        let killed = std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        said
    }
}

/// How many steps a scenario has.
pub(super) fn steps(text: &str) -> usize {
    let source = gauntlet_format::Source { path: "min.yaml".into(), text: text.into() };
    let tree = gauntlet_format::yaml::parse(&std::sync::Arc::new(source), 0).unwrap().to_json();
    tree["steps"].as_array().map_or(0, Vec::len)
}
