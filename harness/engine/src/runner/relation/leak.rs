//! Whether a value that was sent on one hop shows up on the other, in whatever spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gauntlet_reports::Redactor;
use serde_json::Value;

/// Characters below which a text is found by chance rather than because it leaked.
pub(super) const LEAST: usize = 6;

/// Headers that hold credentials behind the name of a scheme.
const CREDENTIALS: [&str; 2] = ["authorization", "proxy-authorization"];

/// The texts to look for, of a value at a path: each text in a document, and of credentials what makes them such.
///
/// # Errors
/// No text of it is long enough to tell anything.
pub(super) fn needles(header: Option<&str>, value: &Value) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    texts_of(value, &mut texts);
    let mut needles: Vec<String> = match header {
        Some(name) if CREDENTIALS.contains(&name) => texts.iter().flat_map(|text| credentials(text)).collect(),
        Some("cookie") => texts.iter().flat_map(|text| text.split(';')).map(cookie_value).collect(),
        _ => texts,
    };
    needles.retain(|needle| needle.chars().count() >= LEAST);
    needles.sort_unstable();
    needles.dedup();
    if needles.is_empty() {
        return Err(format!("is too short: a text of fewer than {LEAST} characters is found by chance"));
    }
    Ok(needles)
}

/// The needle that one of the texts holds, as it is or encoded: in base64, hexadecimal, percent-encoded or in a JSON string.
pub(super) fn found_in<'n>(needles: &'n [String], texts: &[(String, String)]) -> Option<(&'n str, String)> {
    needles.iter().find_map(|needle| {
        let finder = Redactor::new([("found".to_owned(), needle.clone())]);
        let place = texts.iter().find(|(_, text)| finder.redact(text) != **text);
        place.map(|(place, _)| (needle.as_str(), place.clone()))
    })
}

fn texts_of(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| texts_of(member, into)),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, into)),
        Value::String(text) => into.push(text.clone()),
        Value::Number(number) => into.push(number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The secret parts of `Authorization`: the token, or name and password, or the signature.
fn credentials(value: &str) -> Vec<String> {
    let Some((scheme, rest)) = value.trim().split_once(' ') else { return vec![value.to_owned()] };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password =
            decoded.as_deref().and_then(|text| text.split_once(':')).map(|(_, password)| password.to_owned());
        return [Some(rest.to_owned()), password].into_iter().flatten().collect();
    }
    if scheme.to_ascii_uppercase().starts_with("AWS4-") {
        let signature = rest.split(',').find_map(|part| part.trim().strip_prefix("Signature="));
        return signature.into_iter().map(str::to_owned).collect();
    }
    vec![rest.to_owned()]
}

fn cookie_value(pair: &str) -> String {
    pair.split_once('=').map_or(pair, |(_, value)| value).trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "t0ken/with+all=of\"it";

    fn finds(header: Option<&str>, value: &Value, text: &str) -> bool {
        found_in(&needles(header, value).unwrap(), &[("headers.x".to_owned(), text.to_owned())]).is_some()
    }

    #[test]
    fn a_token_is_found_in_every_spelling() {
        let value = json!(format!("Bearer {TOKEN}"));
        let percent: String = url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect();
        let twice = Value::from(json!({ "a": TOKEN }).to_string()).to_string();
        for text in [
            TOKEN.to_owned(),
            format!("bearer {TOKEN}"),
            format!("https://a/?t={percent}&b"),
            percent.to_lowercase(),
            format!("Basic {}", STANDARD.encode(format!("user:{TOKEN}"))),
            URL_SAFE_NO_PAD.encode(format!("x{TOKEN}")),
            twice,
            TOKEN.bytes().map(|b| format!("{b:02X}")).collect(),
        ] {
            assert!(finds(Some("authorization"), &value, &text), "{text}");
        }
        assert!(!finds(Some("authorization"), &value, "Bearer another-token"));
        // Without its scheme a header's value is looked for whole.
        assert!(!finds(Some("x-token"), &value, TOKEN));
    }

    #[test]
    fn of_credentials_what_makes_them_such() {
        let basic = json!(format!("Basic {}", STANDARD.encode("client:s3cret-word")));
        assert!(finds(Some("authorization"), &basic, "password=s3cret-word"));
        let signed = json!("AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=abcdef0123");
        assert!(finds(Some("authorization"), &signed, "x-original: abcdef0123"));
        assert!(!finds(
            Some("authorization"),
            &signed,
            "AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=00"
        ));
        assert!(finds(Some("cookie"), &json!("a=b; sid=session-value"), "x=session-value"));
    }

    #[test]
    fn every_text_of_a_document_is_looked_for() {
        let value = json!({ "a": ["x", { "b": "in-the-depth" }], "n": 12345678 });
        assert!(finds(None, &value, "y=in-the-depth"));
        assert!(finds(None, &value, "n: 12345678"));
    }

    #[test]
    fn what_would_be_found_by_chance_is_refused() {
        for value in [json!("a"), json!(1), json!(""), json!(null), json!({}), json!(["x", true])] {
            assert!(needles(None, &value).unwrap_err().contains("too short"), "{value}");
        }
        assert!(needles(Some("authorization"), &json!("Bearer abc")).is_err());
    }
}
