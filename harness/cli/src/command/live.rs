//! A run that is made to be compared: it is saved to a temporary file, with everything that was said.

use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use gauntlet::CancellationToken;
use gauntlet::config::Config;
use gauntlet_reports::{Event, JsonLinesReporter, Reporter as _, Verdict};

use super::interrupt::cancel_on_interrupt;
use super::run::Progress;
use super::{selection, sides, sign_in};
use crate::args::{SelectionArgs, SidesArgs};
use crate::exit::CommandError;

/// What to run.
pub(super) struct Wanted<'a> {
    /// As `--target` takes it, or `mock:NAME`.
    pub(super) target: &'a str,
    pub(super) selection: &'a SelectionArgs,
    pub(super) sides: &'a SidesArgs,
    /// Cases at the same time.
    pub(super) jobs: Option<NonZeroUsize>,
}

/// A run that is over. The file goes with it.
pub(super) struct Live {
    file: tempfile::NamedTempFile,
}

impl Live {
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Runs the selected scenarios on the target.
pub(super) fn run(wanted: &Wanted<'_>, mut config: Config) -> Result<Live, CommandError> {
    let (set, mut filter) = selection::select(wanted.selection, &config)?;
    selection::bind(&mut config, &[wanted.target.to_owned()], &mut filter)?;
    let mut options = sides::options(wanted.sides, wanted.jobs, &config)?;
    options.keep_all = true;
    options.retries = config.run.retries.unwrap_or(0);
    let patience = sign_in::patience(wanted.sides.sign_in.sign_in_timeout.as_deref(), false)?;
    let targets = selection::targets(&config);
    let file = tempfile::NamedTempFile::new()?;
    let mut writer = JsonLinesReporter::new(BufWriter::new(file.reopen()?));
    let mut progress = Progress::new(u64::try_from(set.files.len()).unwrap_or(0));
    for target in &targets {
        target.attend(sign_in::person(patience, progress.aside()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let (mut reached, mut first, mut failed) = (false, None, None);
    let summary = runtime.block_on(gauntlet::run(Arc::new(set), targets, filter, Arc::new(options), cancel, |event| {
        if let Event::CaseFinished(result) = &event {
            let judged =
                |attempt: &gauntlet_reports::Attempt| attempt.counts.total() > 0 || !attempt.transcript.is_empty();
            reached |= result.verdict != Verdict::Error && result.attempts.iter().any(judged);
            first = first.take().or_else(|| result.attempts.last().and_then(|attempt| attempt.reason.clone()));
        }
        progress.around(&event, || {
            if let Err(error) = writer.event(&event) {
                failed.get_or_insert(error);
            }
        });
    }));
    runtime.shutdown_timeout(Duration::from_millis(100));
    if let Some(error) = failed {
        return Err(CommandError::infrastructure(format!("cannot save the run of {}: {error}", wanted.target)));
    }
    if summary.interrupted.is_some() {
        return Err(CommandError::infrastructure("interrupted"));
    }
    if summary.cases() == 0 {
        return Err(CommandError::usage(format!("no scenario that is selected runs on {}", wanted.target)));
    }
    if !reached {
        let reason = first.unwrap_or_else(|| "nothing was judged".to_owned());
        let reason = gauntlet_reports::sanitize::block(&reason);
        return Err(CommandError::infrastructure(format!("nothing could be asked of {}: {reason}", wanted.target)));
    }
    if summary.broken > 0 {
        eprintln!("{} scenario files have errors; `gauntlet check` shows them", summary.broken);
    }
    Ok(Live { file })
}
