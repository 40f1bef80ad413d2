//! Upstreams over TLS.

use std::path::PathBuf;
use std::sync::Arc;

use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::lab::{Client, Lab, answer, options, post, upstream, whole};

/// An authority of its own in a file, and a server for `localhost` that offers the protocol.
fn authority(folder: &tempfile::TempDir, protocol: &[u8]) -> (PathBuf, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    (file, TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn upstreams_of_both_versions_over_tls() {
    for (protocol, version, spelled) in
        [(&b"h2"[..], Version::HTTP_2, "h2"), (b"http/1.1", Version::HTTP_11, "HTTP/1.1")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (ca, tls) = authority(&folder, protocol);
        let address = upstream(Some(tls), move |request: Request<Incoming>| async move {
            assert_eq!(request.version(), version);
            let host = request.uri().authority().map(|authority| authority.to_string());
            let host = host.or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned())).unwrap();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            answer("text/plain", whole([host.as_bytes(), b" ", &body].concat()))
        })
        .await;
        let mut trusting = options(&format!("https://localhost:{}/mcp", address.port()));
        trusting.ca = Some(ca);
        let lab = Lab::with(trusting).await.unwrap();
        for mut client in [Client::one(lab.address).await, Client::two(lab.address).await] {
            let got = client.ask(post(lab.address, "/mcp", "hello")).await;
            assert_eq!(*got.body(), format!("localhost:{} hello", address.port()));
        }
        let (entries, ..) = lab.end().await;
        for entry in &entries {
            assert_eq!(entry.response.as_ref().unwrap().http_version.as_deref(), Some(spelled));
            assert_eq!(entry.request.url, format!("https://localhost:{}/mcp", address.port()));
        }
        assert_eq!(entries.len(), 2);
    }
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tls) = authority(&folder, b"http/1.1");
    let address = upstream(Some(tls), |_| async { answer("text/plain", whole("secret")) }).await;
    let lab = Lab::with(options(&format!("https://localhost:{}/mcp", address.port()))).await.unwrap();
    let got = Client::one(lab.address).await.ask(post(lab.address, "/mcp", "hello")).await;
    assert_eq!(got.status(), 502);
    let text = String::from_utf8_lossy(got.body()).into_owned();
    assert!(text.contains("cannot reach the upstream") && text.contains("certificate"), "{text}");
}
