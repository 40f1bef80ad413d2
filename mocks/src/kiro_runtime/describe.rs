//! What the runtime mock tells a client of itself.

use serde_json::{Map, Value, json};

use super::accounts::{Account, FOREIGN_ARN, PLACEHOLDER_ARN, UNKNOWN_TOKEN};
use super::config::Settled;
use super::{identity, search};
use crate::handle::SelfDescription;

/// Credentials, headers and values for the default account, and for the first account of each kind under its name.
pub(super) fn describe(settled: &Settled) -> SelfDescription {
    let mut vars = Map::new();
    let mut secrets = Vec::new();
    for account in settled.accounts.iter().rev() {
        // In reverse, so that the first account of a kind wins.
        let prefix = format!("{}_", account.kind.name().replace('-', "_"));
        insert_account(&mut vars, &prefix, account);
    }
    let mut headers = identity::headers();
    let mut envelope = None;
    let mut bearer = None;
    if let Some(account) = settled.accounts.first() {
        insert_account(&mut vars, "", account);
        vars.insert("account".to_owned(), Value::from(account.kind.name()));
        vars.insert("credentials".to_owned(), credentials(account));
        headers.extend(account.kind.token_type().map(|kind| ("tokentype".to_owned(), kind.to_owned())));
        envelope = account.profiles.first().map(|arn| Map::from_iter([("profileArn".to_owned(), json!(arn))]));
        bearer = Some(account.token.clone());
    }
    vars.entry("arn").or_insert_with(|| Value::from(PLACEHOLDER_ARN));
    // A gateway is configured with them whatever the kind of account.
    for name in ["refresh_token", "client_id", "client_secret"] {
        vars.entry(name).or_insert_with(|| Value::from(""));
    }
    for (name, value) in [
        ("region", settled.config.region.as_str()),
        ("foreign_arn", FOREIGN_ARN),
        ("placeholder_arn", PLACEHOLDER_ARN),
        ("unknown_token", UNKNOWN_TOKEN),
    ] {
        vars.insert(name.to_owned(), Value::from(value));
    }
    for account in &settled.accounts {
        secrets.extend([account.token.clone(), account.expired_token.clone()]);
        secrets.extend(account.refresh_token.clone());
        secrets.extend(account.client_secret.clone());
    }
    secrets.push(UNKNOWN_TOKEN.to_owned());
    SelfDescription {
        path: "/mcp".to_owned(),
        vars,
        secrets,
        headers,
        envelope,
        bearer,
        fixtures: Map::from_iter([(
            "tool".to_owned(),
            json!({ "name": search::TOOL, "arguments": { "query": "rust 2024 edition" } }),
        )]),
        ..SelfDescription::default()
    }
}

/// What a gateway in front of the runtime has to know of an account, as one value.
fn credentials(account: &Account) -> Value {
    json!({
        "kind": account.kind.name(),
        "token": account.token,
        "profile": account.profiles.first(),
        "refresh_token": account.refresh_token,
        "client_id": account.client_id,
        "client_secret": account.client_secret,
    })
}

fn insert_account(vars: &mut Map<String, Value>, prefix: &str, account: &Account) {
    let members = [
        ("token", Some(&account.token)),
        ("expired_token", Some(&account.expired_token)),
        ("arn", account.profiles.first()),
        ("refresh_token", account.refresh_token.as_ref()),
        ("client_id", account.client_id.as_ref()),
        ("client_secret", account.client_secret.as_ref()),
        ("user_id", Some(&account.user_id)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            vars.insert(format!("{prefix}{name}"), Value::from(value.clone()));
        }
    }
}
