//! Definitions, and their validators: one for each edition, compiled when first needed.

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError};
use serde_json::Value;

use super::Violation;
use super::envelope::show;
use super::schema::{self, Edition};

/// Faults reported for one value; a hostile answer may hold a million.
const MAX_VIOLATIONS: usize = 20;

/// A named shape in `schemas/`, for every edition in which it is used.
#[derive(Debug)]
pub(super) struct Definition {
    name: &'static str,
    compiled: [OnceLock<Result<Compiled, String>>; Edition::COUNT],
}

#[derive(Debug)]
struct Compiled {
    schema: Value,
    validator: jsonschema::Validator,
}

macro_rules! definitions {
    ($($constant:ident = $name:literal;)*) => {
        impl Definition {
            $(pub(super) const $constant: &'static Self = {
                static IT: Definition = Definition::new($name);
                &IT
            };)*

            /// Every definition that messages are held to.
            #[cfg(test)]
            pub(super) const ALL: &'static [&'static Self] = &[$(Self::$constant),*];
        }
    };
}

definitions! {
    REQUEST_PARAMS = "RequestParams";
    PAGINATED_PARAMS = "PaginatedParams";
    NOTIFICATION_PARAMS = "NotificationParams";
    RESULT = "Result";
    INITIALIZE_PARAMS = "InitializeParams";
    INITIALIZE_RESULT = "InitializeResult";
    DISCOVER_RESULT = "DiscoverResult";
    TOOLS_LIST_RESULT = "ToolsListResult";
    TOOLS_CALL_PARAMS = "ToolsCallParams";
    TOOLS_CALL_RESULT = "ToolsCallResult";
    SET_LEVEL_PARAMS = "SetLevelParams";
    CANCELLED_PARAMS = "CancelledParams";
    PROGRESS_PARAMS = "ProgressParams";
    LOG_PARAMS = "LogParams";
    SAMPLING_PARAMS = "SamplingParams";
    SAMPLING_RESULT = "SamplingResult";
    ROOTS_RESULT = "RootsResult";
    ELICIT_PARAMS = "ElicitParams";
    ELICIT_RESULT = "ElicitResult";
    INPUT_REQUIRED_RESULT = "InputRequiredResult";
    UNSUPPORTED_VERSION_DATA = "UnsupportedVersionData";
    MISSING_CAPABILITY_DATA = "MissingCapabilityData";
    URL_ELICITATION_DATA = "UrlElicitationData";
}

impl Definition {
    const fn new(name: &'static str) -> Self {
        Self { name, compiled: [const { OnceLock::new() }; Edition::COUNT] }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// The faults of a value that stands at `root` in its message. `fallback` is the requirement that is broken where
    /// the schema names none.
    pub(super) fn check(
        &'static self,
        edition: Edition,
        value: &Value,
        root: &str,
        fallback: &'static str,
    ) -> Vec<Violation> {
        let compiled = self.compiled[edition.index()].get_or_init(|| self.compile(edition));
        match compiled {
            Ok(compiled) if compiled.validator.is_valid(value) => Vec::new(),
            Ok(compiled) => compiled
                .validator
                .iter_errors(value)
                .take(MAX_VIOLATIONS)
                .map(|error| self.violation(&compiled.schema, &error, root, fallback))
                .collect(),
            // A fault of ours, which a test rules out; said aloud rather than taken for a pass.
            Err(fault) => vec![Violation {
                path: root.to_owned(),
                reason: format!("the harness cannot judge this: its own schema `{}` is broken: {fault}", self.name),
                requirement: None,
                definition: self.name,
            }],
        }
    }

    fn compile(&self, edition: Edition) -> Result<Compiled, String> {
        let schema = schema::bundle(self.name, edition)?;
        let validator = options().build(&schema).map_err(|e| e.to_string())?;
        Ok(Compiled { schema, validator })
    }

    fn violation(
        &'static self,
        schema: &'static Value,
        error: &ValidationError<'_>,
        root: &str,
        fallback: &'static str,
    ) -> Violation {
        let mut path = root.to_owned();
        schema::push_pointer(&mut path, error.instance_path().as_str());
        if let ValidationErrorKind::Required { property: Value::String(name) } = error.kind() {
            schema::push_member(&mut path, name);
        }
        Violation {
            path,
            reason: reason(error),
            requirement: Some(schema::requirement(schema, error.evaluation_path().as_str()).unwrap_or(fallback)),
            definition: self.name,
        }
    }
}

/// Draft 7 has every keyword that the schemas need, and its meta-schema, which each process that validates must compile
/// first, takes half the time of the one of 2020-12.
fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options().with_draft(Draft::Draft7).with_format("base64", is_base64).should_validate_formats(true)
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    use base64::alphabet::STANDARD;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ENGINE.decode(text).is_ok()
}

/// One sentence for people: what is expected, and what is there.
fn reason(error: &ValidationError<'_>) -> String {
    let is = || show(error.instance());
    match error.kind() {
        ValidationErrorKind::Required { .. } => "required, but missing".to_owned(),
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => {
            format!("must be of type {kind}; this is {}", is())
        }
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<_> = kinds.iter().map(|k| k.to_string()).collect();
            format!("must be of type {}; this is {}", kinds.join(" or "), is())
        }
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}; this is {}", is()),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
            format!("must be one of {}; this is {}", options.join(", "), is())
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}; this is {}", is()),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}; this is {}", is()),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} items; this is {}", is()),
        ValidationErrorKind::Format { format } if format == "uri" => {
            format!("must be an absolute URI; this is {}", is())
        }
        ValidationErrorKind::Format { format } => format!("must be {format}; this is {}", is()),
        ValidationErrorKind::FalseSchema => "does not belong here".to_owned(),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            format!("has none of the shapes that are allowed here; this is {}", is())
        }
        _ => error.to_string(),
    }
}
