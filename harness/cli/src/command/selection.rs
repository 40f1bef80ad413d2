//! From the command line to scenario files, targets and a filter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet::config::{Config, TargetSpec};
use gauntlet::repro::{self, ChoiceError};
use gauntlet::runner::{GivenError, GivenSecrets};
use gauntlet::{Filter, ScenarioSet, Target};
use gauntlet_format::Scenario;
use gauntlet_reports::sanitize;

use crate::args::{ConfigArgs, SelectionArgs};
use crate::exit::CommandError;

/// The configuration that applies.
pub(crate) fn config(path: Option<&Path>) -> Result<Config, CommandError> {
    match path {
        Some(path) => Config::load(path),
        None => Config::discover(&std::env::current_dir()?),
    }
    .map_err(CommandError::usage)
}

/// The configuration that applies, and what the command line lets scenarios read.
pub(crate) fn configured(args: &ConfigArgs) -> Result<Config, CommandError> {
    let mut config = config(args.file.as_deref())?;
    let_read(&mut config, args)?;
    Ok(config)
}

/// Adds what the command line lets scenarios read, and the secrets that it gives them.
pub(crate) fn let_read(config: &mut Config, args: &ConfigArgs) -> Result<(), CommandError> {
    args.may_read.iter().try_for_each(|source| config.may_read.add(source)).map_err(CommandError::usage)?;
    config.given = given(args)?;
    Ok(())
}

/// The secrets that the command line gives.
pub(crate) fn given(args: &ConfigArgs) -> Result<GivenSecrets, CommandError> {
    GivenSecrets::read(&args.secret).map_err(|error| match error {
        GivenError::Spelling { .. } => CommandError::usage(error),
        GivenError::Missing { .. } => CommandError::infrastructure(error),
    })
}

/// The scenario files: named paths, else what the configuration names, else `scenarios/`, else the embedded packs.
pub(crate) fn scenarios(paths: &[PathBuf], config: &Config) -> Result<ScenarioSet, CommandError> {
    let read = |paths: &[PathBuf]| {
        ScenarioSet::at(paths).map_err(|e| {
            let shown: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
            CommandError::usage(format!("cannot read {}: {e}", shown.join(", ")))
        })
    };
    if !paths.is_empty() {
        return read(paths);
    }
    if !config.scenarios.is_empty() {
        let base = config.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        return read(&config.scenarios.iter().map(|p| base.join(p)).collect::<Vec<_>>());
    }
    let here = PathBuf::from("scenarios");
    if here.is_dir() { read(&[here]) } else { Ok(ScenarioSet::embedded()) }
}

/// Whether the text names a file or a folder, and not a scenario's id.
pub(crate) fn is_path(text: &str) -> bool {
    text.contains(['/', '\\']) || text.ends_with(".yaml") || text.ends_with(".json") || Path::new(text).exists()
}

/// Splits what the user named into paths and id globs, and reads the rest of the filter.
pub(crate) fn select(args: &SelectionArgs, config: &Config) -> Result<(ScenarioSet, Filter), CommandError> {
    let (paths, ids): (Vec<_>, Vec<_>) = args.what.iter().partition(|text| is_path(text));
    let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    let set = scenarios(&paths, config)?;
    let versions = args.mcp_version.iter().map(|v| v.parse().map_err(CommandError::usage)).collect::<Result<_, _>>()?;
    let filter = Filter {
        ids: ids.into_iter().cloned().collect(),
        tags: args.tag.clone(),
        packs: args.pack.clone(),
        requirements: args.requirement.clone(),
        versions,
        cases: args.case.clone(),
        ..Filter::default()
    };
    Ok((set, filter))
}

/// The role that `ROLE=TARGET` names, if it does, and the target.
pub(crate) fn role_and_target(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        // A URL may have one in its query.
        Some((role, what)) if !role.contains("://") => (Some(role), what),
        _ => (None, text),
    }
}

/// The one scenario that is named by its id or its file, and what else is wanted of its cases.
pub(crate) fn one(
    scenario: &str,
    mcp_version: &[String],
    case: &[String],
    config: &Config,
) -> Result<(Arc<Scenario>, Filter), CommandError> {
    let args = SelectionArgs {
        what: vec![scenario.to_owned()],
        mcp_version: mcp_version.to_vec(),
        case: case.to_vec(),
        ..SelectionArgs::default()
    };
    let (set, filter) = select(&args, config)?;
    let found = repro::one(&set, &filter).map_err(|error| {
        if let ChoiceError::Broken(diagnostics) = &error
            && let Err(error) = super::check::show(diagnostics)
        {
            return error.into();
        }
        CommandError::usage(sanitize::block(&error.to_string()))
    })?;
    Ok((found, filter))
}

/// Binds roles as `--target` says. A URL alone is a plain MCP server, and only scenarios for one are run on it.
pub(crate) fn bind(config: &mut Config, wanted: &[String], filter: &mut Filter) -> Result<(), CommandError> {
    for text in wanted {
        let (role, what) = role_and_target(text);
        if what.starts_with("http://") || what.starts_with("https://") {
            let role = role.unwrap_or("mcp-server");
            config.unbind(role);
            config.targets.push(TargetSpec::url(role, what));
            filter.targets.push(role.to_owned());
            continue;
        }
        if let Some(mock) = what.strip_prefix("mock:") {
            let role = role.unwrap_or(mock);
            config.unbind(role);
            config.targets.push(TargetSpec { roles: vec![role.to_owned()], ..known_mock(mock)? });
            filter.targets.push(mock.to_owned());
            continue;
        }
        let Some(spec) = config.targets.iter().find(|t| t.name == what).cloned() else {
            let known: Vec<_> = config.targets.iter().map(|t| t.name.as_str()).collect();
            let message = format!("no target is named `{what}`; a target is a URL or one of {}", known.join(", "));
            return Err(CommandError::usage(message));
        };
        if let Some(role) = role {
            config.rebind(spec, role);
        } else if spec.roles == [spec.name.as_str()]
            && !spec.is_mock()
            && !spec.is_client()
            && gauntlet_mocks::info(&spec.name).is_none()
        {
            // An entry with a name of its own and no role is a plain MCP server.
            config.rebind(spec, "mcp-server");
        }
        filter.targets.push(what.to_owned());
    }
    Ok(())
}

/// Targets for the length of a run.
pub(crate) fn targets(config: &Config) -> Vec<Arc<Target>> {
    config.targets.iter().cloned().map(Target::new).map(Arc::new).collect()
}

/// The embedded mock of that name, however the configuration fills its role.
pub(crate) fn known_mock(name: &str) -> Result<TargetSpec, CommandError> {
    if gauntlet_mocks::info(name).is_some() {
        return Ok(TargetSpec::mock(name));
    }
    let known: Vec<&str> = gauntlet_mocks::all().iter().map(|info| info.name).collect();
    Err(CommandError::usage(format!("there is no mock `{name}`; the mocks are {}", known.join(", "))))
}
