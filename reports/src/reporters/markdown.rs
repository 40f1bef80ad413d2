//! The report for a job summary, in GitHub's Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::Reporter;
use crate::model::{BrokenFile, CaseResult, Event, RunSummary, Verdict};
use crate::paint::Paint;
use crate::sanitize::{self, MAX_LINE};
use crate::story::{self, Telling};
use crate::{standing, words};

/// Bytes of stories at most: GitHub takes summaries of 1 MiB, and refuses longer ones whole.
const STORIES: usize = 700 * 1024;

/// Bytes of one story at most.
const STORY: usize = 20 * 1024;

/// Cases without a story that are still named.
const NAMED: usize = 500;

const PLAIN: Telling = Telling { paint: Paint { color: false }, whole: false };

/// Writes a run as Markdown when it is over: a table of packs and targets, then each failure as it is told on the console, folded.
///
/// What it keeps is bounded, whatever the number of cases. Text from targets stands in code only.
#[derive(Debug)]
pub struct MarkdownReporter<W: Write> {
    out: W,
    rows: BTreeMap<(String, String), BTreeMap<Verdict, u64>>,
    stories: String,
    named: Vec<String>,
    left_out: u64,
    flaky: Vec<String>,
    /// Cases whose verdict the baseline or the quarantine has a say in, with the sentence about it.
    standing: Vec<String>,
    broken: Vec<BrokenFile>,
}

impl<W: Write> MarkdownReporter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            rows: BTreeMap::new(),
            stories: String::new(),
            named: Vec::new(),
            left_out: 0,
            flaky: Vec::new(),
            standing: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn case(&mut self, result: &CaseResult) {
        let row = (result.pack.clone().unwrap_or_default(), result.id.target.clone());
        *self.rows.entry(row).or_default().entry(result.verdict).or_default() += 1;
        if result.flaky && self.flaky.len() < NAMED {
            self.flaky.push(result.id.to_string());
        }
        if let Some(standing) = &result.standing {
            if self.standing.len() < NAMED {
                let head = format!("{} {}", standing::head(result), result.id);
                self.standing.push(format!("{}: {}", code(&head), code(&standing::sentence(standing))));
            } else {
                self.left_out += 1;
            }
            if standing.excuses() {
                return;
            }
        }
        if !matches!(result.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) {
            return;
        }
        let head = format!("{} {}", words::verdict(result.verdict), result.id);
        if self.stories.len() < STORIES {
            let text = story::tell(result, PLAIN);
            let end = text.floor_char_boundary(STORY.min(text.len()));
            let cut = if end < text.len() { "\n… the rest is in the JSON report" } else { "" };
            let summary = html(&sanitize::line(&head, MAX_LINE));
            let _ = write!(self.stories, "<details><summary>{summary}</summary>\n\n");
            push_code(&mut self.stories, "text", &format!("{}{cut}", &text[..end]));
            self.stories.push_str("\n</details>\n\n");
        } else if self.named.len() < NAMED {
            self.named.push(head);
        } else {
            self.left_out += 1;
        }
    }

    fn text(&self, summary: &RunSummary) -> String {
        let mut out = String::with_capacity(self.stories.len() + 4096);
        let unexpected = summary.failures() + summary.errors() + summary.fixed + summary.expired + summary.broken;
        let good = unexpected == 0 && summary.interrupted.is_none();
        let _ = writeln!(out, "## Gauntlet: {}\n", if good { "conforms" } else { "does not conform" });
        let checks = &summary.checks;
        let _ = writeln!(
            out,
            "{} in {} · MUST {}/{} · SHOULD {}/{} · requirements {} proved of {} touched\n",
            words::count(summary.cases(), "case", "cases"),
            words::seconds(summary.duration_ms),
            checks.must_passed,
            checks.must,
            checks.should_passed,
            checks.should,
            summary.requirements_proved,
            summary.requirements_touched,
        );
        if let Some(why) = &summary.interrupted {
            let _ = writeln!(out, "**The run was cut short:** {}\n", code(why));
        }
        if !self.standing.is_empty() {
            let RunSummary { known, fixed, expired, quarantined, .. } = summary;
            let _ = writeln!(
                out,
                "Of the failures, {known} known and {quarantined} in quarantine do not count; {fixed} fixed and {expired} \
                 expired entries of the baseline are red.\n"
            );
        }
        out.push_str("| pack | target | pass | fail | warn | error | skip | untestable |\n");
        out.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        for ((pack, target), verdicts) in &self.rows {
            let _ = write!(out, "| {} | {} |", code(pack), code(target));
            for verdict in
                [Verdict::Pass, Verdict::Fail, Verdict::Warn, Verdict::Error, Verdict::Skip, Verdict::Untestable]
            {
                let _ = write!(out, " {} |", verdicts.get(&verdict).copied().unwrap_or(0));
            }
            out.push('\n');
        }
        out.push('\n');
        if !self.broken.is_empty() {
            out.push_str("### Scenario files with an error\n\n");
            for file in &self.broken {
                push_code(&mut out, "text", &sanitize::block(&file.diagnostics));
                out.push('\n');
            }
        }
        push_items(&mut out, "Known failures and quarantine", &self.standing);
        if !self.stories.is_empty() {
            out.push_str("### What does not conform\n\n");
            out.push_str(&self.stories);
        }
        push_list(&mut out, "More that do not conform", &self.named);
        if self.left_out > 0 {
            let _ = writeln!(out, "… and {} more; the JSON report has them.\n", self.left_out);
        }
        push_list(&mut out, "Flaky: passed only on a retry", &self.flaky);
        out
    }
}

fn push_list(out: &mut String, title: &str, names: &[String]) {
    push_items(out, title, &names.iter().map(|name| code(name)).collect::<Vec<_>>());
}

/// A list of what is Markdown already.
fn push_items(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "### {title}\n");
    for item in items {
        let _ = writeln!(out, "- {item}");
    }
    out.push('\n');
}

/// A code block, fenced with more backticks than stand in it.
pub(crate) fn push_code(out: &mut String, language: &str, text: &str) {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let _ = writeln!(out, "{fence}{language}\n{}\n{fence}", text.trim_end());
}

/// Code inside a line, also in a table's cell.
pub(crate) fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = sanitize::line(text, MAX_LINE).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Text inside HTML that stands in Markdown: no markup, and nobody is mentioned.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '&' | '<' | '>' | '"' | '\'' | '@' | '#' | '`' | '[' | ']') {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

impl<W: Write + Send> Reporter for MarkdownReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::CaseFinished(result) => {
                self.case(result);
                Ok(())
            }
            Event::Broken(file) => {
                if self.broken.len() < NAMED {
                    self.broken.push(file.clone());
                }
                Ok(())
            }
            Event::RunFinished(summary) => {
                self.out.write_all(self.text(summary).as_bytes())?;
                self.out.flush()
            }
            Event::RunStarted(_) | Event::Target(_) | Event::CaseStarted { .. } => Ok(()),
        }
    }
}
