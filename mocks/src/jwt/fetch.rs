//! Documents of an issuer, fetched under bounds.

use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::outbound::Outbound;

/// Largest document that is read.
const LARGEST_DOCUMENT: usize = 1 << 20;

/// Time for a document, from connecting to its last byte.
const LONGEST_FETCH: Duration = Duration::from_secs(5);

/// A JSON document, or why there is none.
pub(super) async fn json(address: &str) -> Result<Value, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{address}: {why}");
    let url: Url = address.parse().map_err(|error| failed(&error))?;
    let document = tokio::time::timeout(LONGEST_FETCH, read(url)).await;
    let bytes = document.map_err(|_| failed(&"no answer in time"))?.map_err(|why| failed(&why))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}

/// Keys are fetched so seldom that a connection is not worth keeping.
async fn read(url: Url) -> Result<Vec<u8>, String> {
    let outbound = Outbound::new(&url, LONGEST_FETCH, LARGEST_DOCUMENT).map_err(|error| error.to_string())?;
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let answer = outbound.send(Method::GET, url, headers, "").await.map_err(|error| error.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("answered {}", answer.status));
    }
    answer.bytes().await.map_err(|error| error.to_string())
}
