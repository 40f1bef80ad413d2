//! The named misbehaviours.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::ConfigError;
use crate::defect::{DefectSet, defects};

defects! {
    /// A misbehaviour that the server can be told to show.
    pub(super) enum Defect {
        // Envelope
        JsonrpcMissing = "jsonrpc-missing": "answers have no `jsonrpc` member",
        IdNotEchoed = "id-not-echoed": "answers carry another id than the request",
        IdAsString = "id-as-string": "a numeric id comes back as a string",
        ResultAndError = "result-and-error": "answers hold a result and an error",
        ErrorCodeAsString = "error-code-as-string": "the code of an error is a string",
        NotificationWithId = "notification-with-id": "notifications of the server carry an id",
        MessageInvalidUtf8 = "message-invalid-utf8": "answers of tools hold a byte that is not UTF-8",
        ParseErrorWrongCode = "parse-error-wrong-code": "input that is not JSON is answered with -32603",
        ParseError200Empty = "parse-error-200-empty": "input that is not JSON is answered with 200 and no body (stdio: not at all)",
        InvalidRequestWrongCode = "invalid-request-wrong-code": "JSON that is no request is answered with -32603",
        UnknownMethodWrongCode = "unknown-method-wrong-code": "an unknown method is answered with -32603",
        UnknownMethodAsResult = "unknown-method-as-result": "an unknown method is answered with an empty result",
        InvalidParamsWrongCode = "invalid-params-wrong-code": "bad parameters are answered with -32603",
        // Lifecycle and versions
        VersionNotEchoed = "version-not-echoed": "initialize answers a supported version with another one",
        VersionAlternativeAsError = "version-alternative-as-error": "initialize answers an unsupported version with an error",
        VersionEchoedBlindly = "version-echoed-blindly": "initialize agrees to any version, known or not",
        VersionAlternativeOldest = "version-alternative-oldest": "initialize answers an unsupported version with an old one",
        InitializeWithoutServerInfo = "initialize-result-without-serverinfo": "the initialize result has no `serverInfo`",
        InitializeWithoutCapabilities = "initialize-without-capabilities": "the initialize result has no `capabilities`",
        ToolsCapabilityMissing = "tools-capability-missing": "there are tools, but the capability is not declared",
        PingUnanswered = "ping-unanswered": "ping gets no answer",
        PingWithContent = "ping-with-content": "ping is answered with an error",
        // Streamable HTTP
        OriginNotChecked = "origin-not-checked": "a foreign `Origin` is served",
        OriginDemanded = "origin-demanded": "a request without `Origin` is refused",
        ContentTypeWrong = "content-type-wrong": "answers are labelled text/plain",
        Notification200WithBody = "notification-200-with-body": "a notification is answered with 200 and a JSON-RPC result",
        NotificationRefused = "unknown-notification-refused": "an unknown notification is answered with 400",
        GetAnswersJson = "get-answers-json": "GET is answered with 200 and a JSON document",
        SessionIdMissing = "session-id-missing": "a session is demanded but its id never given",
        SessionIdNotAscii = "session-id-not-ascii": "the session id holds bytes outside visible ASCII",
        SessionIdPredictable = "session-id-predictable": "session ids are counted up",
        SessionNotChecked = "session-not-checked": "requests without a session id are served",
        DeadSession200 = "dead-session-200": "requests with the id of an ended or unknown session are served",
        SessionDeleteIgnored = "session-delete-ignored": "DELETE is acknowledged but ends nothing",
        ProtocolVersionHeaderIgnored = "protocol-version-header-ignored": "a bad `MCP-Protocol-Version` is served",
        VersionHeaderDemanded = "version-header-demanded": "a session's request without `MCP-Protocol-Version` is refused",
        BatchRefused = "batch-refused": "a batch is refused in 2025-03-26",
        BatchAnswerMissing = "batch-answer-missing": "the last request of a batch gets no answer",
        BatchStillServed = "batch-still-served": "a batch is served after 2025-03-26",
        // Event streams
        SseWithoutData = "sse-without-data": "events carry their message in no `data` field",
        SseEventNotTerminated = "sse-event-not-terminated": "no blank line ends the last event",
        SseStreamLeftOpen = "sse-stream-left-open": "the stream stays open after the answer",
        SseClosedBeforeAnswer = "sse-closed-before-answer": "the stream ends before the answer",
        SseEventIdRepeated = "sse-event-id-repeated": "all events have the same id",
        SsePrimingMissing = "sse-priming-missing": "streams of 2025-11-25 do not begin with an id and empty data",
        AccelBufferingMissing = "accel-buffering-missing": "event streams have no `X-Accel-Buffering: no`",
        ResponseOnWrongStream = "response-on-wrong-stream": "answers come on the GET stream",
        NotificationBroadcast = "notification-broadcast": "messages of a request come on the GET stream as well",
        ResumeForeignStream = "resume-foreign-stream": "resumption replays the events of other streams too",
        // Tools
        ToolsListWithoutInputSchema = "tools-list-without-input-schema": "listed tools have no `inputSchema`",
        ToolsListInvalidSchema = "tools-list-invalid-schema": "the input schemas of listed tools are no JSON Schema",
        ToolsListDropsLastPage = "tools-list-drops-last-page": "the last page of a list cannot be reached",
        ToolsListCursorLoops = "tools-list-cursor-loops": "following `nextCursor` never ends",
        ToolsListDuplicates = "tools-list-duplicates": "an item stands on two pages",
        ToolsOrderUnstable = "tools-order-unstable": "every second tools/list is in reverse order",
        InvalidCursorAccepted = "invalid-cursor-accepted": "an invalid cursor gives the first page",
        UnknownToolAsSuccess = "unknown-tool-as-success": "an unknown tool is answered with success",
        BadArgumentsAccepted = "bad-arguments-accepted": "arguments that do not fit the schema are accepted",
        ToolErrorAsProtocolError = "tool-error-as-protocol-error": "a failure of a tool comes as a JSON-RPC error",
        ToolErrorAsSuccess = "tool-error-as-success": "a failure of a tool comes without `isError`",
        ContentMissing = "content-missing": "tool results have no `content`",
        TextAltered = "text-altered": "characters outside ASCII become question marks in tool results",
        StructuredContentMissing = "structured-content-missing": "tools with an output schema give no structured content",
        StructuredTextMissing = "structured-text-missing": "structured content is not repeated as text",
        MediaNotBase64 = "media-not-base64": "images are not encoded as base64",
        StructuredContentWrong = "structured-content-wrong": "structured content does not fit the output schema",
        // Resources and prompts
        ResourceNotFoundEmpty = "resource-not-found-empty": "an unknown resource reads as empty `contents`",
        ResourceNotFoundWrongCode = "resource-not-found-wrong-code": "an unknown resource gives -32603",
        PromptArgumentNotRequired = "prompt-argument-not-required": "a prompt is given without its required arguments",
        // Progress and logging
        ProgressDecreasing = "progress-decreasing": "progress counts down",
        ProgressWrongToken = "progress-wrong-token": "progress names a token that nobody gave",
        ProgressAfterResponse = "progress-after-response": "progress goes on after the answer",
        LogWithoutOptIn = "log-without-optin": "log messages are sent to a request that asked for none (2026-07-28)",
        LogLevelIgnored = "log-level-ignored": "log messages below the level asked for are sent",
        // 2026-07-28
        DiscoverMissing = "discover-missing": "server/discover is an unknown method",
        DiscoverWithoutVersions = "discover-without-versions": "the discover result has no `supportedVersions`",
        ResultTypeMissing = "result-type-missing": "results have no `resultType`",
        CacheHintsMissing = "cache-hints-missing": "cacheable results have no `ttlMs` and `cacheScope`",
        CacheScopeVaries = "cache-scope-varies": "later pages of tools/list have another `cacheScope`",
        ClientInfoDemanded = "client-info-demanded": "a request without `clientInfo` is refused",
        ClientCapabilitiesIgnored = "client-capabilities-ignored": "clients are asked for what they did not declare",
        RequestStateUnchecked = "request-state-unchecked": "a `requestState` that the server did not make is accepted",
        ServerInfoMissing = "server-info-missing": "results do not name the server in `_meta`",
        StatelessMintsSession = "stateless-mints-session": "a session id is given to stateless requests",
        StatelessServerRequest = "stateless-server-request": "the server sends a request of its own instead of `input_required`",
        MetaNotRequired = "meta-not-required": "requests without the required `_meta` members are served",
        HeaderMismatchAccepted = "header-mismatch-accepted": "`MCP-Protocol-Version` may differ from the body",
        VersionHeaderNotRequired = "version-header-not-required": "`MCP-Protocol-Version` may be left out",
        McpMethodHeaderIgnored = "mcp-method-header-ignored": "`Mcp-Method` may be absent or wrong",
        McpNameHeaderIgnored = "mcp-name-header-ignored": "`Mcp-Name` may be absent or wrong",
        McpNameBase64NotDecoded = "mcp-name-base64-not-decoded": "an encoded `Mcp-Name` is compared without decoding",
        McpParamHeaderIgnored = "mcp-param-header-ignored": "`Mcp-Param-*` may be absent or wrong",
        HeaderErrorWrongCode = "header-error-wrong-code": "bad headers are answered with -32600",
        UnsupportedVersionAccepted = "unsupported-version-accepted": "a version that the server does not know is served",
        UnsupportedVersionWithoutData = "unsupported-version-without-data": "the error for an unknown version does not say which ones are known",
        UnknownMethod200 = "unknown-method-200": "an unknown method is answered with HTTP 200",
        GetNot405 = "get-not-405": "GET opens a stream for a client without a session",
        // stdio
        StdoutNoise = "stdout-noise": "lines that are no messages appear on standard output",
        StdioEmbeddedNewline = "stdio-embedded-newline": "answers of tools are written over several lines",
    }
}

/// The defects that the server shows at the moment; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Defects(Arc<RwLock<DefectSet<Defect>>>);

impl Defects {
    /// Shows these defects and no others.
    pub(super) fn set(&self, ids: &[String]) -> Result<(), ConfigError> {
        let chosen = DefectSet::parse(super::NAME, ids)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = chosen;
        Ok(())
    }

    /// Whether this defect is to be shown.
    pub(super) fn shows(&self, defect: Defect) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).has(defect)
    }

    /// Whether any defect is to be shown.
    pub(super) fn any(&self) -> bool {
        !self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
