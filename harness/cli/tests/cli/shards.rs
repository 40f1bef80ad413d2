//! A run in parts.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{FAILS, Folder, PASSES, Said};

/// One target for the role, so that each scenario is one case.
const CONFIG: &str = "targets:\n  mcp-server: { mock: mcp-server }\n";

/// Scenarios that pass, one that fails, and a file that is wrong between them.
fn folder() -> Folder {
    let folder =
        Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/b.yaml", FAILS), ("scenarios/m.yaml", "id: x\n")]);
    for name in ["a", "c", "d", "n", "o", "p"] {
        folder.write(&format!("scenarios/{name}.yaml"), PASSES.replace("good.list", &format!("good.{name}")));
    }
    folder
}

fn report(folder: &Folder, name: &str) -> Value {
    crate::support::assert_valid_report(&folder.read(name))
}

/// Position and id of each case; a file that is wrong has its path.
fn results(report: &Value) -> Vec<(u64, String)> {
    let results = report["results"].as_array().unwrap().iter();
    let name = |r: &Value| r["id"]["scenario"].as_str().or(r["file"].as_str()).unwrap().to_owned();
    results.map(|r| (r["index"].as_u64().unwrap(), name(r))).collect()
}

fn shard(folder: &Folder, index: u32, of: u32) -> Said {
    let (shard, json) = (format!("{index}/{of}"), format!("json=shard-{index}.json"));
    folder.run(&["run", "--shard", &shard, "--report", &json])
}

#[test]
fn each_case_is_run_by_one_shard_at_its_position_in_the_whole_run() {
    let folder = folder();
    folder.run(&["run", "--report", "json=whole.json"]).assert_code(2);
    let whole = report(&folder, "whole.json");
    assert!(whole["run"].get("shard").is_none() && whole["summary"].get("plan").is_none());
    let mut all = BTreeSet::new();
    let mut plans = BTreeSet::new();
    let broken = (4, "scenarios/m.yaml".to_owned());
    for index in 1..=3 {
        shard(&folder, index, 3).assert_code(2);
        let part = report(&folder, &format!("shard-{index}.json"));
        assert_eq!(part["run"]["shard"], serde_json::json!({ "index": index, "of": 3 }));
        assert_eq!(part["summary"]["plan"]["results"], 8);
        plans.insert(part["summary"]["plan"]["digest"].as_str().unwrap().to_owned());
        let results = results(&part);
        assert!(results.contains(&broken), "every shard tells of a file that is wrong");
        for result in results.into_iter().filter(|result| *result != broken) {
            assert!(all.insert(result.clone()), "{result:?} was run twice");
        }
    }
    all.insert(broken);
    assert_eq!(all.into_iter().collect::<Vec<_>>(), results(&whole));
    assert_eq!(plans.len(), 1, "every shard has the same plan");
}

#[test]
fn a_further_scenario_moves_no_other() {
    let folder = folder();
    let names = |folder: &Folder| {
        shard(folder, 2, 3);
        results(&report(folder, "shard-2.json")).into_iter().map(|(_, name)| name).collect::<BTreeSet<_>>()
    };
    let before = names(&folder);
    folder.write("scenarios/a0.yaml", PASSES.replace("good.list", "good.new"));
    let mut after = names(&folder);
    after.remove("good.new");
    assert_eq!(before, after);
}

#[test]
fn a_shard_without_a_case_of_its_own_is_no_mistake() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES)]);
    let cases: Vec<u64> = (1..=3)
        .map(|index| {
            shard(&folder, index, 3).assert_code(0);
            report(&folder, &format!("shard-{index}.json"))["summary"]["pass"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(cases.iter().sum::<u64>(), 1, "{cases:?}");
    // A selection that is empty for every shard still is.
    folder.run(&["run", "nothing.*", "--shard", "1/3"]).assert_code(2).assert_says("no case was selected");
}

#[test]
fn a_shard_is_named_by_option_or_environment() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES)]);
    for (wrong, said) in [("0/3", "counted from 1 to 3"), ("4/3", "counted from 1 to 3"), ("x", "write I/N")] {
        folder.run(&["run", "--shard", wrong]).assert_code(2).assert_says(said);
    }
    let mut command = folder.command(&["run", "--shard", "auto", "--report", "json=run.json"]);
    command.env("JOB_COMPLETION_INDEX", "1").env("GAUNTLET_SHARDS", "3");
    assert!(command.status().unwrap().success());
    assert_eq!(report(&folder, "run.json")["run"]["shard"], serde_json::json!({ "index": 2, "of": 3 }));
    let mut command = folder.command(&["run", "--report", "json=run.json"]);
    command.env("GAUNTLET_SHARD", "3/3").env("GITHUB_RUN_ID", "77");
    assert!(command.status().unwrap().success());
    let expected = serde_json::json!({ "index": 3, "of": 3, "run": "77" });
    assert_eq!(report(&folder, "run.json")["run"]["shard"], expected);
}
