//! Credentials of sessions, as one mock issues them and every other one verifies them, in this process or another.
//!
//! A session token carries what is to be known of its session and an authentication code under a key that all mocks have. The secret
//! access key follows from the id of the access key, so that nothing has to be remembered or told. The key is in this source: who may
//! read it may make such credentials, and they are good for mocks alone.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::arn;
use crate::sigv4::{AccessKey, KeyRing, Keys};

/// What all mocks sign with.
const SHARED_KEY: &[u8] = b"gauntlet-mocks session credentials, form 1";

/// Bytes of an authentication code.
const CODE: usize = 32;

/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 16 << 10;

/// Of the sixteen characters of a key's id behind its prefix, those that prove who made it.
const PROOF: usize = 6;

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// Id of the access key.
    pub(crate) access_key_id: String,
    /// ARN of the assumed role: `arn:aws:sts::123456789012:assumed-role/Reader/alice`.
    pub(crate) principal: String,
    /// ARN of the role, its path included.
    pub(crate) role: String,
    /// Id of the role: `AROA…`.
    pub(crate) role_id: String,
    /// Name of the session.
    pub(crate) name: String,
    /// When it began, in seconds since the Unix epoch.
    pub(crate) issued_at: u64,
    /// When it ends, in seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

/// What a client is given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) session: Session,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Makes credentials for a session of a role; none if `role` is not the ARN of a role.
pub(crate) fn issue(role: &str, name: &str, issued_at: Duration, lifetime: Duration) -> Option<Issued> {
    let access_key_id = new_key_id();
    let session = Session {
        principal: arn::session_of(role, name)?,
        role: role.to_owned(),
        role_id: role_id(&arn::owner_of(&arn::session_of(role, name)?)),
        name: name.to_owned(),
        issued_at: issued_at.as_secs(),
        expires_at: issued_at.saturating_add(lifetime).as_secs(),
        access_key_id,
    };
    let claims = serde_json::to_vec(&session).ok()?;
    let proof = code("session token", &claims);
    Some(Issued {
        secret_access_key: secret_of(&session.access_key_id),
        session_token: STANDARD.encode([proof.as_slice(), &claims].concat()),
        session,
    })
}

impl Session {
    /// The session of a token, if one of the mocks issued it. Whether it is over is another question.
    pub(crate) fn open(token: &str) -> Option<Self> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (proof, claims) = bytes.split_at_checked(CODE)?;
        hmac::verify(&key(), &labelled("session token", claims), proof).ok()?;
        serde_json::from_slice(claims).ok()
    }
}

/// The keys of a list, and those of every session that a mock issued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IssuedAnd<'r>(pub(crate) &'r KeyRing);

impl Keys for IssuedAnd<'_> {
    fn find(&self, access_key_id: &str, session_token: Option<&str>) -> Option<Cow<'_, AccessKey>> {
        match self.0.get(access_key_id) {
            Some(key) => Some(Cow::Borrowed(key)),
            None => issued_key(access_key_id, session_token).map(Cow::Owned),
        }
    }
}

/// A key that a mock issued. With a token that is not of this key it is a key whose token is unknown.
fn issued_key(access_key_id: &str, session_token: Option<&str>) -> Option<AccessKey> {
    if !is_ours(access_key_id) {
        return None;
    }
    let secret = secret_of(access_key_id);
    let session = session_token.and_then(Session::open).filter(|session| session.access_key_id == access_key_id);
    Some(match session {
        Some(session) => AccessKey {
            session_token: session_token.map(str::to_owned),
            expires_at: Some(Duration::from_secs(session.expires_at)),
            ..AccessKey::new(access_key_id, secret, session.principal)
        },
        // No token is the one issued with it, whatever the request carries.
        None => AccessKey {
            session_token: Some(uuid::Uuid::new_v4().to_string()),
            ..AccessKey::new(access_key_id, secret, "")
        },
    })
}

/// The unique id of a role, the same in every mock. Roles of one name are one, whatever their paths.
pub(crate) fn role_id(role: &str) -> String {
    format!("AROA{}", letters(&code("role id", role.as_bytes()), 17))
}

/// The unique id of a user, the same in every mock.
pub(crate) fn user_id(user: &str) -> String {
    format!("AIDA{}", letters(&code("user id", user.as_bytes()), 17))
}

fn new_key_id() -> String {
    let random = letters(&code("key id", uuid::Uuid::new_v4().as_bytes()), 16 - PROOF);
    let proof = letters(&code("key proof", random.as_bytes()), PROOF);
    format!("ASIA{random}{proof}")
}

fn is_ours(access_key_id: &str) -> bool {
    let Some(rest) = access_key_id.strip_prefix("ASIA").filter(|rest| rest.len() == 16 && rest.is_ascii()) else {
        return false;
    };
    let (random, proof) = rest.split_at(16 - PROOF);
    letters(&code("key proof", random.as_bytes()), PROOF) == proof
}

/// 40 characters of base64.
fn secret_of(access_key_id: &str) -> String {
    let code = code("secret access key", access_key_id.as_bytes());
    STANDARD.encode(code.get(..30).unwrap_or(&code))
}

/// Capital letters and digits, as key ids have them.
fn letters(bytes: &[u8], count: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    bytes.iter().take(count).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, SHARED_KEY)
}

fn labelled(purpose: &str, bytes: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), &[0], bytes].concat()
}

fn code(purpose: &str, bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&key(), &labelled(purpose, bytes)).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/Reader";

    fn issued() -> Issued {
        issue(ROLE, "alice", Duration::from_secs(1_800_000_000), Duration::from_secs(900)).expect("credentials")
    }

    #[test]
    fn what_one_mock_issues_another_one_knows() {
        let issued = issued();
        let id = &issued.session.access_key_id;
        assert_eq!((id.len(), issued.secret_access_key.len()), (20, 40));
        assert_eq!(Session::open(&issued.session_token).as_ref(), Some(&issued.session));
        let none = KeyRing::default();
        let key = IssuedAnd(&none).find(id, Some(&issued.session_token)).expect("a key").into_owned();
        assert_eq!(key.secret_access_key, issued.secret_access_key);
        assert_eq!(key.principal, "arn:aws:sts::123456789012:assumed-role/Reader/alice");
        assert_eq!(key.expires_at, Some(Duration::from_secs(1_800_000_900)));
    }

    #[test]
    fn a_token_belongs_to_its_key() {
        let (one, other) = (issued(), issued());
        let none = KeyRing::default();
        for token in [None, Some(other.session_token.as_str()), Some("fake"), Some("")] {
            let key = IssuedAnd(&none).find(&one.session.access_key_id, token).expect("a known key").into_owned();
            assert_eq!(key.principal, "");
            assert!(key.session_token.is_some() && key.session_token.as_deref() != token);
        }
        assert!(IssuedAnd(&none).find("ASIAAAAAAAAAAAAAAAAA", Some(&one.session_token)).is_none());
    }

    #[test]
    fn altered_tokens_are_no_tokens() {
        let token = issued().session_token;
        let bytes = STANDARD.decode(&token).expect("base64");
        for at in [0, CODE - 1, CODE, bytes.len() - 1] {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(Session::open(&STANDARD.encode(altered)), None, "{at}");
        }
        for text in ["", "====", "AAAA", &token[1..], &"A".repeat(LONGEST_TOKEN + 4)] {
            assert_eq!(Session::open(text), None);
        }
    }
}
