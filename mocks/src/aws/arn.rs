//! Names of principals.

/// The parts of an ARN (`arn:partition:service:region:account:resource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) service: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; none if it is not one.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let (service, _region, account, resource) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_arn = arn == "arn" && !partition.is_empty() && !service.is_empty() && !resource.is_empty();
        is_arn.then_some(Self { service, account, resource })
    }
}

/// The account that a principal belongs to.
pub(crate) fn account_of(principal: &str) -> &str {
    Arn::parse(principal).map_or("", |arn| arn.account)
}

/// The ARN of a role in this account; a role may have a path.
pub(crate) fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

/// The ARN of a role's session. It has the role's name without its path.
pub(crate) fn session_of(role: &str, session: &str) -> Option<String> {
    let arn = Arn::parse(role)?;
    let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
    Some(format!("arn:aws:sts::{}:assumed-role/{name}/{session}", arn.account))
}

/// Who stands behind a principal for longer than a session: the role of an assumed role, else the principal itself.
pub(crate) fn owner_of(principal: &str) -> String {
    let of_role = || {
        let arn = Arn::parse(principal)?;
        let (name, _session) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        Some(role(arn.account, name))
    };
    of_role().unwrap_or_else(|| principal.to_owned())
}

/// Whether a text is an account number.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let arn = Arn::parse("arn:aws:iam::123456789012:role/team/Reader").expect("an ARN");
        assert_eq!((arn.service, arn.account, arn.resource), ("iam", "123456789012", "role/team/Reader"));
        for text in ["", "arn", "arn:aws:iam::123456789012", "urn:aws:iam::1:x", "arn:aws:iam::123456789012:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn roles_and_their_sessions() {
        let session = session_of("arn:aws:iam::123456789012:role/team/Reader", "alice").expect("a role");
        assert_eq!(session, "arn:aws:sts::123456789012:assumed-role/Reader/alice");
        assert_eq!(owner_of(&session), "arn:aws:iam::123456789012:role/Reader");
        let user = "arn:aws:iam::123456789012:user/alice";
        assert_eq!(owner_of(user), user);
        assert_eq!((session_of(user, "x"), account_of(user), account_of("x")), (None, "123456789012", ""));
    }
}
