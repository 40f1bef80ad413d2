//! The report for CI systems, in the JUnit format as GitLab, Jenkins and GitHub actions read it.
//!
//! A pack is a test suite, a case is a test case, and a scenario is its class. A suite begins with its totals, so cases
//! go to a spool file until the run is over. Tries of a case are told in the manner of Maven Surefire (`flakyFailure`,
//! `rerunFailure`).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event as Xml};

use crate::Reporter;
use crate::model::{Attempt, BrokenFile, CaseResult, Event, RunSummary, Verdict};
use crate::paint::Paint;
use crate::sanitize::{self, MAX_LINE};
use crate::story::{self, Telling};
use crate::{standing, words};

/// Size of the buffers, in bytes.
const BUFFER: usize = 64 * 1024;

/// The suite of scenario files that could not run.
const BROKEN: &str = "scenario files";

/// The suite of cases without a pack.
const NO_PACK: &str = "gauntlet";

/// Writes a run as JUnit XML.
///
/// | verdict | element |
/// | --- | --- |
/// | `pass` | none |
/// | `warn` | `system-out`; the case counts as passed |
/// | `fail` | `failure` |
/// | `error`, and a scenario file that could not run | `error` |
/// | `skip`, `untestable` | `skipped` |
/// | a failure that is known, or in quarantine | `skipped` |
/// | a pass that the baseline says is a failure, an expired entry | `failure` |
///
/// Memory grows with the number of packs, not with that of cases. The document is written by [`Event::RunFinished`], or
/// else when the reporter is dropped. Characters that XML forbids are left out.
pub struct JunitReporter<W: Write> {
    /// `None` once the document is written.
    out: Option<W>,
    started_at: String,
    cases: Spool,
    /// Suites of `cases`, in order.
    suites: Vec<Suite>,
    broken: Spool,
    broken_suite: Suite,
}

/// A file that has no name and vanishes with the process.
struct Spool {
    xml: Writer<Counted>,
}

/// A buffered file that knows its length.
struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Totals of a suite.
#[derive(Debug, Default)]
struct Suite {
    name: String,
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    duration_ms: f64,
    /// Length in the spool.
    bytes: u64,
}

impl<W: Write> JunitReporter<W> {
    /// Writes to `out` when the run is over. Until then cases are kept in unnamed files in `folder`, best the one
    /// of the report.
    ///
    /// # Errors
    /// When those files cannot be made.
    pub fn new(out: W, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            out: Some(out),
            started_at: String::new(),
            cases: Spool::new(folder)?,
            suites: Vec::new(),
            broken: Spool::new(folder)?,
            broken_suite: Suite { name: BROKEN.to_owned(), ..Suite::default() },
        })
    }

    fn case(&mut self, result: &CaseResult) -> io::Result<()> {
        let name = result.pack.as_deref().unwrap_or(NO_PACK);
        if self.suites.last().is_none_or(|suite| suite.name != name) {
            self.suites.push(Suite { name: name.to_owned(), ..Suite::default() });
        }
        let Some(suite) = self.suites.last_mut() else {
            return Ok(());
        };
        suite.tests += 1;
        match standing::counts_as(result) {
            Verdict::Pass | Verdict::Warn => {}
            Verdict::Fail => suite.failures += 1,
            Verdict::Error => suite.errors += 1,
            Verdict::Skip | Verdict::Untestable => suite.skipped += 1,
        }
        suite.duration_ms += duration_ms(result);
        let before = self.cases.bytes();
        self.cases.case(result)?;
        suite.bytes += self.cases.bytes() - before;
        Ok(())
    }

    fn broken(&mut self, file: &BrokenFile) -> io::Result<()> {
        self.broken_suite.tests += 1;
        self.broken_suite.errors += 1;
        self.broken.broken(file)?;
        self.broken_suite.bytes = self.broken.bytes();
        Ok(())
    }

    fn close(&mut self, summary: Option<&RunSummary>) -> io::Result<()> {
        // Taken first: an output that fails once is not tried again on drop.
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        let mut xml = Writer::new(BufWriter::with_capacity(BUFFER, out));
        xml.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        newline(&mut xml)?;

        let all = || self.suites.iter().chain([&self.broken_suite]);
        let duration_ms = match summary {
            Some(summary) => summary.duration_ms,
            None => all().map(|suite| suite.duration_ms).sum(),
        };
        let mut root = BytesStart::new("testsuites");
        root.push_attribute(("name", "gauntlet"));
        number(&mut root, "tests", all().map(|suite| suite.tests).sum());
        number(&mut root, "failures", all().map(|suite| suite.failures).sum());
        number(&mut root, "errors", all().map(|suite| suite.errors).sum());
        root.push_attribute(("time", seconds(duration_ms).as_str()));
        xml.write_event(Xml::Start(root))?;
        newline(&mut xml)?;

        let mut cases = self.cases.rewound()?;
        for suite in &self.suites {
            suite.write(&mut xml, &self.started_at, &mut cases)?;
        }
        if self.broken_suite.tests > 0 {
            let mut broken = self.broken.rewound()?;
            self.broken_suite.write(&mut xml, &self.started_at, &mut broken)?;
        }
        xml.write_event(Xml::End(BytesEnd::new("testsuites")))?;
        newline(&mut xml)?;
        xml.get_mut().flush()
    }
}

impl<W: Write + Send> Reporter for JunitReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(run) => {
                self.started_at.clone_from(&run.started_at);
                Ok(())
            }
            Event::Target(_) | Event::CaseStarted { .. } => Ok(()),
            Event::Broken(file) => self.broken(file),
            Event::CaseFinished(result) => self.case(result),
            Event::RunFinished(summary) => self.close(Some(summary)),
        }
    }
}

impl<W: Write> Drop for JunitReporter<W> {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.close(None);
    }
}

impl Suite {
    fn write<W: Write>(&self, xml: &mut Writer<W>, started_at: &str, spool: &mut BufReader<&File>) -> io::Result<()> {
        let mut start = BytesStart::new("testsuite");
        attribute(&mut start, "name", &self.name);
        number(&mut start, "tests", self.tests);
        number(&mut start, "failures", self.failures);
        number(&mut start, "errors", self.errors);
        number(&mut start, "skipped", self.skipped);
        start.push_attribute(("time", seconds(self.duration_ms).as_str()));
        if !started_at.is_empty() {
            attribute(&mut start, "timestamp", started_at);
        }
        xml.write_event(Xml::Start(start))?;
        newline(xml)?;
        io::copy(&mut spool.take(self.bytes), xml.get_mut())?;
        xml.write_event(Xml::End(BytesEnd::new("testsuite")))?;
        newline(xml)
    }
}

impl Spool {
    fn new(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(folder)?);
        Ok(Self { xml: Writer::new(Counted { file, bytes: 0 }) })
    }

    fn bytes(&mut self) -> u64 {
        self.xml.get_mut().bytes
    }

    /// What has been written, from its beginning.
    fn rewound(&mut self) -> io::Result<BufReader<&File>> {
        let spool = self.xml.get_mut();
        spool.flush()?;
        spool.file.get_mut().seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(BUFFER, spool.file.get_ref()))
    }

    fn case(&mut self, result: &CaseResult) -> io::Result<()> {
        let mut start = BytesStart::new("testcase");
        attribute(&mut start, "name", &result.id.to_string());
        attribute(&mut start, "classname", &result.id.scenario);
        attribute(&mut start, "file", &result.place.file);
        number(&mut start, "line", u64::from(result.place.line));
        start.push_attribute(("time", seconds(duration_ms(result)).as_str()));
        let counts_as = standing::counts_as(result);
        if counts_as == Verdict::Pass && result.attempts.len() < 2 {
            self.xml.write_event(Xml::Empty(start))?;
            return newline(&mut self.xml);
        }
        self.xml.write_event(Xml::Start(start))?;
        match counts_as {
            Verdict::Pass => self.tries(result, "flaky", None)?,
            Verdict::Warn => {
                self.tries(result, "flaky", None)?;
                let text = story::tell(result, PLAIN);
                self.element(BytesStart::new("system-out"), &text)?;
            }
            Verdict::Fail | Verdict::Error => self.failed(result)?,
            Verdict::Skip | Verdict::Untestable => {
                let reason = result.attempts.last().map(story::reason).unwrap_or_default();
                let message = match (&result.standing, result.verdict) {
                    (Some(standing), Verdict::Fail | Verdict::Error) => standing::sentence(standing),
                    (_, Verdict::Untestable) => format!("untestable: {reason}"),
                    _ => reason,
                };
                let mut skipped = BytesStart::new("skipped");
                attribute(&mut skipped, "message", &message);
                self.xml.write_event(Xml::Empty(skipped))?;
            }
        }
        self.xml.write_event(Xml::End(BytesEnd::new("testcase")))?;
        newline(&mut self.xml)
    }

    fn failed(&mut self, result: &CaseResult) -> io::Result<()> {
        if let Some(red) = result.standing.as_ref().filter(|standing| standing.is_red()) {
            let mut start = BytesStart::new("failure");
            attribute(&mut start, "message", &standing::sentence(red));
            attribute(&mut start, "type", &standing::head(result).to_lowercase());
            return self.element(start, &story::tell(result, PLAIN));
        }
        let element = if result.verdict == Verdict::Fail { "failure" } else { "error" };
        // The first try is the failure and the others are reruns; only the verdict decides what is counted.
        let same = |attempt: &Attempt| attempt.verdict == result.verdict;
        let main = result.attempts.iter().position(same);
        let mut start = BytesStart::new(element);
        let text = match main.and_then(|main| result.attempts.get(main)) {
            Some(attempt) => {
                describe(&mut start, attempt);
                story::tell_attempt(result, attempt, PLAIN)
            }
            None => story::tell(result, PLAIN),
        };
        self.element(start, &text)?;
        self.tries(result, "rerun", main)
    }

    /// The tries that did not pass, but `except` one.
    fn tries(&mut self, result: &CaseResult, kind: &str, except: Option<usize>) -> io::Result<()> {
        let last = result.attempts.len().saturating_sub(1);
        for (i, attempt) in result.attempts.iter().enumerate() {
            let name = match attempt.verdict {
                _ if Some(i) == except || kind == "flaky" && i == last => continue,
                Verdict::Fail | Verdict::Warn => format!("{kind}Failure"),
                Verdict::Error => format!("{kind}Error"),
                Verdict::Pass | Verdict::Skip | Verdict::Untestable => continue,
            };
            let mut start = BytesStart::new(name);
            describe(&mut start, attempt);
            let end = start.to_end().into_owned();
            self.xml.write_event(Xml::Start(start))?;
            let text = story::tell_attempt(result, attempt, PLAIN);
            self.element(BytesStart::new("stackTrace"), &text)?;
            self.xml.write_event(Xml::End(end))?;
        }
        Ok(())
    }

    fn broken(&mut self, file: &BrokenFile) -> io::Result<()> {
        let mut start = BytesStart::new("testcase");
        attribute(&mut start, "name", &file.file);
        attribute(&mut start, "classname", BROKEN);
        attribute(&mut start, "file", &file.file);
        start.push_attribute(("time", "0.000"));
        self.xml.write_event(Xml::Start(start))?;
        let mut error = BytesStart::new("error");
        let message = words::count(file.errors as u64, "error", "errors");
        attribute(&mut error, "message", &format!("{message}, the scenario did not run"));
        attribute(&mut error, "type", "scenario-file");
        self.element(error, &sanitize::block(&file.diagnostics))?;
        self.xml.write_event(Xml::End(BytesEnd::new("testcase")))?;
        newline(&mut self.xml)
    }

    fn element(&mut self, start: BytesStart<'_>, text: &str) -> io::Result<()> {
        let end = start.to_end().into_owned();
        self.xml.write_event(Xml::Start(start))?;
        self.xml.write_event(Xml::Text(BytesText::new(&allowed(text))))?;
        self.xml.write_event(Xml::End(end))
    }
}

/// Stories in files have no colour.
const PLAIN: Telling = Telling { paint: Paint { color: false }, whole: false };

/// `message` and `type`: the reason, and what is broken.
fn describe(start: &mut BytesStart<'_>, attempt: &Attempt) {
    let reason = story::reason(attempt);
    match &attempt.blame {
        Some(blame) => attribute(start, "message", &format!("{reason} (to blame: {}, {})", blame.who, blame.hop)),
        None => attribute(start, "message", &reason),
    }
    let broken = attempt.checks.iter().filter(|check| check.verdict == attempt.verdict);
    let requirement = broken.flat_map(|check| &check.requirements).next();
    match requirement {
        Some(requirement) => attribute(start, "type", &requirement.id),
        None => attribute(start, "type", words::verdict_lower(attempt.verdict)),
    }
}

fn duration_ms(result: &CaseResult) -> f64 {
    result.attempts.iter().map(|attempt| attempt.duration_ms).sum()
}

fn seconds(ms: f64) -> String {
    format!("{:.3}", ms / 1000.0)
}

fn newline<W: Write>(xml: &mut Writer<W>) -> io::Result<()> {
    xml.get_mut().write_all(b"\n")
}

fn number(start: &mut BytesStart<'_>, name: &str, value: u64) {
    start.push_attribute((name, value.to_string().as_str()));
}

fn attribute(start: &mut BytesStart<'_>, name: &str, value: &str) {
    start.push_attribute((name, allowed(&sanitize::line(value, MAX_LINE)).as_ref()));
}

/// The text without characters that no XML 1.0 document may hold, not even escaped (production `Char`, section 2.2).
fn allowed(text: &str) -> Cow<'_, str> {
    let forbidden =
        |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) { Cow::Owned(text.replace(forbidden, "")) } else { Cow::Borrowed(text) }
}
