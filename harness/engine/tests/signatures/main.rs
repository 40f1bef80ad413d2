//! Each known failure is recognised in the scenario that reproduces it and not without its defect, and what goes well is not
//! taken for a failure.

mod mended;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use gauntlet::repro::diagnose::{Signatures, diagnose};
use gauntlet::runner::any_glob;
use gauntlet::{CancellationToken, Config, Filter, RunOptions, ScenarioSet, Target};
use gauntlet_format::signature::{Defect, Reproduce, Signature};
use gauntlet_reports::{CaseResult, Event, Exchange, Verdict};

/// Signatures that are proved at the same time; most of it is waiting.
const AT_A_TIME: usize = 16;

/// Of several that match, the right one is told among the first.
const FIRST: usize = 2;

/// Every so many scenarios one is looked at for failures that are none.
const SAMPLE: u32 = 16;

/// Scenarios that pass because a failure is provoked in them, beside those with the tag `negative`.
const PROVOKING: [&str; 23] = [
    "agentcore.challenge.public-domain",
    "agentcore.sessions.*",
    "auth.flow.*",
    "aws.credentials-from-sts-do-not-work",
    "clients.*",
    "kiro.flow.*",
    "kiro.legacy-host.*",
    "kiro.limits.*",
    "kiro.profile-arn.*",
    "kiro.refresh.*",
    "kiro.token.*",
    "kiro.web-search.accounts-without-profile",
    "kiro.web-search.identity-*",
    "kiro-gateway.failed-search-looks-empty",
    "kiro-gateway.forbidden-search-repeated",
    "kiro-gateway.rate-limit-*",
    "kiro-gateway.retry-after-lost",
    "kiro-gateway.runtime-error-shown-to-client",
    "kiro-gateway.same-error-four-causes",
    "kiro-gateway.token-refused-on-search-only",
    "mcp.discover.consistent",
    "profiles.*",
    "remote-proxy.*",
];

/// Where each scenario of the packs stands.
fn scenarios() -> BTreeMap<String, PathBuf> {
    let packs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"));
    let set = ScenarioSet::at(&[packs]).expect("the packs are there");
    let id = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("a scenario is text");
        text.lines().find_map(|line| Some(line.strip_prefix("id:")?.trim().to_owned()))
    };
    set.files.into_iter().filter_map(|file| Some((id(&file.path)?, file.path))).collect()
}

/// Runs the scenario in the file and hands each case to `look`, until it says that this is enough.
async fn run(file: &Path, filter: Filter, defect: Option<&Defect>, mut look: impl FnMut(&CaseResult) -> bool + Send) {
    let set = Arc::new(ScenarioSet::at(&[file.to_owned()]).expect("the scenario is there"));
    let targets = Config::default().targets.into_iter().map(Target::new).map(Arc::new).collect();
    let options = RunOptions {
        jobs: 1,
        keep_all: true,
        step_timeout: Duration::from_secs(5),
        defects: defect.map(|d| (d.mock.clone(), vec![d.id.clone()])).into_iter().collect(),
        ..RunOptions::default()
    };
    let enough = CancellationToken::new();
    let take = |event: Event| {
        if let Event::CaseFinished(result) = event
            && look(&result)
        {
            enough.cancel();
        }
    };
    gauntlet::run(set, targets, filter, Arc::new(options), enough.clone(), take).await;
}

fn transcript(result: &CaseResult) -> &[Exchange] {
    result.attempts.last().map(|attempt| attempt.transcript.as_slice()).unwrap_or_default()
}

/// What of the known failures a case shows, the best match first.
fn found(signatures: &Signatures, result: &CaseResult) -> Vec<String> {
    diagnose(signatures, transcript(result)).into_iter().map(|found| found.signature.id.name.clone()).collect()
}

/// Why the signature is not proved.
async fn wrong(
    signature: &Signature,
    signatures: &Signatures,
    scenarios: &BTreeMap<String, PathBuf>,
) -> Option<String> {
    let id = signature.id.name.as_str();
    let Reproduce::Scenario { scenario, defect } = &signature.reproduce else { return None };
    let Some(file) = scenarios.get(&scenario.name) else {
        return Some(format!("{id}: there is no scenario {}", scenario.name));
    };
    let (mut shown, mut told) = (None, Vec::new());
    run(file, Filter::default(), defect.as_ref(), |result| {
        let matches = found(signatures, result);
        let at = matches.iter().position(|found| found == id);
        told.push(format!("    {}: {}", result.id, matches.join(", ")));
        if at.is_some_and(|at| at < FIRST) && shown.is_none() {
            shown = Some(result.id.clone());
        }
        shown.is_some()
    })
    .await;
    let Some(case) = shown else {
        return Some(format!("{id} is not told among the first {FIRST} in\n{}", told.join("\n")));
    };
    defect.as_ref()?;
    let filter = Filter {
        cases: case.case.iter().map(|(name, label)| format!("{name}={label}")).collect(),
        versions: case.version.iter().map(|version| version.parse().expect("a version")).collect(),
        targets: vec![case.target.clone()],
        ..Filter::default()
    };
    let mut ran = 0;
    let mut still = Vec::new();
    run(file, filter, None, |result| {
        ran += usize::from(!transcript(result).is_empty());
        if found(signatures, result).iter().any(|found| found == id) {
            still.push(result.id.to_string());
        }
        false
    })
    .await;
    if ran == 0 {
        return Some(format!("{id}: {case} did not run without the defect"));
    }
    (!still.is_empty()).then(|| format!("{id} is found without the defect, too: {}", still.join(", ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_recognised_where_it_is_reproduced_and_not_without_the_defect() {
    let signatures = Signatures::builtin();
    let scenarios = scenarios();
    let all: Vec<&Signature> = signatures.iter().collect();
    assert!(all.len() >= 100, "only {} signatures; does the file parse?", all.len());
    let proofs = all.into_iter().map(|signature| wrong(signature, &signatures, &scenarios));
    let wrong: Vec<String> =
        stream::iter(proofs).buffer_unordered(AT_A_TIME).filter_map(std::future::ready).collect().await;
    assert!(wrong.is_empty(), "{} are not proved\n{}", wrong.len(), wrong.join("\n"));
}

/// A share of the scenarios that does not depend on which others there are.
fn is_sampled(id: &str) -> bool {
    id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % SAMPLE == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_well_is_no_known_failure() {
    let signatures = Signatures::builtin();
    let provoking: Vec<String> = PROVOKING.iter().map(ToString::to_string).collect();
    let all = scenarios();
    let sampled = all.iter().filter(|(id, _)| is_sampled(id) && !any_glob(&provoking, std::iter::once(id.as_str())));
    let looks = sampled.map(async |(_, file)| {
        let (mut looked_at, mut taken) = (0, Vec::new());
        run(file, Filter::default(), None, |result| {
            if result.verdict == Verdict::Pass && !result.tags.iter().any(|tag| tag == "negative") {
                looked_at += 1;
                let matches = found(&signatures, result);
                if !matches.is_empty() {
                    taken.push(format!("{} passes and looks like {}", result.id, matches.join(", ")));
                }
            }
            // One version is like another here.
            looked_at > 0
        })
        .await;
        (looked_at, taken)
    });
    let seen: Vec<(usize, Vec<String>)> = stream::iter(looks).buffer_unordered(AT_A_TIME).collect().await;
    let looked_at: usize = seen.iter().map(|(looked_at, _)| looked_at).sum();
    assert!(looked_at > 15, "only {looked_at} cases were looked at");
    let taken: Vec<String> = seen.into_iter().flat_map(|(_, taken)| taken).collect();
    assert!(taken.is_empty(), "{}", taken.join("\n"));
}
