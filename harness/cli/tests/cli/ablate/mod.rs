//! `gauntlet ablate`: what the answer to a request depends on.

mod mocks;
mod servers;

use serde_json::Value;

use crate::support::{Folder, Said};

fn ablate(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["ablate"], more].concat())
}

/// The report of an ablation that comes to its end.
fn report(folder: &Folder, more: &[&str]) -> Value {
    let said = ablate(folder, &[more, &["--format", "json"]].concat());
    said.assert_code(0);
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.both()))
}

/// Names of the parts whose loss has this effect, sorted, separated by blanks.
fn parts(report: &Value, effect: &str) -> String {
    let findings = report["parts"].as_array().unwrap().iter().filter(|finding| finding["effect"] == effect);
    let mut names: Vec<&str> = findings.filter_map(|finding| finding["parts"][0].as_str()).collect();
    names.sort_unstable();
    names.join(" ")
}

fn pairs(report: &Value) -> Vec<String> {
    let pairs = report["pairs"].as_array().unwrap().iter();
    pairs.map(|pair| format!("{} {}", pair["parts"][0].as_str().unwrap(), pair["parts"][1].as_str().unwrap())).collect()
}
