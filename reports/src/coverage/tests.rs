#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn cell(version: Option<&str>, state: CoverageState) -> CoverageCell {
    let proved = state == CoverageState::Proved;
    CoverageCell {
        version: version.map(str::to_owned),
        state,
        scenarios: if proved { vec!["a.one".into()] } else { Vec::new() },
        defects: if proved { vec!["mock:broken".into()] } else { Vec::new() },
        altered: false,
        verdict: None,
    }
}

fn requirement(id: &str, cells: Vec<CoverageCell>) -> CoveredRequirement {
    CoveredRequirement {
        id: id.into(),
        level: Level::Must,
        subject: "server".into(),
        theme: id.split('.').next().unwrap_or_default().into(),
        statement: "It holds.".into(),
        link: None,
        untestable: None,
        cells,
    }
}

fn matrix() -> Coverage {
    use CoverageState::{NeverShownToFail, NotCovered, NotTestable, Proved};
    let both = |first, second| vec![cell(Some("2025-06-18"), first), cell(Some("2025-11-25"), second)];
    Coverage {
        schema: COVERAGE_VERSION.into(),
        versions: vec!["2025-06-18".into(), "2025-11-25".into()],
        requirements: vec![
            requirement("tools.whole", both(Proved, Proved)),
            requirement("tools.half", both(Proved, NotCovered)),
            requirement("tools.late", vec![cell(Some("2025-11-25"), NeverShownToFail)]),
            requirement("vendor.any", vec![cell(None, Proved)]),
            requirement("vendor.\u{1b}[31mred", vec![cell(None, NotTestable)]),
        ],
    }
}

fn told(style: CoverageStyle) -> String {
    let mut out = Vec::new();
    write_coverage(&mut out, &matrix(), style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_requirement_is_worth_its_worst_version() {
    let states: Vec<CoverageState> = matrix().requirements.iter().map(CoveredRequirement::state).collect();
    use CoverageState::{NeverShownToFail, NotCovered, NotTestable, Proved};
    assert_eq!(states, [Proved, NotCovered, NeverShownToFail, Proved, NotTestable]);
    let counts = CoverageCounts::of(&matrix().requirements);
    assert_eq!((counts.total(), counts.get(Proved), counts.percent()), (5, 2, 50), "what cannot be tested is no gap");
    assert_eq!(CoverageCounts::default().percent(), 100);
}

#[test]
fn the_table_has_a_sign_for_each_version() {
    let text = told(CoverageStyle::default());
    let row = |id: &str| text.lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row("tools.whole").ends_with("●       ●       1 scenario, 1 defect"), "{text}");
    assert!(row("tools.half").contains("●       ○       1 scenario"), "{text}");
    assert!(row("tools.late").ends_with("            ◐"), "{text}");
    assert!(row("vendor.any").contains("●               1 scenario"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.ends_with("50 % of what can be tested is proved, at every version it holds in\n"), "{text}");
    let totals = told(CoverageStyle { totals_only: true, ..CoverageStyle::default() });
    assert!(!totals.contains("tools.whole") && totals.contains("never shown to fail"), "{totals}");
    let named = told(CoverageStyle { named: true, ..CoverageStyle::default() });
    assert!(named.contains("scenario   a.one") && named.contains("defect     mock:broken"), "{named}");
}

#[test]
fn a_run_stands_over_the_state() {
    let mut coverage = matrix();
    let verdicts = HashMap::from([
        (("tools.whole".to_owned(), Some("2025-11-25".to_owned())), Verdict::Fail),
        (("tools.half".to_owned(), None), Verdict::Pass),
        (("vendor.any".to_owned(), Some("2025-06-18".to_owned())), Verdict::Warn),
    ]);
    coverage.judge(&verdicts);
    let of = |index: usize| coverage.requirements[index].cells.iter().map(|cell| cell.verdict).collect::<Vec<_>>();
    assert_eq!(of(0), [None, Some(Verdict::Fail)]);
    assert_eq!(of(1), [Some(Verdict::Pass), Some(Verdict::Pass)], "what has no version counts for each");
    assert_eq!(of(3), [Some(Verdict::Warn)]);
    let mut out = Vec::new();
    write_coverage(&mut out, &coverage, CoverageStyle::default()).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("●       ✗"));
}

#[test]
fn versions_can_be_left_out() {
    let mut coverage = matrix();
    coverage.keep_versions(&["2025-06-18".to_owned()]);
    let ids: Vec<&str> = coverage.requirements.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["tools.whole", "tools.half", "vendor.any", "vendor.\u{1b}[31mred"]);
    assert!(coverage.requirements.iter().all(|r| r.cells.len() == 1));
}
