//! What the mocks of AWS services share: principals, credentials of sessions, access keys, IAM policies.

pub(crate) mod arn;
pub(crate) mod credentials;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod role;
pub(crate) mod scope;
pub(crate) mod xml;
