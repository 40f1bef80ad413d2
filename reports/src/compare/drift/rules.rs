//! What a difference between a mock and the system that it stands for is worth.

use serde::Serialize;

/// What a difference is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Worth {
    /// The mock does not tell the truth.
    Drift,
    /// Systems differ here by their nature, or somebody declares that they may.
    Note,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub struct DriftRule {
    /// Its name, for `--allow`.
    pub id: &'static str,
    /// What it is worth.
    pub worth: Worth,
    /// What is different, in a few words.
    pub about: &'static str,
}

const fn drift(id: &'static str, about: &'static str) -> DriftRule {
    DriftRule { id, worth: Worth::Drift, about }
}

const fn note(id: &'static str, about: &'static str) -> DriftRule {
    DriftRule { id, worth: Worth::Note, about }
}

pub(super) static OUTCOME: DriftRule = drift("outcome", "the exchange comes to something else");
pub(super) static STATUS: DriftRule = drift("status", "another HTTP status");
pub(super) static ERROR_CODE: DriftRule = drift("error-code", "another error code");
pub(super) static HEADER_MOCK: DriftRule = drift("header-only-mock", "a header that only the mock sends");
pub(super) static HEADER_REAL: DriftRule = drift("header-only-real", "a header that only the real system sends");
pub(super) static HEADER_FORM: DriftRule = drift("header-form", "a header of another form");
pub(super) static MEMBER_MOCK: DriftRule = drift("member-only-mock", "a member that only the mock has");
pub(super) static MEMBER_REAL: DriftRule = drift("member-only-real", "a member that only the real system has");
pub(super) static TYPE: DriftRule = drift("type", "a value of another type");
pub(super) static BODY: DriftRule = drift("body-form", "a body of another kind");
pub(super) static MESSAGES: DriftRule = note("messages", "messages beside the answer");
pub(super) static DELIVERY: DriftRule = note("answer-form", "an answer as JSON or as a stream");
pub(super) static LIST_MEMBER: DriftRule = note("list-member", "a member of what is listed, that need not be there");

/// Every rule.
pub static DRIFT_RULES: [&DriftRule; 13] = [
    &OUTCOME,
    &STATUS,
    &ERROR_CODE,
    &HEADER_MOCK,
    &HEADER_REAL,
    &HEADER_FORM,
    &MEMBER_MOCK,
    &MEMBER_REAL,
    &TYPE,
    &BODY,
    &MESSAGES,
    &DELIVERY,
    &LIST_MEMBER,
];
