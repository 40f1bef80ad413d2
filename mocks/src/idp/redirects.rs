//! Redirect URIs: what may be registered, and which one a request may name.

use url::Url;

use super::defects::IdpDefect;
use crate::defect::DefectSet;

/// Whether a text can be a redirect URI at all: absolute, without fragment (RFC 6749, section 3.1.2).
pub(super) fn check(uri: &str) -> Result<Url, String> {
    let url = Url::parse(uri).map_err(|error| format!("`{uri}` is not an absolute URI: {error}"))?;
    if uri.contains('#') {
        return Err(format!("`{uri}` has a fragment"));
    }
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("`{uri}` holds blanks, controls or characters outside ASCII"));
    }
    if matches!(url.scheme(), "javascript" | "data" | "file" | "vbscript" | "about" | "blob") {
        return Err(format!("`{uri}` has a scheme that runs or reads something"));
    }
    Ok(url)
}

/// Whether a URI is on loopback over plain HTTP.
pub(super) fn is_loopback(uri: &str) -> bool {
    split_loopback(uri).is_some()
}

/// Whether a request may name this URI: it is registered, exactly, but for the port of a loopback address (RFC 8252, section
/// 7.3).
pub(super) fn allowed(registered: &[String], uri: &str, defects: &DefectSet<IdpDefect>) -> bool {
    if registered.iter().any(|known| same_up_to_port(known, uri)) || defects.has(IdpDefect::RedirectNotChecked) {
        return true;
    }
    if defects.has(IdpDefect::RedirectPrefixMatch) && registered.iter().any(|known| starts_with(uri, known)) {
        return true;
    }
    if defects.has(IdpDefect::RedirectQueryIgnored)
        && let Some((before, _)) = uri.split_once('?')
        && registered.iter().any(|known| same_up_to_port(known, before))
    {
        return true;
    }
    defects.has(IdpDefect::RedirectHostOnly) && registered.iter().any(|known| same_host(known, uri))
}

fn same_up_to_port(known: &str, uri: &str) -> bool {
    known == uri || matches!((split_loopback(known), split_loopback(uri)), (Some(known), Some(asked)) if known == asked)
}

fn starts_with(uri: &str, known: &str) -> bool {
    match (split_loopback(known), split_loopback(uri)) {
        (Some((known_host, known_path)), Some((host, path))) => {
            known_host == host && known_path.len() > 1 && path.starts_with(known_path)
        }
        _ => uri.starts_with(known),
    }
}

fn same_host(known: &str, uri: &str) -> bool {
    match (Url::parse(known), Url::parse(uri)) {
        (Ok(known), Ok(uri)) => known.host().is_some() && known.host() == uri.host(),
        _ => false,
    }
}

/// Host and the rest of a loopback URI, without the port.
fn split_loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "localhost", "[::1]"].into_iter().find(|host| rest.starts_with(host))?;
    let rest = &rest[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            port[..digits].parse::<u16>().ok()?;
            &port[digits..]
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(ids: &[&str]) -> DefectSet<IdpDefect> {
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        DefectSet::parse("idp", &ids).expect("defects")
    }

    #[test]
    fn only_the_port_of_loopback_is_free() {
        let registered: Vec<String> =
            ["http://127.0.0.1/callback", "https://app.example.com/cb"].iter().map(|&uri| uri.to_owned()).collect();
        let none = DefectSet::default();
        for (uri, expected) in [
            ("http://127.0.0.1:1234/callback", true),
            ("http://127.0.0.1/callback", true),
            ("http://127.0.0.1:1234/callback/", false),
            ("http://127.0.0.1:1234/callback?x=1", false),
            ("http://127.0.0.1:1234/callback2", false),
            ("http://127.0.0.1:99999/callback", false),
            ("http://127.0.0.1:/callback", false),
            ("http://127.0.0.1:1@evil.example/callback", false),
            ("http://127.0.0.1.evil.example/callback", false),
            ("http://localhost:1234/callback", false),
            ("https://127.0.0.1:1234/callback", false),
            ("https://app.example.com/cb", true),
            ("https://app.example.com:444/cb", false),
            ("https://app.example.com/cb/x", false),
            ("https://APP.example.com/cb", false),
        ] {
            assert_eq!(allowed(&registered, uri, &none), expected, "{uri}");
        }
        assert!(allowed(&registered, "https://evil.example/", &shows(&["redirect-not-checked"])));
        assert!(allowed(&registered, "https://app.example.com/cb/x", &shows(&["redirect-prefix-match"])));
        assert!(allowed(&registered, "http://127.0.0.1:7/callback?x=1", &shows(&["redirect-query-ignored"])));
        assert!(allowed(&registered, "https://app.example.com/other", &shows(&["redirect-host-only"])));
    }

    #[test]
    fn what_can_be_registered() {
        for uri in ["http://localhost:1/cb", "https://a.example/cb?x=1", "com.example.app:/cb"] {
            assert!(check(uri).is_ok(), "{uri}");
        }
        for uri in ["/cb", "https://a.example/#f", "javascript:alert(1)", "https://a.example/ä", "", "file:///etc"] {
            assert!(check(uri).is_err(), "{uri}");
        }
    }
}
