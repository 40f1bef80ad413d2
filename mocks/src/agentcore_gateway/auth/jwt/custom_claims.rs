//! Rules for claims that only the operator of a gateway knows.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::agentcore_gateway::defects::GatewayDefect;
use crate::config::ConfigError;

/// A rule: what a claim of the token must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agentcore_gateway) struct CustomClaim {
    inbound_token_claim_name: String,
    inbound_token_claim_value_type: ClaimType,
    authorizing_claim_match_value: MatchValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ClaimType {
    String,
    StringArray,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchValue {
    claim_match_operator: Operator,
    claim_match_value: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Equals,
    Contains,
    ContainsAny,
}

/// One of the two.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    match_value_string: Option<String>,
    match_value_string_list: Option<Vec<String>>,
}

impl CustomClaim {
    /// A combination that the service does not have.
    pub(super) fn problem(&self, index: usize) -> Option<ConfigError> {
        let MatchValue { claim_match_operator: operator, claim_match_value: wanted } =
            &self.authorizing_claim_match_value;
        let at = |member: &str| format!("custom_claims[{index}].{member}");
        if self.inbound_token_claim_name.is_empty() {
            return Some(ConfigError::new(at("inbound_token_claim_name"), "is empty; name the claim"));
        }
        let (kind, kind_name, list) = match operator {
            Operator::Equals => (ClaimType::String, "STRING", false),
            Operator::Contains => (ClaimType::StringArray, "STRING_ARRAY", false),
            Operator::ContainsAny => (ClaimType::StringArray, "STRING_ARRAY", true),
        };
        if self.inbound_token_claim_value_type != kind {
            let problem = format!("{} looks at a claim of type {kind_name}", operator.name());
            return Some(ConfigError::new(at("inbound_token_claim_value_type"), problem));
        }
        let fits = match list {
            false => wanted.match_value_string.is_some() && wanted.match_value_string_list.is_none(),
            true => {
                wanted.match_value_string.is_none()
                    && wanted.match_value_string_list.as_ref().is_some_and(|list| !list.is_empty())
            }
        };
        if fits {
            return None;
        }
        let member = if list { "match_value_string_list with at least one entry" } else { "match_value_string" };
        let problem = format!("{} takes {member} and nothing else", operator.name());
        Some(ConfigError::new(at("authorizing_claim_match_value.claim_match_value"), problem))
    }

    /// Whether the claims of a token satisfy the rule.
    pub(super) fn is_met(&self, claims: &Map<String, Value>, shows: impl Fn(GatewayDefect) -> bool) -> bool {
        let MatchValue { claim_match_operator: operator, claim_match_value: wanted } =
            &self.authorizing_claim_match_value;
        let unchecked = match operator {
            Operator::Equals => GatewayDefect::ClaimEqualsNotChecked,
            Operator::Contains => GatewayDefect::ClaimContainsNotChecked,
            Operator::ContainsAny => GatewayDefect::ClaimContainsAnyNotChecked,
        };
        let Some(claim) = claims.get(&self.inbound_token_claim_name) else {
            return shows(unchecked) || shows(GatewayDefect::MissingClaimAccepted);
        };
        let elements = claim.as_array().map(Vec::as_slice).unwrap_or_default();
        let holds = |wanted: &str| elements.iter().any(|element| element.as_str() == Some(wanted));
        let met = match operator {
            Operator::Equals => claim.as_str().is_some() && claim.as_str() == wanted.match_value_string.as_deref(),
            Operator::Contains => wanted.match_value_string.as_deref().is_some_and(holds),
            Operator::ContainsAny => wanted.match_value_string_list.iter().flatten().any(|wanted| holds(wanted)),
        };
        met || shows(unchecked)
    }
}

impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::Contains => "CONTAINS",
            Self::ContainsAny => "CONTAINS_ANY",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(kind: &str, operator: &str, wanted: Value) -> CustomClaim {
        let rule = json!({
            "inbound_token_claim_name": "department",
            "inbound_token_claim_value_type": kind,
            "authorizing_claim_match_value": { "claim_match_operator": operator, "claim_match_value": wanted },
        });
        serde_json::from_value(rule).expect("a rule")
    }

    #[test]
    fn what_each_operator_lets_in() {
        let equals = rule("STRING", "EQUALS", json!({ "match_value_string": "sales" }));
        let contains = rule("STRING_ARRAY", "CONTAINS", json!({ "match_value_string": "sales" }));
        let any = rule("STRING_ARRAY", "CONTAINS_ANY", json!({ "match_value_string_list": ["sales", "support"] }));
        for (claim, expected) in [
            (json!("sales"), [true, false, false]),
            (json!(["sales"]), [false, true, true]),
            (json!(["support", "legal"]), [false, false, true]),
            (json!(["legal"]), [false, false, false]),
            (json!("salesperson"), [false, false, false]),
            (json!(["salesperson", "SALES"]), [false, false, false]),
            (json!([["sales"], { "sales": true }, 7, null]), [false, false, false]),
            (json!([]), [false, false, false]),
            (json!(null), [false, false, false]),
        ] {
            let claims = Map::from_iter([("department".to_owned(), claim.clone())]);
            let met = [&equals, &contains, &any].map(|rule| rule.is_met(&claims, |_| false));
            assert_eq!(met, expected, "{claim}");
        }
        assert!(!equals.is_met(&Map::new(), |_| false));
    }

    #[test]
    fn contradictions_are_refused() {
        let text = || json!({ "match_value_string": "a" });
        let list = || json!({ "match_value_string_list": ["a"] });
        for (kind, operator, wanted, member) in [
            ("STRING_ARRAY", "EQUALS", text(), "inbound_token_claim_value_type"),
            ("STRING", "CONTAINS", text(), "inbound_token_claim_value_type"),
            ("STRING", "CONTAINS_ANY", list(), "inbound_token_claim_value_type"),
            ("STRING", "EQUALS", list(), "authorizing_claim_match_value.claim_match_value"),
            ("STRING_ARRAY", "CONTAINS", json!({}), "authorizing_claim_match_value.claim_match_value"),
            ("STRING_ARRAY", "CONTAINS_ANY", text(), "authorizing_claim_match_value.claim_match_value"),
            (
                "STRING_ARRAY",
                "CONTAINS_ANY",
                json!({ "match_value_string_list": [] }),
                "authorizing_claim_match_value.claim_match_value",
            ),
        ] {
            let problem = rule(kind, operator, wanted).problem(2).expect("a contradiction");
            assert_eq!(problem.path, format!("custom_claims[2].{member}"));
        }
        assert_eq!(rule("STRING_ARRAY", "CONTAINS_ANY", list()).problem(0), None);
    }
}
