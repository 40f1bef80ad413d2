use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::*;

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Of few characters, so that values begin alike, overlap and stand in each other.
    fn value(&mut self, known: &[String]) -> String {
        let length = 8 + self.below(24);
        let mut value: String = (0..length).map(|_| ['a', 'B', '7', '1', '+', '/', '"', '-'][self.below(8)]).collect();
        if let Some(other) = known.get(self.below(2 * known.len() + 1)) {
            value = match self.below(5) {
                0 => format!("{other}{value}"),
                1 => format!("{value}{other}"),
                2 => STANDARD.encode(other),
                3 => form_urlencoded::byte_serialize(other.as_bytes()).collect(),
                _ => other[other.len() / 2..].to_owned() + &value,
            };
        }
        value
    }

    /// Values in any spelling, whole or not, one behind another.
    fn text(&mut self, known: &[String]) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.below(6) {
            let value = &known[self.below(known.len())];
            let spelled = match self.below(7) {
                0 => value.clone(),
                1 => STANDARD.encode(value),
                2 => URL_SAFE_NO_PAD.encode(format!("user:{value}")),
                3 => form_urlencoded::byte_serialize(value.as_bytes()).collect(),
                4 => serde_json::Value::from(serde_json::Value::from(value.as_str()).to_string()).to_string(),
                5 => value[value.len() / 3..].to_owned(),
                _ => format!("{}…", &value[..value.len() / 2]),
            };
            text.push_str(&spelled);
            text.push_str(["", "", " ", "\"}", "&x="][self.below(5)]);
        }
        text
    }
}

#[test]
fn values_that_come_one_by_one_are_found_as_those_that_were_there_at_once() {
    let mut found = 0;
    for seed in 0..10 {
        let mut random = Random(seed);
        let (mut search, mut known) = (Search::default(), Vec::new());
        for number in 0..16 {
            let value = random.value(&known);
            if known.contains(&value) || !search.add(number, &value, Kind::Token) {
                continue;
            }
            known.push(value);
            // Sometimes several come before anybody looks.
            if random.below(3) == 0 {
                continue;
            }
            let texts: Vec<String> = (0..2).map(|_| random.text(&known)).collect();
            let hits: Vec<_> = texts
                .iter()
                .flat_map(|text| [false, true].map(|is_cut| (text, is_cut, search.find(text, is_cut))))
                .collect();
            let plain = Redactor::new(search.groups.iter().flat_map(|group| group.values.iter().cloned()));
            for (text, is_cut, hits) in hits {
                let expected = plain.find(text, is_cut).into_iter();
                let expected: Vec<_> = expected.map(|(range, label)| (range, label.parse().ok())).collect();
                assert_eq!(hits, expected, "seed {seed}, {text:?}, {is_cut}, {known:?}");
                found += hits.len();
            }
        }
    }
    assert!(found > 200, "{found}");
}

#[test]
fn a_value_goes_into_few_searches() {
    let mut search = Search::default();
    let mut made = 0;
    for number in 0..400 {
        assert!(search.add(number, &format!("token-{number:06}-1a2B3c4D5e6F7g8H9i0J"), Kind::Token));
        search.find("nothing of it", false);
        made += search.groups.last().map_or(0, |group| group.values.len());
        assert!(search.groups.len() < 12, "{}", search.groups.len());
        assert!(search.groups.iter().all(|group| group.bytes <= GROUP));
    }
    // Each one anew for each that comes would be eighty thousand.
    assert!(made < 5000, "{made}");
    assert_eq!(search.find("token-000007-1a2B3c4D5e6F7g8H9i0J token-000399-1a2B3c4D5e6F7g8H9i0J", false).len(), 2);
}
