//! The report for CI systems, read back.

mod common;

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::reader::Reader;

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("well-formed");
            let name = attribute.key.as_ref().to_owned();
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).expect("well-formed");
            (name, value.into_owned())
        });
        Self { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Self::default() }
    }

    fn number(&self, name: &str) -> usize {
        self.attributes.get(name).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name} of {self:?}"))
    }

    fn count(&self, name: &str) -> usize {
        self.children.iter().map(|child| usize::from(child.name == name) + child.count(name)).sum()
    }

    fn find(&self, name: &str) -> &Self {
        let mut found = Vec::new();
        self.collect(name, &mut found);
        found.first().copied().unwrap_or_else(|| panic!("no {name}"))
    }

    fn collect<'a>(&'a self, name: &str, found: &mut Vec<&'a Self>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.collect(name, found);
        }
    }
}

fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().unwrap_or_else(|e| panic!("{e}\n{text}"));
        let top = open.last_mut().expect("the document");
        match event {
            Xml::Start(start) => open.push(Element::of(&start)),
            Xml::Empty(start) => top.children.push(Element::of(&start)),
            Xml::End(_) => {
                let done = open.pop().expect("an element");
                open.last_mut().expect("balanced").children.push(done);
            }
            Xml::Text(part) => top.text.push_str(&part.xml10_content()),
            Xml::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().expect("well-formed") {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::unescape(&format!("&{};", reference.xml10_content()))
                        .expect("a known entity")
                        .into_owned(),
                };
                top.text.push_str(&c);
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "balanced");
    open.pop().and_then(|mut document| document.children.pop()).expect("a root")
}

/// The totals in the heads are those of what follows.
fn assert_adds_up(root: &Element) {
    let mut sums = [0; 3];
    for suite in &root.children {
        assert_eq!(suite.name, "testsuite");
        let counted = [suite.count("testcase"), suite.count("failure"), suite.count("error")];
        let said = [suite.number("tests"), suite.number("failures"), suite.number("errors")];
        assert_eq!(said, counted, "{:?}", suite.attributes);
        assert_eq!(suite.number("skipped"), suite.count("skipped"));
        for (sum, n) in sums.iter_mut().zip(said) {
            *sum += n;
        }
    }
    assert_eq!(sums, [root.number("tests"), root.number("failures"), root.number("errors")]);
}

#[test]
fn a_run_adds_up() {
    let root = parse(&common::junit_report(&common::run()));
    assert_adds_up(&root);
    let suites: Vec<&str> = root.children.iter().map(|s| s.attributes["name"].as_str()).collect();
    assert_eq!(suites, ["kiro", "other", "gauntlet", "scenario files"]);
    assert_eq!([root.number("tests"), root.number("failures"), root.number("errors")], [10, 1, 2]);
    assert_eq!(root.attributes["time"], "0.412");
    assert_eq!(root.children[0].attributes["timestamp"], "2026-11-21T00:00:00Z");

    let failure = root.find("failure");
    assert_eq!(
        failure.attributes["message"],
        "expected 403, the target answered 200 (to blame: kiro-runtime, client → kiro-runtime)"
    );
    assert_eq!(failure.attributes["type"], "kiro.mcp.identity-gate");
    assert!(failure.text.contains("  - HTTP 403\n  + HTTP 200\n"), "{}", failure.text);
    assert!(failure.text.contains("  curl   curl -sSi "), "{}", failure.text);
    assert!(root.find("flakyFailure").find("stackTrace").text.contains("HTTP 403"));
    assert_eq!(root.find("rerunError").attributes["message"], "connection refused");
    assert_eq!(root.count("system-out"), 1, "the warning");
    assert_eq!(root.children[2].find("skipped").attributes["message"], "untestable: fixture `tool` is missing");
    let case = root.find("testcase");
    assert_eq!(case.attributes["classname"], "kiro.good");
    assert_eq!(case.attributes["name"], "kiro.good@2025-06-18 on kiro-runtime");
}

#[test]
fn hostile_text_stays_text() {
    let text = common::junit_report(&common::filled(common::HOSTILE));
    let forbidden =
        |c: char| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert_eq!(text.chars().find(|c| forbidden(*c)), None);
    let root = parse(&text);
    assert_adds_up(&root);
    let failure = root.find("failure");
    assert!(failure.text.contains("]]>&amp;<b>\\x00\\x1b[2J"), "{}", failure.text);
    assert!(failure.children.is_empty(), "nothing became markup");
}

#[test]
fn an_interrupted_run_leaves_a_whole_document() {
    let events = common::run();
    for length in 0..events.len() {
        assert_adds_up(&parse(&common::junit_report(&events[..length])));
    }
}
