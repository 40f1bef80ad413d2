//! `gauntlet audit`

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gauntlet::audit::{AuditOptions, AuditReport, CheckId, Hints};
use gauntlet::conformance::Proofs;
use gauntlet::{CancellationToken, RunOptions};
use indicatif::ProgressBar;
use serde_json::Value;

use super::interrupt::cancel_on_interrupt;
use super::{output, selection};
use crate::args::AuditArgs;
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal;

/// Checks that are named behind one defect.
const SHOWN: usize = 3;

pub(crate) fn run(args: &AuditArgs) -> Outcome {
    let config = selection::configured(&args.selection.config)?;
    let (set, filter) = selection::select(&args.selection, &config)?;
    if let Some(unknown) = args.mock.iter().find(|m| gauntlet_mocks::info(m).is_none()) {
        return Err(CommandError::usage(format!("there is no mock `{unknown}`; `gauntlet mock --list` shows them")));
    }
    // Defects that leave a request unanswered would otherwise cost the full time of a step, each.
    let step_timeout = Duration::from_secs(2);
    let configured = RunOptions::configured(&config).map_err(CommandError::usage)?;
    let run = RunOptions { jobs: args.jobs.max(1), step_timeout, ..configured };
    let hints = read_hints(&args.hints)?;
    let proofs = read_proofs(&args.proofs)?.unwrap_or_default();
    let options = AuditOptions { run, mocks: args.mock.clone(), quick: args.quick, hints };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let bar = if terminal::shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let report = runtime.block_on(gauntlet::audit::audit(
        &Arc::new(set),
        &config.targets,
        &filter,
        &options,
        &cancel,
        &mut |mock, defect| {
            bar.set_message(format!("{mock}: {defect}"));
            bar.tick();
        },
    ));
    bar.finish_and_clear();
    runtime.shutdown_timeout(Duration::from_millis(100));
    if args.write_hints {
        write_hints(&args.hints, &report, &options.hints)?;
        std::fs::write(&args.proofs, report.proofs(&proofs).to_yaml())?;
    }
    if args.json {
        output::json(None, &report)?;
    } else {
        output::write(None, |out, _| write(out, &report))?;
    }
    Ok(match (report.is_sound(), cancel.is_cancelled()) {
        (_, true) => Exit::Usage,
        (true, false) => Exit::Conforms,
        (false, false) => Exit::DoesNotConform,
    })
}

fn read_hints(path: &Path) -> Result<Hints, CommandError> {
    if !path.is_file() {
        return Ok(Hints::new());
    }
    let Value::Object(mocks) = super::mock::read(path)? else {
        return Err(CommandError::usage(format!("{}: write MOCK: {{ DEFECT: SCENARIO }}", path.display())));
    };
    serde_json::from_value(Value::Object(mocks)).map_err(|e| CommandError::usage(format!("{}: {e}", path.display())))
}

/// The file, if there is one.
pub(super) fn read_proofs(path: &Path) -> Result<Option<Proofs>, CommandError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let proofs = Proofs::parse(&text).map_err(|e| CommandError::usage(format!("{}: {e}", path.display())))?;
            Ok(Some(proofs))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CommandError::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

fn write_hints(path: &Path, report: &AuditReport, known: &Hints) -> std::io::Result<()> {
    // What was not looked at this time stays.
    let mut hints = known.clone();
    for (mock, of_mock) in report.hints() {
        hints.entry(mock).or_default().extend(of_mock);
    }
    let mut text = String::from(
        "# For each defect of each mock, the scenario that catches it. Written by `gauntlet audit --write-hints`;\n\
         # `gauntlet audit --quick` looks there first.\n",
    );
    for (mock, of_mock) in &hints {
        text.push_str(&format!("{mock}:\n"));
        for (defect, scenario) in of_mock {
            text.push_str(&format!("  {defect}: {scenario}\n"));
        }
    }
    std::fs::write(path, text)
}

fn write(out: &mut dyn Write, report: &AuditReport) -> std::io::Result<()> {
    let mut mock = "";
    for row in &report.defects {
        if row.mock != mock {
            mock = &row.mock;
            let of_mock: Vec<_> = report.defects.iter().filter(|r| r.mock == mock).collect();
            let caught = of_mock.iter().filter(|r| !r.caught_by.is_empty()).count();
            writeln!(out, "mock {mock}   {} defects, {caught} caught", of_mock.len())?;
        }
        let shown: Vec<String> = row.caught_by.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = match row.caught_by.len() {
            0 if row.errors > 0 => format!("NOT CAUGHT by a check ({} cases ended in an error)", row.errors),
            0 => "NOT CAUGHT".to_owned(),
            n if n > SHOWN => format!(", and {} more", n - SHOWN),
            _ => String::new(),
        };
        writeln!(out, "    {:<36} {}{more}", row.defect, shown.join(", "))?;
    }
    let list = |out: &mut dyn Write, title: &str, checks: &[CheckId]| -> std::io::Result<()> {
        writeln!(out, "{title}: {}", checks.len())?;
        checks.iter().try_for_each(|c| writeln!(out, "    {c}"))
    };
    list(out, "checks that only an altered answer turned red", &report.by_alteration_only)?;
    list(out, "checks that nothing turned red", &report.never_red)?;
    if !report.not_green.is_empty() {
        writeln!(out, "cases that are not green without a defect: {}", report.not_green.join(", "))?;
    }
    let uncaught: Vec<String> = report.uncaught().map(|r| format!("{}:{}", r.mock, r.defect)).collect();
    writeln!(
        out,
        "{} checks: {} caught a defect, {} an altered answer only; defects nobody caught: {}{}",
        report.checks,
        report.checks - report.by_alteration_only.len() - report.never_red.len(),
        report.by_alteration_only.len(),
        uncaught.len(),
        if uncaught.is_empty() { String::new() } else { format!(" ({})", uncaught.join(", ")) },
    )
}
