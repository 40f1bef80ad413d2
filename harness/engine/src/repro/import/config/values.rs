//! What values are: secret, harmless, or names of variables.

use gauntlet_reports::sanitize;
use url::Url;

/// A text in which `${` has no meaning.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// `GITHUB_AUTHORIZATION` for the header of a server.
pub(super) fn variable(parts: &[&str]) -> String {
    let name: String = parts
        .join("_")
        .chars()
        .take(100)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    let name = name.trim_matches('_').to_owned();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("VALUE_{name}") } else { name }
}

/// Whether a name is one that secrets have.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "passwd", "key", "auth", "credential", "cookie", "pat", "pwd", "bearer", "dsn"]
        .iter()
        .any(|part| {
            name.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| word == *part || (part.len() > 3 && word.contains(part)))
        })
}

/// Whether a value has the form of a secret: a prefix of tokens, or long and without any word in it.
pub(super) fn is_secret_value(value: &str) -> bool {
    let prefixes =
        ["sk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "ASIA", "eyJ", "Bearer "];
    let is_long = value.len() >= 32
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+=".contains(&b))
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic());
    prefixes.iter().any(|prefix| value.starts_with(prefix)) || is_long || (value.contains("://") && value.contains('@'))
}

/// Whether a value may stand in a file: a switch, a small number, a level, a region, a plain path or address.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    if is_secret_name(name) || is_secret_value(value) || value.contains("${") || value.starts_with('$') {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let words = [
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "trace",
        "debug",
        "info",
        "warn",
        "warning",
        "error",
        "critical",
        "production",
        "development",
        "test",
        "stdio",
        "http",
        "sse",
        "streamable-http",
        "utf-8",
        "readonly",
        "default",
        "*",
    ];
    let is_number = value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit());
    let labels: Vec<&str> = lower.split('-').collect();
    let is_region = labels.len() >= 3
        && labels.iter().all(|label| label.len() <= 10 && label.bytes().all(|b| b.is_ascii_alphanumeric()))
        && labels.last().is_some_and(|label| label.len() == 1 && label.bytes().all(|b| b.is_ascii_digit()));
    let is_address = Url::parse(value).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && !url.path().split('/').any(is_secret_value)
    });
    let is_path = value.starts_with('/') && !value.split('/').any(is_secret_value);
    words.contains(&lower.as_str()) || is_number || is_region || is_address || is_path
}

/// A name, safe to print.
pub(super) fn shown(text: &str) -> String {
    sanitize::line(text, 60).into_owned()
}
