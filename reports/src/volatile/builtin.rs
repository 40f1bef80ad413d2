//! The built-in rules.

use super::Named;

/// A rule that holds unless it is switched off.
#[derive(Debug)]
pub struct Builtin {
    /// Its name, which the placeholder bears.
    pub name: &'static str,
    /// What it replaces, for the documentation.
    pub about: &'static str,
    /// Headers whose whole value is replaced, in lower case.
    pub headers: &'static [&'static str],
    /// Members of JSON objects whose value is replaced if it is a text or a number.
    pub members: &'static [&'static str],
    /// Regular expressions on any text; the group `v` is replaced.
    pub(super) patterns: &'static [&'static str],
    /// Equal values get equal placeholders.
    pub(super) identity: bool,
}

impl Builtin {
    pub(super) fn named(&self) -> Named {
        Named { name: self.name.to_owned(), identity: self.identity }
    }
}

/// Name of the rule about ids of JSON-RPC messages, which stand at the top of a message only.
pub(super) const RPC_ID: &str = "rpc-id";

/// Name of the rule about the ids of the events of a stream.
pub(super) const EVENT_ID: &str = "event-id";

/// Name of the rule about JSON Web Keys, whose members have names that mean something else elsewhere.
pub(super) const KEY: &str = "key";

/// Name of the rule about the version of Gauntlet, which says of itself who it is.
pub(super) const HARNESS: &str = "harness";

/// Members of a JSON Web Key that are another each time a server makes itself one.
pub(super) const OF_A_KEY: [&str; 4] = ["kid", "n", "x", "y"];

const NOTHING: Builtin = Builtin { name: "", about: "", headers: &[], members: &[], patterns: &[], identity: true };

/// Every built-in rule. Where patterns of two could begin in one place, the first one applies.
pub static BUILTIN: &[Builtin] = &[
    Builtin {
        name: "signature",
        about: "the signature of an AWS request and the day in its scope",
        headers: &["x-amz-content-sha256"],
        patterns: &[
            "Signature=(?<v>[0-9a-f]{64})",
            // From behind the id of the key, which has a rule of its own.
            "/(?<v>20[0-9]{6})/[^/,\\s&]+/[^/,\\s&]+/aws4_request",
            "%2F(?<v>20[0-9]{6})%2F[^%,\\s&]+%2F[^%,\\s&]+%2Faws4_request",
        ],
        identity: false,
        ..NOTHING
    },
    Builtin {
        name: "date",
        about: "dates with a time of day, in headers and texts, and seconds since 1970 in well-known members",
        headers: &["age", "date", "expires", "last-modified", "x-amz-date"],
        members: &[
            "auth_time",
            "client_id_issued_at",
            "client_secret_expires_at",
            "created_at",
            "createdAt",
            "exp",
            "expires_at",
            "expiresAt",
            "iat",
            "lastUpdatedAt",
            "nbf",
            "timestamp",
            "updated_at",
            "updatedAt",
        ],
        patterns: &[
            "(?<v>[12][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)",
            "\\b(?<v>20[0-9]{6}T[0-9]{6}Z)",
            "(?<v>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT)",
        ],
        identity: false,
    },
    Builtin {
        name: "duration",
        about: "how long something took, in headers and well-known members",
        headers: &["server-timing", "x-response-time", "x-runtime"],
        members: &[
            "duration_ms",
            "durationMs",
            "elapsed_ms",
            "elapsedMs",
            "latency_ms",
            "latencyMs",
            "took_ms",
            "tookMs",
        ],
        identity: false,
        ..NOTHING
    },
    Builtin {
        name: "length",
        about: "the length of a body, which follows from the body",
        headers: &["content-length"],
        identity: false,
        ..NOTHING
    },
    Builtin {
        name: "request-id",
        about: "ids that a server or a proxy gives to a request",
        headers: &[
            "cf-ray",
            "request-id",
            "x-amz-id-2",
            "x-amz-request-id",
            "x-amzn-requestid",
            "x-correlation-id",
            "x-request-id",
        ],
        patterns: &["<RequestId>(?<v>[^<]+)</RequestId>"],
        ..NOTHING
    },
    Builtin {
        name: "trace",
        about: "ids of distributed tracing",
        headers: &["b3", "traceparent", "tracestate", "x-amzn-trace-id", "x-b3-spanid", "x-b3-traceid"],
        ..NOTHING
    },
    Builtin {
        name: "session",
        about: "session ids",
        headers: &["mcp-session-id"],
        members: &["sessionId", "session_id"],
        ..NOTHING
    },
    Builtin { name: RPC_ID, about: "ids of JSON-RPC messages", members: &["requestId"], ..NOTHING },
    Builtin { name: EVENT_ID, about: "ids of the events of a stream", headers: &["last-event-id"], ..NOTHING },
    Builtin { name: "cursor", about: "cursors of lists", members: &["cursor", "nextCursor"], ..NOTHING },
    Builtin {
        name: "token",
        about: "tokens of any kind, and what OAuth makes up for one sign-in",
        members: &[
            "access_token",
            "code_challenge",
            "code_verifier",
            "id_token",
            "nonce",
            "progressToken",
            "refresh_token",
        ],
        patterns: &[
            "\\bnonce=\"(?<v>[^\"]+)\"",
            "\\b(?<v>eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*)",
            "(?:^|[?&])(?:state|nonce|code|code_challenge|code_verifier)=(?<v>[^&#\\s]+)",
        ],
        ..NOTHING
    },
    Builtin {
        name: KEY,
        about: "the public keys that a server signs with: `kid`, `n`, `x` and `y` of a JWK",
        ..NOTHING
    },
    Builtin {
        name: HARNESS,
        about: "the version of Gauntlet itself: in `user-agent`, and beside its name as `clientInfo` and `serverInfo` have it",
        patterns: &["\\bgauntlet(?:-[a-z-]+)?/(?<v>[0-9]+\\.[0-9A-Za-z.+-]+)"],
        identity: false,
        ..NOTHING
    },
    Builtin {
        name: "access-key",
        about: "ids of AWS access keys",
        patterns: &["\\b(?<v>A[KS]IA[0-9A-Z]{12,})\\b"],
        ..NOTHING
    },
    Builtin {
        name: "uuid",
        about: "UUIDs in any text",
        patterns: &["\\b(?<v>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})\\b"],
        ..NOTHING
    },
    Builtin {
        name: "hex",
        about: "hexadecimal numbers of 32 digits and more, such as digests and ids of machines",
        patterns: &["\\b(?<v>[0-9a-f]{32,128})\\b"],
        ..NOTHING
    },
    Builtin {
        name: "id",
        about: "generated ids behind a well-known prefix such as `toolu_`, and those of tasks",
        members: &["taskId"],
        patterns: &["\\b(?<v>(?:dyn|srvtoolu|toolu|tooluse|chatcmpl|msg|req|resp|call)[_-][A-Za-z0-9_-]{8,})"],
        ..NOTHING
    },
    Builtin {
        name: "port",
        about: "ports of this machine",
        patterns: &[
            "(?:127\\.0\\.0\\.1|localhost|\\[::1\\]):(?<v>[0-9]{2,5})\\b",
            "(?:127\\.0\\.0\\.1|localhost|%5B%3A%3A1%5D)%3A(?<v>[0-9]{2,5})(?:%|\\b)",
        ],
        ..NOTHING
    },
    Builtin {
        name: "folder",
        about: "folders for temporary files",
        patterns: &["(?<v>(?:/private)?(?:/var/folders/[^/\\s\"']+/[^/\\s\"']+/T|/tmp)/\\.?tmp[A-Za-z0-9]+)"],
        ..NOTHING
    },
];
