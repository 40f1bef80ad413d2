//! Figures of a run for a monitoring system, as node_exporter's textfile collector takes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Reporter;
use crate::model::{CaseResult, Event, RunSummary, Verdict};
use crate::sanitize::{self, MAX_LINE};
use crate::words;

/// Upper bounds of the duration histogram, in seconds.
const BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// All verdicts, so that a series which is zero is there.
const VERDICTS: [Verdict; 6] =
    [Verdict::Pass, Verdict::Fail, Verdict::Warn, Verdict::Skip, Verdict::Untestable, Verdict::Error];

/// Writes the OpenMetrics text format (version 1.0) when the run is over. What it keeps grows with the number of targets and packs.
#[derive(Debug)]
pub struct OpenMetricsReporter<W: Write> {
    out: W,
    started_at: String,
    gauntlet: String,
    series: BTreeMap<(String, String), Series>,
}

/// The cases of one pack on one target.
#[derive(Debug, Default)]
struct Series {
    verdicts: BTreeMap<Verdict, u64>,
    flaky: u64,
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl<W: Write> OpenMetricsReporter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, started_at: String::new(), gauntlet: String::new(), series: BTreeMap::new() }
    }

    fn case(&mut self, result: &CaseResult) {
        let key = (result.id.target.clone(), result.pack.clone().unwrap_or_default());
        let series = self.series.entry(key).or_default();
        *series.verdicts.entry(result.verdict).or_default() += 1;
        series.flaky += u64::from(result.flaky);
        // What did not run has no duration.
        if matches!(result.verdict, Verdict::Skip | Verdict::Untestable) {
            return;
        }
        let seconds = result.attempts.iter().map(|attempt| attempt.duration_ms).sum::<f64>() / 1000.0;
        series.count += 1;
        series.seconds += seconds;
        for (bucket, bound) in series.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    fn text(&self, summary: &RunSummary) -> String {
        let mut out = String::with_capacity(4096);
        let mut family = |name: &str, kind: &str, help: &str, samples: &dyn Fn(&mut String)| {
            let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
            samples(&mut out);
        };
        family("gauntlet_cases", "gauge", "Cases of the last run by verdict.", &|out| {
            for (labels, series) in self.labelled() {
                for verdict in VERDICTS {
                    let count = series.verdicts.get(&verdict).copied().unwrap_or(0);
                    let verdict = words::verdict_lower(verdict);
                    let _ = writeln!(out, "gauntlet_cases{{{labels},verdict=\"{verdict}\"}} {count}");
                }
            }
        });
        family("gauntlet_flaky_cases", "gauge", "Cases of the last run that passed only on a retry.", &|out| {
            for (labels, series) in self.labelled() {
                let _ = writeln!(out, "gauntlet_flaky_cases{{{labels}}} {}", series.flaky);
            }
        });
        family("gauntlet_expected_cases", "gauge", "Cases of the last run by what was known of them.", &|out| {
            let RunSummary { known, fixed, expired, quarantined, .. } = summary;
            for (count, standing) in
                [(known, "known"), (fixed, "fixed"), (expired, "expired"), (quarantined, "quarantined")]
            {
                let _ = writeln!(out, "gauntlet_expected_cases{{standing=\"{standing}\"}} {count}");
            }
        });
        family("gauntlet_case_duration_seconds", "histogram", "How long cases of the last run took.", &|out| {
            for (labels, series) in self.labelled() {
                let name = "gauntlet_case_duration_seconds";
                for (count, bound) in series.buckets.iter().zip(BUCKETS) {
                    let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound:?}\"}} {count}");
                }
                let Series { count, seconds, .. } = series;
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
                let _ = writeln!(out, "{name}_sum{{{labels}}} {seconds:?}\n{name}_count{{{labels}}} {count}");
            }
        });
        let checks = &summary.checks;
        family("gauntlet_checks", "gauge", "Checks of the last run by level and outcome.", &|out| {
            for (level, all, passed) in
                [("MUST", checks.must, checks.must_passed), ("SHOULD", checks.should, checks.should_passed)]
            {
                let failed = all.saturating_sub(passed);
                let _ = writeln!(out, "gauntlet_checks{{level=\"{level}\",outcome=\"pass\"}} {passed}");
                let _ = writeln!(out, "gauntlet_checks{{level=\"{level}\",outcome=\"other\"}} {failed}");
            }
        });
        family("gauntlet_requirements", "gauge", "Requirements of the last run.", &|out| {
            let RunSummary { requirements_touched: touched, requirements_proved: proved, .. } = summary;
            let _ = writeln!(out, "gauntlet_requirements{{state=\"proved\"}} {proved}");
            let _ = writeln!(out, "gauntlet_requirements{{state=\"touched\"}} {touched}");
        });
        family("gauntlet_broken_files", "gauge", "Scenario files that could not run.", &|out| {
            let _ = writeln!(out, "gauntlet_broken_files {}", summary.broken);
        });
        family("gauntlet_run_duration_seconds", "gauge", "How long the last run took.", &|out| {
            let _ = writeln!(out, "gauntlet_run_duration_seconds {:?}", summary.duration_ms / 1000.0);
        });
        family("gauntlet_run_interrupted", "gauge", "1 if the last run was cut short.", &|out| {
            let _ = writeln!(out, "gauntlet_run_interrupted {}", u8::from(summary.interrupted.is_some()));
        });
        if let Ok(started) = OffsetDateTime::parse(&self.started_at, &Rfc3339) {
            family("gauntlet_run_start_timestamp_seconds", "gauge", "When the last run began.", &|out| {
                let _ = writeln!(out, "gauntlet_run_start_timestamp_seconds {}", started.unix_timestamp());
            });
        }
        family("gauntlet", "info", "The Gauntlet of the last run.", &|out| {
            let _ = writeln!(out, "gauntlet_info{{version=\"{}\"}} 1", escaped(&self.gauntlet));
        });
        out.push_str("# EOF\n");
        out
    }

    fn labelled(&self) -> impl Iterator<Item = (String, &Series)> {
        let labels = |target: &str, pack: &str| format!("target=\"{}\",pack=\"{}\"", escaped(target), escaped(pack));
        self.series.iter().map(move |((target, pack), series)| (labels(target, pack), series))
    }
}

/// A label's value: the three characters that the format escapes.
fn escaped(text: &str) -> String {
    sanitize::line(text, MAX_LINE).replace('\\', "\\\\").replace('"', "\\\"")
}

impl<W: Write + Send> Reporter for OpenMetricsReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(run) => {
                self.gauntlet.clone_from(&run.gauntlet);
                self.started_at.clone_from(&run.started_at);
                Ok(())
            }
            Event::CaseFinished(result) => {
                self.case(result);
                Ok(())
            }
            Event::RunFinished(summary) => {
                self.out.write_all(self.text(summary).as_bytes())?;
                self.out.flush()
            }
            Event::Target(_) | Event::Broken(_) | Event::CaseStarted { .. } => Ok(()),
        }
    }
}
