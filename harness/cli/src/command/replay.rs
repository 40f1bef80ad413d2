//! `gauntlet replay`

use std::time::Duration;

use anstream::eprintln;
use gauntlet::config::TargetSpec;
use gauntlet::repro::replay::{self, ReplayError, ReplayOptions};
use gauntlet::{CancellationToken, Target, diff};
use gauntlet_reports::sanitize;
use gauntlet_reports::volatile::Rules;

use super::diff::side::side;
use super::interrupt::cancel_on_interrupt;
use super::{output, recording, selection, sides, sign_in};
use crate::args::{ReplayArgs, ReplayFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &ReplayArgs, verbose: bool) -> Outcome {
    let config = selection::configured(&args.config)?;
    let (role, target) = selection::role_and_target(&args.target);
    let mut spec = side(target, role.unwrap_or("target"), "--target", &config)?;
    if let Some(role) = role {
        spec = TargetSpec { roles: vec![role.to_owned()], ..spec };
    }
    let run = sides::options(&args.sides, None, &config)?;
    diff::add_defects(&mut spec, &run.defects);
    let options = ReplayOptions {
        session: args.session.clone(),
        requests: args.requests.clone(),
        pace: args.pace.into(),
        writes: args.yes,
        patience: run.step_timeout,
        headers: args.header.iter().map(|name| name.to_ascii_lowercase()).collect(),
        rules: Rules::builtin().with(&config.volatile).map_err(CommandError::usage)?,
        given: config.given.clone(),
        ..ReplayOptions::default()
    };
    let recording = recording::of_side(&args.recording, None)?;
    let target = Target::new(spec);
    let patience = sign_in::patience(args.sides.sign_in.sign_in_timeout.as_deref(), false)?;
    target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let replayed = runtime.block_on(replay::replay(recording, &target, &options, &cancel));
    // What is still under way is of no account any more.
    runtime.shutdown_timeout(Duration::from_millis(100));
    gauntlet::target::end_all();
    let report = replayed.map_err(|error| {
        let said = sanitize::block(&error.to_string());
        match error {
            ReplayError::Selection(_) | ReplayError::NothingToSend(_) => {
                CommandError::usage(format!("{}: {said}", args.recording.display()))
            }
            ReplayError::Unreachable(_) | ReplayError::Interrupted => CommandError::infrastructure(said),
        }
    })?;
    let file = args.output.as_deref();
    match args.format {
        ReplayFormat::Text => output::text(file, |color| replay::text(&report, color, verbose))?,
        ReplayFormat::Json => output::json(file, &report)?,
    }
    Ok(match report.changed {
        _ if report.interrupted.is_some() => Exit::Infrastructure,
        0 => Exit::Conforms,
        _ => Exit::DoesNotConform,
    })
}
