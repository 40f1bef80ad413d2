//! The tables as a JSON Schema (2020-12), for editors.

use serde_json::{Map, Value, json};

use super::tables::STEP;
use super::{Field, Kind, MATCHERS, SCENARIO, SIGNATURES, Shape, VERBS, Verb};

/// Dollar-brace: a string with a variable in it.
const VARIABLE: &str = r"^\$\{[^}]*\}$";

/// The JSON Schema of a scenario file; that of a `pack.yaml` is under `$defs/pack`.
#[must_use]
pub fn json_schema() -> Value {
    let mut defs = Defs(Map::new());
    let root = defs.object(&SCENARIO);
    // A pack may give the target, so the schema of one file cannot ask for it.
    defs.shape(&super::PACK);
    document(
        "Gauntlet scenario",
        "A scenario drives a target and says what must be true of every exchange.",
        root,
        defs,
    )
}

/// The JSON Schema of a file of signatures.
#[must_use]
pub fn signatures_schema() -> Value {
    let mut defs = Defs(Map::new());
    let root = defs.object(&SIGNATURES);
    document(
        "Gauntlet signatures",
        "Known failures: how to recognise them in an exchange, why they happen and what helps.",
        root,
        defs,
    )
}

fn document(title: &str, description: &str, mut root: Value, defs: Defs) -> Value {
    let mut all = Map::new();
    all.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    all.insert("title".to_owned(), title.into());
    all.insert("description".to_owned(), description.into());
    if let Value::Object(members) = root.take() {
        all.extend(members);
    }
    all.insert("$defs".to_owned(), Value::Object(defs.0));
    Value::Object(all)
}

struct Defs(Map<String, Value>);

impl Defs {
    /// A reference to a definition, which is made on first use.
    fn reference(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.0.contains_key(name) {
            // The place is taken first: shapes refer to themselves.
            self.0.insert(name.to_owned(), Value::Null);
            let made = make(self);
            self.0.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn shape(&mut self, shape: &'static Shape) -> Value {
        self.reference(&shape.name.replace('$', "matcher-"), |defs| defs.object(shape))
    }

    fn object(&mut self, shape: &'static Shape) -> Value {
        let mut object = self.fields(shape.fields.iter());
        object["additionalProperties"] = false.into();
        if let Some(rest) = shape.rest {
            object["patternProperties"] = json!({ "^[^$]": self.kind(rest) });
        }
        object
    }

    fn fields(&mut self, fields: impl Iterator<Item = &'static Field>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in fields {
            properties.insert(field.name.to_owned(), self.described(field.kind, field.doc));
            if field.required {
                required.push(Value::from(field.name));
            }
        }
        let mut object = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            object["required"] = required.into();
        }
        object
    }

    fn described(&mut self, kind: Kind, doc: &str) -> Value {
        let mut schema = self.kind(kind);
        schema["description"] = doc.into();
        schema
    }

    fn kind(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Any => json!({}),
            Kind::Text => json!({ "type": "string" }),
            Kind::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+$" }),
            Kind::Name => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::True => json!({ "const": true }),
            Kind::Count => json!({ "type": "integer", "minimum": 0 }),
            Kind::Number => json!({ "type": "number" }),
            Kind::Duration => json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$" }),
            Kind::Word(words) => json!({ "enum": words }),
            Kind::Versions => self.reference("versions", |_| {
                let version = r"\d{4}-\d{2}-\d{2}";
                let window =
                    json!({ "type": "string", "pattern": format!(r"^({version}(\.\.({version})?)?|\.\.{version})$") });
                json!({ "anyOf": [window, { "type": "array", "minItems": 1, "items": window }] })
            }),
            Kind::RequestLine => json!({ "type": "string", "pattern": r"^[^ ]+( [^ ]+)?$" }),
            Kind::JsonPath => json!({ "type": "string", "pattern": r"^\$" }),
            Kind::List(of) => json!({ "type": "array", "items": self.kind(*of) }),
            Kind::NonEmpty(of) => json!({ "type": "array", "minItems": 1, "items": self.kind(*of) }),
            Kind::Map(of) => json!({ "type": "object", "additionalProperties": self.kind(*of) }),
            Kind::Names(of) => json!({
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" },
                "additionalProperties": self.kind(*of)
            }),
            Kind::Object(shape) => self.shape(shape),
            Kind::Either(kinds) => {
                json!({ "anyOf": kinds.iter().map(|k| self.kind(*k)).collect::<Vec<_>>() })
            }
            Kind::Variable(of) => {
                json!({ "anyOf": [self.kind(*of), { "type": "string", "pattern": VARIABLE }] })
            }
            Kind::Pattern => self.reference("pattern", Self::pattern),
            Kind::Step => self
                .reference("step", |defs| json!({ "oneOf": VERBS.iter().map(|v| defs.step(v)).collect::<Vec<_>>() })),
        }
    }

    fn step(&mut self, verb: &'static Verb) -> Value {
        self.reference(&format!("step-{}", verb.name), |defs| {
            let mut step = defs.fields(verb.fields.iter().chain(STEP.fields));
            step["properties"][verb.name] = defs.described(verb.kind, verb.doc);
            let mut required = vec![Value::from(verb.name)];
            if let Some(Value::Array(more)) = step.get_mut("required").map(Value::take) {
                required.extend(more);
            }
            step["required"] = required.into();
            step["description"] = verb.doc.into();
            step["additionalProperties"] = false.into();
            step
        })
    }

    fn pattern(&mut self) -> Value {
        let this = json!({ "$ref": "#/$defs/pattern" });
        let mut matchers = self.fields(MATCHERS.iter());
        matchers["minProperties"] = 1.into();
        matchers["maxProperties"] = 1.into();
        matchers["additionalProperties"] = false.into();
        self.0.insert("matcher".to_owned(), matchers);
        json!({ "anyOf": [
            { "type": ["null", "boolean", "number", "string"] },
            { "type": "array", "items": this },
            { "$ref": "#/$defs/matcher" },
            {
                "type": "object",
                "propertyNames": { "pattern": r"^($|[^$])" },
                "additionalProperties": this
            }
        ] })
    }
}
