//! Credentials of a target, for a scenario that leaves them to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet_format::{Pack, Source, resolve};
use serde_json::Value;

use crate::packs;

/// What the pack of a role gives its scenarios as `auth`: a mock may take the tokens of the provider beside it only. `None`: what
/// the target has serves.
pub(super) fn of_role(role: &str) -> Option<Value> {
    let is_pack = |path: &str| Path::new(path).file_name().is_some_and(|name| name == "pack.yaml");
    packs::FILES.iter().filter(|(path, _)| is_pack(path)).find_map(|(path, text)| {
        let source = Source { path: PathBuf::from(path), text: (*text).into() };
        let pack = Pack::parse(Arc::new(source)).ok()?;
        let auth = pack.defaults.auth.filter(|_| pack.target.is_some_and(|target| target.name == role))?;
        // Variables of the pack mean nothing elsewhere.
        resolve::variables(&auth).is_empty().then(|| auth.to_json())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_whose_mock_wants_a_token_of_its_provider_gets_one() {
        assert_eq!(of_role("remote-proxy"), Some(serde_json::json!({ "jwt": { "from": "idp" } })));
        assert_eq!(of_role("mcp-server"), None);
        assert_eq!(of_role("nobody"), None);
    }
}
