//! What a request says of its signature.

use std::collections::HashSet;
use std::time::Duration;

use http::HeaderMap;

use super::canonical::{decoded, query_pairs};
use super::failure::{Check, Failure};
use super::{ALGORITHM, Received, TERMINATOR, date};

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// Longest time that a presigned request may be good for: seven days.
const LONGEST_PRESIGNED: u64 = 7 * 86_400;

const ALGORITHM_PARAMETER: &str = "X-Amz-Algorithm";
const CREDENTIAL_PARAMETER: &str = "X-Amz-Credential";
const DATE_PARAMETER: &str = "X-Amz-Date";
const EXPIRES_PARAMETER: &str = "X-Amz-Expires";
const HEADERS_PARAMETER: &str = "X-Amz-SignedHeaders";
pub(super) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";
pub(super) const TOKEN_PARAMETER: &str = "X-Amz-Security-Token";

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In `Authorization`.
    Header,
    /// In the query, and how long it says that it is good for.
    Query(Duration),
}

/// Whose key, when and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Credential {
    /// `<key id>/<yyyymmdd>/<region>/<service>/aws4_request`; a key id may hold a slash.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        if parts.next()? != TERMINATOR {
            return None;
        }
        let (service, region, date, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let date_is_good = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        (date_is_good && !key.is_empty()).then(|| Self {
            access_key_id: key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The credential without the key.
    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// A signature as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) place: Place,
    pub(super) credential: Credential,
    /// Names in lower case, none twice.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; DIGEST],
    /// When it was made, since the Unix epoch; none if the request does not say.
    pub(super) made_at: Option<Duration>,
    pub(super) session_token: Option<String>,
}

/// Parts of a signature as they stand in the request, each with how often it is there.
#[derive(Default)]
struct Parts {
    credential: Part,
    signed_headers: Part,
    signature: Part,
}

#[derive(Default)]
struct Part(Vec<String>);

impl Claim {
    /// Reads the signature of a request, wherever it stands.
    pub(super) fn read(request: &Received<'_>) -> Result<Self, Vec<Failure>> {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let parameters: Vec<(String, String)> =
            query_pairs(query).map(|(name, value)| (text(name), text(value))).collect();
        let presigned = parameters
            .iter()
            .any(|(name, _)| [ALGORITHM_PARAMETER, CREDENTIAL_PARAMETER, SIGNATURE_PARAMETER].contains(&name.as_str()));
        let mut authorizations = request.headers.get_all("authorization").iter();
        match (authorizations.next(), authorizations.next(), presigned) {
            (None, _, false) => Err(vec![failure(Check::NoSignature, "Missing Authentication Token")]),
            (None, _, true) => Self::from_query(&parameters),
            (Some(_), None, true) => {
                Err(malformed("Only one auth mechanism allowed; the query and Authorization both have one"))
            }
            (Some(_), Some(_), _) => Err(malformed("Authorization is there more than once")),
            (Some(value), None, false) => {
                Self::from_header(&String::from_utf8_lossy(value.as_bytes()), request.headers)
            }
        }
    }

    fn from_header(authorization: &str, headers: &HeaderMap) -> Result<Self, Vec<Failure>> {
        let authorization = authorization.trim();
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(vec![failure(
                match algorithm.is_empty() {
                    true => Check::NoSignature,
                    false => Check::OtherScheme,
                },
                "Missing Authentication Token",
            )]);
        }
        let mut parts = Parts::default();
        let mut failures = Vec::new();
        for part in rest.split(',').map(str::trim) {
            match part.split_once('=') {
                Some(("Credential", value)) => parts.credential.0.push(value.to_owned()),
                Some(("SignedHeaders", value)) => parts.signed_headers.0.push(value.to_owned()),
                Some(("Signature", value)) => parts.signature.0.push(value.to_owned()),
                Some(_) => failures.extend(malformed("Authorization header has a parameter that is not known")),
                None => failures.extend(malformed("Authorization header has a part without an equal-sign")),
            }
        }
        let made_at = match single(headers, "x-amz-date") {
            Some(date) => date::parse_basic(&date),
            None if headers.contains_key("x-amz-date") => None,
            None => single(headers, "date").and_then(|date| date::parse_date_header(&date)),
        };
        let token = single(headers, "x-amz-security-token");
        if token.is_none() && headers.contains_key("x-amz-security-token") {
            failures.extend(malformed("X-Amz-Security-Token is there more than once"));
        }
        parts.claim(Place::Header, made_at, token, failures)
    }

    fn from_query(parameters: &[(String, String)]) -> Result<Self, Vec<Failure>> {
        let all = |wanted: &str| {
            parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let mut failures = Vec::new();
        if all(ALGORITHM_PARAMETER) != [ALGORITHM] {
            failures.extend(malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let once = |name: &str| match all(name).as_slice() {
            [value] => Some(value.clone()),
            _ => None,
        };
        let lifetime = once(EXPIRES_PARAMETER).and_then(|text| text.parse::<u64>().ok());
        let lifetime = lifetime.filter(|seconds| (1..=LONGEST_PRESIGNED).contains(seconds));
        if lifetime.is_none() {
            failures.extend(malformed("X-Amz-Expires must be a number of seconds, a week at most"));
        }
        if all(TOKEN_PARAMETER).len() > 1 {
            failures.extend(malformed("X-Amz-Security-Token is there more than once"));
        }
        let parts = Parts {
            credential: Part(all(CREDENTIAL_PARAMETER)),
            signed_headers: Part(all(HEADERS_PARAMETER)),
            signature: Part(all(SIGNATURE_PARAMETER)),
        };
        let made_at = once(DATE_PARAMETER).and_then(|date| date::parse_basic(&date));
        let lifetime = Duration::from_secs(lifetime.unwrap_or_default());
        parts.claim(Place::Query(lifetime), made_at, once(TOKEN_PARAMETER), failures)
    }
}

impl Parts {
    fn claim(
        self,
        place: Place,
        made_at: Option<Duration>,
        session_token: Option<String>,
        mut failures: Vec<Failure>,
    ) -> Result<Claim, Vec<Failure>> {
        let (of, prefix) = match place {
            Place::Header => ("Authorization header", ""),
            Place::Query(_) => ("AWS query-string parameters", "X-Amz-"),
        };
        let mut read = |name: &str, part: Part| match <[String; 1]>::try_from(part.0) {
            Ok([value]) => Some(value),
            Err(_) => {
                failures.extend(malformed(&format!("{of} requires '{prefix}{name}' parameter, once.")));
                None
            }
        };
        let credential = read("Credential", self.credential);
        let signed_headers = read("SignedHeaders", self.signed_headers);
        let signature = read("Signature", self.signature);
        let credential = credential.and_then(|text| {
            let read = Credential::parse(&text);
            if read.is_none() {
                failures.extend(malformed(
                    "Credential must have the form <access key id>/<yyyymmdd>/<region>/<service>/aws4_request",
                ));
            }
            read
        });
        let signed_headers = signed_headers.and_then(|text| {
            let read = header_names(&text);
            if read.is_none() {
                failures
                    .extend(malformed("SignedHeaders must be names in lower case, each once, with semicolons between"));
            }
            read
        });
        let signature = signature.and_then(|text| {
            let read = unhex(&text);
            if read.is_none() {
                failures.extend(malformed("Signature must be 64 hexadecimal digits"));
            }
            read
        });
        match (credential, signed_headers, signature) {
            (Some(credential), Some(signed_headers), Some(signature)) if failures.is_empty() => {
                Ok(Claim { place, credential, signed_headers, signature, made_at, session_token })
            }
            _ => Err(failures),
        }
    }
}

/// Names of headers, each once: a name twice would let a short request grow into a long canonical form.
fn header_names(text: &str) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    text.split(';')
        .map(|name| {
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
            (is_name && seen.insert(name)).then(|| name.to_owned())
        })
        .collect()
}

/// The value of a header that is there exactly once.
fn single(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned()),
        _ => None,
    }
}

fn text(encoded: &str) -> String {
    String::from_utf8_lossy(&decoded(encoded)).into_owned()
}

/// Reads 64 hexadecimal digits in lower case.
fn unhex(text: &str) -> Option<[u8; DIGEST]> {
    if text.len() != 2 * DIGEST {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0_u8; DIGEST];
    for (pair, byte) in text.as_bytes().chunks_exact(2).zip(&mut bytes) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

pub(super) fn failure(check: Check, message: impl Into<String>) -> Failure {
    Failure { check, message: message.into() }
}

fn malformed(message: &str) -> Vec<Failure> {
    vec![failure(Check::Malformed, message)]
}
