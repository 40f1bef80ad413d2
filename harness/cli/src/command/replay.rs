//! `gauntlet replay`

use anstream::eprintln;
use gauntlet::repro::replay::{self, ReplayError, ReplayOptions};
use gauntlet::{Target, diff};
use gauntlet_reports::sanitize;
use gauntlet_reports::volatile::Rules;

use super::diff::side::side;
use super::interrupt::until_interrupted;
use super::{output, recording, selection, sides, sign_in};
use crate::args::{ReplayArgs, ReplayFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &ReplayArgs, verbose: bool) -> Outcome {
    let config = selection::configured(&args.config)?;
    let mut spec = side(&args.target, "target", "--target", &config)?;
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
    let recording = recording::load(&args.recording)?;
    let target = Target::new(spec);
    let patience = sign_in::patience(args.sides.sign_in.sign_in_timeout.as_deref(), false)?;
    target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
    let report = until_interrupted(replay::replay(&recording, &target, &options))?.map_err(|error| {
        let said = sanitize::block(&error.to_string());
        match error {
            ReplayError::Selection(_) | ReplayError::NothingToSend(_) => {
                CommandError::usage(format!("{}: {said}", args.recording.display()))
            }
            ReplayError::Unreachable(_) => CommandError::infrastructure(said),
        }
    })?;
    let file = args.output.as_deref();
    match args.format {
        ReplayFormat::Text => output::text(file, |color| replay::text(&report, color, verbose))?,
        ReplayFormat::Json => output::json(file, &report)?,
    }
    Ok(if report.changed > 0 { Exit::DoesNotConform } else { Exit::Conforms })
}
