//! Who calls the token endpoint (RFC 6749, section 2.3; RFC 7523).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use url::form_urlencoded;

use super::clients::{AuthMethod, Client};
use super::defects::IdpDefect;
use super::keys::Alg;
use super::site::Endpoint;
use super::state::State;
use super::token::{Refusal, refusal};
use super::wire::{Incoming, Params};

/// `client_assertion_type` of a JWT (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest time that an assertion may still be good for.
const LONGEST_ASSERTION: Duration = Duration::from_secs(3600);
/// Clocks may differ by so much.
const LEEWAY: Duration = Duration::from_secs(30);

/// Id and secret of a Basic header, as they stand there and with their percent-encoding undone: clients do either.
struct BasicCredentials {
    spellings: Vec<(String, String)>,
}

impl BasicCredentials {
    fn read(header: &str) -> Option<Self> {
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        let raw = (id.to_owned(), secret.to_owned());
        Some(Self { spellings: vec![(form_decoded(id), form_decoded(secret)), raw] })
    }
}

/// Undoes the encoding of a form; `=` and `&` in the text are themselves.
fn form_decoded(text: &str) -> String {
    let text = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

fn invalid_client(problem: impl Into<String>) -> Refusal {
    refusal("invalid_client", problem)
}

impl State {
    /// The client of a request, if it proves that it is that client.
    pub(super) fn authenticate(
        &mut self,
        incoming: &Incoming,
        params: &Params,
        now: Duration,
    ) -> Result<Arc<Client>, Refusal> {
        let header = incoming.header("authorization");
        self.authenticated(header, params, now).map_err(|refused| Refusal { basic: header.is_some(), ..refused })
    }

    fn authenticated(&mut self, header: Option<&str>, params: &Params, now: Duration) -> Result<Arc<Client>, Refusal> {
        let basic = match header.map(BasicCredentials::read) {
            Some(None) => return Err(invalid_client("the Authorization header is not valid Basic credentials")),
            Some(basic) => basic,
            None => None,
        };
        let secret = params.one("client_secret");
        let assertion = params.one("client_assertion");
        if [basic.is_some(), secret.is_some(), assertion.is_some()].into_iter().filter(|used| *used).count() > 1 {
            return Err(refusal("invalid_request", "the client authenticates in more than one way"));
        }
        let named = params.one("client_id");
        match (basic, secret, assertion) {
            (Some(basic), _, _) => self.by_basic(&basic, named),
            (_, Some(secret), _) => {
                let client = self.known(named)?;
                let right =
                    client.secret.as_deref() == Some(secret) && client.methods.contains(&AuthMethod::ClientSecretPost);
                self.proven(client, right)
            }
            (_, _, Some(assertion)) => {
                if params.one("client_assertion_type") != Some(ASSERTION_TYPE) {
                    let problem = format!("`client_assertion_type` is not {ASSERTION_TYPE}");
                    return Err(refusal("invalid_request", problem));
                }
                self.by_assertion(assertion, named, now)
            }
            _ => {
                let client = self.known(named)?;
                let right = client.methods.contains(&AuthMethod::None);
                self.proven(client, right)
            }
        }
    }

    fn known(&self, id: Option<&str>) -> Result<Arc<Client>, Refusal> {
        let Some(id) = id else {
            return Err(invalid_client("neither `client_id` nor other credentials of a client"));
        };
        match self.client(id) {
            Some(client) => Ok(client),
            None if self.shows(IdpDefect::UnknownClientAccepted) => Ok(Arc::new(self.settled.first_client().clone())),
            None => Err(invalid_client(format!("no client has the id `{id}`"))),
        }
    }

    fn proven(&self, client: Arc<Client>, right: bool) -> Result<Arc<Client>, Refusal> {
        match right || self.shows(IdpDefect::ClientNotAuthenticated) {
            true => Ok(client),
            false => {
                let methods: Vec<&str> = client.methods.iter().map(|method| method.name()).collect();
                let problem = format!(
                    "the client `{}` did not prove itself; it is registered for {}",
                    client.id,
                    methods.join(" or ")
                );
                Err(invalid_client(problem))
            }
        }
    }

    fn by_basic(&self, basic: &BasicCredentials, named: Option<&str>) -> Result<Arc<Client>, Refusal> {
        let found = basic.spellings.iter().find_map(|(id, secret)| self.client(id).map(|client| (client, secret)));
        let Some((client, _)) = found else {
            return Err(invalid_client("no client has the id in the Authorization header"));
        };
        if named.is_some_and(|named| named != client.id) {
            return Err(refusal("invalid_request", "`client_id` is not that of the Authorization header"));
        }
        let right = basic
            .spellings
            .iter()
            .any(|(id, secret)| *id == client.id && client.secret.as_deref() == Some(secret.as_str()))
            && client.methods.contains(&AuthMethod::ClientSecretBasic);
        self.proven(client, right)
    }

    fn by_assertion(&mut self, assertion: &str, named: Option<&str>, now: Duration) -> Result<Arc<Client>, Refusal> {
        let parts: Vec<&str> = assertion.splitn(4, '.').collect();
        let [header_part, claims_part, signature] = parts.as_slice() else {
            return Err(invalid_client("the client assertion is not a JWT"));
        };
        let (Some(header), Some(claims)) = (decoded(header_part), decoded(claims_part)) else {
            return Err(invalid_client("the client assertion is not a JWT"));
        };
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if claims.get("iss").and_then(Value::as_str) != Some(subject) || named.is_some_and(|named| named != subject) {
            return Err(invalid_client("`iss` and `sub` of the client assertion are not both the client id"));
        }
        let client = self.known(Some(subject))?;
        if !client.methods.contains(&AuthMethod::PrivateKeyJwt) && !self.shows(IdpDefect::ClientNotAuthenticated) {
            return self.proven(client, false);
        }
        let message = &assertion[..header_part.len() + 1 + claims_part.len()];
        if !verified(&client, &header, message, signature) && !self.shows(IdpDefect::AssertionNotVerified) {
            return Err(invalid_client("the signature of the client assertion does not verify"));
        }
        if !self.is_for_us(&claims) && !self.shows(IdpDefect::AssertionAudienceIgnored) {
            return Err(invalid_client("`aud` of the client assertion is neither the issuer nor the token endpoint"));
        }
        let expires_at = check_times(&claims, now)?;
        let Some(id) = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty()) else {
            return Err(invalid_client("the client assertion has no `jti`"));
        };
        let id = format!("{} {id}", client.id);
        let seen = self.assertion_ids.get(&id).is_some_and(|lapses| *lapses > now);
        if seen && !self.shows(IdpDefect::AssertionReplayAccepted) {
            return Err(invalid_client("the client assertion was used before"));
        }
        self.assertion_ids.insert(id, expires_at.saturating_add(LEEWAY));
        Ok(client)
    }

    fn is_for_us(&self, claims: &Value) -> bool {
        let site = self.site();
        let ours = [site.issuer(), site.url(Endpoint::Token)];
        match claims.get("aud") {
            Some(Value::String(one)) => ours.contains(one),
            Some(Value::Array(many)) => {
                many.iter().filter_map(Value::as_str).any(|one| ours.iter().any(|known| known == one))
            }
            _ => false,
        }
    }
}

fn decoded(part: &str) -> Option<Value> {
    let document: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    document.is_object().then_some(document)
}

/// Whether a key of the client made the signature, with the algorithm of the header if it fits the key.
fn verified(client: &Client, header: &Value, message: &str, signature: &str) -> bool {
    let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let Some(alg) = Alg::ALL.into_iter().find(|alg| alg.name() == name) else {
        return false;
    };
    client
        .keys
        .iter()
        .filter_map(|key| key.decoding(alg))
        .any(|key| jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, alg.algorithm()).unwrap_or(false))
}

/// When the assertion expires, if it is good now.
fn check_times(claims: &Value, now: Duration) -> Result<Duration, Refusal> {
    let time = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_f64)?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let Some(expires_at) = time("exp") else {
        return Err(invalid_client("the client assertion has no `exp`"));
    };
    if expires_at.saturating_add(LEEWAY) <= now {
        return Err(invalid_client("the client assertion has expired"));
    }
    if expires_at > now + LONGEST_ASSERTION {
        return Err(invalid_client("the client assertion is good for more than an hour"));
    }
    if time("nbf").is_some_and(|not_before| not_before > now + LEEWAY) {
        return Err(invalid_client("the client assertion is not good yet"));
    }
    if time("iat").is_some_and(|issued_at| issued_at > now + LEEWAY) {
        return Err(invalid_client("the client assertion was issued in the future"));
    }
    Ok(expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read_raw_and_decoded() {
        let read = |text: &str| BasicCredentials::read(&format!("basic {}", STANDARD.encode(text)));
        let basic = read("a%3Ab:s%2Bcr=t").expect("credentials");
        assert_eq!(basic.spellings[0], ("a:b".to_owned(), "s+cr=t".to_owned()));
        assert_eq!(basic.spellings[1], ("a%3Ab".to_owned(), "s%2Bcr=t".to_owned()));
        for wrong in ["Basic", "Basic !", "Bearer abc", "Basic YQ=="] {
            assert!(BasicCredentials::read(wrong).is_none(), "{wrong}");
        }
    }
}
