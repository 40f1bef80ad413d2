//! Servers behind a sign-in, and the providers of the sign-in.

use super::{Ask, INITIALIZE, INITIALIZED, LIST, bug, bugs, get, post};

const METADATA: Ask = get("GET /.well-known/oauth-protected-resource").bare();
const SIGN_IN: &[Ask] = &[INITIALIZE.bare(), METADATA, INITIALIZE, INITIALIZED, LIST];
const REFUSED_FIRST: &[Ask] = &[INITIALIZE.bare(), INITIALIZE, INITIALIZED, LIST];
const ASTRAY: &[Ask] = &[
    INITIALIZE.bare().giving("metadata", "/.well-known/"),
    get("GET /.well-known/<<metadata>>").bare(),
    INITIALIZE,
    LIST,
];
const UNSCOPED: &[Ask] = &[METADATA, LIST.with(&[("authorization", "Bearer <<unscoped>>")]), METADATA];
const REFUSED: &[Ask] = &[METADATA, LIST.with(&[("authorization", "Bearer never-issued-0815-4711")]), METADATA];
const GATEWAY: &str = "agentcore-gateway";

const OPENID: Ask = get("GET /.well-known/openid-configuration");
const OAUTH: Ask = get("GET /.well-known/oauth-authorization-server");
const AUTHORIZE: Ask = get(
    "GET /v1/authorize?response_type=code&client_id=gauntlet-public&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&scope=gateway%2Finvoke&state=af0ifjsldkj&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
);
const TOKEN: Ask = post(
    "POST /v1/token",
    "grant_type=authorization_code&client_id=gauntlet-public&code=<<code>>&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);
const BAD_CODE: Ask = post(
    "POST /v1/token",
    "grant_type=authorization_code&client_id=gauntlet-public&code=never-issued&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);
const REGISTER: Ask = post(
    "POST /v1/register",
    r#"{"client_name":"editor","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}"#,
);
const KEYS: Ask = get("GET /.well-known/jwks.json");
const PROVIDER: &[Ask] = &[OAUTH, OPENID, KEYS, AUTHORIZE];
const TOKENS: &[Ask] = &[OPENID, BAD_CODE, AUTHORIZE.giving("code", "code="), TOKEN];

bugs! {
    challenge_missing: bug(GATEWAY, "agentcore-gateway:no-challenge", SIGN_IN, "oauth.challenge-missing");
    challenge_without_resource_metadata: bug(GATEWAY, "agentcore-gateway:challenge-without-resource-metadata", SIGN_IN, "oauth.challenge-without-resource-metadata");
    challenge_of_another_scheme: bug(GATEWAY, "agentcore-gateway:challenge-wrong-scheme", SIGN_IN, "oauth.challenge-not-bearer");
    metadata_missing: bug("agentcore-jwt", "agentcore-gateway:prm-missing", SIGN_IN, "oauth.resource-metadata-missing").own_credentials();
    challenge_that_leads_nowhere: bug("agentcore-jwt", "agentcore-gateway:challenge-metadata-404", ASTRAY, "oauth.challenge-leads-nowhere").own_credentials();
    metadata_behind_the_sign_in: bug(GATEWAY, "agentcore-gateway:prm-requires-auth", SIGN_IN, "oauth.resource-metadata-need-a-token");
    metadata_not_json: bug(GATEWAY, "agentcore-gateway:prm-not-json", SIGN_IN, "oauth.resource-metadata-not-json");
    metadata_without_a_provider: bug(GATEWAY, "agentcore-gateway:prm-without-authorization-servers", SIGN_IN, "oauth.resource-metadata-without-authorization-server");
    metadata_of_another_resource: bug(GATEWAY, "agentcore-gateway:prm-resource-mismatch", SIGN_IN, "oauth.resource-of-another-host");
    offline_access_demanded: bug(GATEWAY, "agentcore-gateway:offline-access-in-scopes", REFUSED_FIRST, "oauth.offline-access-demanded");
    missing_scope_not_named: bug(GATEWAY, "agentcore-gateway:403-without-scope", UNSCOPED, "oauth.missing-scope-not-named");
    missing_scope_as_401: bug(GATEWAY, "agentcore-gateway:insufficient-scope-as-401", UNSCOPED, "oauth.missing-scope-as-401");
    refused_with_success: bug(GATEWAY, "agentcore-gateway:invalid-token-as-200-error", REFUSED, "oauth.refused-with-200");
    tools_listed_twice: bug(GATEWAY, "agentcore-gateway:duplicate-tools", SIGN_IN, "mcp.tool-listed-twice");

    provider_metadata_missing: bug("idp", "idp:metadata-missing", PROVIDER, "oauth.server-metadata-missing");
    provider_metadata_not_json: bug("idp", "idp:metadata-not-json", PROVIDER, "oauth.server-metadata-not-json");
    pkce_not_advertised: bug("idp", "idp:pkce-not-advertised", PROVIDER, "oauth.pkce-not-advertised").said();
    pkce_plain_only: bug("idp", "idp:only-plain-advertised", PROVIDER, "oauth.pkce-plain-only");
    state_lost: bug("idp", "idp:state-dropped", PROVIDER, "oauth.state-lost");
    issuer_promised_and_missing: bug("idp", "idp:iss-missing", PROVIDER, "oauth.iss-promised-and-missing");
    code_in_the_fragment: bug("idp", "idp:code-in-fragment", PROVIDER, "oauth.code-in-fragment");
    sign_in_leads_to_itself: bug("idp", "idp:authorize-loops", PROVIDER, "oauth.sign-in-page-loops");
    keys_missing: bug("idp", "idp:jwks-empty", PROVIDER, "oauth.no-signing-keys");
    token_error_as_success: bug("idp", "idp:error-as-200", TOKENS, "oauth.token-error-as-200");
    token_not_json: bug("idp", "idp:token-not-json", TOKENS, "oauth.token-not-json");
    lifetime_as_text: bug("idp", "idp:expires-in-as-string", TOKENS, "oauth.expires-in-as-text");
    token_without_type: bug("idp", "idp:token-without-type", TOKENS, "oauth.token-type-missing");
    redirects_forgotten: bug("idp", "idp:registration-drops-redirects", &[OPENID, REGISTER], "oauth.redirects-dropped");
}
