//! The calls of STS that give credentials (query API, version 2011-06-15).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use gauntlet_reports::sanitize;
use quick_xml::Reader;
use quick_xml::events::Event;
use url::{Url, form_urlencoded};

use super::super::sign::{self, Scope};
use super::document;
use super::wire::{ANSWER_TIME, Witness};
use crate::transport::{Content, Reply, Request};

/// Characters of a message of STS that are shown.
const SHOWN: usize = 300;

/// Which role is taken on, and how.
#[derive(Debug)]
pub(super) struct Role<'a> {
    pub arn: &'a str,
    pub session_name: Option<&'a str>,
    pub external_id: Option<&'a str>,
    pub duration_seconds: Option<&'a str>,
    /// Where it is written, for messages.
    pub source: &'a str,
}

/// Where STS is.
#[derive(Debug)]
pub(super) struct Place {
    pub endpoint: Url,
    pub region: String,
}

impl Role<'_> {
    fn form(&self, action: &str) -> Vec<(&'static str, String)> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let name = self.session_name.map_or_else(|| format!("gauntlet-{since}"), str::to_owned);
        let mut form = vec![
            ("Action", action.to_owned()),
            ("Version", "2011-06-15".to_owned()),
            ("RoleArn", self.arn.to_owned()),
            ("RoleSessionName", name),
        ];
        form.extend(self.external_id.map(|id| ("ExternalId", id.to_owned())));
        form.extend(self.duration_seconds.map(|seconds| ("DurationSeconds", seconds.to_owned())));
        form
    }

    fn refused(&self, action: &str, why: &str) -> String {
        format!("STS does not give the role {} ({action}, {}): {why}", self.arn, self.source)
    }
}

/// AssumeRole, signed with other credentials.
///
/// # Errors
/// One sentence with the code and the message of STS.
pub(super) async fn assume_role(
    role: &Role<'_>,
    with: &Credentials,
    place: &Place,
    witness: &Witness,
) -> Result<Credentials, String> {
    const ACTION: &str = "AssumeRole";
    let mut request = post(&place.endpoint, &role.form(ACTION));
    let scope = Scope { service: "sts", region: &place.region };
    sign::sign(&mut request, with, scope, SystemTime::now())?;
    call(role, ACTION, request, witness).await
}

/// AssumeRoleWithWebIdentity, which the token itself authorises.
///
/// # Errors
/// As [`assume_role`].
pub(super) async fn with_web_identity(
    role: &Role<'_>,
    token: &str,
    place: &Place,
    witness: &Witness,
) -> Result<Credentials, String> {
    const ACTION: &str = "AssumeRoleWithWebIdentity";
    witness.secrets.add("web_identity_token", token);
    let mut form = role.form(ACTION);
    form.push(("WebIdentityToken", token.to_owned()));
    call(role, ACTION, post(&place.endpoint, &form), witness).await
}

fn post(endpoint: &Url, form: &[(&str, String)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Request {
        method: "POST".to_owned(),
        url: endpoint.to_string(),
        headers: vec![
            header("accept", "*/*"),
            header("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ],
        body: body.into_bytes(),
    }
}

async fn call(role: &Role<'_>, action: &str, request: Request, witness: &Witness) -> Result<Credentials, String> {
    let reply = witness.send("sts", request, ANSWER_TIME).await.map_err(|why| role.refused(action, &why))?;
    let status = reply.status.unwrap_or_default();
    let answer = Answer::of(&reply);
    if status != 200 {
        return Err(role.refused(action, &answer.refusal(status)));
    }
    answer.credentials().map_err(|why| role.refused(action, &format!("the answer is not usable: {why}")))
}

/// What an answer says, of all that can be in it.
#[derive(Debug, Default)]
struct Answer {
    elements: Vec<(String, String)>,
}

impl Answer {
    fn of(reply: &Reply) -> Self {
        match &reply.content {
            Content::Text(text) => Self { elements: elements(text) },
            _ => Self::default(),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.elements.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    fn refusal(&self, status: u16) -> String {
        match (self.get("Code"), self.get("Message")) {
            (Some(code), Some(message)) => format!("{code}: {}", sanitize::line(message, SHOWN)),
            (Some(code), None) => code.to_owned(),
            _ => format!("HTTP {status} without a code"),
        }
    }

    fn credentials(&self) -> Result<Credentials, String> {
        let need = |name: &str| self.get(name).ok_or_else(|| format!("it has no `{name}`"));
        let expiry = document::instant(need("Expiration")?).ok_or("its `Expiration` is not a time")?;
        let token = need("SessionToken")?.to_owned();
        Ok(Credentials::new(need("AccessKeyId")?, need("SecretAccessKey")?, Some(token), Some(expiry), "sts"))
    }
}

/// Names and texts of the elements that hold text, in order. What is no XML ends the list.
fn elements(text: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                open = Some((start.local_name().as_ref().to_owned(), String::new()));
            }
            Ok(Event::Text(text)) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&referenced(&reference));
                }
            }
            Ok(Event::CData(text)) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text);
                }
            }
            Ok(Event::End(_)) => found.extend(open.take().map(|(name, value)| (name, value.trim().to_owned()))),
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// What `&amp;`, `&#43;` and their like stand for; nothing for what nobody declared.
fn referenced(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    quick_xml::escape::resolve_predefined_entity(reference).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_text_are_found_and_their_references_resolved() {
        let text = "<?xml version=\"1.0\"?><R xmlns=\"u\"><C>\n <AccessKeyId>ASIA</AccessKeyId><T>a&amp;b&#43;&lt;</T></C></R>";
        let found = elements(text);
        assert!(found.contains(&("AccessKeyId".to_owned(), "ASIA".to_owned())), "{found:?}");
        assert!(found.contains(&("T".to_owned(), "a&b+<".to_owned())), "{found:?}");
        assert_eq!(elements("no xml <"), []);
    }
}
