//! Secrets that nobody announced: tokens, codes and credentials by the places in which OAuth puts them.
//!
//! What the harness makes or is given, it knows. What a scenario gets by requests of its own, and what a client that is
//! driven says to the mocks, is only seen on the wire.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gauntlet_format::Source;
use gauntlet_mocks::JournalEntry;
use serde_json::Value;
use url::form_urlencoded;

use super::secrets::Secrets;
use super::{Recorded, Recorder};
use crate::transport::{Content, content_of, media_type};

/// Characters below which a value is rather a word than a secret.
const LEAST: usize = 8;

/// Members of documents, and parameters, whose values are secret.
const NAMES: [&str; 20] = [
    "access_token",
    "refresh_token",
    "id_token",
    "registration_access_token",
    "client_secret",
    "client_assertion",
    "assertion",
    "code_verifier",
    "device_code",
    "subject_token",
    "password",
    "accessToken",
    "refreshToken",
    "clientSecret",
    "idToken",
    "SecretAccessKey",
    "SessionToken",
    "secretAccessKey",
    "sessionToken",
    "WebIdentityToken",
];

/// Parameters whose values are secret only where parameters are, because the words mean other things elsewhere.
const PARAMETERS: [&str; 5] = ["code", "state", "token", "X-Amz-Signature", "X-Amz-Security-Token"];

/// Headers that carry credentials.
const CREDENTIALS: [&str; 2] = ["authorization", "proxy-authorization"];

/// Adds what the exchanges of a case and the journals of its mocks show of secrets. What the files of the scenario spell out
/// is none.
pub(crate) fn learn(
    secrets: &Secrets,
    written: &[Arc<Source>],
    recorder: &Recorder,
    journals: &[(String, Vec<Arc<JournalEntry>>)],
) {
    let eye = Eye { secrets, written };
    recorder.since(0).iter().for_each(|recorded| eye.exchange(recorded));
    for entry in journals.iter().flat_map(|(_, entries)| entries) {
        eye.head(&entry.target, &entry.headers);
        eye.bytes(&entry.body, media_type(&entry.headers));
        if let Some(response) = &entry.response {
            eye.head("", &response.headers);
            eye.bytes(&response.body, media_type(&response.headers));
        }
    }
}

/// As [`learn`], of one exchange.
pub(crate) fn learn_exchange(secrets: &Secrets, recorder: &Recorder, number: usize) {
    let eye = Eye { secrets, written: &[] };
    recorder.since(number).iter().take(1).for_each(|recorded| eye.exchange(recorded));
}

struct Eye<'a> {
    secrets: &'a Secrets,
    written: &'a [Arc<Source>],
}

impl Eye<'_> {
    fn exchange(&self, Recorded { request, reply, .. }: &Recorded) {
        self.head(&request.url, &request.headers);
        self.bytes(&request.body, media_type(&request.headers));
        if let Some(reply) = reply {
            self.head("", &reply.headers);
            self.content(&reply.content);
        }
    }

    fn note(&self, label: &str, value: &str) {
        let is_spelled_out = || self.written.iter().any(|source| source.text.contains(value));
        if value.len() >= LEAST && !is_spelled_out() {
            self.secrets.add(label, value);
        }
    }

    fn head(&self, url: &str, headers: &[(String, String)]) {
        self.url(url);
        for (name, value) in headers {
            match name.as_str() {
                "location" => self.url(value),
                "set-cookie" => self.cookie(value.split(';').next().unwrap_or_default()),
                "cookie" => value.split(';').for_each(|pair| self.cookie(pair)),
                "x-amz-security-token" | "x-amz-sso_bearer_token" => self.note("session_token", value),
                name if CREDENTIALS.contains(&name) => self.credentials(value),
                _ => {}
            }
        }
    }

    fn url(&self, url: &str) {
        let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        self.parameters(query.as_bytes());
        self.parameters(fragment.as_bytes());
    }

    fn parameters(&self, text: &[u8]) {
        for (name, value) in form_urlencoded::parse(text) {
            if NAMES.contains(&&*name) || PARAMETERS.contains(&&*name) {
                self.note(&name, &value);
            }
        }
    }

    fn cookie(&self, pair: &str) {
        if let Some((_, value)) = pair.split_once('=') {
            self.note("cookie", value.trim());
        }
    }

    /// The value of `Authorization`: a token, or a name and a password in base64, each perhaps form-encoded.
    fn credentials(&self, value: &str) {
        let Some((scheme, credentials)) = value.split_once(' ') else { return };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.note("token", credentials);
        } else if scheme.eq_ignore_ascii_case("AWS4-HMAC-SHA256") {
            // Whoever has it can send the request again for a quarter of an hour. The rest of the value is no secret.
            let signature = credentials.split(',').find_map(|part| part.trim().strip_prefix("Signature="));
            self.note("signature", signature.unwrap_or_default());
        } else if scheme.eq_ignore_ascii_case("basic") {
            self.note("credentials", credentials);
            let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some((_, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
                self.note("password", password);
                self.note("password", &percent_decoded(password));
            }
        }
    }

    fn bytes(&self, bytes: &[u8], media_type: Option<&str>) {
        if media_type.is_some_and(|t| t.trim_start().starts_with("application/x-www-form-urlencoded")) {
            self.parameters(bytes);
        } else {
            self.content(&content_of(bytes, media_type).0);
        }
    }

    fn content(&self, content: &Content) {
        match content {
            Content::Empty | Content::Binary(_) => {}
            Content::Json(value) => self.document(value),
            Content::Text(text) => self.fragments(text),
            Content::Events(events) => {
                for event in events {
                    match &event.message {
                        Some(message) => self.document(message),
                        None => self.fragments(&event.data),
                    }
                }
            }
        }
    }

    /// Documents are nested as deeply as their parser lets them.
    fn document(&self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if NAMES.contains(&name.as_str()) => self.note(name, text),
                        _ => self.document(member),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.document(item)),
            _ => {}
        }
    }

    /// Members in what is no document, such as one that was cut: the value goes to its quote, or to the end.
    fn fragments(&self, text: &str) {
        for name in NAMES {
            for (at, _) in text.match_indices(name) {
                let rest = text[at + name.len()..].trim_start_matches(['"', '\\', ' ', ':', '=', '>']);
                let value = rest.split(['"', '\\', '&', ' ', '<', '\n']).next().unwrap_or_default();
                self.note(name, value);
            }
        }
    }
}

/// A form-encoded value as it was.
fn percent_decoded(text: &str) -> String {
    form_urlencoded::parse(format!("x={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::transport::{Reply, Request};

    const FORM: &str = "application/x-www-form-urlencoded";

    /// What is left of a text after an exchange was seen.
    fn seen(
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
        reply: Option<(&str, &str)>,
    ) -> impl Fn(&str) -> String + use<> {
        let list = |headers: &[(&str, &str)]| headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let recorder = Recorder::new();
        let request = Request { method: "POST".into(), url: url.into(), headers: list(headers), body: body.into() };
        let number = recorder.begin(&"a".into(), &"b".into(), None, Arc::new(request));
        if let Some((location, body)) = reply {
            let content = content_of(body.as_bytes(), None).0;
            let headers = list(&[("location", location)]);
            let reply = Reply { status: Some(302), headers, content, failure: None, elapsed: Duration::ZERO };
            recorder.finish(number, Arc::new(reply));
        }
        let written = Arc::new(Source { path: "a.yaml".into(), text: "uses written-in-the-file".into() });
        let secrets = Secrets::default();
        learn(&secrets, &[written], &recorder, &[]);
        let redactor = secrets.redactor();
        move |text| redactor.redact(text)
    }

    #[test]
    fn parameters_of_requests_and_of_redirects() {
        let location = "http://l/cb?code=kode%2Fkode1&state=st4te-st4te#access_token=in-the-fragment";
        let headers = [("content-type", FORM)];
        let left = seen("http://a/?state=first-state", &headers, "code_verifier=veri~fier&x=y", Some((location, "")));
        assert_eq!(left("veri~fier kode/kode1 st4te-st4te"), "${code_verifier} ${code} ${state}");
        assert_eq!(left("first-state in-the-fragment"), "${state} ${access_token}");
    }

    #[test]
    fn credentials_in_headers() {
        let basic = STANDARD.encode("client:pass%2Fword1");
        for (header, shown, left_of_it) in [
            ("Bearer opaque-token".to_owned(), "opaque-token", "${token}"),
            (format!("basic {basic}"), "pass/word1", "${password}"),
            (format!("basic {basic}"), basic.as_str(), "${credentials}"),
        ] {
            let left = seen("http://a/", &[("authorization", &header)], "", None);
            assert_eq!(left(shown), left_of_it);
        }
        let left = seen("http://a/", &[("cookie", "a=cookie-value; b=short")], "", None);
        assert_eq!(left("cookie-value short"), "${cookie} short");
    }

    #[test]
    fn a_signature_and_a_session_token_but_not_the_scope() {
        let signed = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/us-east-1/sts/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=05bea9bf2b1ab0c457310d6143e6c281";
        let headers = [("authorization", signed), ("x-amz-security-token", "IQoJb3JpZ2lu==")];
        let left = seen("http://a/?X-Amz-Signature=0123456789abcdef&X-Amz-Date=20261121T000000Z", &headers, "", None);
        assert_eq!(left(signed), signed.replace("05bea9bf2b1ab0c457310d6143e6c281", "${signature}"));
        assert_eq!(left("IQoJb3JpZ2lu== 0123456789abcdef"), "${session_token} ${X-Amz-Signature}");
        let xml = "<C><SecretAccessKey>secret/of+sts</SecretAccessKey><SessionToken>token==of-sts</SessionToken></C>";
        let left = seen("http://a/", &[], "", Some(("", xml)));
        assert_eq!(left("secret/of+sts token==of-sts"), "${SecretAccessKey} ${SessionToken}");
    }

    #[test]
    fn members_of_documents_whole_and_cut() {
        let body = r#"{"a":[{"client_secret":"s3cr3t-s3cr3t"}],"token_type":"Bearer-like","code":"not-a-secret"}"#;
        let left = seen("http://a/", &[], "", Some(("", body)));
        assert_eq!(left("s3cr3t-s3cr3t Bearer-like not-a-secret"), "${client_secret} Bearer-like not-a-secret");
        let left = seen("http://a/", &[], "", Some(("", r#"{"access_token" : "cut-in-the-mid"#)));
        assert_eq!(left(r#"{"access_token" : "cut-in-the-mid"#), r#"{"access_token" : "${access_token}"#);
    }

    #[test]
    fn what_the_scenario_spells_out_is_shown() {
        let left = seen("http://a/?code=written-in-the-file", &[("authorization", "Bearer tiny")], "", None);
        assert_eq!(left("written-in-the-file tiny"), "written-in-the-file tiny");
    }
}
