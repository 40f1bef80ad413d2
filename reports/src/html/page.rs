//! The page around the data.

use std::io::{self, Write};

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::model::RunInfo;
use crate::sanitize;

/// Files of one language as one text, one scope for scripts.
macro_rules! joined {
    ($($file:literal),+ $(,)?) => {
        concat!($(include_str!(concat!("../../page/", $file)), "\n"),+)
    };
}

/// What the page does.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    joined!(
        "script/dom.js",
        "script/data.js",
        "script/state.js",
        "script/filter.js",
        "script/list.js",
        "script/overview.js",
        "script/diff.js",
        "script/exchanges.js",
        "script/case.js",
        "script/charts.js",
        "script/trends.js",
        "script/coverage.js",
        "script/keys.js",
        "script/print.js",
        "script/main.js",
    ),
    "})();\n"
);

/// How it looks.
const STYLE: &str = joined!(
    "style/base.css",
    "style/list.css",
    "style/overview.css",
    "style/case.css",
    "style/trends.css",
    "style/coverage.css",
    "style/print.css"
);

#[derive(Template)]
#[template(path = "head.html")]
struct Head<'a> {
    subject: &'a str,
    script: &'a str,
    style: &'a str,
    script_hash: &'a str,
    style_hash: &'a str,
}

/// Writes what stands before the data.
///
/// The policy lets nothing in but the two texts above, by their hashes: no request leaves the page, and whatever else got into it
/// would not run.
pub(super) fn head(run: &RunInfo, out: &mut impl Write) -> io::Result<()> {
    let subject = run.environment.as_deref().unwrap_or("report");
    let subject = sanitize::line(subject, sanitize::MAX_LINE);
    let (script_hash, style_hash) = (hash(SCRIPT), hash(STYLE));
    let head =
        Head { subject: &subject, script: SCRIPT, style: STYLE, script_hash: &script_hash, style_hash: &style_hash };
    head.write_into(out).map_err(io::Error::other)
}

/// What stands behind the data.
pub(super) const TAIL: &[u8] = b"</body>\n</html>\n";

/// As a content security policy writes it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_script_or_the_style_early() {
        for text in [SCRIPT, STYLE] {
            let text = text.to_lowercase();
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
    }

    /// Text of a target can only become markup by these.
    #[test]
    fn the_script_makes_no_markup_of_text() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "setHTML",
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "sendBeacon",
            "import(",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
