//! Gauntlet scenario files: spanned trees, validation, matchers, lint and JSON Schema.
