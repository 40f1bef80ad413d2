//! `$schema`.

use serde_json::Value;

use super::{At, Mismatch, compiled_schema};

/// Most violations that one matcher reports.
const MOST: usize = 20;

pub(super) fn schema(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let validator = match compiled_schema(&at.argument.to_json()) {
        Ok(validator) => validator,
        Err(e) => return at.fail(Some(actual), format!("the JSON Schema is invalid: {e}"), out),
    };
    for error in validator.iter_errors(actual).take(MOST) {
        let mut path = at.path.to_string();
        for token in error.instance_path().as_str().split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            if token.bytes().all(|b| b.is_ascii_digit()) {
                path.push_str(&format!("[{token}]"));
            } else {
                path.push('.');
                path.push_str(&token);
            }
        }
        out.push(Mismatch {
            path,
            expected: at.pattern.to_json(),
            actual: Some(error.instance().clone().into_owned()),
            reason: format!("breaks the JSON Schema: {error}"),
            span: at.pattern.span,
        });
    }
}
