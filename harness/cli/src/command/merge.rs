//! `gauntlet merge`

use std::io::ErrorKind;
use std::path::Path;

use anstream::eprintln;
use gauntlet_reports::Verbosity;
use gauntlet_reports::runs::merge::{Merge, MergeError};
use gauntlet_reports::saved::ReadError;

use super::reporting::Reporters;
use super::run::{Demands, Tally, exit};
use crate::args::{FlakyWorth, MergeArgs, ReportFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &MergeArgs) -> Outcome {
    let merge = Merge::survey(&args.runs).map_err(refused)?;
    let gaps: Vec<String> = merge.gaps().iter().map(ToString::to_string).collect();
    if !gaps.is_empty() && !args.allow_missing {
        let gaps = gaps.join("\n  ");
        return Err(CommandError::infrastructure(format!(
            "the run is not whole; --allow-missing merges what there is\n  {gaps}"
        )));
    }
    let format = args.format.unwrap_or(if args.output.is_some() { ReportFormat::Json } else { ReportFormat::Console });
    let verbosity = if args.all { Verbosity::Verbose } else { Verbosity::Normal };
    let mut reporters =
        Reporters::rendering(format, args.output.as_deref(), verbosity, &args.report, &|path| spare(&merge, path))?;
    let mut tally = Tally::default();
    let summary = merge.events(&mut |event| {
        tally.event(&event);
        reporters.event(&event);
        Ok(())
    });
    let summary = summary.map_err(refused)?;
    reporters.finish()?;
    gaps.iter().for_each(|gap| eprintln!("{gap}; the merged run is told to be cut short"));
    let demands = Demands { strict: args.strict, flaky_fails: args.flaky == FlakyWorth::Fail };
    Ok(if args.exit_code { exit(&summary, &tally, demands) } else { Exit::Conforms })
}

fn refused(error: MergeError) -> CommandError {
    let unreadable = |error: &ReadError| matches!(error, ReadError::Io(e) if e.kind() != ErrorKind::NotFound);
    match &error {
        MergeError::Read { error: why, .. } if unreadable(why) => CommandError::infrastructure(error),
        _ => CommandError::usage(error),
    }
}

/// An output must not take the place of what is still to be read.
fn spare(merge: &Merge, output: &Path) -> Result<(), CommandError> {
    let place = |path: &Path| path.canonicalize().ok();
    let Some(output_place) = place(output) else { return Ok(()) };
    if merge.paths().any(|path| place(path).as_ref() == Some(&output_place)) {
        return Err(CommandError::usage(format!(
            "{} is one of the files that are merged; write to another",
            output.display()
        )));
    }
    Ok(())
}
