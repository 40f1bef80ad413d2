//! The way to the upstream.

use std::path::Path;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::RecordError;
use super::http::{HTTP2_HEAD, HttpOptions};
use super::tap::Tapped;
use crate::transport::tls;

/// Time to open a connection.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// Largest file of certificates, in bytes.
const LARGEST_CA: u64 = 16 << 20;

/// A pool of connections to the upstream: HTTP/1.1, or over TLS HTTP/2 where the upstream offers it (RFC 7301).
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector>, Tapped>;

/// Scheme, host and port.
///
/// # Errors
/// It is no `http` or `https` URL, or has what belongs to a single request.
pub(super) fn origin(options: &HttpOptions) -> Result<Uri, RecordError> {
    let HttpOptions { upstream, behind, .. } = options;
    let refuse = |why: &'static str| {
        let named = behind.as_ref().map(|name| format!("`{name}`"));
        RecordError::Upstream { upstream: named.unwrap_or_else(|| "the upstream".to_owned()), why }
    };
    if !matches!(upstream.scheme(), "http" | "https") {
        return Err(refuse("it must begin with http:// or https://"));
    }
    if !upstream.username().is_empty() || upstream.password().is_some() {
        return Err(refuse("it has credentials; the client sends its own"));
    }
    if upstream.query().is_some() || upstream.fragment().is_some() {
        return Err(refuse("it has a query or a fragment; the client sends its own"));
    }
    upstream.origin().ascii_serialization().parse().map_err(|_| refuse("its host cannot be used in a request"))
}

/// A client that sends what it is given.
///
/// # Errors
/// The certificates cannot be read.
pub(super) fn client(options: &HttpOptions) -> Result<Client, RecordError> {
    let tls = match (options.upstream.scheme(), options.ca.as_deref()) {
        ("https", None) => tls::platform().map_err(RecordError::Tls)?,
        ("https", Some(path)) => tls::platform_and(authorities(path)?).map_err(RecordError::Tls)?,
        _ => tls::none(),
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(LONGEST_CONNECT));
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let connector = match options.keep_host {
        // HTTP/2 asks for the host that it is connected to.
        true => connector.enable_http1().wrap_connector(tcp),
        false => connector.enable_all_versions().wrap_connector(tcp),
    };
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.http1_preserve_header_case(true).http2_max_header_list_size(HTTP2_HEAD);
    builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
    Ok(builder.build(connector))
}

/// The certificates of a file.
fn authorities(path: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, RecordError> {
    let cannot = |why: String| RecordError::Authorities { path: path.to_owned(), why };
    let size = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if size > LARGEST_CA {
        return Err(cannot(format!("it is larger than {LARGEST_CA} bytes")));
    }
    let text = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    let blocks = pem::parse_many(text).map_err(|error| cannot(error.to_string()))?;
    let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    let certificates: Vec<_> = certificates.map(|block| block.into_contents().into()).collect();
    if certificates.is_empty() {
        return Err(cannot(
            "there is no certificate in it: it must have a block `-----BEGIN CERTIFICATE-----`".to_owned(),
        ));
    }
    Ok(certificates)
}
