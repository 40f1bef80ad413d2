//! A home folder, an environment, and services that answer as they are told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::super::{AwsChain, Environment, Witness};
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;

/// A home folder and what the environment says.
pub(super) struct Lab {
    folder: tempfile::TempDir,
    environment: Environment,
    pub witness: Witness,
}

impl Lab {
    /// Nothing at all: no variable but `HOME`, and no machine around it.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::from([("AWS_EC2_METADATA_DISABLED", "true")])
            .with("HOME", folder.path().to_str().unwrap())
            .with("PATH", std::env::var("PATH").unwrap());
        let witness = Witness {
            client: "client".into(),
            recorder: Arc::new(Recorder::new()),
            step: None,
            secrets: Secrets::default(),
        };
        Self { folder, environment, witness }
    }

    pub(super) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    /// Writes a file below the home folder.
    pub(super) fn file(self, path: &str, text: &str) -> Self {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(super) fn config(self, text: &str) -> Self {
        self.file(".aws/config", text)
    }

    pub(super) fn credentials(self, text: &str) -> Self {
        self.file(".aws/credentials", text)
    }

    pub(super) fn chain(&self) -> AwsChain {
        AwsChain::new(self.environment.clone())
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Access key id of what is found.
    pub(super) async fn key(&self, profile: Option<&str>) -> Result<String, String> {
        self.chain().credentials(profile, &self.witness).await.map(|found| found.access_key_id().to_owned())
    }

    /// Why nothing is found, `~` in place of the home folder.
    pub(super) async fn refusal(&self, profile: Option<&str>) -> String {
        let why = self.key(profile).await.unwrap_err();
        why.replace(self.home().to_str().unwrap(), "~")
    }
}

/// A request that a service got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the form in the body.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }
}

type Answers = VecDeque<(u16, &'static str, String)>;

/// A service on loopback that gives its answers in turn, the last one for ever.
#[derive(Clone, Default)]
pub(super) struct Service {
    pub url: String,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Answers>>,
}

impl Service {
    /// Answers are status, media type and body.
    pub(super) async fn start(answers: impl IntoIterator<Item = (u16, &'static str, String)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            got: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        };
        let router = Router::new().fallback(answer).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn answer(State(service): State<Service>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    service.got.lock().unwrap().push(Got { method: method.to_string(), target: uri.to_string(), headers, body });
    let mut answers = service.answers.lock().unwrap();
    let (status, media_type, body) =
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
    (StatusCode::from_u16(status).unwrap(), [("content-type", media_type)], body).into_response()
}

/// STS gives a role; the key id says which.
pub(super) fn role(key: &str, expiration: &str) -> (u16, &'static str, String) {
    let credentials = format!(
        "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret/of+{key}</SecretAccessKey>\
         <SessionToken>token==of {key}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
    );
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\n  {credentials}\n\
         </AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
    );
    (200, "text/xml", body)
}

/// STS refuses.
pub(super) fn refused(status: u16, code: &str, message: &str) -> (u16, &'static str, String) {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    (
        status,
        "text/xml",
        format!("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{error}</ErrorResponse>"),
    )
}

/// A time so many seconds from now, as services write it.
pub(super) fn in_seconds(seconds: i64) -> String {
    use time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    at.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()
}
