//! A run spread over several machines: which of them runs what, without a word between them.

use gauntlet_reports::{CaseId, Plan, Shard};
use sha2::{Digest as _, Sha256};

use super::RunOptions;

/// Names the run where no CI system does.
const OWN_RUN: &str = "GAUNTLET_RUN";

/// How a CI system tells its parallel jobs apart.
struct System {
    /// What is set only there; none where the two others are enough.
    mark: Option<&'static str>,
    /// Which job this is.
    index: &'static str,
    /// What the first job is called there.
    first: u32,
    /// How many jobs there are.
    of: &'static [&'static str],
    /// What all of them belong to.
    run: Option<&'static str>,
}

/// In the order in which they are asked.
const SYSTEMS: [System; 7] = [
    // Indexed Jobs of Kubernetes; the number of completions is told to no pod, so the manifest sets it.
    System {
        mark: None,
        index: "JOB_COMPLETION_INDEX",
        first: 0,
        of: &["GAUNTLET_SHARDS", "JOB_COMPLETIONS"],
        run: Some(OWN_RUN),
    },
    System {
        mark: Some("GITLAB_CI"),
        index: "CI_NODE_INDEX",
        first: 1,
        of: &["CI_NODE_TOTAL"],
        run: Some("CI_PIPELINE_ID"),
    },
    System {
        mark: None,
        index: "CIRCLE_NODE_INDEX",
        first: 0,
        of: &["CIRCLE_NODE_TOTAL"],
        run: Some("CIRCLE_WORKFLOW_ID"),
    },
    System {
        mark: None,
        index: "BUILDKITE_PARALLEL_JOB",
        first: 0,
        of: &["BUILDKITE_PARALLEL_JOB_COUNT"],
        run: Some("BUILDKITE_BUILD_ID"),
    },
    System {
        mark: None,
        index: "BITBUCKET_PARALLEL_STEP",
        first: 0,
        of: &["BITBUCKET_PARALLEL_STEP_COUNT"],
        run: Some("BITBUCKET_BUILD_NUMBER"),
    },
    System {
        mark: None,
        index: "SEMAPHORE_JOB_INDEX",
        first: 1,
        of: &["SEMAPHORE_JOB_COUNT"],
        run: Some("SEMAPHORE_WORKFLOW_ID"),
    },
    System {
        mark: None,
        index: "SYSTEM_JOBPOSITIONINPHASE",
        first: 1,
        of: &["SYSTEM_TOTALJOBSINPHASE"],
        run: Some("BUILD_BUILDID"),
    },
];

/// Where a run of several jobs has a name although its jobs have no numbers, besides those above.
const GITHUB_RUN: &str = "GITHUB_RUN_ID";

/// Why it is not clear which shard this is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardError {
    /// Not `i/n`.
    #[error("`{0}` is not a shard; write I/N, such as 2/7, or auto")]
    Form(String),
    /// Not from 1 to n.
    #[error("there is no shard {index} of {of}; they are counted from 1 to {of}")]
    Range {
        /// As written.
        index: u32,
        /// As written.
        of: u32,
    },
    /// No variable says so.
    #[error(
        "no environment variable says which shard this is: neither JOB_COMPLETION_INDEX (with GAUNTLET_SHARDS) nor those of GitLab, CircleCI, Buildkite, Bitbucket, Semaphore or Azure Pipelines; write --shard I/N"
    )]
    Unknown,
    /// One of a pair is missing.
    #[error("{index} says which shard this is, but nothing says how many there are; set {of}")]
    NoCount {
        /// The variable that is there.
        index: &'static str,
        /// The one that is not.
        of: &'static str,
    },
    /// Not a number, or out of range.
    #[error("{name} is `{value}`, which is not {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it could be.
        expected: String,
    },
}

/// Reads `I/N`, or `auto`, for which the environment is asked as `variable` gives it.
///
/// # Errors
/// When that says no shard.
pub fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, ShardError> {
    if text == "auto" {
        return from_environment(variable);
    }
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let parts = text.split_once('/').and_then(|(index, of)| number(index).zip(number(of)));
    let (index, of) = parts.ok_or_else(|| ShardError::Form(text.to_owned()))?;
    if index == 0 || index > of {
        return Err(ShardError::Range { index, of });
    }
    let run = SYSTEMS.iter().filter_map(|system| system.run).chain([GITHUB_RUN]).find_map(variable);
    let run = run.filter(|run| !run.is_empty());
    Ok(Shard { index, of, run })
}

fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, ShardError> {
    let said = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    for system in &SYSTEMS {
        if system.mark.is_some_and(|mark| said(mark).is_none()) {
            continue;
        }
        let of = system.of.iter().find_map(|name| Some((*name, said(name)?)));
        let Some(index) = said(system.index) else {
            // GitLab tells a job that is not parallel that it is the only one, and no index.
            if system.mark.is_some() && of.is_some_and(|(_, of)| of.trim() == "1") {
                return Ok(Shard { index: 1, of: 1, run: system.run.and_then(said) });
            }
            continue;
        };
        let missing = ShardError::NoCount { index: system.index, of: system.of.first().copied().unwrap_or_default() };
        let (of_name, of) = of.ok_or(missing)?;
        let wrong = |name, value: &str, expected| ShardError::Value { name, value: value.to_owned(), expected };
        let count: u32 = of
            .trim()
            .parse()
            .ok()
            .filter(|of| *of > 0)
            .ok_or_else(|| wrong(of_name, &of, "a number of shards".to_owned()))?;
        let position = index.trim().parse::<u32>().ok().and_then(|index| index.checked_sub(system.first));
        let position = position.filter(|position| *position < count).ok_or_else(|| {
            let last = system.first.saturating_add(count - 1);
            wrong(system.index, &index, format!("from {} to {last}, as {of_name} ({count}) has it", system.first))
        })?;
        return Ok(Shard { index: position + 1, of: count, run: system.run.and_then(said) });
    }
    Err(ShardError::Unknown)
}

/// Whether the shard runs the case.
///
/// The first eight bytes of the SHA-256 of the case as reports name it (`scenario [a=b]@2025-06-18 on target`), most
/// significant first, modulo the number of shards, give the shard, counted from 0. That depends on nothing else, so a further
/// scenario moves no other, and is not changed by a release: results of shards would no longer fit together.
#[must_use]
pub fn takes(shard: &Shard, id: &CaseId) -> bool {
    let hash = Sha256::digest(id.to_string().as_bytes());
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number % u64::from(shard.of.max(1)) == u64::from(shard.index.saturating_sub(1))
}

/// Adds up what a run has before it, of all shards.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    results: u64,
    digest: Sha256,
}

impl Planned {
    pub(super) fn new(options: &RunOptions) -> Self {
        let mut planned = Self { results: 0, digest: Sha256::new() };
        planned.text(&format!("{:?} {} {}", options.defects, options.retries, options.keep_all));
        planned
    }

    /// A case, or a file that cannot run.
    pub(super) fn add(&mut self, name: &str) {
        self.results += 1;
        self.text(name);
    }

    fn text(&mut self, text: &str) {
        self.digest.update((text.len() as u64).to_be_bytes());
        self.digest.update(text);
    }

    pub(super) fn plan(self) -> Plan {
        let digest = self.digest.finalize();
        Plan { results: self.results, digest: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect() }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn id(scenario: &str) -> CaseId {
        CaseId {
            scenario: scenario.to_owned(),
            case: vec![("header".to_owned(), "user-agent".to_owned())],
            version: Some("2025-06-18".to_owned()),
            target: "mcp-server".to_owned(),
        }
    }

    fn shard(index: u32, of: u32) -> Shard {
        Shard { index, of, run: None }
    }

    fn owner(id: &CaseId, of: u32) -> u32 {
        let owners: Vec<u32> = (1..=of).filter(|index| takes(&shard(*index, of), id)).collect();
        assert_eq!(owners.len(), 1, "{id} is run by {owners:?} of {of}");
        owners[0]
    }

    /// Shards that different releases have run are merged: these numbers stay. The first is
    /// `printf 'tools.list [header=user-agent]@2025-06-18 on mcp-server' | sha256sum`, its first 16 digits modulo n, and 1.
    #[test]
    fn who_runs_what_never_changes() {
        let names = ["tools.list", "tools.call", "kiro.identity"];
        let owners: Vec<Vec<u32>> =
            [2, 3, 7].iter().map(|of| names.iter().map(|name| owner(&id(name), *of)).collect()).collect();
        assert_eq!(owners, [[1, 2, 1], [3, 3, 1], [4, 4, 6]]);
    }

    #[test]
    fn every_shard_gets_its_share() {
        for of in [1, 2, 3, 7] {
            let mut shares = vec![0; of as usize];
            for number in 0..7000 {
                shares[owner(&id(&format!("s{number}")), of) as usize - 1] += 1;
            }
            let even = 7000 / of;
            assert!(shares.iter().all(|share| *share > even * 9 / 10), "{shares:?}");
        }
    }

    #[test]
    fn a_shard_is_counted_from_one() {
        let nothing = |_: &str| None;
        assert_eq!(parse("2/7", &nothing).unwrap(), shard(2, 7));
        assert_eq!(parse("1/1", &nothing).unwrap(), shard(1, 1));
        for wrong in ["", "2", "2-7", "a/7", "2/", "-1/2", "1/2/3", "AUTO"] {
            assert_eq!(parse(wrong, &nothing), Err(ShardError::Form(wrong.to_owned())));
        }
        assert_eq!(parse("0/7", &nothing), Err(ShardError::Range { index: 0, of: 7 }));
        assert_eq!(parse("8/7", &nothing), Err(ShardError::Range { index: 8, of: 7 }));
        let github = |name: &str| (name == "GITHUB_RUN_ID").then(|| "77".to_owned());
        assert_eq!(parse("2/7", &github).unwrap().run.as_deref(), Some("77"));
    }

    /// What `auto` makes of an environment.
    fn auto(environment: &[(&str, &str)]) -> Result<Shard, ShardError> {
        parse("auto", &|name| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn ci_systems_count_from_zero_or_from_one() {
        for (environment, index, run) in [
            (&[("JOB_COMPLETION_INDEX", "0"), ("GAUNTLET_SHARDS", "3")][..], 1, None),
            (
                &[("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "3"), ("GAUNTLET_RUN", "nightly-1")],
                3,
                Some("nightly-1"),
            ),
            (
                &[("GITLAB_CI", "true"), ("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "3"), ("CI_PIPELINE_ID", "9")],
                3,
                Some("9"),
            ),
            (&[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "3")], 1, None),
            (&[("BUILDKITE_PARALLEL_JOB", "1"), ("BUILDKITE_PARALLEL_JOB_COUNT", "3")], 2, None),
            (&[("BITBUCKET_PARALLEL_STEP", "1"), ("BITBUCKET_PARALLEL_STEP_COUNT", "3")], 2, None),
            (&[("SEMAPHORE_JOB_INDEX", "1"), ("SEMAPHORE_JOB_COUNT", "3")], 1, None),
            (&[("SYSTEM_JOBPOSITIONINPHASE", "3"), ("SYSTEM_TOTALJOBSINPHASE", "3")], 3, None),
        ] {
            let expected = Shard { index, of: 3, run: run.map(str::to_owned) };
            assert_eq!(auto(environment), Ok(expected), "{environment:?}");
        }
        let alone = auto(&[("GITLAB_CI", "true"), ("CI_NODE_TOTAL", "1")]);
        assert_eq!(alone, Ok(shard(1, 1)), "a job of GitLab that is not parallel runs everything");
    }

    #[test]
    fn an_environment_that_does_not_say_is_told() {
        assert_eq!(auto(&[]), Err(ShardError::Unknown));
        // Not GitLab's: others count differently under that name.
        assert_eq!(auto(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "2")]), Err(ShardError::Unknown));
        let missing = auto(&[("JOB_COMPLETION_INDEX", "1")]);
        assert_eq!(missing, Err(ShardError::NoCount { index: "JOB_COMPLETION_INDEX", of: "GAUNTLET_SHARDS" }));
        for (index, of) in [("3", "3"), ("-1", "3"), ("x", "3"), ("0", "0"), ("0", "many")] {
            let error = auto(&[("JOB_COMPLETION_INDEX", index), ("GAUNTLET_SHARDS", of)]).unwrap_err();
            assert!(matches!(error, ShardError::Value { .. }), "{index}/{of}: {error}");
        }
        let outside = auto(&[("SEMAPHORE_JOB_INDEX", "0"), ("SEMAPHORE_JOB_COUNT", "3")]).unwrap_err();
        assert_eq!(
            outside.to_string(),
            "SEMAPHORE_JOB_INDEX is `0`, which is not from 1 to 3, as SEMAPHORE_JOB_COUNT (3) has it"
        );
    }
}
