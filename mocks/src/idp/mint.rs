//! Tokens to order, right or wrong, for tests of those who check them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims::{access_type, lay_over};
use super::clients::Grant;
use super::issue::{corrupted, header_for, signing_input};
use super::keys::{self, Alg, KeyError, Purpose};
use super::state::{Grantee, State};
use crate::config::{self, ConfigError};
use crate::duration;

/// What is wanted of a token; all else is as the token endpoint would have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Order {
    /// Claims to set; null leaves one out.
    claims: Map<String, Value>,
    /// Members of the header to set; null leaves one out.
    header: Map<String, Value>,
    /// How to sign.
    sign: Sign,
    /// Algorithm; the configured one if left out.
    alg: Option<Alg>,
    /// Id of the client; the public one if left out.
    client: Option<String>,
    /// `sub`; that of the first user if left out.
    subject: Option<String>,
    /// Left out: those that a request without scope gets.
    scopes: Option<Vec<String>>,
    /// What the token is for, as in the parameter `resource`.
    resource: Option<String>,
    /// `aud`, whatever else is said.
    audience: Option<OneOrMany>,
    kind: Kind,
    /// How long it lives.
    #[serde(deserialize_with = "duration::deserialize_option")]
    lifetime: Option<Duration>,
    /// How long ago it was issued.
    #[serde(deserialize_with = "duration::deserialize_option")]
    issued_ago: Option<Duration>,
    /// In what time it begins to be good.
    #[serde(deserialize_with = "duration::deserialize_option")]
    not_before_in: Option<Duration>,
}

/// How to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Sign {
    /// With the current key.
    #[default]
    Current,
    /// With the key before it, under its own id.
    Retired,
    /// With a key that is published nowhere, under the id of the current one.
    Foreign,
    /// Not at all: `alg` is `none` and the signature is empty.
    None,
    /// HS256 with the PEM of the current public key as its secret.
    PublicAsHmac,
    /// With the current key, then changed.
    Corrupt,
}

/// Which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// An access token.
    #[default]
    Access,
    /// An ID token.
    Id,
}

/// One audience or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn broken(error: &KeyError) -> ConfigError {
    ConfigError::new("", error.to_string())
}

impl State {
    /// Signs a token to order.
    pub(super) fn mint_to_order(&mut self, spec: &Value, now: Duration) -> Result<String, ConfigError> {
        let order: Order = match spec {
            Value::Null => Order::default(),
            Value::Object(_) => config::read(spec.clone())?,
            other => return Err(ConfigError::new("", format!("expected a mapping, found {}", config::kind_of(other)))),
        };
        let claims = self.claims_to_order(&order, now)?;
        let token = self.sign_to_order(&order, &claims).map_err(|error| broken(&error))?;
        self.remember(&token);
        Ok(token)
    }

    fn claims_to_order(&self, order: &Order, now: Duration) -> Result<Map<String, Value>, ConfigError> {
        let tokens = &self.settled.config.tokens;
        let client = match &order.client {
            None => Arc::new(self.settled.first_client().clone()),
            Some(id) => self.client(id).ok_or_else(|| {
                let known = self.settled.clients.iter().map(|client| client.id.as_str());
                ConfigError::unknown("client", format!("there is no client `{id}`"), id, known)
            })?,
        };
        let scopes = match &order.scopes {
            // A test may want scopes that nobody could have.
            Some(scopes) => scopes.clone(),
            None => self.scopes(&client, None).unwrap_or_default(),
        };
        // A client without users acts for itself.
        let user = client.may(Grant::AuthorizationCode).then_some(0);
        let issued_at = now.saturating_sub(order.issued_ago.unwrap_or_default());
        let grantee = Grantee {
            client,
            user,
            scopes,
            resources: order.resource.iter().cloned().collect(),
            nonce: None,
            auth_time: issued_at,
            family: 0,
        };
        let mut facts = self.facts(&grantee, issued_at, order.lifetime.unwrap_or(tokens.lifetime));
        facts.subject.clone_from(&order.subject);
        let (mut claims, changes) = match order.kind {
            Kind::Access => (facts.access(tokens.style), &tokens.claims),
            Kind::Id => {
                let mut claims = facts.id(tokens.style, "");
                claims.shift_remove("at_hash");
                (claims, &tokens.id_claims)
            }
        };
        lay_over(&mut claims, changes);
        match &order.audience {
            None => {}
            Some(OneOrMany::One(one)) => {
                claims.insert("aud".to_owned(), Value::from(one.as_str()));
            }
            Some(OneOrMany::Many(many)) => {
                claims.insert("aud".to_owned(), Value::from(many.clone()));
            }
        }
        if let Some(wait) = order.not_before_in {
            claims.insert("nbf".to_owned(), Value::from((now + wait).as_secs()));
        }
        lay_over(&mut claims, &order.claims);
        Ok(claims)
    }

    fn sign_to_order(&self, order: &Order, claims: &Map<String, Value>) -> Result<String, KeyError> {
        let keys = self.settled.config.keys;
        let alg = order.alg.unwrap_or(keys.alg);
        let current = Purpose::Tokens(keys.generation);
        let purpose = match order.sign {
            Sign::Retired => Purpose::Tokens(keys.generation.saturating_sub(1)),
            Sign::Foreign => Purpose::Foreign,
            Sign::Current | Sign::None | Sign::PublicAsHmac | Sign::Corrupt => current,
        };
        let key = keys::key(purpose, alg)?;
        let kind = match order.kind {
            Kind::Access => access_type(self.settled.config.tokens.style),
            Kind::Id => Some("JWT"),
        };
        let mut header = header_for(&key, kind);
        match order.sign {
            Sign::None => {
                header.insert("alg".to_owned(), Value::from("none"));
            }
            Sign::PublicAsHmac => {
                header.insert("alg".to_owned(), Value::from("HS256"));
            }
            Sign::Foreign => {
                header.insert("kid".to_owned(), Value::from(keys::key(current, alg)?.kid.as_str()));
            }
            Sign::Current | Sign::Retired | Sign::Corrupt => {}
        }
        lay_over(&mut header, &order.header);
        let message = signing_input(&header, claims);
        let signature = match order.sign {
            Sign::None => String::new(),
            Sign::PublicAsHmac => keys::hmac(&message, key.public_pem.as_bytes())?,
            Sign::Corrupt => corrupted(&key.sign(&message)?),
            Sign::Current | Sign::Retired | Sign::Foreign => key.sign(&message)?,
        };
        Ok(format!("{message}.{signature}"))
    }
}
