//! A token in compact form, read without trusting anything in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 64 << 10;

/// A signed token (RFC 7515 section 7.1): header and claims are read, nothing is verified.
#[derive(Debug)]
pub(crate) struct Token<'t> {
    /// `alg`, whatever it says.
    pub(crate) algorithm: String,
    /// Id of the key.
    pub(crate) kid: Option<String>,
    /// Where the token says that its keys are.
    pub(crate) jku: Option<String>,
    /// The key that the token brings along.
    pub(crate) jwk: Option<Value>,
    pub(crate) claims: Map<String, Value>,
    /// What was signed.
    pub(crate) signed: &'t str,
    /// The signature, in Base64.
    pub(crate) signature: &'t str,
}

impl<'t> Token<'t> {
    /// Reads a token; none if it is not one.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST_TOKEN {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let mut header = object(header)?;
        // An extension that must be understood; none is (RFC 7515 section 4.1.11).
        if header.contains_key("crit") {
            return None;
        }
        let mut text_of = |name: &str| match header.remove(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text)),
            Some(_) => None,
        };
        let algorithm = text_of("alg")??;
        let kid = text_of("kid")?;
        let jku = text_of("jku")?;
        Some(Self { algorithm, kid, jku, jwk: header.remove("jwk"), claims: object(claims)?, signed, signature })
    }
}

/// A part of a token: an object in JSON, in Base64.
fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(part: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(part)
    }

    #[test]
    fn header_and_claims_are_read() {
        let text = format!("{}.{}.c2ln", encode(r#"{"alg":"RS256","kid":"one"}"#), encode(r#"{"sub":"alice"}"#));
        let token = Token::parse(&text).expect("a token");
        assert_eq!((token.algorithm.as_str(), token.kid.as_deref()), ("RS256", Some("one")));
        assert_eq!(token.claims["sub"], "alice");
        assert_eq!((token.signed, token.signature), (&text[..text.len() - 5], "c2ln"));
    }

    #[test]
    fn what_is_no_token() {
        let good = encode(r#"{"alg":"RS256"}"#);
        let claims = encode("{}");
        let deep = encode(format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)));
        for text in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            ".".repeat(10_000),
            good.clone(),
            format!("{good}.{claims}"),
            format!("{good}.{claims}.x.y"),
            format!("{good}.{claims}.x.y.z"),
            format!("{good}.{deep}."),
            format!("{good}=.{claims}."),
            format!("{good}.{}.", encode("[]")),
            format!("{good}.{}.", encode(b"{\"sub\":\"\xff\xfe\"}")),
            format!("{}.{claims}.", encode("null")),
            format!("{}.{claims}.", encode("{}")),
            format!("{}.{claims}.", encode(r#"{"alg":7}"#)),
            format!("{}.{claims}.", encode(r#"{"alg":"RS256","kid":["a"]}"#)),
            format!("{}.{claims}.", encode(r#"{"alg":"RS256","crit":["exp"]}"#)),
            format!("{good}.{}.", encode(format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_TOKEN)))),
            "é.é.é".to_owned(),
        ] {
            assert!(Token::parse(&text).is_none(), "{}", &text[..text.len().min(80)]);
        }
    }
}
