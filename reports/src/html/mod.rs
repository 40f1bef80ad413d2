//! The report as one page that needs nothing else: no network, no server, no other file.
//!
//! The page is a stream: its head, then an element of data for each event, written as it comes, then its end. Its script
//! (`reports/page/script/`) reads the elements when it is opened, so that one which was cut off shows what had been written.
//! Data is JSON in which nothing is markup, made of text that is sanitised already, and the script inserts it as text only.
//!
//! Each element has a JSON document a line, the first of which is `[kind, …]`:
//!
//! | kind | what follows |
//! | --- | --- |
//! | `run` | [`RunInfo`] |
//! | `target` | [`TargetSummary`](crate::TargetSummary) |
//! | `broken` | [`BrokenFile`] |
//! | `case` | the row of the list; what is shown when it is opened is the second line |
//! | `page` | a further page: its name, its title, and what it shows |
//! | `end` | [`RunSummary`] |

mod detail;
mod embed;
mod exchange;
mod names;
mod page;
mod pages;
mod row;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::Reporter;
use crate::coverage::{self, Coverage};
use crate::model::{BrokenFile, CaseResult, Event, RunInfo, RunSummary, Verdict};
use crate::sanitize;
use crate::summary::SummaryBuilder;
use exchange::Size;
use names::Names;

/// Size of the buffer, in bytes.
const BUFFER: usize = 64 * 1024;

/// Bytes of data of a page, unless told otherwise. Beyond it cases have only their lines in the list.
const BOUND: usize = 50 * 1024 * 1024;

/// Of them, the part in percent that whole cases may take; further ones are told in brief.
const WHOLE: usize = 88;

/// … and of which cases that pass may take so much, so that something is left for the others.
const PASSES: usize = 60;

/// Lines of the diagnostics of a scenario file that cannot run, and how many files.
const DIAGNOSTICS: usize = 200;

/// Writes a run as one HTML page.
///
/// It is written as cases finish and keeps none of them. Its size is bounded: parts of a case each, and all cases together, by
/// leaving transcripts out, which the page says where they are missed.
#[derive(Debug)]
pub struct HtmlReporter<W: Write> {
    out: BufWriter<W>,
    state: State,
    names: Names,
    bound: usize,
    /// Bytes of data so far.
    written: usize,
    broken: usize,
    /// Whose trends are shown.
    history: Option<PathBuf>,
    environment: Option<String>,
    /// What the run's verdicts are put beside.
    coverage: Option<Coverage>,
    /// The worst verdict of each requirement at each version.
    verdicts: HashMap<(String, Option<String>), Verdict>,
    /// In case the run ends without a summary.
    totals: SummaryBuilder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Open,
    Closed,
}

impl<W: Write> HtmlReporter<W> {
    /// Writes to `out`, through a buffer.
    pub fn new(out: W) -> Self {
        Self::bounded(out, BOUND)
    }

    /// Writes to `out`, through a buffer, and details of cases until there are so many bytes of data.
    pub fn bounded(out: W, bound: usize) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER, out),
            state: State::Nothing,
            names: Names::default(),
            bound,
            written: 0,
            broken: 0,
            history: None,
            environment: None,
            coverage: None,
            verdicts: HashMap::new(),
            totals: SummaryBuilder::default(),
        }
    }

    /// Adds a page with the trends of a history, which is read when the run is over. Of a history that cannot be read, the page says
    /// why.
    #[must_use]
    pub fn with_history(mut self, history: PathBuf) -> Self {
        self.history = Some(history);
        self
    }

    /// Adds a page with the requirements and what proves them, the verdicts of this run beside it.
    #[must_use]
    pub fn with_coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = Some(coverage);
        self
    }

    fn open(&mut self, run: &RunInfo) -> io::Result<()> {
        self.state = State::Open;
        page::head(run, &mut self.out)?;
        self.element("run", run)
    }

    fn element(&mut self, kind: &str, data: &impl Serialize) -> io::Result<()> {
        let data = embed::json(&(kind, data))?;
        self.lines(&[&data])
    }

    fn lines(&mut self, lines: &[&[u8]]) -> io::Result<()> {
        self.out.write_all(embed::OPEN)?;
        for line in lines {
            self.out.write_all(line)?;
            self.out.write_all(b"\n")?;
            self.written += line.len();
        }
        self.out.write_all(embed::CLOSE)
    }

    fn case(&mut self, result: &CaseResult) -> io::Result<()> {
        if self.coverage.is_some() {
            coverage::gather(&mut self.verdicts, result);
        }
        let row = embed::json(&("case", row::row(result, &mut self.names)))?;
        let whole = self.bound / 100 * if result.verdict == Verdict::Pass { PASSES } else { WHOLE };
        for (size, bound) in [(Size::Whole, whole), (Size::Brief, self.bound)] {
            if self.written + row.len() >= bound {
                continue;
            }
            let detail = embed::json(&detail::detail(result, &mut self.names, size))?;
            if self.written + row.len() + detail.len() < bound {
                self.lines(&[&row, &detail])?;
                // At once, so that a run which is killed leaves what had finished.
                return self.out.flush();
            }
        }
        self.lines(&[&row])?;
        self.out.flush()
    }

    fn broken(&mut self, file: &BrokenFile) -> io::Result<()> {
        self.broken += 1;
        if self.broken > DIAGNOSTICS {
            return Ok(());
        }
        let text: Vec<String> =
            sanitize::block(&file.diagnostics).lines().take(DIAGNOSTICS).map(str::to_owned).collect();
        let mut file = file.clone();
        file.file = sanitize::line(&file.file, sanitize::MAX_LINE).into_owned();
        file.diagnostics = text.join("\n");
        self.element("broken", &file)
    }

    fn close(&mut self, summary: &RunSummary) -> io::Result<()> {
        // Set first: an output that fails once is not tried again on drop.
        self.state = State::Closed;
        if let Some(history) = self.history.take() {
            self.element("page", &pages::trends(&history, self.environment.as_deref()))?;
        }
        if let Some(mut coverage) = self.coverage.take() {
            coverage.judge(&self.verdicts);
            self.element("page", &pages::coverage(&coverage))?;
        }
        self.element("end", summary)?;
        self.out.write_all(page::TAIL)?;
        self.out.flush()
    }
}

impl<W: Write + Send> Reporter for HtmlReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.totals.event(event);
        if let Event::RunStarted(run) = event {
            self.environment.clone_from(&run.environment);
        }
        match (event, self.state) {
            (_, State::Closed) | (Event::CaseStarted { .. }, _) => return Ok(()),
            (Event::RunStarted(_), State::Open) => return Ok(()),
            (Event::RunStarted(_), State::Nothing) | (_, State::Open) => {}
            (_, State::Nothing) => self.open(&RunInfo::default())?,
        }
        match event {
            Event::CaseFinished(result) => return self.case(result),
            Event::Broken(file) => return self.broken(file),
            _ => {}
        }
        let mut event = event.clone();
        event.for_each_text(&mut |text| *text = sanitize::line(text, sanitize::MAX_LINE).into_owned());
        match &event {
            Event::RunStarted(run) => self.open(run),
            Event::Target(target) => self.element("target", target),
            Event::RunFinished(summary) => self.close(summary),
            Event::CaseStarted { .. } | Event::Broken(_) | Event::CaseFinished(_) => Ok(()),
        }
    }
}

impl<W: Write> Drop for HtmlReporter<W> {
    fn drop(&mut self) {
        if self.state == State::Open {
            let why = "the report ended before the run did".to_owned();
            // Nobody is left to hear of an error.
            let _ = self.close(&self.totals.build(0.0, Some(why)));
        }
    }
}
