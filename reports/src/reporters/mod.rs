//! What a run can be told as.

pub(crate) mod annotations;
pub(crate) mod badge;
pub(crate) mod console;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod openmetrics;
