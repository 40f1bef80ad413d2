//! Credentials that a container or a virtual machine is given by the service that runs it.

use std::time::Duration;

use aws_credential_types::Credentials;
use serde_json::Value;
use url::{Host, Url};

use super::document;
use super::environment::Environment;
use super::wire::{ANSWER_TIME, Witness};
use crate::transport::{Content, Reply, Request, is_loopback};

/// Bytes of a token file.
const MOST_BYTES: u64 = 64 * 1024;

/// Time for the machine's metadata service, which is on the same machine or not there at all.
const NEAR: Duration = Duration::from_secs(1);

/// Addresses that an `AWS_CONTAINER_CREDENTIALS_FULL_URI` over plain http may have: those of Amazon ECS and EKS.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// The container's credentials; `None` where no variable says that it has some.
///
/// # Errors
/// One sentence when a variable says so and it has none.
pub(super) async fn of_container(environment: &Environment, witness: &Witness) -> Result<Option<Credentials>, String> {
    let (variable, text) = match (
        environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ) {
        (Some(path), _) => ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("http://169.254.170.2{path}")),
        (None, Some(url)) => ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.to_owned()),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&text).map_err(|error| format!("{variable} is not a URL: {error}"))?;
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => url.host_str().unwrap_or_default().to_owned(),
    };
    if url.scheme() != "https" && !is_loopback(&url) && !CONTAINER_HOSTS.contains(&host.as_str()) {
        return Err(format!(
            "{variable} is plain http to {host}; expected https, loopback or a host of Amazon ECS or EKS"
        ));
    }
    let mut request = get(url.as_str());
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(read(path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", environment)?),
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(str::to_owned),
    };
    if let Some(token) = token {
        witness.secrets.add("container_token", &token);
        request.headers.push(("authorization".to_owned(), token));
    }
    let what = format!("the container has no credentials ({variable})");
    let reply = witness.send("container", request, ANSWER_TIME).await.map_err(|why| format!("{what}: {why}"))?;
    given(&reply, "container").map(Some).map_err(|why| format!("{what}: {why}"))
}

/// The machine's credentials by IMDSv2.
///
/// # Errors
/// A clause why there are none.
pub(super) async fn of_machine(environment: &Environment, witness: &Witness) -> Result<Credentials, String> {
    if environment.is_true("AWS_EC2_METADATA_DISABLED") {
        return Err("switched off by AWS_EC2_METADATA_DISABLED".to_owned());
    }
    let base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or("http://169.254.169.254");
    let base = base.trim_end_matches('/');
    let mut request = get(&format!("{base}/latest/api/token"));
    request.method = "PUT".to_owned();
    request.headers.push(("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), "21600".to_owned()));
    let token = text(&*witness.send("metadata", request, NEAR).await?)?;
    witness.secrets.add("metadata_token", &token);
    let ask = async |path: &str| {
        let mut request = get(&format!("{base}/latest/meta-data/iam/security-credentials/{path}"));
        request.headers.push(("x-aws-ec2-metadata-token".to_owned(), token.clone()));
        witness.send("metadata", request, NEAR).await
    };
    let role = text(&*ask("").await?)?;
    let role = role.lines().next().unwrap_or_default().trim();
    if role.is_empty() {
        return Err("no role is attached to the machine".to_owned());
    }
    given(&*ask(role).await?, "metadata")
}

fn get(url: &str) -> Request {
    let accept = ("accept".to_owned(), "*/*".to_owned());
    Request { method: "GET".to_owned(), url: url.to_owned(), headers: vec![accept], body: Vec::new() }
}

fn text(reply: &Reply) -> Result<String, String> {
    match (reply.status, &reply.content) {
        (Some(200), Content::Text(text)) => Ok(text.trim().to_owned()),
        (status, _) => Err(format!("HTTP {}", status.unwrap_or_default())),
    }
}

fn given(reply: &Reply, provider: &'static str) -> Result<Credentials, String> {
    match (reply.status, &reply.content) {
        (Some(200), Content::Json(document)) => document::credentials(document, "Token", provider),
        (status, Content::Json(document)) => {
            let said = document.get("message").or_else(|| document.get("Message")).and_then(Value::as_str);
            let said =
                said.map_or_else(String::new, |said| format!(", {}", gauntlet_reports::sanitize::line(said, 200)));
            Err(format!("HTTP {}{said}", status.unwrap_or_default()))
        }
        (status, _) => Err(format!("HTTP {} without a JSON document", status.unwrap_or_default())),
    }
}

/// The trimmed text of a file that holds a token.
///
/// # Errors
/// One sentence that names the file and who named it.
pub(super) fn read(path: &str, named_by: &str, environment: &Environment) -> Result<String, String> {
    use std::io::Read as _;
    let path = environment.path(path);
    let mut text = String::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    let text = text.trim();
    match read {
        Ok(_) if text.is_empty() => Err(format!("{}, which {named_by} names, is empty", path.display())),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("cannot read {}, which {named_by} names: {error}", path.display())),
    }
}
