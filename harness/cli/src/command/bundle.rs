//! `gauntlet bundle`, and bundles that are run.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Cursor, Write as _};
use std::path::Path;
use std::sync::Arc;

use anstream::eprintln;
use gauntlet::config::Config;
use gauntlet::repro::bundle::{self, Bundle, BundleError, Choice, Source, is_bundle};
use gauntlet::runner::MayRead;
use gauntlet::snapshot::HeldSnapshots;
use gauntlet::{Filter, ScenarioSet};

use super::selection;
use crate::args::{BundleArgs, SelectionArgs};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &BundleArgs) -> Outcome {
    let config = selection::config(args.config.as_deref())?;
    let file = &args.output;
    if !is_bundle(file) {
        return Err(CommandError::usage(format!("{}: a bundle is a .zip file", file.display())));
    }
    let choice = Choice {
        scenario: args.scenario.clone(),
        case: args.case.clone(),
        version: args.mcp_version.clone(),
        target: args.target.clone(),
    };
    let own = selection::scenarios(&args.scenarios, &config)?;
    // The packs that come with Gauntlet run without being named, too.
    let embedded = ScenarioSet::embedded();
    let both = [&own, &embedded];
    let scenarios = if args.scenarios.is_empty() && !own.is_embedded() { &both[..] } else { &both[..1] };
    let made = make(args, &choice, Source { scenarios, config: &config });
    let (written, content) = made.map_err(|error| CommandError::usage(format!("{}: {error}", args.run.display())))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(!args.force).create(args.force).truncate(true);
    let saved = options.open(file).and_then(|file| {
        let mut out = BufWriter::new(file);
        out.write_all(&content).and_then(|()| out.flush())
    });
    saved.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CommandError::usage(format!("{} is there already; --force writes over it", file.display()))
        }
        _ => CommandError::usage(format!("cannot write {}: {error}", file.display())),
    })?;
    let name = file.display();
    eprintln!("{name}: {}", gauntlet_reports::sanitize::inline(&written.manifest.case.to_string()));
    if written.others > 0 {
        eprintln!("{} more cases fit; --case, --mcp-version and --target choose", written.others);
    }
    for secret in &written.secrets {
        eprintln!("  taken out: {}", gauntlet_reports::sanitize::inline(&secret.to_string()));
    }
    if let Some(why) = &written.without_target {
        let target = gauntlet_reports::sanitize::inline(&written.manifest.case.target);
        eprintln!("  without the target {target}: {}", gauntlet_reports::sanitize::inline(why));
    }
    let target = if written.without_target.is_none() { "" } else { " --target URL" };
    eprintln!("gauntlet run {name}{target} runs it");
    Ok(Exit::Conforms)
}

fn make(args: &BundleArgs, choice: &Choice, source: Source<'_>) -> Result<(bundle::Written, Vec<u8>), BundleError> {
    let run = BufReader::new(File::open(&args.run)?);
    let mut content = Cursor::new(Vec::new());
    let written = bundle::write(run, choice, source, &args.output, &mut content)?;
    Ok((written, content.into_inner()))
}

/// What is to be run, on what.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) set: ScenarioSet,
    pub(super) filter: Filter,
    /// Defects that a bundle was made with, by mock.
    pub(super) defects: BTreeMap<String, Vec<String>>,
    /// The snapshots in a bundle; none: they are beside the scenarios.
    pub(super) snapshots: Option<Arc<HeldSnapshots>>,
}

/// Reads what the command line selects: scenarios, or a bundle.
pub(super) fn prepare(args: &SelectionArgs, targets: &[String]) -> Result<Prepared, CommandError> {
    let mut bundles = args.what.iter().filter(|what| is_bundle(Path::new(what)));
    match (bundles.next(), args.what.len()) {
        (Some(path), 1) => bundled(Path::new(path), args, targets),
        (Some(path), _) => Err(CommandError::usage(format!("{path} is a bundle, and runs alone"))),
        (None, _) => {
            let mut config = selection::configured(&args.config)?;
            let (set, mut filter) = selection::select(args, &config)?;
            selection::bind(&mut config, targets, &mut filter)?;
            Ok(Prepared { config, set, filter, defects: BTreeMap::new(), snapshots: None })
        }
    }
}

/// Of the user's configuration a bundle gets the targets that are named for it, and nothing else.
fn bundled(path: &Path, args: &SelectionArgs, targets: &[String]) -> Result<Prepared, CommandError> {
    let bundle = Bundle::open(path).map_err(|error| CommandError::usage(format!("{}: {error}", path.display())))?;
    let chosen = selection::select(&SelectionArgs { what: Vec::new(), ..args.clone() }, &Config::default())?.1;
    let own = bundle.filter();
    let mut filter = Filter {
        versions: if chosen.versions.is_empty() { own.versions } else { chosen.versions.clone() },
        cases: if chosen.cases.is_empty() { own.cases } else { chosen.cases.clone() },
        ..chosen
    };
    let mut defects = BTreeMap::new();
    let mut config = if targets.is_empty() {
        defects = bundle.defects();
        let given = selection::given(&args.config)?;
        bundle.config(&given).map_err(|error| CommandError::usage(format!("{}: {error}", path.display())))?
    } else {
        let mut config = selection::config(args.config.file.as_deref())?;
        let role = &bundle.manifest.role;
        let bound = |text: &String| match selection::role_and_target(text) {
            (Some(_), _) => text.clone(),
            (None, target) => format!("{role}={target}"),
        };
        let bound: Vec<String> = targets.iter().map(bound).collect();
        selection::bind(&mut config, &bound, &mut filter)?;
        config.targets.retain(|spec| filter.targets.contains(&spec.name));
        config
    };
    config.may_read = MayRead::default();
    selection::let_read(&mut config, &args.config)?;
    config.volatile = bundle.manifest.volatile.clone();
    Ok(Prepared { config, set: bundle.scenarios(), filter, defects, snapshots: Some(bundle.snapshots()) })
}
