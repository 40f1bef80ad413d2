//! Pages beside the overview and the cases: each is one element of data, which `reports/page/script/trends.js` and its like show.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::coverage::Coverage;
use crate::history::{History, Selection, document};
use crate::sanitize;

/// Runs of a history that are shown at most, the latest.
const RUNS: usize = 60;

/// Longest text, in characters.
const TEXT: usize = 400;

/// A further page.
#[derive(Serialize)]
pub(super) struct Page {
    /// What the script knows it by, and what stands in the address.
    name: &'static str,
    /// What it is called.
    title: &'static str,
    /// What it shows.
    data: Value,
}

/// What a history says about runs in the same environment, or why it cannot be read.
pub(super) fn trends(path: &Path, environment: Option<&str>) -> Page {
    let selection = Selection {
        last: Some(RUNS),
        environments: environment.map(str::to_owned).into_iter().collect(),
        ..Selection::default()
    };
    let read = History::open_existing(path).and_then(|history| history.trends(&selection));
    let mut data = match read {
        Ok(trends) => document(&trends),
        Err(error) => serde_json::json!({ "error": format!("{}: {error}", path.display()) }),
    };
    inert(&mut data);
    Page { name: "trends", title: "Trends", data }
}

/// Each requirement with its cells, in the order of the matrix.
pub(super) fn coverage(coverage: &Coverage) -> Page {
    let mut data = serde_json::to_value(coverage).unwrap_or_default();
    inert(&mut data);
    Page { name: "coverage", title: "Coverage", data }
}

/// Makes every text safe to show.
fn inert(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize::line(text, TEXT).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(inert),
        Value::Object(members) => {
            // The names are ours.
            members.values_mut().for_each(inert);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
