//! An interceptor with mocks behind it, and clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gauntlet_mocks::stub::{self, StubAnswer, StubBody, StubLogic, StubRequest};
use gauntlet_mocks::{JournalEntry, MockHandle, StartOptions};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Authority, Interceptor};
use crate::config::{HostPattern, UpstreamSpec};
use crate::target::client::Scratch;

pub(super) const KIRO: &str = "runtime.us-east-1.kiro.dev";
pub(super) const LEGACY: &str = "q.us-east-1.amazonaws.com";
pub(super) const STUB: &str = "stub.example.com";

/// Longer than a handshake takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Lab {
    pub interceptor: Interceptor,
    pub mocks: BTreeMap<String, MockHandle>,
    pub scratch: Arc<Scratch>,
}

/// Says what is asked of it, and streams three events at `/events`.
struct Echo;

pub(super) const PAUSE: Duration = Duration::from_millis(300);

impl StubLogic for Echo {
    fn answer(&self, request: &StubRequest) -> StubAnswer {
        let (kind, body) = match request.path.as_str() {
            "/events" => {
                let event =
                    |i: u32| (if i == 0 { Duration::ZERO } else { PAUSE }, Bytes::from(format!("data: {i}\n\n")));
                ("text/event-stream", StubBody::Events((0..3).map(event).collect()))
            }
            _ => ("text/plain", StubBody::Bytes(request.body.clone())),
        };
        let headers = vec![("content-type".to_owned(), kind.to_owned()), ("x-twice".to_owned(), "a".to_owned())];
        StubAnswer { status: 200, headers, body, faults: Vec::new(), note: None }
    }
}

fn upstream(mock: &str, patterns: &[&str]) -> UpstreamSpec {
    let intercept = patterns.iter().map(|p| HostPattern::parse(p).expect("a pattern")).collect();
    UpstreamSpec { mock: mock.to_owned(), config: Map::new(), on_demand: false, recorded: None, intercept }
}

impl Lab {
    pub(super) async fn new() -> Self {
        let specs = BTreeMap::from([
            ("runtime".to_owned(), upstream("kiro-runtime", &["runtime.*.kiro.dev", "q.*.amazonaws.com"])),
            ("echo".to_owned(), upstream("stub", &["*.example.com"])),
            ("asleep".to_owned(), UpstreamSpec { on_demand: true, ..upstream("mcp-server", &["asleep.example.org"]) }),
        ]);
        let runtime = gauntlet_mocks::start("kiro-runtime", StartOptions::default()).await.expect("a mock");
        let echo = stub::start(Arc::new(Echo), StartOptions::default()).await.expect("a mock");
        let mocks = BTreeMap::from([("runtime".to_owned(), runtime), ("echo".to_owned(), echo)]);
        let scratch = Arc::default();
        let authority = Arc::new(Authority::new().expect("an authority"));
        let started = Interceptor::start_with(&specs, &mocks, authority, &scratch, PATIENCE).await;
        Self { interceptor: started.expect("an interceptor"), mocks, scratch }
    }

    pub(super) fn runtime(&self) -> &MockHandle {
        &self.mocks["runtime"]
    }

    pub(super) fn echo(&self) -> &MockHandle {
        &self.mocks["echo"]
    }

    pub(super) fn entries(&self, mock: &str) -> Vec<Arc<JournalEntry>> {
        self.mocks[mock].journal().entries()
    }

    pub(super) async fn fault(&self, fault: Value) {
        self.echo().control(&json!({ "faults": [fault] })).await.expect("a fault");
    }

    pub(super) fn address(&self) -> &str {
        self.interceptor.proxy.trim_start_matches("http://")
    }

    fn ca(&self) -> Vec<u8> {
        std::fs::read(&self.interceptor.files.ca).expect("the certificate")
    }

    /// A client as most are: told of the proxy, and of the authority.
    pub(super) fn client(&self, change: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(&self.ca()).expect("a certificate");
        self.stranger(|builder| change(builder.tls_certs_only([ca.clone()])))
    }

    /// A client that was told of the proxy alone.
    pub(super) fn stranger(
        &self,
        change: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> reqwest::Client {
        let proxy = reqwest::Proxy::all(&self.interceptor.proxy).expect("a proxy");
        let builder = reqwest::Client::builder().proxy(proxy).retry(reqwest::retry::never());
        change(builder.timeout(Duration::from_secs(20))).build().expect("a client")
    }

    /// Trusts the authority alone.
    pub(super) fn tls(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let blocks = pem::parse_many(self.ca()).expect("PEM");
        for block in blocks {
            roots.add(CertificateDer::from(block.into_contents())).expect("a root");
        }
        trusting(roots)
    }

    /// What the proxy answers to these bytes, and the connection.
    pub(super) async fn say(&self, bytes: &str) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(self.address()).await.expect("connect");
        stream.write_all(bytes.as_bytes()).await.expect("write");
        let head = read_head(&mut stream).await;
        (head, stream)
    }

    pub(super) async fn tunnel(&self, place: &str) -> TcpStream {
        let (head, stream) = self.say(&format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        stream
    }

    pub(super) async fn encrypted(
        &self,
        host: &str,
        config: ClientConfig,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.tunnel(&format!("{host}:443")).await;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// What is told, once it is: what a client did is noticed a moment later.
    pub(super) async fn told(&self, text: &str) -> String {
        for _ in 0..200 {
            let told = self.everything();
            if told.contains(text) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("`{text}` is not told in: {}", self.everything());
    }

    pub(super) fn everything(&self) -> String {
        self.interceptor.report().all().collect::<Vec<_>>().join(" | ")
    }
}

pub(super) fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Asks for the path on a connection that leads to the host; the head of the answer.
pub(super) async fn get(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), host: &str, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.expect("write");
    read_head(stream).await
}

/// Up to the blank line, and not more than that.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).expect("text")
}

/// Values of a header, in order.
pub(super) fn values<'e>(entry: &'e JournalEntry, name: &str) -> Vec<&'e str> {
    entry.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
}

/// Sends the body to the path of the host.
pub(super) async fn post(client: &reqwest::Client, url: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
    client.post(url).body(body).send().await.expect("an answer")
}

/// The chain of causes of an error.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told.push_str(": ");
        told.push_str(&error.to_string());
        source = error.source();
    }
    told
}
