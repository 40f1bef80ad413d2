//! A recorded request as it may be sent by somebody else.

use std::collections::BTreeMap;

use super::super::placeholder::filled;
use super::carry::Carried;
use crate::transport::hop::is_of_connection;

/// Headers of one client, which the transport makes anew.
const OF_THE_WIRE: [&str; 4] = ["accept-encoding", "content-length", "expect", "host"];

/// Headers that say who somebody is: the target has credentials of its own.
const CREDENTIALS: [&str; 6] =
    ["authorization", "cookie", "proxy-authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Headers to send.
pub(super) fn headers(
    recorded: &[(String, String)],
    carried: &Carried,
    given: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut out = Vec::with_capacity(recorded.len());
    for (name, value) in recorded {
        if is_of_connection(name) || OF_THE_WIRE.contains(&name.as_str()) || name.starts_with(':') {
            continue;
        }
        let live = filled(&carried.text(value), given);
        let is_credential = CREDENTIALS.contains(&name.as_str());
        // What the user gave, or the server now, is meant to be sent; what was recorded is somebody's own.
        let is_new = live.as_deref().is_ok_and(|live| live != value);
        if let Ok(live) = live
            && (!is_credential || is_new)
        {
            out.push((name.clone(), live));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn credentials_of_others_are_not_sent() {
        let recorded = [
            header("host", "a.example"),
            header("authorization", "Bearer canary"),
            header("cookie", "sid=${secret:sid}"),
            header("x-api-key", "${secret:api-key}"),
            header("x-other", "${secret:unknown}"),
            header("accept", "*/*"),
        ];
        let given = BTreeMap::from([("sid".to_owned(), "s1".to_owned()), ("api-key".to_owned(), "k1".to_owned())]);
        let sent = headers(&recorded, &Carried::new(), &given);
        assert_eq!(sent, [header("cookie", "sid=s1"), header("x-api-key", "k1"), header("accept", "*/*")]);
    }
}
