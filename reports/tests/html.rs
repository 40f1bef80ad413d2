//! The page: what is in it, that it is bounded, and that nothing in it is markup but its own.

mod common;

use common::{case, fail_attempt, filled, html_report, pass_attempt, run};
use gauntlet_reports::*;
use serde_json::{Value, json};

const OPEN: &str = "<script type=\"application/jsonl\" class=\"data\">";

/// The documents of each element of data.
fn data(page: &str) -> Vec<Vec<Value>> {
    let parts = page.split(OPEN).skip(1);
    parts
        .map(|part| {
            let (text, _) = part.split_once("</script>").expect("an end");
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
        })
        .collect()
}

fn of_kind(page: &str, kind: &str) -> Vec<Vec<Value>> {
    let of = |lines: &Vec<Value>| lines[0][0] == kind;
    data(page).into_iter().filter(of).collect()
}

#[test]
fn every_event_is_an_element_of_data() {
    let page = html_report(&run());
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</body>\n</html>\n"));
    let kinds: Vec<String> = data(&page).iter().map(|lines| lines[0][0].as_str().expect("a kind").to_owned()).collect();
    let cases = vec!["case"; 9];
    assert_eq!(kinds, [vec!["run", "target", "target"], cases, vec!["broken", "end"]].concat());
    let end = &of_kind(&page, "end")[0][0][1];
    assert_eq!((&end["pass"], &end["fail"], &end["interrupted"]), (&json!(2), &json!(1), &json!("Ctrl-C")));
}

#[test]
fn a_case_has_its_row_and_its_details() {
    let page = html_report(&run());
    let cases = of_kind(&page, "case");
    let (row, detail) = (&cases[1][0][1], &cases[1][1]);
    assert_eq!(row["id"], "kiro.web-search.identity-headers [dropped=user-agent]@2025-06-18 on kiro-runtime");
    assert_eq!((&row["verdict"], &row["shown"], &row["weight"]), (&json!("fail"), &json!("fail"), &json!("fail")));
    assert_eq!(row["why"], "expected 403, the target answered 200");
    assert!(row["also"].as_str().expect("text").contains("there is no `message`"), "{row}");
    let names = row["names"].as_array().expect("new names");
    let text = names.iter().find(|name| name[0] == "text").expect("the text of the requirement");
    assert_eq!(text[2], "MUST");
    assert_eq!(text[4], "https://example.org/kiro.mcp.identity-gate");

    let attempt = &detail["attempts"][0];
    assert_eq!(attempt["blame"]["who"], "kiro-runtime");
    assert_eq!(attempt["exchanges"].as_array().expect("both hops").len(), 2);
    assert_eq!(attempt["exchanges"][1]["cause"], 0);
    assert_eq!(attempt["exchanges"][1]["note"], "out-of-order");
    let group = &attempt["groups"][0];
    assert_eq!(group["checks"].as_array().expect("checks").len(), 2, "of one exchange");
    let spot = &group["checks"][0]["spots"][0];
    assert_eq!(
        (&spot["at"], &spot["caret"], &spot["length"]),
        (&json!("scenarios/kiro/identity-headers.yaml:14:15"), &json!(14), &json!(3))
    );
    let diff = group["diff"].as_array().expect("a difference");
    let has = |tag: &str, text: &str| diff.iter().any(|line| line[0] == tag && line[1].to_string().contains(text));
    assert!(has("-", "403") && has("+", "200") && has("-", "2s") && has("+", "2.31s"), "{group}");
    assert_eq!(attempt["curl"], "curl -sSi http://127.0.0.1:41873/mcp -H \"authorization: Bearer ${TOKEN}\"");
    assert_eq!(of_kind(&page, "case")[2][0][1]["shown"], "flaky");
}

#[test]
fn names_are_written_once() {
    let page = html_report(&run());
    assert_eq!(page.matches("\"kiro.mcp.identity-gate\"").count(), 1);
    assert_eq!(page.matches("the runtime refuses a search without client identity").count(), 1);
}

/// The elements of the page are its own, whatever a target says: as many, and the same.
#[test]
fn a_target_cannot_write_markup() {
    let tags = |page: &str| -> Vec<String> {
        let tag = |part: &str| part.split(['>', ' ']).next().unwrap_or_default().to_owned();
        let (_, body) = page.split_once("<body>").expect("a body");
        body.split('<').skip(1).map(tag).collect()
    };
    let hostile =
        "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>]]>&lt;\u{2028}\u{202e}\u{1b}[2J{{ 1 }}";
    let (tame, hostile) = (html_report(&filled("text")), html_report(&filled(hostile)));
    assert_eq!(tags(&hostile), tags(&tame));
    assert!(!hostile.contains("<!--") && !hostile.contains("alert(1)<"), "inside the data nothing is markup");
    let (head, _) = hostile.split_once("</head>").expect("a head");
    assert!(!head.contains("alert(1)"), "the title has the name of the environment");
    assert!(hostile.chars().all(|c| c == '\n' || !sanitize::is_unsafe(c)));
    assert!(data(&hostile).len() == data(&tame).len());
}

#[test]
fn links_that_are_no_web_pages_are_left_out() {
    let page = html_report(&filled("javascript:alert(1)"));
    for lines in of_kind(&page, "case") {
        let names = lines[0][1]["names"].as_array().cloned().unwrap_or_default();
        assert!(names.iter().filter(|name| name[0] == "text").all(|name| name[4].is_null()), "{names:?}");
    }
}

#[test]
fn the_policy_names_script_and_style_by_what_they_are() {
    let page = html_report(&run());
    let policy = page.split("http-equiv=\"Content-Security-Policy\" content=\"").nth(1).expect("a policy");
    let policy = policy.split('"').next().expect("an end");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    for word in policy.split([' ', ';']).filter(|word| !word.is_empty()) {
        let known = ["default-src", "script-src", "style-src", "base-uri", "form-action", "require-trusted-types-for"];
        assert!(
            known.contains(&word) || word == "'none'" || word == "'script'" || word.starts_with("'sha256-"),
            "{word}"
        );
    }
}

#[test]
fn the_middle_of_a_run_is_a_page_too() {
    let out = common::Shared::default();
    let mut reporter = HtmlReporter::new(out.clone());
    common::feed(&mut reporter, &run()[..8]);
    let cut = out.text();
    assert!(!cut.contains("</html>") && cut.ends_with("</script>\n"), "what had finished is written at once");
    assert_eq!(of_kind(&cut, "case").len(), 2);
    drop(reporter);
    let end = &of_kind(&out.text(), "end")[0][0][1];
    assert_eq!((&end["fail"], &end["interrupted"]), (&json!(1), &json!("the report ended before the run did")));
}

#[test]
fn a_long_message_is_cut_and_says_so() {
    let mut attempt = fail_attempt();
    let body = |text: String| Body::Text { text, truncated: 0 };
    let answer = attempt.transcript[0].response.as_mut().expect("an answer");
    answer.body = body("x".repeat(1 << 20));
    attempt.transcript[1].request.body = body("y\n".repeat(100_000));
    let page = html_report(&[Event::CaseFinished(Box::new(case(0, "a", vec![attempt])))]);
    assert!(page.len() < 400 * 1024, "{}", page.len());
    assert!(page.contains("… +1046576 characters") && page.contains("more lines; the JSON report has them"));
}

#[test]
fn the_page_is_bounded_and_cases_that_do_not_pass_go_first() {
    const BOUND: usize = 1 << 20;
    let out = common::Shared::default();
    let mut page = HtmlReporter::bounded(out.clone(), BOUND);
    for index in 0..200 {
        let mut attempt = if index < 150 { pass_attempt() } else { fail_attempt() };
        attempt.transcript = vec![common::exchange(); 20];
        let text = "a line of a body\n".repeat(20);
        attempt.transcript[0].request.body = Body::Text { text, truncated: 0 };
        let result = case(index, &format!("large.{index}"), vec![attempt]);
        page.event(&Event::CaseFinished(Box::new(result))).expect("written to memory");
    }
    drop(page);
    let text = out.text();
    let details: usize = of_kind(&text, "case").iter().filter_map(|lines| Some(lines.get(1)?.to_string().len())).sum();
    assert!(details < BOUND && details > BOUND / 2, "{details}");
    let whole = |lines: &Vec<Value>| lines.get(1).is_some_and(|detail| detail["brief"] != true);
    let cases = of_kind(&text, "case");
    assert!(whole(&cases[0]) && !whole(&cases[149]), "passes are too much for the page");
    assert!(whole(&cases[150]), "a case that fails has room where one that passes has none");
    assert_eq!(cases.len(), 200, "all are in the list");
}

#[test]
fn requirements_are_a_page_with_the_verdicts_of_the_run() {
    use gauntlet_reports::coverage::{COVERAGE_VERSION, Coverage, CoverageCell, CoverageState, CoveredRequirement};

    let events = run();
    let shown = events.iter().find_map(|event| match event {
        Event::CaseFinished(result) => {
            result.attempts.last()?.requirements.first().cloned().map(|of| (of, result.id.version.clone()))
        }
        _ => None,
    });
    let ((id, verdict), version) = shown.expect("a case proves something");
    let cell = CoverageCell {
        version,
        state: CoverageState::Proved,
        scenarios: vec!["</script><b>".into()],
        defects: Vec::new(),
        altered: false,
        verdict: None,
    };
    let requirement = CoveredRequirement {
        id,
        level: Level::Must,
        subject: "server".into(),
        theme: "t\u{202e}".into(),
        statement: "It holds.".into(),
        link: None,
        untestable: None,
        cells: vec![cell],
    };
    let coverage = Coverage {
        schema: COVERAGE_VERSION.into(),
        versions: vec!["2025-06-18".into()],
        requirements: vec![requirement],
    };
    let mut out = Vec::new();
    let mut reporter = HtmlReporter::new(&mut out).with_coverage(coverage);
    events.iter().for_each(|event| reporter.event(event).expect("it is written"));
    drop(reporter);
    let page = String::from_utf8(out).expect("text");
    let pages = of_kind(&page, "page");
    let told = &pages[0][0][1];
    assert_eq!((&told["name"], &told["title"]), (&json!("coverage"), &json!("Coverage")));
    let requirement = &told["data"]["requirements"][0];
    assert_eq!(requirement["cells"][0]["verdict"], json!(verdict));
    assert_eq!(requirement["theme"], "t\\u{202e}");
    assert!(!page.contains("</script><b>"), "nothing in it is markup");
}
