//! Where a run is told: the console, and reports beside it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use gauntlet_reports::coverage::Coverage;
use gauntlet_reports::history::Recorder;
use gauntlet_reports::{
    AnnotationsReporter, BadgeReporter, ConsoleReporter, Event, HtmlReporter, JsonLinesReporter, JsonReporter,
    JunitReporter, MarkdownReporter, OpenMetricsReporter, Reporter, Style, Verbosity,
};
use tokio::task::block_in_place;

use super::history;
use crate::args::ReportFormat;
use crate::exit::CommandError;
use crate::terminal;

/// Standard output, in place of a file.
const STDOUT: &str = "-";

/// A writer whose reader may take its time, such as a pager or a pipe: the cases of the worker that writes go on meanwhile.
struct Blocking<W>(W);

impl<W: Write> Write for Blocking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        block_in_place(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        block_in_place(|| self.0.flush())
    }
}

/// Everybody who is told. One that cannot write any more is not asked again, and the others go on.
pub(super) struct Reporters {
    listeners: Vec<Listener>,
    failures: Vec<String>,
}

struct Listener {
    /// Where it writes, for messages.
    place: String,
    reporter: Box<dyn Reporter>,
}

impl Reporters {
    /// The console, unless it would stand between the lines of a report on standard output, the history, and one for each
    /// `FORMAT=FILE`.
    pub(super) fn new(wanted: &[String], history: Option<&Path>, verbosity: Verbosity) -> Result<Self, CommandError> {
        let wanted = wanted.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        // Workflow commands are meant to stand between other lines.
        let taken = wanted.iter().any(|(format, path)| *path == STDOUT && *format != ReportFormat::Github);
        let console = if taken { to_stderr(verbosity) } else { to_stdout(verbosity) };
        let mut listeners = vec![Listener { place: "standard output".to_owned(), reporter: console }];
        // Before the reports, so that they find the run in it.
        if let Some(path) = history {
            let recorder = Recorder::open(path, history::source()).map_err(|e| history::refused(path, &e))?;
            listeners.push(Listener { place: format!("the history {}", path.display()), reporter: Box::new(recorder) });
        }
        for (format, path) in wanted {
            listeners.push(Listener {
                place: path.to_owned(),
                reporter: create(format, path, Beside { history, coverage: None })?,
            });
        }
        Ok(Self { listeners, failures: Vec::new() })
    }

    /// A saved run as `format`, in a file or on standard output, and one for each `FORMAT=FILE`. Each file is shown to `check`
    /// before it is opened.
    pub(super) fn rendering(
        format: ReportFormat,
        output: Option<&str>,
        verbosity: Verbosity,
        wanted: &[String],
        check: &dyn Fn(&Path) -> Result<(), CommandError>,
    ) -> Result<Self, CommandError> {
        let mut wanted = wanted.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        let to_console = output.is_none() && format == ReportFormat::Console;
        if !to_console {
            wanted.insert(0, (format, output.unwrap_or(STDOUT)));
        }
        wanted.iter().filter(|(_, path)| *path != STDOUT).try_for_each(|(_, path)| check(Path::new(path)))?;
        let mut listeners = Vec::with_capacity(wanted.len() + 1);
        if to_console {
            listeners.push(Listener { place: "standard output".to_owned(), reporter: to_stdout(verbosity) });
        }
        for (format, path) in wanted {
            listeners.push(Listener { place: path.to_owned(), reporter: create(format, path, Beside::default())? });
        }
        Ok(Self { listeners, failures: Vec::new() })
    }

    /// Only what goes to files.
    pub(super) fn without_console(mut self) -> Self {
        self.listeners.remove(0);
        self
    }

    /// Tells everybody.
    pub(super) fn event(&mut self, event: &Event) {
        self.listeners.retain_mut(|listener| match listener.reporter.event(event) {
            Ok(()) => true,
            Err(error) => {
                self.failures.push(format!("cannot write {}: {error}", listener.place));
                false
            }
        });
    }

    /// What could not be written.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        if self.failures.is_empty() { Ok(()) } else { Err(CommandError::infrastructure(self.failures.join("\n"))) }
    }
}

fn parse(text: &str) -> Result<(ReportFormat, &str), CommandError> {
    let Some((format, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
        return Err(CommandError::usage(format!("`--report {text}`: write FORMAT=FILE, such as json=report.json")));
    };
    match <ReportFormat as clap::ValueEnum>::from_str(format, false) {
        Ok(ReportFormat::Console) => {
            Err(CommandError::usage("the console is always told; `gauntlet report` writes it to a file"))
        }
        Ok(format) => Ok((format, path)),
        Err(_) => Err(CommandError::usage(format!(
            "`{format}` is not a report format; the formats are json, jsonl, junit, markdown, html, github, openmetrics and badge"
        ))),
    }
}

/// What a page tells beside the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside<'a> {
    /// Trends of this history.
    pub history: Option<&'a Path>,
    /// What proves which requirement.
    pub coverage: Option<Coverage>,
}

/// A reporter that writes to a file, or to standard output.
pub(super) fn create(format: ReportFormat, path: &str, beside: Beside<'_>) -> Result<Box<dyn Reporter>, CommandError> {
    if path == STDOUT {
        return reporter(format, Blocking(io::stdout()), Path::new("."), beside);
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = File::create(path).map_err(|e| CommandError::usage(format!("cannot write {path}: {e}")))?;
    let file = Blocking(file);
    match format {
        // Each line is written at once, so that a killed run leaves it.
        ReportFormat::Jsonl => reporter(format, file, folder, beside),
        _ => reporter(format, BufWriter::new(file), folder, beside),
    }
}

fn reporter(
    format: ReportFormat,
    out: impl Write + Send + 'static,
    folder: &Path,
    beside: Beside<'_>,
) -> Result<Box<dyn Reporter>, CommandError> {
    let plain = Style { color: false, verbosity: Verbosity::Normal };
    Ok(match format {
        ReportFormat::Console => Box::new(ConsoleReporter::new(out, plain)),
        ReportFormat::Json => Box::new(JsonReporter::new(out)),
        ReportFormat::Jsonl => Box::new(JsonLinesReporter::new(out)),
        ReportFormat::Junit => {
            let report = JunitReporter::new(out, folder);
            Box::new(report.map_err(|e| CommandError::usage(format!("cannot write in {}: {e}", folder.display())))?)
        }
        ReportFormat::Markdown => Box::new(MarkdownReporter::new(out)),
        ReportFormat::Html => {
            let mut page = HtmlReporter::new(out);
            if let Some(history) = beside.history {
                page = page.with_history(history.to_owned());
            }
            if let Some(coverage) = beside.coverage {
                page = page.with_coverage(coverage);
            }
            Box::new(page)
        }
        ReportFormat::Github => Box::new(AnnotationsReporter::new(out)),
        ReportFormat::Openmetrics => Box::new(OpenMetricsReporter::new(out)),
        ReportFormat::Badge => Box::new(BadgeReporter::new(out)),
    })
}

pub(super) fn to_stdout(verbosity: Verbosity) -> Box<dyn Reporter> {
    Box::new(ConsoleReporter::new(Blocking(io::stdout()), Style { color: terminal::color_on_stdout(), verbosity }))
}

fn to_stderr(verbosity: Verbosity) -> Box<dyn Reporter> {
    Box::new(ConsoleReporter::new(Blocking(io::stderr()), Style { color: false, verbosity }))
}
