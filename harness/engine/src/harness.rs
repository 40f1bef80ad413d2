//! Scenarios as `cargo test` tests.
//!
//! A gateway's own crate needs a test target with `harness = false` and a main function:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     gauntlet::harness::Suite::new()
//!         .scenarios("tests/scenarios")
//!         .run()
//! }
//! ```
//!
//! Each case is one test, so `cargo test NAME` and `cargo nextest run` list, filter and run them. The configuration is the
//! nearest `gauntlet.yaml`; without one the embedded mocks fill every role.
//!
//! `GAUNTLET_BLESS=1` takes what the cases answer over into their snapshots; where `CI` is set, only `GAUNTLET_BLESS=always` does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use gauntlet_reports::{CaseId, ConsoleReporter, Event, Reporter as _, Style, Verdict};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::baseline::{self, Form, Names};
use crate::config::{Config, TargetSpec};
use crate::runner::case::{self, Case};
use crate::runner::{Filter, GivenSecrets, Loaded, RunOptions, ScenarioSet, cases_of, no_target};
use crate::snapshot::{self, Blessing};
use crate::target::Target;

/// A set of scenarios to be run by `cargo test`.
#[derive(Debug, Default)]
pub struct Suite {
    paths: Vec<PathBuf>,
    packs: Vec<String>,
    targets: Vec<TargetSpec>,
    config: Option<PathBuf>,
    vars: Vec<(String, String)>,
    filter: Filter,
    options: RunOptions,
    baseline: Option<PathBuf>,
    may_read: Vec<String>,
    secrets: Vec<String>,
}

impl Suite {
    /// An empty suite. Running it without scenarios is a failure, so that a wrong path cannot look green.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the scenarios at and below a path, relative to the package.
    #[must_use]
    pub fn scenarios(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Adds a pack that comes with Gauntlet: `mcp`, `kiro`, `agentcore`.
    #[must_use]
    pub fn pack(mut self, name: impl Into<String>) -> Self {
        self.packs.push(name.into());
        self
    }

    /// Binds a role to a target, in place of what the configuration says.
    #[must_use]
    pub fn target(mut self, spec: TargetSpec) -> Self {
        self.targets.push(spec);
        self
    }

    /// Takes the configuration from a file in place of the nearest `gauntlet.yaml`.
    #[must_use]
    pub fn config(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// Gives every target a variable, over what its `vars:` say: how a test tells `gauntlet.yaml` the path of the program
    /// that Cargo built.
    ///
    /// ```no_run
    /// # let program = "";
    /// // In gauntlet.yaml: command: ["${gateway}", --port, "${port}"]
    /// // In a test: let program = env!("CARGO_BIN_EXE_my-gateway");
    /// gauntlet::harness::Suite::new().scenarios("tests/scenarios").var("gateway", program).run();
    /// ```
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    /// Runs only what the filter takes.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Lets failures that the file knows pass, in place of the `baseline` of the configuration. A test whose failure is known and
    /// that passes, or fails otherwise, is a failing test.
    #[must_use]
    pub fn baseline(mut self, path: impl Into<PathBuf>) -> Self {
        self.baseline = Some(path.into());
        self
    }

    /// Lets scenarios read this of the machine: `env:NAME`, `file:PATH`, `aws-credentials`; as `may_read` of the configuration.
    #[must_use]
    pub fn may_read(mut self, source: impl Into<String>) -> Self {
        self.may_read.push(source.into());
        self
    }

    /// Gives scenarios the value of `${secret:NAME}`: `NAME=env:VARIABLE`, `NAME=file:PATH`, or `NAME` for the environment variable of
    /// that name, in capitals and with `_`; as `gauntlet run --secret`.
    #[must_use]
    pub fn secret(mut self, word: impl Into<String>) -> Self {
        self.secrets.push(word.into());
        self
    }

    /// Timeouts, retries, strictness.
    #[must_use]
    pub fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// Lists or runs the tests, as the command line of the test binary says.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        // Cases wait more than they work: as many at a time as `gauntlet run` takes.
        arguments.test_threads.get_or_insert(self.options.jobs);
        match self.trials() {
            Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
            Err(message) => {
                // Told as a failing test, so that every runner shows it.
                let trial = Trial::test("gauntlet::setup", move || Err(Failed::from(message)));
                libtest_mimic::run(&arguments, vec![trial]).exit_code()
            }
        }
    }

    /// One trial for each case, and a failing one for each file that cannot run.
    ///
    /// # Errors
    /// When the configuration or a path is wrong, or there is no scenario at all.
    pub fn trials(self) -> Result<Vec<Trial>, String> {
        let runtime = Arc::new(Runtime::new().map_err(|e| format!("no async runtime: {e}"))?);
        let mut config = match &self.config {
            Some(path) => Config::load(path),
            None => Config::discover(&std::env::current_dir().map_err(|e| format!("no working directory: {e}"))?),
        }
        .map_err(|e| e.to_string())?;
        let own = !config.requirements.is_empty();
        let requirements = own.then(|| config.all_requirements()).transpose().map_err(|e| e.to_string())?;
        let own = !config.signatures.is_empty();
        let signatures = own.then(|| config.all_signatures()).transpose().map_err(|e| e.to_string())?;
        let given = GivenSecrets::read(&self.secrets).map_err(|e| e.to_string())?;
        for spec in &self.targets {
            spec.roles.iter().for_each(|role| config.unbind(role));
            config.targets.push(spec.clone());
        }
        for spec in &mut config.targets {
            spec.vars.extend(self.vars.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        }
        let known = self.baseline.or_else(|| config.baseline.clone());
        let quarantine = config.quarantine.clone();
        let excused = (known.is_some() || quarantine.is_some()).then(|| config.clone());
        let volatile = std::mem::take(&mut config.volatile);
        let mut may_read = std::mem::take(&mut config.may_read);
        self.may_read.iter().try_for_each(|source| may_read.add(source))?;
        let targets: Vec<Arc<Target>> = config.targets.into_iter().map(|spec| Arc::new(Target::new(spec))).collect();
        let mut sets = Vec::new();
        if !self.paths.is_empty() {
            sets.push(ScenarioSet::at(&self.paths).map_err(|e| format!("{:?}: {e}", self.paths))?);
        }
        if !self.packs.is_empty() {
            let mut set = ScenarioSet::embedded();
            set.files.retain(|f| self.packs.iter().any(|p| f.path.starts_with(Path::new("scenarios").join(p))));
            sets.push(set);
        }
        let mut options = self.options;
        if let Some(requirements) = requirements {
            options.requirements = Arc::new(requirements);
        }
        if let Some(signatures) = signatures {
            options.signatures = Arc::new(signatures);
        }
        if !self.secrets.is_empty() {
            given.teach(&options.secrets);
            options.given = given;
        }
        if let Some(config) = excused {
            let embedded = ScenarioSet::embedded();
            let all: Vec<&ScenarioSet> = sets.iter().chain([&embedded]).collect();
            let names = Names::of(&all, &config);
            let load = |path: Option<PathBuf>, form| {
                let loaded = path.map(|path| baseline::load(&path, form, &names)).transpose();
                loaded.map_err(|problems| rendered(&problems))
            };
            options.baseline = load(known, Form::BASELINE)?;
            options.quarantine = load(quarantine, Form::QUARANTINE)?;
        }
        options.volatile = volatile;
        options.may_read = may_read;
        if let Some(blessing) = blessing()? {
            options.bless = Some(blessing);
        }
        let options = Arc::new(options);
        let mut trials = Vec::new();
        for set in sets {
            for file in &set.files {
                match set.load(file) {
                    Loaded::Broken { path, diagnostics } => trials.push(broken(&path, &diagnostics)),
                    Loaded::Scenario(scenario) if self.filter.takes(&scenario) => {
                        let filling: Vec<_> =
                            targets.iter().filter(|t| t.spec.fills(&scenario.target.name)).cloned().collect();
                        let cases = if filling.is_empty() {
                            vec![no_target(&scenario, &[])]
                        } else {
                            runtime.block_on(cases_of(&scenario, &filling, &self.filter))
                        };
                        trials.extend(cases.into_iter().map(|case| trial(case, &runtime, &options)));
                    }
                    Loaded::Scenario(_) => {}
                }
            }
        }
        if trials.is_empty() {
            return Err("no scenario was found; nothing would be shown by passing".to_owned());
        }
        Ok(trials)
    }
}

/// What the environment says about snapshots.
fn blessing() -> Result<Option<Arc<Blessing>>, String> {
    let wanted = std::env::var("GAUNTLET_BLESS").unwrap_or_default();
    match wanted.as_str() {
        "" | "0" | "false" => Ok(None),
        wanted if wanted != "always" && snapshot::is_ci() => {
            Err("CI is set, and nobody reads what is blessed there; GAUNTLET_BLESS=always blesses all the same"
                .to_owned())
        }
        _ => Ok(Some(Arc::default())),
    }
}

fn broken(path: &Path, diagnostics: &[gauntlet_format::Diagnostic]) -> Trial {
    let text = rendered(diagnostics);
    Trial::test(format!("{}", path.display()), move || Err(Failed::from(text)))
}

fn rendered(diagnostics: &[gauntlet_format::Diagnostic]) -> String {
    diagnostics.iter().map(|d| gauntlet_format::render::render(d, false)).collect::<Vec<_>>().join("\n")
}

fn trial(case: Case, runtime: &Arc<Runtime>, options: &Arc<RunOptions>) -> Trial {
    let name = case.id.to_string();
    let ignored = matches!(&case.foregone, Some(stop) if stop.verdict < Verdict::Fail);
    let (runtime, options) = (Arc::clone(runtime), Arc::clone(options));
    Trial::test(name, move || {
        let outcome = runtime.block_on(case::run(&case, &options));
        judge(&outcome.event, options.strict)?;
        match &options.bless {
            Some(blessing) => bless(blessing, &case.id).map_err(Failed::from),
            None => Ok(()),
        }
    })
    .with_ignored_flag(ignored)
}

/// Shows what changes in the snapshot of a case, and writes it.
fn bless(blessing: &Blessing, case: &CaseId) -> Result<(), String> {
    let Some(pending) = blessing.of(case).map_err(|refused| refused.to_string())? else { return Ok(()) };
    // Nobody is left to be shown it if standard error is gone.
    let _ = write!(std::io::stderr(), "{}", pending.diff(false));
    pending.write()
}

/// Nothing that the run is red for, or why it is: the same text as on the console.
fn judge(event: &Event, strict: bool) -> Result<(), Failed> {
    let Event::CaseFinished(result) = event else { return Ok(()) };
    if result.is_red(strict) { Err(Failed::from(told(event))) } else { Ok(()) }
}

fn told(event: &Event) -> String {
    let mut console = ConsoleReporter::new(Vec::new(), Style::default());
    match console.event(event) {
        Ok(()) => String::from_utf8_lossy(&console.into_inner()).into_owned(),
        Err(error) => error.to_string(),
    }
}
