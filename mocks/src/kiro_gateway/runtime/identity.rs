//! What the gateway says of itself: the headers of an IDE-like client.

use sha2::{Digest, Sha256};
use uuid::Uuid;

const SDK: &str = "1.0.34";
const IDE: &str = "0.11.107";

/// The identity of one instance. Its fingerprint stays the same as long as it runs.
#[derive(Debug, Clone)]
pub(in super::super) struct Identity {
    mark: String,
    /// The mark of another machine.
    other_mark: String,
}

impl Identity {
    pub(in super::super) fn new() -> Self {
        let mark = || {
            let digest = Sha256::digest(Uuid::new_v4().as_bytes());
            let fingerprint: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("KiroIDE-{IDE}-{fingerprint}")
        };
        Self { mark: mark(), other_mark: mark() }
    }

    /// `User-Agent` of a token request.
    pub(super) fn product(&self) -> String {
        self.mark.clone()
    }

    /// The two user agents of a request to the runtime, and what goes with them.
    pub(super) fn headers(&self, optout: bool, mismatched: bool) -> Vec<(&'static str, String)> {
        let second = if mismatched { &self.other_mark } else { &self.mark };
        vec![
            (
                "user-agent",
                format!(
                    "aws-sdk-js/{SDK} ua/2.1 os/linux#6.8.0 lang/js md/nodejs#22.21.1 \
                     api/codewhispererstreaming#{SDK} m/E {}",
                    self.mark
                ),
            ),
            ("x-amz-user-agent", format!("aws-sdk-js/{SDK} {second}")),
            ("x-amzn-codewhisperer-optout", optout.to_string()),
            ("x-amzn-kiro-agent-mode", "vibe".to_owned()),
            ("amz-sdk-invocation-id", Uuid::new_v4().to_string()),
            ("amz-sdk-request", "attempt=1; max=3".to_owned()),
        ]
    }
}
