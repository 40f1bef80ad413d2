//! Region and service, as they stand in the credential scope of a signature.

use crate::config::ConfigError;

/// Checks the name of a region or a service, which is the member of that name.
pub(crate) fn check(member: &str, name: &str) -> Result<(), ConfigError> {
    match !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        true => Ok(()),
        false => Err(ConfigError::new(member, format!("`{name}` is no {member}: letters, digits and hyphens"))),
    }
}
