//! The page that people read first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gauntlet_reports::{CaseResult, Verdict, sanitize};

use super::manifest::Manifest;
use crate::repro::secrets::Secret;

/// Characters of a value that are shown.
const SHOWN: usize = 200;

/// `README.md`. `file` is the name of the archive.
pub(super) fn page(
    manifest: &Manifest,
    result: &CaseResult,
    secrets: &[Secret],
    file: &str,
    has_snapshots: bool,
) -> String {
    let mut out = String::new();
    let line = |text: &str| sanitize::inline(text).into_owned();
    let _ = writeln!(out, "# {}\n", line(&manifest.case.scenario));
    let _ = writeln!(out, "Expected: {}\n", line(&manifest.title));
    let case = manifest.case.to_string();
    let verdict = format!("{:?}", manifest.verdict).to_lowercase();
    let _ = writeln!(out, "Found: `{verdict}` in the case `{}`.\n", line(&case));
    for told in findings(result) {
        let _ = writeln!(out, "- {}", line(&told));
    }
    let given: String = manifest.secrets.iter().map(|name| format!(" --secret {name}")).collect();
    let is_there = manifest.target.is_some() || manifest.described.is_some();
    let target = if is_there { "" } else { " --target URL" };
    let _ = writeln!(out, "\n## Again\n\n```console\n$ gauntlet run {file}{target}{given}\n```\n");
    let with = |defects: &BTreeMap<String, Vec<String>>| {
        let each =
            |(mock, ids): (&String, &Vec<String>)| ids.iter().map(|id| format!("`{mock}:{id}`")).collect::<Vec<_>>();
        let defects: Vec<String> = defects.iter().flat_map(each).collect();
        if defects.is_empty() { String::new() } else { format!(" with {}", defects.join(", ")) }
    };
    match (&manifest.target, &manifest.described) {
        (Some(own), _) => {
            let with = with(&own.defects);
            let _ = writeln!(
                out,
                "It runs on the target `{}` that comes with Gauntlet{with}: nothing else is needed.",
                own.name
            );
        }
        (None, Some(described)) => {
            let with = with(&described.defects);
            let name = line(&described.name);
            let _ = writeln!(
                out,
                "It runs on the target `{name}`{with}, which is made of mocks and described in `bundle.json`: nothing else is needed."
            );
        }
        (None, None) => {
            let _ = writeln!(
                out,
                "It ran on `{}` ({}), which you name: a URL, or a target of your `gauntlet.yaml` that fills the role `{}`.",
                line(&manifest.case.target),
                line(&result.endpoint),
                line(&manifest.role)
            );
        }
    }
    let _ =
        writeln!(out, "Other targets: `--target URL`. What is known of such failures: `gauntlet diagnose run.json`.\n");
    if !secrets.is_empty() {
        let _ = writeln!(out, "## Taken out\n");
        for secret in secrets {
            let _ = writeln!(out, "- `${{secret:{}}}`: {}", secret.name, secret.kind);
        }
        out.push('\n');
    }
    let mut held = String::new();
    if has_snapshots {
        held.push_str("| `scenario.snap` | what the scenario is held against: its snapshots |\n");
    }
    if manifest.described.as_ref().is_some_and(|described| described.entry.to_string().contains("\"recorded\"")) {
        held.push_str("| `recording-1.har`, … | what is recorded behind the target |\n");
    }
    let _ = writeln!(
        out,
        "## In it\n\n| file | what |\n| --- | --- |\n| `scenario.yaml` | the scenario, and in `pack.yaml`, if there is one, the defaults of its pack |\n\
         {held}\
         | `run.json` | the result; `gauntlet report run.json --format html=page.html` shows it |\n\
         | `transcript.txt` | what was said, for people |\n| `traffic.har` | the same for programs; `gauntlet mock --from traffic.har` serves it |\n\
         | `bundle.json` | versions, target and machine |\n"
    );
    let run = &manifest.run;
    let _ = writeln!(
        out,
        "Made by Gauntlet {} on {} ({}) at {}; the run was by Gauntlet {}, at {}.",
        manifest.gauntlet,
        manifest.machine.os,
        manifest.machine.arch,
        manifest.made_at,
        line(&run.gauntlet),
        line(&run.started_at)
    );
    out
}

/// What did not pass, a sentence each.
fn findings(result: &CaseResult) -> Vec<String> {
    let Some(attempt) = result.attempts.last() else { return Vec::new() };
    let mut told: Vec<String> = attempt.reason.iter().cloned().collect();
    for check in attempt.checks.iter().filter(|check| check.verdict >= Verdict::Warn) {
        match check.mismatches.first() {
            Some(mismatch) => {
                told.push(format!(
                    "step {}, {}: {}",
                    check.step + 1,
                    mismatch.path,
                    sanitize::cut(&mismatch.reason, SHOWN)
                ));
            }
            None => told.push(format!("step {}, {}", check.step + 1, check.label)),
        }
    }
    if let Some(blame) = &attempt.blame {
        told.push(format!("to blame: {}: {}", blame.who, blame.reason));
    }
    told
}
