#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { path: "a.yaml".into(), text: text.into() })
}

fn json_of(text: &str) -> serde_json::Value {
    parse(&source(text), 0).unwrap().to_json()
}

fn problems(text: &str) -> Vec<String> {
    parse(&source(text), 0)
        .unwrap_err()
        .iter()
        .map(|d| format!("{}:{} {} {}", d.span.line, d.span.column, d.code, d.message))
        .collect()
}

#[test]
fn scalars_follow_the_core_schema_without_surprises() {
    assert_eq!(
        json_of("[1, -2, 3.5, 1e3, .5, true, no, on, ~, null, 2025-06-18, '007', 0, -0.5, +7, 12:30, 1.2.3, '', 1-2]")
            .to_string(),
        r#"[1,-2,3.5,1000.0,0.5,true,"no","on",null,null,"2025-06-18","007",0,-0.5,7,"12:30","1.2.3","","1-2"]"#
    );
}

#[test]
fn ambiguous_numbers_are_refused_all_at_once() {
    assert_eq!(problems("a: 007\nb: 1_000\nc: 1.10\nd: 0x1f\ne: .nan\nf: 99999999999999999999\ng: 1e999").len(), 7);
    assert_eq!(
        problems("account: 000123456789"),
        [
            "1:10 ambiguous-number `000123456789` is ambiguous: some readers drop the leading zeros, some read an octal number"
        ]
    );
}

#[test]
fn places_of_keys_and_values() {
    let text = "a: é\nbé: { c: [1, \"x\"] }\nd:\n  - y: |\n      block\n";
    let root = parse(&source(text), 3).unwrap();
    let d = root.get("d").unwrap();
    let at = |n: &Node| (n.span.line, n.span.column, text[n.span.start as usize..n.span.end as usize].to_owned());
    assert_eq!(at(root.get("a").unwrap()), (1, 4, "é".to_owned()));
    let b = root.get("bé").unwrap();
    assert_eq!(at(b), (2, 5, "{ c: [1, \"x\"] }".to_owned()));
    assert_eq!(at(b.get("c").unwrap()), (2, 10, "[1, \"x\"]".to_owned()));
    assert_eq!(at(d), (4, 3, "- y: |\n      block".to_owned()));
    assert_eq!(d.span.source, 3);
}

#[test]
fn a_missing_value_points_at_its_key() {
    let root = parse(&source("a:\nb: 1\n"), 0).unwrap();
    assert_eq!((root.get("a").unwrap().span.line, root.get("a").unwrap().span.column), (1, 1));
}

#[test]
fn json_is_accepted() {
    assert_eq!(
        json_of(r#"{"a": [1, {"b": null}], "c\u00e9": "\ud83d\ude00"}"#),
        json!({"a": [1, {"b": null}], "cé": "😀"})
    );
}

#[test]
fn a_duplicate_key_is_an_error_with_both_places() {
    let found = parse(&source("a: 1\nb: 2\na: 3\n"), 0).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].span.line, found[0].code, found[0].label.as_str()), (3, "duplicate-key", "first on line 1"));
    let many: String = (0..40).map(|i| format!("k{i}: 1\n")).collect();
    assert_eq!(problems(&format!("{many}k33: 2\n")), ["41:1 duplicate-key the key `k33` is there twice"]);
}

#[test]
fn anchors_aliases_and_merge_keys() {
    assert_eq!(
        json_of("base: &b { x: 1, y: 2 }\nz: { <<: *b, y: 3 }\nw: [*b]\nv: { <<: [{ q: 1 }, *b] }"),
        json!({"base": {"x": 1, "y": 2}, "z": {"y": 3, "x": 1}, "w": [{"x": 1, "y": 2}], "v": {"q": 1, "x": 1, "y": 2}})
    );
    assert_eq!(problems("a: { <<: 3 }"), ["1:10 bad-merge `<<` takes a mapping or a list of mappings"]);
    assert_eq!(problems("a: &x [*x]").len(), 1);
}

#[test]
fn an_alias_bomb_fails_at_once() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let p = i - 1;
        text.push_str(&format!("a{i}: &a{i} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}]\n"));
    }
    let start = Instant::now();
    let found = problems(&text);
    assert!(start.elapsed() < Duration::from_millis(200), "took {:?}", start.elapsed());
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("too-many-aliases aliases expand to more than 10000 values"), "{found:?}");
}

#[test]
fn limits_hold() {
    assert!(problems(&"[".repeat(100))[0].contains("nest") || problems(&"[".repeat(100))[0].contains("syntax"));
    assert!(problems(&format!("[{}]", "1,".repeat(60_000)))[0].contains("too-many-values"));
    assert!(problems(&"#".repeat(MAX_FILE_BYTES + 1))[0].contains("file-too-large"));
    assert_eq!(problems(""), ["1:1 empty-file the file is empty"]);
    assert!(problems("a: 1\n---\nb: 2\n")[0].starts_with("2:1 several-documents"));
    assert!(problems("? [a]\n: 1\n")[0].contains("complex-key"));
    assert!(problems("a: !ruby/object x")[0].contains("unknown-tag"));
    assert!(problems("a: [1\nb: 2")[0].contains("syntax"));
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let found = decode(Path::new("a.yaml"), b"a: b\nc: \xff".to_vec()).unwrap_err();
    assert_eq!(found.to_string(), "a.yaml:2:4: error[invalid-utf8]: byte 8 (0xff) is not UTF-8");
}
