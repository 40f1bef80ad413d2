//! What a sign-in makes secret stays out of everything that is told, wherever a client puts it.

use gauntlet::config::TargetSpec;
use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};

use super::common::trial;
use super::sign_in::protected;
use super::support::{CARELESS, run, this_as};

/// The careless client puts the token into the URL as well, and says at the end all that it knows.
fn talkative() -> TargetSpec {
    let store = "${scratch}/store.json";
    let client = this_as(
        CARELESS,
        &[
            "${upstreams.gateway.endpoint}",
            "--client-id",
            "${upstreams.idp.client_id}",
            "--store",
            store,
            "--token-in-both",
        ],
    );
    let text = format!("\"$@\"; cat \"{store}\"; cat \"{store}\" >&2; exit 3");
    let shell = ["/bin/sh", "-c", &text, "sh"].map(str::to_owned);
    protected(shell.into_iter().chain(client).collect())
}

const SCENARIO: &str = "\
id: client.secrets
title: Everything is told, since every check fails
target: client
steps:
  - drive: true
    expect: { outcome: done, stdout: none, stderr: none }
";

async fn nothing_secret_is_told() -> Result<(), Failed> {
    let run = run(talkative(), SCENARIO).await?;
    run.expect(Verdict::Fail, "Please sign in at")?;
    let told = run.everything()?;
    // The members are there, so that what stood in them was taken out.
    for member in ["access_token", "refresh_token", "code=", "state="] {
        if !told.contains(member) {
            return Err(format!("`{member}` is not told of at all: {told}").into());
        }
    }
    let secret = regex::Regex::new(
        r#"eyJ[A-Za-z0-9_-]{8}|(refresh_token|access_token)[\\"]*[:=][\\" ]*[A-Za-z0-9_-]{16}|[?&](code|state)=[A-Za-z0-9_-]{16}"#,
    )?;
    match secret.find(&told) {
        None => Ok(()),
        Some(found) => {
            let from = told.floor_char_boundary(found.start().saturating_sub(200));
            let to = told.floor_char_boundary(found.end() + 60);
            Err(format!("a secret is told: …{}…", &told[from..to]).into())
        }
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("secrets/nothing_secret_is_told", nothing_secret_is_told)]
}
