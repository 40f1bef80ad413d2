//! S3 beside the server: what callers do with their credentials themselves.
//!
//! Buckets and objects are not kept. Whether a call is allowed is all that can be asked: who signed it, and what the policies say of a call
//! that no MCP server made.

use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::defects::AwsMcpDefect;
use super::downstream::Origin;
use super::endpoint::Asked;
use super::reply::Reply;
use super::state::State;
use crate::answer::Answer;
use crate::aws::credentials::IssuedAnd;
use crate::aws::{profile, xml};
use crate::sigv4::{Caller, Check, Keys as _, PathStyle, Rules, Signer};

/// Where S3 is.
pub(super) const PREFIX: &str = "/s3";

/// Longest time that a presigned URL may be good for, in seconds.
const LONGEST_PRESIGNED: u64 = 7 * 86_400;

/// Header that S3 demands of requests that are signed in `Authorization`.
const HASH_HEADER: &str = "x-amz-content-sha256";

/// Whether a path is one of S3.
pub(super) fn is_here(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a request does to what: `s3:GetObject`, and an ARN or `*`.
fn operation(request: &Request<Bytes>) -> Option<(&'static str, String)> {
    let path = request.uri().path().strip_prefix(PREFIX)?.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let (of_bucket, of_object) = (format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/{key}"));
    let is_object = !key.is_empty();
    Some(match request.method().as_str() {
        "GET" if bucket.is_empty() => ("s3:ListAllMyBuckets", "*".to_owned()),
        "GET" | "HEAD" if is_object => ("s3:GetObject", of_object),
        "GET" | "HEAD" => ("s3:ListBucket", of_bucket),
        "PUT" if is_object => ("s3:PutObject", of_object),
        "PUT" if !bucket.is_empty() => ("s3:CreateBucket", of_bucket),
        "DELETE" if is_object => ("s3:DeleteObject", of_object),
        "DELETE" if !bucket.is_empty() => ("s3:DeleteBucket", of_bucket),
        _ => return None,
    })
}

impl State {
    /// What S3 demands of signatures.
    pub(super) fn s3_rules(&self) -> Rules {
        Rules {
            path_style: PathStyle::AsReceived,
            clock_skew: self.settled.rules.clock_skew,
            ..Rules::new("s3", &self.settled.rules.region)
        }
    }

    /// Answers a request to S3.
    pub(super) fn s3(&self, asked: &Asked<'_>) -> Reply {
        let resource = asked.request.uri().path();
        let refuse = |status: u16, code: &str, message: &str| xml::s3_error(status, code, message, resource);
        let caller = match &asked.judged {
            Ok(caller) => caller,
            Err(unsigned) => {
                let (check, message) = unsigned.first();
                let (status, code) = code_of(check);
                let message = match check {
                    Check::NoSignature => "Access Denied",
                    Check::KeyExpired => "The provided token has expired.",
                    Check::UnknownKey => "The AWS Access Key Id you provided does not exist in our records.",
                    Check::SessionToken => "The provided token is malformed or otherwise invalid.",
                    _ => message.trim_end(),
                };
                return Reply { note: Some(unsigned.note()), ..Reply::from(refuse(status, code, message)) };
            }
        };
        let headers = asked.request.headers();
        let hash_is_missing = headers.contains_key("authorization") && !headers.contains_key(HASH_HEADER);
        if hash_is_missing && !self.shows(AwsMcpDefect::PayloadHashNotChecked) {
            let message = format!("Missing required header for this request: {HASH_HEADER}");
            return refuse(400, "InvalidRequest", &message).into();
        }
        let Some((action, object)) = operation(asked.request) else {
            let message = "The specified method is not allowed against this resource.";
            return refuse(405, "MethodNotAllowed", message).into();
        };
        if let Some(why) = self.denied(&caller.principal, action, &object, Origin::Direct) {
            let answer = match self.shows(AwsMcpDefect::DeniedAsSuccess) {
                true => Answer::text(200, "application/octet-stream", String::new()),
                false => refuse(403, "AccessDenied", &why),
            };
            return Reply { note: Some("access-denied".to_owned()), ..Reply::from(answer) };
        }
        match asked.request.method().as_str() {
            "GET" if action == "s3:GetObject" => {
                Answer::text(200, "application/octet-stream", format!("content of {object}")).into()
            }
            "GET" => xml::s3_list(action == "s3:ListAllMyBuckets", &object).into(),
            "DELETE" => Answer::text(204, "application/xml", String::new()).into(),
            _ => Answer::text(200, "application/xml", String::new()).into(),
        }
    }

    /// A URL under which a caller's object can be read; none if it would be good for too long.
    pub(super) fn presigned(
        &self,
        asked: &Asked<'_>,
        caller: &Caller,
        (bucket, key): (&str, &str),
        seconds: u64,
    ) -> Option<String> {
        if !(1..=LONGEST_PRESIGNED).contains(&seconds) {
            return None;
        }
        let ring = profile::ring(&self.settled.profiles, self.started);
        let token = asked.request.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
        let access_key = IssuedAnd(&ring).find(&caller.access_key_id, token)?.into_owned();
        let mut url: url::Url = format!("{}{PREFIX}", self.origin).parse().ok()?;
        url.path_segments_mut().ok()?.push(bucket).extend(key.split('/'));
        let signer = Signer::new(access_key, "s3", &self.settled.rules.region);
        signer.presign(url.as_str(), Duration::from_secs(seconds), asked.now).ok()
    }
}

/// Status and code of S3 for a signature that is not good.
fn code_of(check: Check) -> (u16, &'static str) {
    match check {
        Check::NoSignature | Check::OtherScheme => (403, "AccessDenied"),
        Check::Malformed | Check::Date => (400, "AuthorizationHeaderMalformed"),
        Check::UnknownKey => (403, "InvalidAccessKeyId"),
        Check::SessionToken => (400, "InvalidToken"),
        Check::KeyExpired => (400, "ExpiredToken"),
        Check::SignatureExpired | Check::NotYetCurrent => (403, "RequestTimeTooSkewed"),
        Check::Region | Check::Service | Check::ScopeDate => (400, "AuthorizationHeaderMalformed"),
        Check::PayloadHash => (400, "XAmzContentSHA256Mismatch"),
        Check::HeaderNotSigned | Check::HeaderMissing | Check::Signature => (403, "SignatureDoesNotMatch"),
    }
}
