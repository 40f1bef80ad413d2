//! A gateway and an authorization server on loopback, each answer of which a test can replace.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gauntlet_format::Version;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::super::{Context, OauthClient, OauthSettings};
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::{Content, Limits, Reply};

/// A request as a server got it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub(super) fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub delay: Duration,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        Self { status, headers, body: body.to_string(), delay: Duration::ZERO }
    }

    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "text/html".to_owned())];
        Self { status, headers, body: body.into(), delay: Duration::ZERO }
    }

    pub(super) fn redirect(location: impl Into<String>) -> Self {
        Self { status: 302, headers: vec![("location", location.into())], body: String::new(), delay: Duration::ZERO }
    }
}

type Handler = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
pub(super) struct Server {
    pub origin: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    routes: Arc<Mutex<BTreeMap<String, Handler>>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { origin, seen: Arc::default(), routes: Arc::default() };
        let own = server.clone();
        let app = axum::Router::new().fallback(move |method, uri, headers, body| {
            let own = own.clone();
            async move { own.answer(method, &uri, headers, &body).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    async fn answer(&self, method: Method, uri: &Uri, headers: HeaderMap, body: &Bytes) -> Response {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let body = String::from_utf8_lossy(body).into_owned();
        let seen = Seen { method: method.to_string(), path: uri.path().to_owned(), query, headers, body };
        self.seen.lock().unwrap().push(seen.clone());
        let route = self.routes.lock().unwrap().get(uri.path()).cloned();
        let answer = route.map_or_else(|| Answer::text(404, "not here"), |handler| handler(&seen));
        tokio::time::sleep(answer.delay).await;
        let mut response = answer.body.into_response();
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
        response.headers_mut().remove("content-type");
        for (name, value) in answer.headers {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    }

    pub(super) fn on(&self, path: &str, handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        self.routes.lock().unwrap().insert(path.to_owned(), Arc::new(handler));
    }

    pub(super) fn json(&self, path: &str, body: Value) {
        self.on(path, move |_| Answer::json(200, &body));
    }

    pub(super) fn gone(&self, path: &str) {
        self.routes.lock().unwrap().remove(path);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD path` of every request.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|s| format!("{} {}", s.method, s.path)).collect()
    }

    pub(super) fn at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|s| s.path == path).collect()
    }
}

pub(super) const PRM: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const PRM_ROOT: &str = "/.well-known/oauth-protected-resource";
pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Two servers on two origins that do everything right.
pub(super) struct Lab {
    pub gateway: Server,
    pub idp: Server,
    pub recorder: Arc<Recorder>,
    pub secrets: Secrets,
}

impl Lab {
    pub(super) async fn start() -> Self {
        let (gateway, idp) = (Server::start().await, Server::start().await);
        let lab = Self { gateway, idp, recorder: Arc::new(Recorder::new()), secrets: Secrets::default() };
        let gateway = lab.gateway.origin.clone();
        lab.challenge(&format!(r#"Bearer resource_metadata="{gateway}{PRM}""#));
        lab.gateway.json(PRM, lab.prm());
        lab.idp.json(METADATA, lab.metadata());
        lab.serve_idp();
        lab
    }

    /// `WWW-Authenticate` of the 401.
    pub(super) fn challenge(&self, value: &str) {
        let value = value.to_owned();
        self.gateway.on("/mcp", move |seen| match seen.header("authorization") {
            Some(token) if token.starts_with("Bearer at-") => Answer::json(200, &json!({})),
            _ => Answer { headers: vec![("www-authenticate", value.clone())], ..Answer::text(401, "") },
        });
    }

    pub(super) fn prm(&self) -> Value {
        json!({ "resource": format!("{}/mcp", self.gateway.origin), "authorization_servers": [self.idp.origin] })
    }

    pub(super) fn metadata(&self) -> Value {
        let idp = &self.idp.origin;
        json!({
            "issuer": idp,
            "authorization_endpoint": format!("{idp}/v1/authorize"),
            "token_endpoint": format!("{idp}/v1/token"),
            "registration_endpoint": format!("{idp}/v1/register"),
            "revocation_endpoint": format!("{idp}/v1/revoke"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// The authorization server's metadata with members laid over; null removes one.
    pub(super) fn metadata_with(&self, members: &Value) {
        let mut document = self.metadata();
        for (name, value) in members.as_object().unwrap() {
            match value {
                Value::Null => drop(document.as_object_mut().unwrap().remove(name)),
                value => document[name] = value.clone(),
            }
        }
        self.idp.json(METADATA, document);
    }

    fn serve_idp(&self) {
        let challenge = Arc::new(Mutex::new(String::new()));
        let (issuer, pending) = (self.idp.origin.clone(), Arc::clone(&challenge));
        self.idp.on("/v1/authorize", move |seen| {
            *pending.lock().unwrap() = seen.query["code_challenge"].clone();
            let mut to = Url::parse(&seen.query["redirect_uri"]).unwrap();
            to.query_pairs_mut().append_pair("code", "co/de+1").append_pair("iss", &issuer);
            if let Some(state) = seen.query.get("state") {
                to.query_pairs_mut().append_pair("state", state);
            }
            Answer::redirect(to)
        });
        let issued = AtomicUsize::new(0);
        self.idp.on("/v1/token", move |seen| {
            let form = seen.form();
            if form["grant_type"] == "authorization_code" {
                let expected = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
                if expected != *challenge.lock().unwrap() || form["code"] != "co/de+1" {
                    return Answer::json(400, &json!({ "error": "invalid_grant" }));
                }
            }
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            let tokens = json!({
                "access_token": format!("at-{number}"),
                "refresh_token": format!("rt-{number}"),
                "token_type": "bearer",
                "expires_in": 3600,
            });
            Answer::json(200, &tokens)
        });
        self.idp.on("/v1/register", |seen| {
            let mut answer = seen.json();
            answer["client_id"] = "registered-1".into();
            Answer::json(201, &answer)
        });
        self.idp.on("/v1/revoke", |_| Answer::text(200, ""));
    }

    pub(super) fn context(&self, version: Version) -> Context {
        Context {
            client: "alice".into(),
            target: "gateway".into(),
            endpoint: Url::parse(&format!("{}/mcp", self.gateway.origin)).unwrap(),
            version,
            headers: Vec::new(),
            recorder: Arc::clone(&self.recorder),
            secrets: self.secrets.clone(),
            limits: Limits::default(),
            rate: Arc::default(),
        }
    }

    /// A client with settings as written in a file, in the newest version.
    pub(super) fn client(&self, settings: &Value) -> OauthClient {
        self.client_of(settings, Version::V2026_07_28)
    }

    pub(super) fn client_of(&self, settings: &Value, version: Version) -> OauthClient {
        let settings = OauthSettings::from_value(settings, &self.secrets).unwrap();
        OauthClient::new(self.context(version), settings)
    }
}

/// A 401 with these lines of `WWW-Authenticate`.
pub(super) fn unauthorized(challenges: &[&str]) -> Reply {
    Reply {
        status: Some(401),
        headers: challenges.iter().map(|line| ("www-authenticate".to_owned(), (*line).to_owned())).collect(),
        content: Content::Empty,
        failure: None,
        elapsed: Duration::ZERO,
    }
}
