//! Requirement catalogues of a user's own.

use std::path::Path;

use gauntlet::Config;

const OWN: &str = r#"
- id: house.greeting
  level: SHOULD
  subject: server
  theme: house
  transport: any
  statement: A server greets.
  observe: Call it.
  source: our own rule book
  evidence: documented
"#;

fn configured(folder: &Path, catalogue: &str) -> Config {
    std::fs::write(folder.join("own.yaml"), catalogue).expect("a catalogue");
    let path = folder.join("gauntlet.yaml");
    std::fs::write(&path, "requirements: [own.yaml]\n").expect("a configuration");
    Config::load(&path).expect("a valid configuration")
}

#[test]
fn they_stand_beside_the_shipped_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = configured(folder.path(), OWN).all_requirements().expect("both catalogues");
    assert_eq!(all.get("house.greeting").map(|r| r.statement.as_ref()), Some("A server greets."));
    assert!(all.get("tools.list.shape").is_some());
}

#[test]
fn an_id_that_exists_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path(), &OWN.replace("house.greeting", "tools.list.shape"));
    let error = config.all_requirements().expect_err("an id twice").to_string();
    assert!(error.contains("own.yaml") && error.contains("tools.list.shape"), "{error}");
}
