//! The certificate authority of a run: made when the first target is intercepted, its key in memory only.

use std::collections::HashMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use time::OffsetDateTime;

use crate::transport::{Failure, FailureKind};

/// How long before and after its making a certificate holds: for clocks that differ a little.
const LEEWAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Hosts whose certificates are kept; a target that makes names up gets new ones made.
const HOSTS_KEPT: usize = 256;

/// What a TLS client may speak inside, best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The roots of this system as PEM, read once: a target that replaces its roots by a file must not lose them.
static SYSTEM_ROOTS: LazyLock<String> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("the system's certificate authorities: {error}");
    }
    let blocks: Vec<pem::Pem> = found.certs.iter().map(|der| pem::Pem::new("CERTIFICATE", der.to_vec())).collect();
    pem::encode_many_config(&blocks, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
});

/// Signs certificates for the hosts that upstreams stand for.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Of all hosts.
    key: KeyPair,
    hosts: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// Where a program finds the authority.
#[derive(Debug)]
pub(super) struct TrustFiles {
    /// The authority's certificate alone.
    pub ca: PathBuf,
    /// The system's roots and the authority.
    pub bundle: PathBuf,
}

impl Authority {
    /// An authority of its own.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn new() -> Result<Self, Failure> {
        let make = || {
            let mut params = dated();
            params.distinguished_name = named("Gauntlet, authority of one run");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            // RFC 5280 section 4.2.1.3; strict verifiers ask for it.
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;
            Ok(Self { issuer, key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?, hosts: Mutex::default() })
        };
        make().map_err(|error: rcgen::Error| {
            Failure::new(FailureKind::Connect, format!("cannot make a certificate authority for `intercept`: {error}"))
        })
    }

    /// Its certificate.
    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// How to end TLS for the host.
    ///
    /// # Errors
    /// When no certificate can be made for such a name.
    pub(super) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, String> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get(host) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(self.make_server(host)?);
        if hosts.len() >= HOSTS_KEPT {
            hosts.clear();
        }
        hosts.insert(host.to_owned(), Arc::clone(&made));
        Ok(made)
    }

    fn make_server(&self, host: &str) -> Result<ServerConfig, String> {
        let sign = || {
            let mut params = dated();
            params.subject_alt_names = vec![SanType::DnsName(host.try_into()?)];
            params.distinguished_name = named("Gauntlet, an intercepted host");
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.use_authority_key_identifier_extension = true;
            params.signed_by(&self.key, &self.issuer)
        };
        let certificate = sign().map_err(|error| format!("cannot make a certificate for `{host}`: {error}"))?;
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key));
        let mut config = config.map_err(|error| format!("cannot end TLS for `{host}`: {error}"))?;
        config.alpn_protocols = PROTOCOLS.iter().map(|p| p.to_vec()).collect();
        Ok(config)
    }

    /// Writes the files that a program is pointed at into a folder of their own.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn write(&self, folder: &Path) -> io::Result<TrustFiles> {
        std::fs::create_dir_all(folder)?;
        let files = TrustFiles { ca: folder.join("ca.pem"), bundle: folder.join("bundle.pem") };
        let own = self.pem();
        write_private(&files.ca, &[&own])?;
        write_private(&files.bundle, &[&SYSTEM_ROOTS, &own])?;
        Ok(files)
    }
}

fn write_private(path: &Path, parts: &[&str]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part.as_bytes()))
}

fn dated() -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - LEEWAY;
    params.not_after = now + LIFETIME;
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::CommonName, name);
    full
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_host_gets_its_certificate_once() {
        let authority = Authority::new().expect("an authority");
        let first = authority.server("runtime.us-east-1.kiro.dev").expect("a certificate");
        let again = authority.server("runtime.us-east-1.kiro.dev").expect("the certificate");
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &authority.server("q.us-east-1.amazonaws.com").expect("another")));
    }

    #[test]
    fn a_flood_of_hosts_is_not_kept() {
        let authority = Authority::new().expect("an authority");
        for i in 0..=HOSTS_KEPT {
            authority.server(&format!("h{i}.example.com")).expect("a certificate");
        }
        assert!(authority.hosts.lock().expect("no panic").len() <= HOSTS_KEPT);
    }

    #[test]
    fn the_files_hold_certificates_and_no_key_and_are_private() {
        let authority = Authority::new().expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        let files = authority.write(&folder.path().join("trust")).expect("files");
        for path in [&files.ca, &files.bundle] {
            let text = std::fs::read_to_string(path).expect("readable");
            assert!(text.contains(&authority.pem()) && !text.contains("PRIVATE KEY"));
            assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_to_string(&files.ca).expect("readable").matches("BEGIN").count(), 1);
        assert!(!format!("{authority:?}").to_lowercase().contains("key"));
    }
}
