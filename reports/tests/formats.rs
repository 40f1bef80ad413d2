//! The short forms of a report: annotations, Markdown, metrics, badge.

mod common;

use common::{HOSTILE, Shared, feed, filled, run};
use gauntlet_reports::{
    AnnotationsReporter, BadgeReporter, Body, Event, MarkdownReporter, OpenMetricsReporter, Reporter, RunSummary,
    Style, Verbosity, Verdict, sanitize,
};
use serde_json::{Value, json};

fn told<R: Reporter>(make: impl FnOnce(Shared) -> R, events: &[Event]) -> String {
    let out = Shared::default();
    feed(&mut make(out.clone()), events);
    out.text()
}

#[test]
fn each_failure_is_an_annotation_at_its_line() {
    let text = told(AnnotationsReporter::new, &run());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "fail, flaky, warn, error, broken file: {text}");
    assert!(
        lines[0].starts_with(
            "::error file=scenarios/kiro/identity-headers.yaml,line=14,col=15,endColumn=18,title=FAIL kiro.web-search.identity-headers"
        ),
        "{text}"
    );
    assert!(lines[0].contains("%0AMUST kiro.mcp.identity-gate: the runtime refuses"), "{text}");
    assert!(lines[0].ends_with("%0Aagain: gauntlet run kiro.web-search.identity-headers"), "{text}");
    assert!(lines[1].starts_with("::notice ") && lines[2].starts_with("::warning "), "{text}");
    assert!(lines[3].contains(",line=9,col=5,endColumn=9,") && lines[3].contains("::connection refused"), "{text}");
    assert!(lines[4].starts_with("::error file=scenarios/broken.yaml,line=1,"), "{text}");
}

#[test]
fn a_target_cannot_write_a_workflow_command() {
    let text = told(AnnotationsReporter::new, &filled(&format!("{HOSTILE}\n::error::forged\r::set-env,%0A")));
    assert!(
        text.lines()
            .all(|line| ["::error file=", "::warning file=", "::notice file="].iter().any(|c| line.starts_with(c)))
    );
    assert!(!text.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)), "{text:?}");
    assert!(text.contains("set-env,%250A") && !text.contains("set-env,%0A"), "a percent sign is escaped: {text}");
    for line in text.lines() {
        let properties = line.split("::").nth(1).expect("properties");
        assert_eq!(properties.matches(',').count(), 4, "{properties}");
    }
}

#[test]
fn markdown_has_a_table_and_every_failure() {
    let text = told(MarkdownReporter::new, &run());
    assert!(text.starts_with("## Gauntlet: does not conform\n\n9 cases in 0.412s · MUST "), "{text}");
    assert!(text.contains("| `kiro` | `kiro-runtime` | 2 | 1 | 1 | 0 | 3 | 0 |"), "{text}");
    assert!(text.contains("|  | `kiro-runtime` | 0 | 0 | 0 | 0 | 0 | 1 |"), "{text}");
    assert_eq!(text.matches("<details>").count(), 3, "fail, warn, error: {text}");
    assert!(text.contains("```text\nFAIL kiro.web-search.identity-headers [dropped=user-agent]@2025-06-18"), "{text}");
    assert!(text.contains("### Flaky: passed only on a retry\n\n- `kiro.flaky@2025-06-18 on kiro-runtime`"), "{text}");
    assert!(text.contains("**The run was cut short:** `Ctrl-C`") && text.contains("did you mean `status`?"), "{text}");
}

/// Outside code and the two tags of ours nothing is markup, whatever the target says.
#[test]
fn a_target_cannot_write_markdown() {
    let hostile =
        format!("{HOSTILE}\n```\n# forged\n<script>alert(1)</script> ![x](https://evil.example/x.png) | a | ````");
    let text = told(MarkdownReporter::new, &filled(&hostile));
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == *open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let outside = without_code(line);
                let ours = outside.replace("<details>", "").replace("</details>", "").replace("<summary>", "");
                assert!(!ours.replace("</summary>", "").contains(['<', '`']), "{line:?}");
                assert!(!outside.contains("](") && !outside.starts_with("# "), "{line:?}");
            }
        }
    }
    assert_eq!(fence, None);
    assert!(!text.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)), "{text:?}");
}

fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        out.push_str(&rest[..start]);
        let ticks = rest[start..].chars().take_while(|c| *c == '`').count();
        let after = &rest[start + ticks..];
        let fence = "`".repeat(ticks);
        let end = after
            .match_indices(&fence)
            .map(|(i, _)| i)
            .find(|i| !after[i + ticks..].starts_with('`') && !after[..*i].ends_with('`'));
        rest = &after[end.unwrap_or_else(|| panic!("code does not end: {line}")) + ticks..];
    }
    out + rest
}

/// Whatever a target sends, no line is longer than people and programs bear, and nothing in it is a control character.
#[test]
fn lines_of_a_megabyte_are_cut_in_every_format() {
    let hostile = format!("{HOSTILE} ::error::forged </script> `|");
    let mut events = filled(&(hostile.clone() + &"x".repeat(1 << 15)));
    let answer = events.iter_mut().find_map(|event| match event {
        Event::CaseFinished(result) if result.verdict == Verdict::Fail => {
            result.attempts[0].transcript[0].response.as_mut()
        }
        _ => None,
    });
    answer.expect("an answer").body = Body::Text { text: hostile + &"y".repeat(1 << 20), truncated: 0 };
    let formats = [
        ("console", common::console(&events, Style { color: false, verbosity: Verbosity::Verbose })),
        ("junit", common::junit_report(&events)),
        ("html", common::html_report(&events)),
        ("github", told(AnnotationsReporter::new, &events)),
        ("markdown", told(MarkdownReporter::new, &events)),
        ("openmetrics", told(OpenMetricsReporter::new, &events)),
        ("badge", told(BadgeReporter::new, &events)),
    ];
    for (name, text) in formats {
        // An HTML case is one line of data with all its texts.
        let most = if name == "html" { 256 * 1024 } else { 20 * 1024 };
        let longest = text.lines().map(str::len).max().unwrap_or_default();
        assert!(longest < most, "{name}: a line of {longest} bytes");
        assert!(text.len() < 1 << 20, "{name}: {} bytes", text.len());
        assert!(text.chars().all(|c| c == '\n' || !sanitize::is_unsafe(c)), "{name}");
    }
}

#[test]
fn markdown_stays_below_what_github_takes() {
    let text = "`x` ".repeat(1_000);
    let mut events = Vec::new();
    for _ in 0..80 {
        events.extend(filled(&text).into_iter().filter(|e| matches!(e, Event::CaseFinished(_))));
    }
    events.push(Event::RunFinished(RunSummary::default()));
    let told = told(MarkdownReporter::new, &events);
    assert!(told.len() < 1 << 20, "{}", told.len());
}

#[test]
fn metrics_are_of_the_format() {
    for events in [run(), filled(&format!("{HOSTILE}\\\"}} 1\nforged 1"))] {
        let text = told(OpenMetricsReporter::new, &events);
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                families.push(rest.split(' ').next().expect("a name").to_owned());
                continue;
            }
            if line.starts_with("# ") {
                continue;
            }
            // name{label="value",…} number
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().expect("a name");
            assert!(families.last().is_some_and(|family| name.starts_with(family.as_str())), "{line}");
            if let Some(labels) = series.strip_prefix(name).and_then(|l| l.strip_prefix('{')) {
                let labels = labels.strip_suffix('}').expect("closed");
                let quotes = labels.replace("\\\\", "").replace("\\\"", "").matches('"').count();
                assert_eq!(quotes, 2 * labels.matches("=\"").count().min(quotes / 2), "{line}");
            }
        }
        let mut sorted = families.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), families.len(), "a family comes once");
    }
    let text = told(OpenMetricsReporter::new, &run());
    for line in [
        "gauntlet_cases{target=\"kiro-runtime\",pack=\"kiro\",verdict=\"pass\"} 2",
        "gauntlet_cases{target=\"kiro-runtime\",pack=\"other\",verdict=\"error\"} 1",
        "gauntlet_flaky_cases{target=\"kiro-runtime\",pack=\"kiro\"} 1",
        "gauntlet_case_duration_seconds_bucket{target=\"kiro-runtime\",pack=\"kiro\",le=\"0.01\"} 4",
        "gauntlet_case_duration_seconds_count{target=\"kiro-runtime\",pack=\"kiro\"} 4",
        "gauntlet_run_interrupted 1",
        "gauntlet_broken_files 1",
        "gauntlet_run_start_timestamp_seconds 1795219200",
        "gauntlet_info{version=\"0.1.0\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_badge_says_the_worst() {
    let badge = |summary: RunSummary| -> Value {
        serde_json::from_str(&told(BadgeReporter::new, &[Event::RunFinished(summary)])).expect("JSON")
    };
    let mut summary = RunSummary { pass: 3, requirements_touched: 4, requirements_proved: 4, ..RunSummary::default() };
    summary.checks.must = 9;
    summary.checks.must_passed = 9;
    assert_eq!(
        badge(summary.clone()),
        json!({ "schemaVersion": 1, "label": "MCP conformance", "message": "4/4 requirements", "color": "brightgreen", "isError": false })
    );
    type Change = fn(&mut RunSummary);
    let cases: [(Change, &str, &str); 6] = [
        (|s| s.warn = 1, "MUST 9/9, 1 warnings", "yellow"),
        (|s| s.error = 2, "2 of 5 cases in error", "orange"),
        (|s| s.fail = 1, "1 of 4 cases fail", "red"),
        (|s| s.checks.must = 0, "nothing judged", "lightgrey"),
        (|s| s.interrupted = Some("Ctrl-C".into()), "interrupted", "lightgrey"),
        (|s| s.broken = 1, "scenario file with an error", "lightgrey"),
    ];
    for (change, message, color) in cases {
        let mut summary = summary.clone();
        change(&mut summary);
        let badge = badge(summary);
        assert_eq!((badge["message"].as_str(), badge["color"].as_str()), (Some(message), Some(color)));
        assert_eq!(badge["isError"], true);
    }
}
