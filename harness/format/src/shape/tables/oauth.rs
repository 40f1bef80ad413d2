//! OAuth sign-ins.

use super::{TEXTS, TRUE, optional};
use crate::scenario::SNAPSHOT;
use crate::shape::{Field, Kind, Shape};

/// Settings of an OAuth client.
pub(super) static SETTINGS: Shape = Shape {
    name: "oauth",
    rest: None,
    fields: &[
        optional(
            "grant",
            Kind::Variable(&Kind::Word(&["authorization_code", "client_credentials"])),
            "How a token is got; default `authorization_code` with PKCE.",
        ),
        optional("client_id", Kind::Text, "A registered client; without one the client registers itself."),
        optional("client_secret", Kind::Text, "Its secret."),
        optional("private_key", Kind::Text, "A private key in PEM form: the client signs in by a JWT (RFC 7523)."),
        optional("key_id", Kind::Text, "`kid` of that key."),
        optional("key_alg", Kind::Text, "Signature algorithm of that key; default by its kind."),
        optional("client_metadata_url", Kind::Text, "URL of a client id metadata document, used as client id."),
        optional("client_name", Kind::Text, "Name in a registration."),
        optional("scopes", Kind::Variable(&TEXTS), "Scopes to ask for, in place of those that the target names."),
        optional("resource", Kind::Any, "Resource indicator in place of the target's; `false` for none (RFC 8707)."),
        optional("issuer", Kind::Text, "The authorization server, in place of the one that the target names."),
        optional("redirect", Kind::Object(&REDIRECT), "Where the browser comes back to."),
        optional(
            "token_auth",
            Kind::Variable(&Kind::Word(&["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])),
            "How the client proves itself at the token endpoint.",
        ),
        optional(
            "pkce",
            Kind::Variable(&Kind::Word(&["require", "warn", "ignore"])),
            "What to do about metadata that do not advertise S256; default `warn`.",
        ),
        optional(
            "browser",
            Kind::Variable(&Kind::Word(&["follow", "open", "none"])),
            "`follow` plays the browser, `open` opens the user's, `none` stops there.",
        ),
        optional("cache", TRUE, "Keeps tokens in the user's configuration folder."),
        optional("offline_access", TRUE, "Asks for a refresh token where the server offers that scope."),
    ],
};

static REDIRECT: Shape = Shape {
    name: "redirect",
    rest: None,
    fields: &[
        optional("host", Kind::Variable(&Kind::Word(&["127.0.0.1", "localhost"])), "Loopback host."),
        optional("port", Kind::Variable(&Kind::Count), "Port; any free one without it."),
        optional("path", Kind::Text, "Path; default `/callback`."),
    ],
};

const ALTERED: Kind = Kind::Variable(&Kind::Map(&Kind::Any));

/// Keys of every OAuth leg that asks the token endpoint.
pub(super) const TOKEN: Field =
    optional("token", ALTERED, "Parameters of the token request to alter; null takes one away.");

/// Key of a leg that asks the authorization endpoint.
pub(super) const AUTHORIZATION: Field =
    optional("authorization", ALTERED, "Parameters of the authorization request to alter; null takes one away.");

/// Value of the verbs.
pub(super) const LEG: Kind = Kind::Either(&[Kind::True, Kind::Variable(&Kind::Object(&SETTINGS))]);

/// Members of an OAuth leg that `expect` may name.
pub(super) const MEMBERS: &[&str] = &[
    "problem",
    "challenge",
    "resource_metadata",
    "resource_metadata_url",
    "found_by",
    "issuer",
    "server_metadata",
    "server_metadata_url",
    "registration",
    "authorization_request",
    "redirect",
    "token_request",
    "token",
    "warnings",
    "status",
    "headers",
    "body",
    "outcome",
    "within",
    "after",
    SNAPSHOT,
];
