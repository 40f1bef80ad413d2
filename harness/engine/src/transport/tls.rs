//! One TLS configuration for the process, built when the first `https` target is met: loading the system's roots costs
//! more than a whole run on mocks.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Trusts the platform's certificate authorities.
pub(crate) fn platform() -> Result<ClientConfig, String> {
    static CONFIG: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            use rustls_platform_verifier::BuilderVerifierExt as _;
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(rustls::ConfigBuilder::with_platform_verifier)
                .map(|builder| builder.with_no_client_auth())
                .map_err(|e| e.to_string())
        })
        .clone()
}

/// Trusts these authorities beside the platform's.
pub(crate) fn platform_and(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider));
    let verifier = Arc::new(verifier.map_err(|e| e.to_string())?);
    // Its own verifier, which checks as the platform does, is the only thing that is not usual here.
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
        .map_err(|e| e.to_string())
}

/// Trusts nobody: for plain `http` targets, where no handshake happens.
pub(crate) fn none() -> ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let builder = ClientConfig::builder_with_provider(provider);
            match builder.with_safe_default_protocol_versions() {
                Ok(builder) => builder,
                // The provider is compiled in with all its suites, so the default versions are always there.
                Err(_) => unreachable!("aws-lc-rs supports TLS 1.2 and 1.3"),
            }
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
        })
        .clone()
}
