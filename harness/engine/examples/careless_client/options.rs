//! The command line.

use std::path::PathBuf;

use url::Url;

use super::Problem;

macro_rules! switches {
    ($($variant:ident $name:literal $doc:literal)+) => {
        /// One way to be careless.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Switch { $(#[doc = $doc] $variant),+ }

        /// Every switch with its name and what it does.
        const SWITCHES: &[(&str, Switch, &str)] = &[$(($name, Switch::$variant, $doc)),+];
    };
}

switches! {
    // Finding the authorization server.
    IgnoresChallenge "ignores-challenge" "looks for the resource's metadata at the well-known places at once"
    RootMetadataFirst "root-metadata-first" "looks for the resource's metadata at the root before the path"
    NoMetadataFallback "no-metadata-fallback" "gives up when the challenge names no metadata"
    SkipsResourceMetadata "skips-resource-metadata" "takes the server itself for the authorization server"
    IgnoresResourceMismatch "ignores-resource-mismatch" "takes metadata of another resource"
    OpenidFirst "openid-first" "looks for OpenID documents before OAuth ones"
    OauthOnly "oauth-only" "looks for no OpenID document"
    IgnoresIssuer "ignores-issuer" "takes metadata that names another issuer"
    IgnoresPkceSupport "ignores-pkce-support" "goes on when the metadata does not promise S256"
    GuessesEndpoints "guesses-endpoints" "uses /authorize and /token whatever the metadata says"
    OpensAnything "opens-anything" "uses endpoints that are no web addresses"
    // Who the client is.
    AlwaysRegisters "always-registers" "registers although it has a client id"
    NeverUsesDocument "never-uses-document" "registers although its metadata document would do"
    ForgetsRegistration "forgets-registration" "uses another client id than the registration gave"
    NoApplicationType "no-application-type" "registers without an application type"
    WebApplicationType "web-application-type" "registers a loopback redirect as a web application"
    RegistersOtherRedirect "registers-other-redirect" "registers another redirect than it uses"
    MixesIssuers "mixes-issuers" "uses what it knows from one authorization server at the next"
    AlwaysPost "always-post" "puts the client's secret into the body whatever the server offers"
    // The authorization request.
    NoPkce "no-pkce" "sends no code challenge"
    PlainPkce "plain-pkce" "uses the plain challenge method"
    SameVerifier "same-verifier" "uses one code verifier for every sign-in"
    ShortVerifier "short-verifier" "uses a verifier of 20 characters"
    NoState "no-state" "sends no state"
    SameState "same-state" "uses one state for every sign-in"
    NoResource "no-resource" "names the resource nowhere"
    NoResourceInAuthorization "no-resource-in-authorization" "names the resource in token requests alone"
    NoResourceInToken "no-resource-in-token" "names the resource in the authorization request alone"
    NoResourceInRefresh "no-resource-in-refresh" "names the resource everywhere but when it refreshes"
    WrongResource "wrong-resource" "names a deeper path of the server as the resource"
    FragmentResource "fragment-resource" "names a resource with a fragment"
    IgnoresChallengedScope "ignores-challenged-scope" "asks for the scopes of the metadata although others are challenged"
    NoScope "no-scope" "asks for no scope"
    AsksEverything "asks-everything" "asks for every scope that the authorization server lists"
    ForeignRedirect "foreign-redirect" "has the code sent to another machine, without encryption"
    // The answer.
    IgnoresState "ignores-state" "takes an answer with another state"
    IgnoresIss "ignores-iss" "takes an answer with another issuer"
    NormalizesIss "normalizes-iss" "takes an answer whose issuer differs by a slash at the end"
    IgnoresMissingIss "ignores-missing-iss" "takes an answer without the issuer that was promised"
    DemandsIss "demands-iss" "refuses an answer without an issuer that nobody promised"
    ShowsForeignError "shows-foreign-error" "shows the error of an answer with another issuer"
    // The token request.
    WrongVerifier "wrong-verifier" "sends another verifier than it challenged"
    OtherRedirectInToken "other-redirect-in-token" "sends another redirect than before"
    CodeTwice "code-twice" "sends each code twice"
    TokenRequestInQuery "token-request-in-query" "puts the token request into the URL"
    // The token.
    TokenInQuery "token-in-query" "puts the token into the URL"
    TokenInBoth "token-in-both" "puts the token into the URL besides the header"
    TokenOnce "token-once" "sends the token with its first request alone"
    OtherScheme "other-scheme" "sends the token without the word Bearer"
    FollowsRedirects "follows-redirects" "carries the token along to wherever it is redirected"
    TokenToProvider "token-to-provider" "shows the token to the authorization server's metadata endpoint"
    NoRefresh "no-refresh" "signs in again where it could refresh"
    KeepsOldRefreshToken "keeps-old-refresh-token" "uses a refresh token after it was replaced"
    GivesUpOn401 "gives-up-on-401" "does nothing about a token that is refused"
    RetriesForever "retries-forever" "signs in again and again while its tokens are refused"
    NoStepUp "no-step-up" "does nothing about a missing scope"
    StepUpForgets "step-up-forgets" "asks for the missing scope alone"
    StepUpForever "step-up-forever" "asks again and again for a scope that does not help"
    // MCP itself.
    NoAccept "no-accept" "does not say what it accepts"
    NoVersionHeader "no-version-header" "does not repeat the version in the header"
    NoSessionId "no-session-id" "does not repeat the session's id"
    NoInitialized "no-initialized" "does not say that it is initialized"
    SameId "same-id" "gives every request the same id"
    NullId "null-id" "gives its requests the id null"
    OldJsonrpc "old-jsonrpc" "speaks JSON-RPC 1.0"
    WrongParams "wrong-params" "calls the tool with arguments that are no object"
    NoMeta "no-meta" "leaves `_meta` out where the version demands it"
}

/// Times that something hopeless is tried by a client that does not know when to stop.
pub(crate) const FOREVER: usize = 12;

/// What it was told.
#[derive(Debug)]
pub(crate) struct Options {
    /// The MCP server.
    pub server: Url,
    /// Registered beforehand.
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    /// URL of its metadata document.
    pub metadata_url: Option<String>,
    /// Port of its redirect; 0: any.
    pub port: u16,
    /// Where tokens stay between two runs.
    pub store: Option<PathBuf>,
    /// Version of MCP.
    pub protocol: String,
    switches: Vec<Switch>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
        let mut server = None;
        let mut options = Self {
            server: Url::parse("http://127.0.0.1/").map_err(|e| e.to_string())?,
            client_id: None,
            client_secret: None,
            metadata_url: None,
            port: 0,
            store: None,
            protocol: std::env::var("GAUNTLET_VERSION").unwrap_or_else(|_| "2025-11-25".to_owned()),
            switches: Vec::new(),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--client-id" => options.client_id = Some(value()?),
                "--client-secret" => options.client_secret = Some(value()?),
                "--metadata-url" => options.metadata_url = Some(value()?),
                "--port" => options.port = value()?.parse().map_err(|e| format!("--port: {e}"))?,
                "--store" => options.store = Some(value()?.into()),
                "--protocol" => options.protocol = value()?,
                text => match text.strip_prefix("--") {
                    Some(name) => options.switches.push(switch(name)?),
                    None => server = Some(Url::parse(text).map_err(|e| format!("`{text}`: {e}"))?),
                },
            }
        }
        options.server = server.ok_or_else(usage)?;
        Ok(options)
    }

    /// Whether it is to be careless in this way.
    pub(crate) fn is(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }

    /// Whether the version has no handshake and no session.
    pub(crate) fn is_stateless(&self) -> bool {
        self.protocol.as_str() >= "2026-07-28"
    }
}

fn switch(name: &str) -> Result<Switch, Problem> {
    let found = SWITCHES.iter().find(|(known, ..)| *known == name);
    found.map(|(_, switch, _)| *switch).ok_or_else(|| format!("there is no switch `--{name}`\n{}", usage()))
}

/// Names of the switches.
#[allow(dead_code, reason = "for the test that shows that each of them is caught")]
pub(crate) fn switches() -> impl Iterator<Item = &'static str> {
    SWITCHES.iter().map(|(name, ..)| *name)
}

fn usage() -> Problem {
    let mut text = "careless_client URL [--client-id ID] [--client-secret SECRET] [--metadata-url URL] [--port PORT] \
                    [--store FILE] [--protocol VERSION] [SWITCH…]\n"
        .to_owned();
    for (name, _, doc) in SWITCHES {
        text.push_str(&format!("  --{name:<30} {doc}\n"));
    }
    text
}
