//! `$url`, `$arn`.

use serde_json::{Map, Value, json};

use super::text::string_of;
use super::{At, Mismatch, go};

pub(super) fn url(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(text) = string_of(at, actual, out) else { return };
    // The parser takes more than RFC 3986 does: blanks around, tabs within, a missing `//`.
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return at.fail(Some(actual), format!("is not a URL: {bad:?} stands in it"), out);
    }
    let url = match ::url::Url::parse(text) {
        Ok(url) => url,
        Err(e) => return at.fail(Some(actual), format!("is not an absolute URL: {e}"), out),
    };
    if url.has_host() && !text.contains("://") {
        return at.fail(Some(actual), "is not an absolute URL: `//` is missing", out);
    }
    let mut query = Map::new();
    for (name, value) in url.query_pairs() {
        let value = Value::from(value.into_owned());
        match query.get_mut(name.as_ref()) {
            None => {
                query.insert(name.into_owned(), value);
            }
            Some(Value::Array(all)) => all.push(value),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    let mut parts = Map::new();
    parts.insert("scheme".to_owned(), url.scheme().into());
    if let Some(host) = url.host_str() {
        parts.insert("host".to_owned(), host.into());
    }
    if let Some(port) = url.port_or_known_default() {
        parts.insert("port".to_owned(), port.into());
    }
    parts.insert("path".to_owned(), url.path().into());
    parts.insert("query".to_owned(), Value::Object(query));
    go(at.argument, Some(&Value::Object(parts)), &at.path.member("$url"), out);
}

pub(super) fn arn(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(text) = string_of(at, actual, out) else { return };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return at.fail(Some(actual), "is not an ARN: expected `arn:partition:service:region:account:resource`", out);
    };
    if partition.is_empty() || service.is_empty() || resource.is_empty() {
        return at.fail(Some(actual), "is not an ARN: partition, service and resource cannot be empty", out);
    }
    let parts = json!({
        "partition": partition, "service": service, "region": region, "account": account, "resource": resource
    });
    go(at.argument, Some(&parts), &at.path.member("$arn"), out);
}
