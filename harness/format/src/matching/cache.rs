//! Compiled regular expressions and schemas, kept for the process: a run asks for the same few thousands of times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;

/// Variables can make any number of texts; past this many the cache starts anew.
const MOST: usize = 512;
/// Memory that one regular expression may take, in bytes.
const REGEX_SIZE: usize = 1 << 20;

type Cache<T> = OnceLock<Mutex<HashMap<String, Result<Arc<T>, String>>>>;

fn cached<T>(cache: &Cache<T>, text: &str, make: impl FnOnce() -> Result<T, String>) -> Result<Arc<T>, String> {
    let map = cache.get_or_init(Mutex::default);
    if let Some(known) = map.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
        return known.clone();
    }
    // Outside the lock: a schema may take milliseconds.
    let made = make().map(Arc::new);
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(text.to_owned(), made.clone());
    made
}

/// A regular expression, or why it is none.
pub(crate) fn compiled_regex(pattern: &str) -> Result<Arc<Regex>, String> {
    static CACHE: Cache<Regex> = OnceLock::new();
    cached(&CACHE, pattern, || {
        regex::RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build().map_err(|e| e.to_string())
    })
}

/// A compiled JSON Schema, or why it is none. References never reach the network or the disk.
pub(crate) fn compiled_schema(schema: &Value) -> Result<Arc<Validator>, String> {
    static CACHE: Cache<Validator> = OnceLock::new();
    cached(&CACHE, &schema.to_string(), || jsonschema::validator_for(schema).map_err(|e| e.to_string()))
}
