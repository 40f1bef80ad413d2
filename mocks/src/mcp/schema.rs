//! Arguments against input schemas.

use serde_json::{Map, Value};

/// Why arguments do not fit a schema: required members, and the types of members one level down. That is all that the tools
/// here need.
pub(crate) fn misfit(schema: &Value, arguments: &Map<String, Value>) -> Option<String> {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Some(format!("missing required argument: {name}"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object)?;
    for (name, value) in arguments {
        let Some(wanted) = properties.get(name).and_then(|property| property.get("type")).and_then(Value::as_str)
        else {
            continue;
        };
        let fits = match wanted {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            _ => true,
        };
        if !fits {
            return Some(format!("argument {name} must be of type {wanted}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_held_against_the_schema() {
        let schema = json!({ "properties": { "a": { "type": "integer" } }, "required": ["a"] });
        let fits = |arguments: Value| misfit(&schema, arguments.as_object().expect("object")).is_none();
        assert!(fits(json!({ "a": 1 })));
        assert!(fits(json!({ "a": 1, "more": null })));
        assert!(!fits(json!({})));
        assert!(!fits(json!({ "a": "1" })));
        assert!(!fits(json!({ "a": 1.5 })));
    }
}
