//! Where everything is.

use super::config::{Config, MetadataForm, OTHER_ORIGIN, SAME_ORIGIN};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A metadata document.
    Metadata,
    /// The key set.
    Jwks,
    /// Where users are sent.
    Authorize,
    /// What the pages for users post to.
    Login,
    /// Tokens.
    Token,
    /// RFC 7009.
    Revoke,
    /// RFC 7662.
    Introspect,
    /// OpenID Connect.
    Userinfo,
    /// RFC 7591.
    Register,
}

impl Endpoint {
    /// Those below `endpoints_path`.
    const NAMED: [Self; 7] =
        [Self::Authorize, Self::Login, Self::Token, Self::Revoke, Self::Introspect, Self::Userinfo, Self::Register];

    fn name(self) -> &'static str {
        match self {
            Self::Metadata => ".well-known",
            Self::Jwks => ".well-known/jwks.json",
            Self::Authorize => "authorize",
            Self::Login => "login",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::Userinfo => "userinfo",
            Self::Register => "register",
        }
    }
}

/// The provider's own origin and the configuration: every URL follows from them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    /// Where it listens.
    pub(super) origin: &'a str,
    pub(super) config: &'a Config,
}

impl Site<'_> {
    fn issuer_origin(&self) -> &str {
        self.config.public_origin.as_deref().unwrap_or(self.origin)
    }

    /// The issuer identifier.
    pub(super) fn issuer(&self) -> String {
        let slash = if self.config.trailing_slash { "/" } else { "" };
        format!("{}{}{slash}", self.issuer_origin(), self.config.path)
    }

    /// URL of an endpoint, as it is advertised.
    pub(super) fn url(&self, endpoint: Endpoint) -> String {
        let name = endpoint.name();
        if endpoint == Endpoint::Jwks {
            return format!("{}{}/{name}", self.issuer_origin(), self.config.path);
        }
        let origin = match self.config.endpoints_origin.as_str() {
            SAME_ORIGIN => self.issuer_origin().to_owned(),
            OTHER_ORIGIN => other_name(self.issuer_origin()),
            origin => origin.to_owned(),
        };
        format!("{origin}{}/{name}", self.config.endpoints_path)
    }

    /// Path of the endpoint on its origin.
    pub(super) fn path(&self, endpoint: Endpoint) -> String {
        format!("{}/{}", self.config.endpoints_path, endpoint.name())
    }

    /// URL of a metadata document.
    pub(super) fn metadata_url(&self, form: MetadataForm) -> String {
        format!("{}{}", self.issuer_origin(), self.metadata_path(form))
    }

    fn metadata_path(&self, form: MetadataForm) -> String {
        let path = &self.config.path;
        match form {
            MetadataForm::Oauth => format!("/.well-known/oauth-authorization-server{path}"),
            MetadataForm::Openid => format!("{path}/.well-known/openid-configuration"),
            MetadataForm::OpenidInserted => format!("/.well-known/openid-configuration{path}"),
        }
    }

    /// What a path leads to.
    pub(super) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        if self.config.metadata_forms.iter().any(|form| self.metadata_path(*form) == path) {
            return Some(Endpoint::Metadata);
        }
        if path.strip_prefix(self.config.path.as_str()) == Some("/.well-known/jwks.json") {
            return Some(Endpoint::Jwks);
        }
        if let Some(endpoint) = Endpoint::NAMED.into_iter().find(|endpoint| self.path(*endpoint) == path) {
            return Some(endpoint);
        }
        let guessed = [Endpoint::Authorize, Endpoint::Token, Endpoint::Register].into_iter();
        let mut guessed = guessed.filter(|_| self.config.default_paths);
        guessed.find(|endpoint| path.strip_prefix('/') == Some(endpoint.name()))
    }
}

/// The other name of loopback, as an origin of its own.
fn other_name(origin: &str) -> String {
    match origin.split_once("//localhost") {
        Some((scheme, port)) => format!("{scheme}//127.0.0.1{port}"),
        None => origin.replacen("127.0.0.1", "localhost", 1).replacen("[::1]", "localhost", 1),
    }
}
