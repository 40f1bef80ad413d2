//! Which requirement is proved by what.

use serde_json::Value;

use crate::support::{FAILS, Folder, PASSES};

const CATALOGUE: &str = "\
- { id: acme.status, level: MUST, subject: server, theme: acme, transport: any, source: handbook, evidence: documented, statement: It answers., observe: Ask. }
- { id: acme.trail, level: MUST, subject: proxy, theme: acme, transport: any, source: handbook, evidence: documented, statement: It leaves a trail., observe: Look., untestable: the trail is not visible }
- { id: acme.extra, level: MAY, subject: server, theme: acme, transport: any, source: handbook, evidence: documented, statement: It may say more., observe: Ask. }
- { id: acme.gap, level: SHOULD, subject: server, since: '2025-06-18', theme: acme, transport: any, spec: /x, statement: It is fast., observe: Measure. }
";

const CONFIG: &str = "requirements: [acme.yaml]\ntargets:\n  mcp-server: { mock: mcp-server }\n";

fn folder() -> Folder {
    let proves = PASSES.replacen("title:", "proves: [acme.status]\ntitle:", 1);
    Folder::new(&[("scenarios/a.yaml", &proves), ("acme.yaml", CATALOGUE), ("gauntlet.yaml", CONFIG)])
}

fn states(folder: &Folder, more: &[&str]) -> Vec<(String, String)> {
    let said = folder.run(&[&["coverage", "acme.*", "--format", "json"], more].concat());
    let matrix: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.both()));
    let rows = matrix["requirements"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(&row["id"]), text(&row["cells"][0]["state"]))).collect()
}

#[test]
fn every_standing_is_told() {
    let folder = folder();
    let told = |more: &[&str]| {
        states(&folder, more).into_iter().map(|(id, state)| format!("{id} {state}")).collect::<Vec<_>>()
    };
    let before = [
        "acme.extra not-testable",
        "acme.gap not-covered",
        "acme.status never-shown-to-fail",
        "acme.trail not-testable",
    ];
    assert_eq!(told(&[]), before);
    folder.write("proofs.yaml", "acme.status:\n  defects:\n    mcp-server:mute: [none]\n");
    assert_eq!(told(&["--proofs", "proofs.yaml", "--state", "proved"]), ["acme.status proved"]);
    assert_eq!(told(&["--subject", "proxy"]), ["acme.trail not-testable"]);
    assert_eq!(told(&["--mcp-version", "2025-03-26"]).len(), 3, "acme.gap is of a later version");
    folder.run(&["coverage", "acme.*"]).assert_code(0).assert_says("○").assert_says("0 % of what can be tested");
    folder
        .run(&["coverage", "acme.*", "--named"])
        .assert_code(0)
        .assert_says("untestable the trail is not visible")
        .assert_says("scenario   good.list");
    folder.run(&["coverage", "acme.*", "--totals", "--output", "table", "--color", "always"]).assert_code(0);
    let table = folder.read("table");
    assert!(table.contains("never shown to fail") && !table.contains('\u{1b}'), "{table}");
    folder.run(&["coverage", "--output", "no/such"]).assert_code(2).assert_says("cannot write no/such: ");
}

#[test]
fn an_audit_leaves_the_proof() {
    let folder = folder();
    folder
        .run(&["audit", "--mock", "mcp-server", "--quick", "--hints", "h.yaml", "--proofs", "p.yaml", "--write-hints"])
        .assert_says("defects nobody caught");
    let proofs = folder.read("p.yaml");
    assert!(proofs.contains("acme.status:\n  defects:\n    mcp-server:"), "{proofs}");
    assert_eq!(states(&folder, &["--proofs", "p.yaml", "--state", "proved"]).len(), 1);
}

#[test]
fn a_run_stands_beside() {
    let folder = folder();
    folder.write("scenarios/a.yaml", FAILS.replace("tools.list.shape", "acme.gap"));
    folder.run(&["run", "--report", "jsonl=run.jsonl"]).assert_code(0);
    folder.run(&["coverage", "acme.gap", "--run", "run.jsonl"]).assert_code(0).assert_says("✗");
    folder.run(&["coverage", "acme.gap"]).assert_code(0);
    folder.run(&["coverage", "--run", "gauntlet.yaml"]).assert_code(2).assert_says("cannot read gauntlet.yaml");
}

#[test]
fn less_than_is_asked_is_red_and_nothing_is_an_error() {
    let folder = folder();
    folder.run(&["coverage", "acme.*", "--totals", "--fail-under", "0"]).assert_code(0);
    folder.run(&["coverage", "acme.*", "--totals", "--fail-under", "1"]).assert_code(1);
    folder.run(&["coverage", "no.such"]).assert_code(2).assert_says("no requirement is selected");
    folder.run(&["coverage", "--proofs", "missing.yaml"]).assert_code(2).assert_says("gauntlet audit --write-hints");
    folder.write("bad.yaml", "acme.status: { defect: {} }\n");
    folder.run(&["coverage", "--proofs", "bad.yaml"]).assert_code(2).assert_says("bad.yaml").assert_says("defect");
}

#[test]
fn the_page_of_a_run_has_it_too() {
    let folder = folder();
    folder.run(&["run", "--report", "jsonl=run.jsonl"]).assert_code(0);
    folder.run(&["report", "run.jsonl", "--format", "html", "--coverage", "--output", "run.html"]).assert_code(0);
    let page = folder.read("run.html");
    assert!(page.contains("\"name\":\"coverage\"") && page.contains("acme.status"), "{page}");
    folder.run(&["report", "run.jsonl", "--coverage"]).assert_code(2).assert_says("--format html");
}
