//! Tokens that must not be let in.

use serde_json::{Value, json};

use crate::issuer::*;

/// Defects that a bad token shows.
pub(crate) const SHOWN: &[&str] = &[
    "signature-not-verified",
    "alg-none-accepted",
    "hmac-with-public-key-accepted",
    "embedded-key-accepted",
    "unknown-kid-uses-first-key",
    "any-issuer-keys",
    "issuer-not-checked",
    "not-before-not-checked",
    "audience-not-checked",
    "missing-audience-accepted",
    "audience-prefix-accepted",
    "client-not-checked",
    "claim-equals-not-checked",
    "claim-contains-not-checked",
    "claim-contains-any-not-checked",
    "missing-claim-accepted",
];

/// A bad token: what is wrong with it, the reason in the journal, and the defects that let it in.
pub(crate) struct Bad(
    pub(crate) &'static str,
    pub(crate) String,
    pub(crate) &'static str,
    pub(crate) &'static [&'static str],
);

/// Each is good but for one thing. `other` is an issuer that the gateway does not trust.
pub(crate) fn bad_tokens(issuer: &Issuer, other: &Issuer) -> Vec<Bad> {
    let good = issuer.claims(&json!({}));
    let with = |change: Value| RSA.sign(&issuer.claims(&change));
    let token = issuer.token();
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let (header, _) = signed.split_once('.').expect("a token");
    let at_other = |member: &str| format!("{}{member}", other.url());
    vec![
        Bad(
            "altered claims",
            format!("{header}.{}.{signature}", part(&issuer.claims(&json!({ "sub": "eve" })))),
            "bad-signature",
            &["signature-not-verified"],
        ),
        Bad(
            "a foreign key under our id",
            FOREIGN.sign_with(&json!({ "kid": "p256" }), &good),
            "bad-signature",
            &["signature-not-verified"],
        ),
        Bad("no signature", format!("{signed}."), "bad-signature", &["signature-not-verified"]),
        Bad("a corrupt signature", format!("{signed}.%%%"), "bad-signature", &["signature-not-verified"]),
        Bad("alg none", unsigned(&json!({ "alg": "none" }), &good, ""), "algorithm", &["alg-none-accepted"]),
        Bad(
            "alg None",
            unsigned(&json!({ "alg": "None", "kid": "rsa" }), &good, ""),
            "algorithm",
            &["alg-none-accepted"],
        ),
        Bad("alg none with a signature", unsigned(&json!({ "alg": "none" }), &good, signature), "algorithm", &[]),
        Bad(
            "unknown algorithm",
            unsigned(&json!({ "alg": "RS257", "kid": "rsa" }), &good, signature),
            "algorithm",
            &[],
        ),
        Bad(
            "RSA key as a secret",
            hmac("rsa", &good, RSA.public_pem.as_bytes()),
            "algorithm",
            &["hmac-with-public-key-accepted"],
        ),
        Bad(
            "EC key as a secret",
            hmac("p256", &good, P256.public_pem.trim_end().as_bytes()),
            "algorithm",
            &["hmac-with-public-key-accepted"],
        ),
        Bad("a guessed secret", hmac("rsa", &good, b"secret"), "algorithm", &[]),
        Bad("an algorithm for another key", FOREIGN.sign_with(&json!({ "kid": "rsa" }), &good), "algorithm", &[]),
        Bad(
            "our key under an unknown id",
            RSA.sign_with(&json!({ "kid": "never-issued" }), &good),
            "unknown-kid",
            &["unknown-kid-uses-first-key"],
        ),
        Bad("a foreign key under its own id", FOREIGN.sign(&good), "unknown-kid", &[]),
        Bad(
            "a foreign key set in jku",
            FOREIGN.sign_with(&json!({ "jku": at_other("/v1/keys") }), &good),
            "unknown-kid",
            &["any-issuer-keys"],
        ),
        Bad(
            "a foreign key in jwk",
            FOREIGN.sign_with(&json!({ "jwk": FOREIGN.jwk }), &good),
            "unknown-kid",
            &["embedded-key-accepted"],
        ),
        Bad(
            "another issuer's token",
            FOREIGN.sign(&issuer.claims(&json!({ "iss": other.url() }))),
            "unknown-kid",
            &["any-issuer-keys"],
        ),
        Bad(
            "another issuer's name",
            with(json!({ "iss": "http://127.0.0.1:1/other" })),
            "wrong-issuer",
            &["issuer-not-checked"],
        ),
        Bad(
            "the issuer with a slash",
            with(json!({ "iss": format!("{}/", issuer.url()) })),
            "wrong-issuer",
            &["issuer-not-checked"],
        ),
        Bad("no issuer", with(json!({ "iss": null })), "wrong-issuer", &["issuer-not-checked"]),
        Bad("expired", with(json!({ "exp": now() - 1 })), "expired", &["accepts-expired-token"]),
        Bad("no expiry", with(json!({ "exp": null })), "expired", &["accepts-expired-token"]),
        Bad("expiry as text", with(json!({ "exp": "2099-01-01" })), "expired", &["accepts-expired-token"]),
        Bad("not yet valid", with(json!({ "nbf": now() + 600 })), "not-yet-valid", &["not-before-not-checked"]),
        Bad("nbf as text", with(json!({ "nbf": "soon" })), "not-yet-valid", &["not-before-not-checked"]),
        Bad(
            "another audience",
            with(json!({ "aud": "https://other.example/mcp" })),
            "wrong-audience",
            &["audience-not-checked"],
        ),
        Bad(
            "other audiences",
            with(json!({ "aud": ["https://other.example/mcp", 7, {}] })),
            "wrong-audience",
            &["audience-not-checked"],
        ),
        Bad(
            "no audience",
            with(json!({ "aud": null })),
            "wrong-audience",
            &["audience-not-checked", "missing-audience-accepted"],
        ),
        Bad(
            "a deeper audience",
            with(json!({ "aud": format!("{AUDIENCE}/deeper") })),
            "wrong-audience",
            &["audience-not-checked", "audience-prefix-accepted"],
        ),
        Bad("another client", with(json!({ "client_id": "client-3" })), "wrong-client", &["client-not-checked"]),
        Bad(
            "the client elsewhere",
            with(json!({ "client_id": null, "cid": "client-1", "azp": "client-1" })),
            "wrong-client",
            &["client-not-checked"],
        ),
        Bad("no scope", with(json!({ "scope": null })), "missing-scope", &["accepts-insufficient-scope"]),
        Bad(
            "a longer scope",
            with(json!({ "scope": "gateway/invoke-nothing" })),
            "missing-scope",
            &["accepts-insufficient-scope", "scopes-compared-as-substring"],
        ),
        Bad("EQUALS", with(json!({ "department": "legal" })), "claim-rule", &["claim-equals-not-checked"]),
        Bad("CONTAINS", with(json!({ "groups": ["sales"] })), "claim-rule", &["claim-contains-not-checked"]),
        Bad("CONTAINS_ANY", with(json!({ "roles": ["guest"] })), "claim-rule", &["claim-contains-any-not-checked"]),
        Bad(
            "no claim",
            with(json!({ "department": null })),
            "claim-rule",
            &["claim-equals-not-checked", "missing-claim-accepted"],
        ),
        Bad("no token at all", "fake-token-that-nobody-issued".to_owned(), "malformed", &[]),
    ]
}
