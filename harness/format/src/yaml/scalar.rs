//! Plain scalars: the YAML 1.2 core schema (§10.3.2), minus what readers of YAML disagree about.

use serde_json::Number;

use crate::node::NodeValue;

/// Why a plain scalar is refused: what is ambiguous about it.
pub(super) struct Ambiguous(pub(super) String);

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Result<NodeValue, Ambiguous> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        "true" | "True" | "TRUE" => return Ok(NodeValue::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(NodeValue::Bool(false)),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'0'..=b'9' | b'-' | b'+' | b'.' => number(text),
        _ => Ok(NodeValue::String(text.to_owned())),
    }
}

fn number(text: &str) -> Result<NodeValue, Ambiguous> {
    let string = || Ok(NodeValue::String(text.to_owned()));
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err(Ambiguous("JSON has no such number".to_owned()));
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if let Some(hex) = unsigned.strip_prefix("0x")
        && !hex.is_empty()
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Err(Ambiguous("some readers take this for a hexadecimal number, some for text".to_owned()));
    }
    if let Some(octal) = unsigned.strip_prefix("0o")
        && digits(octal)
    {
        return Err(Ambiguous("some readers take this for an octal number, some for text".to_owned()));
    }
    if unsigned.contains('_')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'_' || b == b'.')
        && unsigned.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(Ambiguous("some readers take a number with `_` for a number, some for text".to_owned()));
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    if let Some(e) = exponent
        && !digits(e.strip_prefix(['-', '+']).unwrap_or(e))
    {
        return string();
    }
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, Some(f)),
        None => (mantissa, None),
    };
    let shaped = match fraction {
        None => digits(whole),
        Some(f) => (digits(whole) && (f.is_empty() || digits(f))) || (whole.is_empty() && digits(f)),
    };
    if !shaped {
        return string();
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Ambiguous("some readers drop the leading zeros, some read an octal number".to_owned()));
    }
    if exponent.is_none() && fraction.is_some_and(|f| f.len() > 1 && f.ends_with('0')) {
        return Err(Ambiguous("the number loses its trailing zero".to_owned()));
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if fraction.is_none() && exponent.is_none() {
        return if let Ok(n) = plain.parse::<i64>() {
            Ok(NodeValue::Number(n.into()))
        } else if let Ok(n) = plain.parse::<u64>() {
            Ok(NodeValue::Number(n.into()))
        } else {
            Err(Ambiguous("the number does not fit into 64 bits".to_owned()))
        };
    }
    plain
        .parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map(NodeValue::Number)
        .ok_or_else(|| Ambiguous("the number does not fit into 64 bits".to_owned()))
}
