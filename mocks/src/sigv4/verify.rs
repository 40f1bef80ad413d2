//! The checks themselves.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};

use super::canonical::{self, HASH_HEADER, UNSIGNED_PAYLOAD, hex};
use super::failure::{Check, Failure, Rejection};
use super::keys::{AccessKey, Caller, Keys};
use super::parse::{Claim, Place, failure};
use super::{Received, Rules, TERMINATOR, TOKEN_HEADER, TokenStyle, date};

/// Whose request it is. `now` is the time of the service, since the Unix epoch.
///
/// # Errors
///
/// All that is wrong with the signature.
pub fn verify(
    request: &Received<'_>,
    rules: &Rules,
    keys: &impl Keys,
    now: Duration,
) -> Result<Caller, Box<Rejection>> {
    let claim = Claim::read(request).map_err(|failures| {
        Box::new(Rejection {
            failures,
            caller: None,
            canonical_request: None,
            string_to_sign: None,
            expected_signature: None,
        })
    })?;
    let key = keys.find(&claim.credential.access_key_id, claim.session_token.as_deref());
    let key = key.as_deref();
    let mut failures = Vec::new();
    match key {
        Some(key) => failures.extend(check_key(key, &claim, now)),
        None => failures.push(failure(Check::UnknownKey, "The security token included in the request is invalid")),
    }
    failures.extend(check_dates(&claim, rules, now));
    failures.extend(check_scope(&claim, rules));
    failures.extend(check_headers(request, &claim, rules));
    failures.extend(check_payload(request));

    let canonical_request = canonical::request(request, &claim, rules);
    let string_to_sign = canonical::string_to_sign(&canonical_request, &claim);
    let expected = key.map(|key| signature(key, &claim, &string_to_sign));
    if let Some(expected) = &expected
        && verify_slices_are_equal(expected.as_ref(), &claim.signature).is_err()
    {
        failures.push(failure(
            Check::Signature,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method. Consult the service documentation for details.",
        ));
    }
    match key {
        Some(key) if failures.is_empty() => Ok(key.caller()),
        _ => Err(Box::new(Rejection {
            failures,
            caller: key.map(AccessKey::caller),
            canonical_request: Some(String::from_utf8_lossy(&canonical_request).into_owned()),
            string_to_sign: Some(string_to_sign),
            expected_signature: expected.map(|tag| hex(tag.as_ref())),
        })),
    }
}

fn check_key(key: &AccessKey, claim: &Claim, now: Duration) -> Vec<Failure> {
    let mut failures = Vec::new();
    if key.expires_at.is_some_and(|end| end <= now) {
        failures.push(failure(Check::KeyExpired, "The security token included in the request is expired"));
    }
    let token_is_good = match (&key.session_token, &claim.session_token) {
        (Some(issued), Some(sent)) => verify_slices_are_equal(issued.as_bytes(), sent.as_bytes()).is_ok(),
        (None, None) => true,
        _ => false,
    };
    if !token_is_good {
        failures.push(failure(Check::SessionToken, "The security token included in the request is invalid"));
    }
    failures
}

fn check_dates(claim: &Claim, rules: &Rules, now: Duration) -> Vec<Failure> {
    let Some(made_at) = claim.made_at else {
        let message = match claim.place {
            Place::Header => {
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header, once and well formed."
            }
            Place::Query(_) => "AWS query-string parameters must include 'X-Amz-Date', once and well formed.",
        };
        return vec![failure(Check::Date, message)];
    };
    let mut failures = Vec::new();
    let text = date::basic(made_at);
    if !text.starts_with(&claim.credential.date) {
        failures.push(failure(
            Check::ScopeDate,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    }
    // A presigned request says itself how long it is good for.
    let lifetime = match claim.place {
        Place::Header => rules.clock_skew,
        Place::Query(lifetime) => lifetime,
    };
    let (earliest, latest) = (now.saturating_sub(lifetime), now.saturating_add(rules.clock_skew));
    let now = date::basic(now);
    if made_at < earliest {
        let (earliest, minutes) = (date::basic(earliest), lifetime.as_secs() / 60);
        failures.push(failure(
            Check::SignatureExpired,
            format!("Signature expired: {text} is now earlier than {earliest} ({now} - {minutes} min.)"),
        ));
    }
    if made_at > latest {
        let (latest, minutes) = (date::basic(latest), rules.clock_skew.as_secs() / 60);
        failures.push(failure(
            Check::NotYetCurrent,
            format!("Signature not yet current: {text} is still later than {latest} ({now} + {minutes} min.)"),
        ));
    }
    failures
}

fn check_scope(claim: &Claim, rules: &Rules) -> Vec<Failure> {
    let mut failures = Vec::new();
    // The blanks at the end are AWS's.
    if claim.credential.region != rules.region {
        let message = format!("Credential should be scoped to a valid region, not '{}'. ", claim.credential.region);
        failures.push(failure(Check::Region, message));
    }
    if claim.credential.service != rules.service {
        let message = format!("Credential should be scoped to correct service: '{}'. ", rules.service);
        failures.push(failure(Check::Service, message));
    }
    failures
}

fn check_headers(request: &Received<'_>, claim: &Claim, rules: &Rules) -> Vec<Failure> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let may_be_left_out = |name: &str| name == TOKEN_HEADER && rules.token_style == TokenStyle::AddedAfterwards;
    let amz = request.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    let unsigned = std::iter::once("host")
        .chain(amz)
        .filter(|name| !is_signed(name) && !may_be_left_out(name))
        .map(|name| failure(Check::HeaderNotSigned, format!("'{name}' must be among the signed headers.")));
    let missing = claim
        .signed_headers
        .iter()
        .filter(|name| !request.headers.contains_key(name.as_str()))
        .map(|name| failure(Check::HeaderMissing, format!("'{name}' is signed, but not in the request.")));
    unsigned.chain(missing).collect()
}

fn check_payload(request: &Received<'_>) -> Option<Failure> {
    let mut claimed = request.headers.get_all(HASH_HEADER).iter();
    let (first, second) = (claimed.next()?, claimed.next());
    let is_right = || first == UNSIGNED_PAYLOAD || first == canonical::sha256_hex(request.body).as_str();
    let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    (second.is_some() || !is_right()).then(|| failure(Check::PayloadHash, message))
}

/// The signature for the scope that the request itself names.
fn signature(key: &AccessKey, claim: &Claim, string_to_sign: &str) -> Tag {
    let hmac = |key: &[u8], data: &str| sign(&Key::new(HMAC_SHA256, key), data.as_bytes());
    let secret = format!("AWS4{}", key.secret_access_key);
    let credential = &claim.credential;
    let mut derived = hmac(secret.as_bytes(), &credential.date);
    for part in [credential.region.as_str(), &credential.service, TERMINATOR, string_to_sign] {
        derived = hmac(derived.as_ref(), part);
    }
    derived
}
