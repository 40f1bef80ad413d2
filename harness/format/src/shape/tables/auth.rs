//! Credentials.

use super::{DURATION, TEXTS, optional, required};
use crate::shape::{Kind, Shape};

pub(super) const AUTH: Kind = Kind::Either(&[Kind::Variable(&Kind::Word(&["none"])), Kind::Object(&AUTHS)]);

static AUTHS: Shape = Shape {
    name: "auth",
    rest: None,
    fields: &[
        optional("bearer", Kind::Text, "A bearer token."),
        optional(
            "basic",
            Kind::Object(&Shape {
                name: "basic",
                rest: None,
                fields: &[required("username", Kind::Text, "User."), required("password", Kind::Text, "Password.")],
            }),
            "User and password.",
        ),
        optional("header", Kind::Map(&Kind::Text), "Header name to value."),
        optional("sigv4", Kind::Variable(&Kind::Object(&SIGV4)), "AWS Signature Version 4."),
        optional("jwt", Kind::Variable(&Kind::Object(&JWT)), "A signed token made for the step, as a bearer token."),
        optional(
            "oauth",
            Kind::Either(&[Kind::True, Kind::Object(&super::oauth::SETTINGS)]),
            "An OAuth sign-in; the token is got before the first request.",
        ),
    ],
};

static SIGV4: Shape = Shape {
    name: "sigv4",
    rest: Some(Kind::Any),
    fields: &[
        optional("service", Kind::Text, "AWS service name, as it stands in the credential scope."),
        optional("region", Kind::Text, "AWS region, as it stands in the credential scope."),
        optional("signed_ago", DURATION, "How long ago the signature says that it was made."),
        optional("signed_in", DURATION, "How far in the future the signature says that it was made."),
        optional("content_sha256", Kind::Bool, "Sends the hash of the body in `x-amz-content-sha256`."),
        optional("unsigned", TEXTS, "Headers to leave out of the signature, such as `host`."),
        optional(
            "after_signing",
            Kind::Object(&Shape {
                name: "after_signing",
                rest: None,
                fields: &[
                    optional(
                        "headers",
                        Kind::Variable(&Kind::Map(&Kind::Any)),
                        "Header name to text; null takes one away.",
                    ),
                    optional("body", Kind::Text, "In place of the body that was signed."),
                ],
            }),
            "What becomes of the request once it is signed.",
        ),
    ],
};

static JWT: Shape = Shape {
    name: "jwt",
    rest: None,
    fields: &[
        optional(
            "from",
            Kind::Id,
            "The upstream mock that signs, such as `idp`; it starts from a token it would give.",
        ),
        optional("key", Kind::Text, "A private key in PEM form, in place of a mock that signs."),
        optional("alg", Kind::Text, "Signature algorithm, such as `RS256`."),
        optional("header", Kind::Variable(&Kind::Map(&Kind::Any)), "Members of the JOSE header; null takes one away."),
        optional("claims", Kind::Variable(&Kind::Map(&Kind::Any)), "Claims; null takes one away."),
        optional(
            "sign",
            Kind::Variable(&Kind::Word(&["current", "retired", "foreign", "none", "public-as-hmac", "corrupt"])),
            "How the mock signs: by its key, a retired or a foreign one, not at all, with its public key as a shared secret, or so that the signature is wrong.",
        ),
        optional("kind", Kind::Variable(&Kind::Word(&["access", "id"])), "Access token (the default) or ID token."),
        optional("client", Kind::Text, "The client it is for."),
        optional("subject", Kind::Text, "Whose it is."),
        optional("scopes", Kind::Variable(&TEXTS), "Its scopes."),
        optional("resource", Kind::Text, "The resource it is for."),
        optional("audience", Kind::Any, "`aud`, in place of what the resource leads to."),
        optional("lifetime", DURATION, "From issue to expiry."),
        optional("issued_ago", DURATION, "How long ago it was issued."),
        optional("not_before_in", DURATION, "How long until it is valid."),
    ],
};
