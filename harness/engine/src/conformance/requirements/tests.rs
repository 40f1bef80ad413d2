#![allow(clippy::unwrap_used)]

use super::*;

const OWN: &str = r#"
- id: acme.search.limit
  level: SHOULD NOT
  subject: proxy
  theme: acme
  transport: streamable-http
  evidence: measured
  source: measured on the staging gateway
  statement: A search returns no more than twenty results.
  observe: Search for something common and count.
"#;

fn changed(from: &str, to: &str) -> String {
    let text = OWN.replace(from, to);
    assert_ne!(text, OWN, "`{from}` is not in the catalogue");
    text
}

#[test]
fn the_builtin_table_is_sorted_and_whole() {
    let all = Requirements::builtin();
    let ids: Vec<_> = all.ids().collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "sorted without duplicates");
    assert!(ids.len() > 600, "both catalogues are in it");
    for id in ids {
        assert_eq!(all.get(id).map(|r| &*r.id), Some(id));
    }
    assert_eq!(all.get("tools.list"), None);
}

#[test]
fn an_entry_of_the_specification_has_everything() {
    let all = Requirements::builtin();
    let it = all.get("base.client.request-id-unique-in-session").unwrap();
    assert_eq!((it.level, it.subject, it.transport), (Level::MustNot, Subject::Client, RequirementTransport::Any));
    assert_eq!((it.since, it.until), (Some(Version::V2024_11_05), Some(Version::V2025_11_25)));
    assert_eq!(it.theme, "jsonrpc");
    assert_eq!(it.link().as_deref(), Some("https://modelcontextprotocol.io/specification/2025-11-25/basic#requests"));
    assert!(it.holds_in(Version::V2025_11_25));
    assert!(!it.holds_in(Version::V2026_07_28));
    assert!(it.level.is_binding());
}

#[test]
fn an_entry_of_a_vendor_has_a_source_and_no_version() {
    let all = Requirements::builtin();
    let it = all.get("kiro.mcp.identity-gate").unwrap();
    assert_eq!((it.since, it.until, it.link()), (None, None, None));
    assert_eq!(it.evidence, Some(Evidence::Live));
    assert!(it.source.is_some());
    assert!(Version::ALL.into_iter().all(|v| it.holds_in(v)));
}

#[test]
fn a_catalogue_of_ones_own_joins_the_builtin_one() {
    let mut all = Requirements::builtin();
    let before = all.ids().count();
    all.extend(&Requirements::parse(OWN).unwrap()).unwrap();
    assert_eq!(all.ids().count(), before + 1);
    let it = all.get("acme.search.limit").unwrap();
    assert_eq!((it.level, it.subject), (Level::ShouldNot, Subject::Proxy));
    assert!(!it.level.is_binding());
    assert!(all.get("tools.list.shape").is_some());
}

#[test]
fn an_id_keeps_one_meaning() {
    let again = Requirements::parse(&changed("acme.search.limit", "tools.list.shape")).unwrap();
    let mut all = Requirements::builtin();
    assert_eq!(all.extend(&again), Err(CatalogueError::Duplicate("tools.list.shape".to_owned())));
    assert_eq!(all, Requirements::builtin(), "nothing was added");
}

#[test]
fn a_faulty_catalogue_is_refused_with_its_reason() {
    let cases = [
        (changed("acme.search.limit", "Acme.Search"), "`Acme.Search` is not a requirement id"),
        (changed("acme.search.limit", "acme..limit"), "`acme..limit` is not a requirement id"),
        (format!("{OWN}{OWN}"), "`acme.search.limit` stands twice"),
        (changed("SHOULD NOT", "OUGHT"), "OUGHT"),
        (changed("proxy", "bystander"), "bystander"),
        (changed("  source: measured on the staging gateway\n", ""), "needs either `spec`"),
        (changed("source:", "spec: /specification\n  source:"), "needs either `spec`"),
        (changed("source: measured on the staging gateway", "spec: /specification"), "needs `since`"),
        (changed("source: measured on the staging gateway", "spec: www.example.org"), "begins with `/`"),
        (changed("  evidence: measured\n", ""), "needs `evidence`"),
        (changed("theme: acme", "until: 2025-03-26\n  theme: acme"), "`until` without `since`"),
        (changed("theme: acme", "since: 2025-03-27\n  theme: acme"), "`2025-03-27` is not a protocol version"),
        (changed("observe", "observes"), "observes"),
        ("not: a list".to_owned(), "not a requirement catalogue"),
        ("- [".to_owned(), "not a requirement catalogue"),
    ];
    for (text, expected) in cases {
        let message = Requirements::parse(&text).expect_err(expected).to_string();
        assert!(message.contains(expected), "expected `{expected}` in: {message}");
    }
}
