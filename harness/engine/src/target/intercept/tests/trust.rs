//! Clients that do not trust the authority of the run, each in its own way, and those that only look like it.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::lab::{KIRO, Lab, STUB, get, trusting};

async fn distrusted(lab: &Lab, how: &str) {
    let told = lab.told(how).await;
    let distrust = lab.interceptor.report().distrust.unwrap_or_else(|| panic!("no distrust in: {told}"));
    for part in ["does not trust the certificate authority", KIRO, how, "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        assert!(distrust.contains(part), "`{part}` is not in: {distrust}");
    }
}

#[tokio::test]
async fn a_client_that_was_not_told_of_the_authority() {
    let lab = Lab::new().await;
    let client = lab.stranger(|b| b.tls_certs_only([]));
    let error = client.get(format!("https://{KIRO}/mcp")).send().await;
    assert!(error.is_err());
    distrusted(&lab, "by the alert unknown_ca").await;
    assert!(lab.entries("runtime").is_empty());
}

#[tokio::test]
async fn every_version_of_tls_says_so() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let lab = Lab::new().await;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        assert!(lab.encrypted(KIRO, config, KIRO).await.is_err());
        distrusted(&lab, "by the alert unknown_ca").await;
    }
}

/// Refuses, or puts up with, every certificate.
#[derive(Debug)]
struct Verifier(Option<CertificateError>);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.0 {
            Some(error) => Err(rustls::Error::InvalidCertificate(error.clone())),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn verifying(verifier: Verifier) -> ClientConfig {
    let mut config = trusting(RootCertStore::empty());
    config.dangerous().set_certificate_verifier(Arc::new(verifier));
    config
}

#[tokio::test]
async fn a_client_that_pins_a_certificate() {
    for (error, alert) in [
        (CertificateError::ApplicationVerificationFailure, "access_denied"),
        (CertificateError::BadEncoding, "bad_certificate"),
    ] {
        let lab = Lab::new().await;
        assert!(lab.encrypted(KIRO, verifying(Verifier(Some(error))), KIRO).await.is_err());
        distrusted(&lab, &format!("by the alert {alert}")).await;
        assert!(lab.interceptor.report().distrust.is_some_and(|d| d.contains("one certificate alone")));
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_the_sight_of_the_certificate() {
    let lab = Lab::new().await;
    let mut stream = lab.tunnel(&format!("{KIRO}:443")).await;
    let name = ServerName::try_from(KIRO).expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::new(lab.tls()), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a hello");
    stream.write_all(&hello).await.expect("write");
    stream.read_u8().await.expect("the server's turn");
    drop(stream);
    distrusted(&lab, "by closing the connection when it had seen the certificate").await;
}

#[tokio::test]
async fn a_client_that_finishes_and_then_says_nothing() {
    let lab = Lab::new().await;
    let mut tls = lab.encrypted(KIRO, verifying(Verifier(None)), KIRO).await.expect("it does not look");
    tls.shutdown().await.expect("close");
    drop(tls);
    distrusted(&lab, "closed without a request").await;
}

#[tokio::test]
async fn one_of_several_connections_may_stay_unused() {
    let lab = Lab::new().await;
    let mut used = lab.encrypted(KIRO, lab.tls(), KIRO).await.expect("trusted");
    let mut unused = lab.encrypted(KIRO, lab.tls(), KIRO).await.expect("trusted");
    get(&mut used, KIRO, "/").await;
    unused.shutdown().await.expect("close");
    let _ = unused.read_to_end(&mut Vec::new()).await;
    drop(unused);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(lab.everything(), "");
}

#[tokio::test]
async fn without_a_name_the_certificate_is_the_tunnels() {
    let lab = Lab::new().await;
    let mut config = lab.tls();
    config.enable_sni = false;
    let mut tls = lab.encrypted(STUB, config, STUB).await.expect("trusted");
    assert!(get(&mut tls, STUB, "/").await.starts_with("HTTP/1.1 200"));
    assert_eq!(lab.everything(), "");
}

#[tokio::test]
async fn a_name_unlike_the_tunnels_is_told() {
    let lab = Lab::new().await;
    let mut tls = lab.encrypted(STUB, lab.tls(), KIRO).await.expect("the interceptor stands for that name too");
    get(&mut tls, KIRO, "/").await;
    assert_eq!(lab.entries("echo").len(), 1, "the tunnel says where it leads");
    lab.told(&format!("a tunnel to {STUB}:443 and asked for {KIRO}")).await;
    assert!(lab.encrypted(STUB, lab.tls(), "elsewhere.example.net").await.is_err());
    lab.told("asked for elsewhere.example.net").await;
    assert!(lab.interceptor.report().distrust.is_none(), "{}", lab.everything());
}

#[tokio::test]
async fn a_client_that_speaks_only_something_else() {
    let lab = Lab::new().await;
    let mut config = lab.tls();
    config.alpn_protocols = vec![b"imap".to_vec()];
    assert!(lab.encrypted(KIRO, config, KIRO).await.is_err());
    lab.told("did not come about").await;
    assert!(lab.interceptor.report().distrust.is_none());
}
