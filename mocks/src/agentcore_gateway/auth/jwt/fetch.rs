//! Documents of an issuer, fetched under bounds.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use url::Url;

/// Largest document that is read.
const LARGEST_DOCUMENT: usize = 1 << 20;

/// Time for a document, from connecting to its last byte.
const LONGEST_FETCH: Duration = Duration::from_secs(5);

/// A JSON document, or why there is none.
pub(super) async fn json(address: &str) -> Result<Value, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{address}: {why}");
    let url: Url = address.parse().map_err(|error| failed(&error))?;
    let client = client(&url).map_err(|error| failed(&error))?;
    let document = tokio::time::timeout(LONGEST_FETCH, read(&client, url)).await;
    let bytes = document.map_err(|_| failed(&"no answer in time"))?.map_err(|why| failed(&why))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}

/// A client for one document. Keys are fetched so seldom that a connection is not worth keeping.
fn client(url: &Url) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    match url.scheme() {
        // Reading the system's certificate authorities takes time, and not every container has any.
        "http" => builder.tls_certs_only([]).build(),
        _ => builder.build(),
    }
}

async fn read(client: &reqwest::Client, url: Url) -> Result<Vec<u8>, String> {
    let response = client.get(url).header("accept", "application/json").send().await.map_err(|e| e.to_string())?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("answered {}", response.status()));
    }
    let mut bytes = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| error.to_string())?);
        if bytes.len() > LARGEST_DOCUMENT {
            return Err(format!("is larger than {LARGEST_DOCUMENT} bytes"));
        }
    }
    Ok(bytes)
}
