//! The page that ends a sign-in. Nothing that came from outside stands in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;padding:1rem;background:#f4f5f7;color:#1b1f24;font:1rem/1.5 system-ui,sans-serif}\
main{max-width:26rem;margin:15vh auto 0;text-align:center}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e8eaed}}";

/// What the listener shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// A code has come.
    Arrived,
    /// An error has come in its place.
    Refused,
    /// Nobody was to go there.
    Nothing,
}

impl Page {
    /// Status, headers and document.
    pub(super) fn answer(self) -> String {
        let (status, title, text) = match self {
            Self::Arrived => ("200 OK", "Back to Gauntlet", "The answer has arrived. You can close this window."),
            Self::Refused => {
                ("200 OK", "Not signed in", "The sign-in was refused; Gauntlet says why. You can close this window.")
            }
            Self::Nothing => ("404 Not Found", "Nothing here", "This address only waits for the end of a sign-in."),
        };
        let page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
             <style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>\n"
        );
        let style = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
             content-security-policy: default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'\r\n\
             referrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{page}",
            page.len()
        )
    }
}
