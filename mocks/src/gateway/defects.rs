//! How the gateway can be made to misbehave.

use crate::defect::defects;

defects! {
    /// Misbehaviour of a gateway between its client and its server.
    pub(super) enum GatewayDefect {
        ArgumentsAltered = "arguments-altered": "numbers in the arguments of a call reach the server as text",
        MetaDropped = "meta-dropped": "members of _meta that MCP does not define do not reach the server",
        TokenPassedThrough = "token-passed-through": "the caller's Authorization header reaches the server",
        TokenInQuery = "token-in-query": "the caller's token reaches the server in the query of the URL",
        CallsRepeated = "calls-repeated": "a call that the server answers with a 5xx status is sent a second time",
        CallsTwice = "calls-twice": "each call is sent twice",
        ResultTruncated = "result-truncated": "only the first content block of a tool result is passed on",
        StructuredDropped = "structured-dropped": "structuredContent of a tool result is not passed on",
        ToolsReordered = "tools-reordered": "tools are listed in the order of their names, backwards",
        ToolErrorRaised = "tool-error-raised": "a tool error becomes a JSON-RPC error",
        ErrorReplaced = "error-replaced": "every JSON-RPC error becomes an internal error (-32603)",
        FailureAsEmptySuccess = "failure-as-empty-success": "a failure of the server becomes an empty result",
        CutAsSuccess = "cut-as-success": "an answer that breaks off on the way becomes an empty result",
        SilentWhenDown = "silent-when-down": "while the server is down no call is answered",
        StreamBuffered = "stream-buffered": "an event stream is passed on when it is over",
        StatusFlattened = "status-flattened": "every status of the server that is no success becomes 502",
        HeadersDropped = "headers-dropped": "Retry-After, WWW-Authenticate, Allow and Location of the server are not passed on",
        MediaTypeLost = "media-type-lost": "answers have the media type application/octet-stream, whatever they are",
        SchemasFlattened = "schemas-flattened": "input schemas are listed as objects of any members",
        ResultMetaDropped = "result-meta-dropped": "_meta of a result is not passed on",
        CapabilitiesDropped = "capabilities-dropped": "of the capabilities of the server only `tools` is declared",
        VersionLowered = "version-lowered": "every handshake agrees on 2025-03-26",
        NotificationsDropped = "notifications-dropped": "notifications of the server do not reach the client",
        ServerRequestsDropped = "server-requests-dropped": "requests of the server do not reach the client",
        AnswersEarly = "answers-early": "a call is answered with an empty result before the server has answered",
    }
}
