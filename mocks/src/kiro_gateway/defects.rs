//! Misbehaviour that the gateway can be told to show, most of it seen in real gateways.

use crate::defect::defects;

defects! {
    /// A way to be wrong.
    pub(super) enum GatewayDefect {
        // What a search carries.
        BareHeaders = "bare-headers": "a search carries the token and the content type, and no client identity",
        UserAgentsMismatch = "user-agents-mismatch": "User-Agent and x-amz-user-agent carry different fingerprints",
        AmzTargetLeaked = "amz-target-leaked": "a search carries the x-amz-target of a completion",
        TokentypeMissing = "tokentype-missing": "an API key goes out without its tokentype",
        ClientKeyForwarded = "client-key-forwarded": "the key of the client is passed on to the runtime",
        // The profile.
        ProfileArnOmitted = "profile-arn-omitted": "a search names no profile",
        ProfileArnNotResolved = "profile-arn-not-resolved": "a profile that is not stored is not looked for, so that it comes with the next refresh at best",
        ProfileArnByRefreshOnly = "profile-arn-by-refresh-only": "a profile that is not stored is looked for by a refresh alone, which helps Kiro Desktop only",
        ProfileArnEmpty = "profile-arn-empty": "a profile that is not stored goes out as an empty text",
        ProfileArnInParams = "profile-arn-in-params": "the profile goes out inside params",
        ProfileArnInQuery = "profile-arn-in-query": "the profile goes out as a query parameter",
        ProfileArnWrongHeader = "profile-arn-wrong-header": "the profile goes out in x-amzn-codewhisperer-profile-arn",
        PlaceholderProfile = "placeholder-profile": "every search names the shared placeholder profile",
        ProfileForgotten = "profile-forgotten": "a profile that was looked up is not remembered",
        ProfileLookupOneRegion = "profile-lookup-one-region": "profiles are looked up in us-east-1 only",
        SignInRegionUsed = "sign-in-region-used": "searches go to the region of the sign-in, not to that of the profile",
        BuilderIdOnRuntime = "builder-id-on-runtime": "an account without profiles searches on the runtime host, which wants one",
        // Tokens.
        ExpiredTokenNotRefreshed = "expired-token-not-refreshed": "a search whose token is refused is not repeated with a new one",
        ExpiringTokenUsed = "expiring-token-used": "a stored token is used until it is refused, even when its time is over",
        RefreshLoop = "refresh-loop": "as long as the token is refused it is refreshed and the search repeated",
        RefreshInParallel = "refresh-in-parallel": "searches at the same time each refresh, with the same refresh token",
        RotatedTokenForgotten = "rotated-token-forgotten": "the new refresh token of an answer is not kept",
        RefreshForNotAuthorized = "refresh-for-not-authorized": "a 403 that is not about the token is met with a refresh and a repetition",
        // Limits.
        RetryAfterLost = "retry-after-lost": "the Retry-After of a 429 does not reach the client",
        RateLimitAsFailure = "rate-limit-as-failure": "a 429 is told as a failure of any kind",
        RetriesRateLimit = "retries-rate-limit": "a 429 is met with two more tries at once",
        RetriesNotAuthorized = "retries-not-authorized": "a 403 that is not about the token is met with two more tries at once",
        // Failures and successes told apart.
        StatusAsEmptySuccess = "status-as-empty-success": "an error status of the runtime is shown as a search without results",
        RpcErrorAsEmptySuccess = "rpc-error-as-empty-success": "a JSON-RPC error is shown as a search without results",
        ToolErrorAsEmptySuccess = "tool-error-as-empty-success": "a tool error is shown as a search without results",
        MalformedAsEmptySuccess = "malformed-as-empty-success": "an answer that cannot be read is shown as a search without results",
        CutAsEmptySuccess = "cut-as-empty-success": "an answer that breaks off, or never comes, is shown as a search without results",
        RefreshFailureAsEmptySuccess = "refresh-failure-as-empty-success": "a sign-in that is over is shown as a search without results",
        NoResultsAsFailure = "no-results-as-failure": "a search that finds nothing is shown as a failure",
        InnerErrorIgnored = "inner-error-ignored": "an error inside the result text is not looked at",
        CompletionCutAsComplete = "completion-cut-as-complete": "a completion that breaks off is shown as a whole one",
        LongQueryCut = "long-query-cut": "a query that is too long is cut and searched for",
        UpstreamErrorLeaked = "upstream-error-leaked": "the runtime's error body is shown to the client",
        // What a search found.
        TextNotDecoded = "text-not-decoded": "the result text is handed on as it is, without results",
        IsoDatesCrash = "iso-dates-crash": "a date that is text ends in a bare 500, or in a stream without an event",
        NullDatesDropped = "null-dates-dropped": "results without a date are left out",
        ResultsNullCrash = "results-null-crash": "results that are null end in a bare 500, or in a stream without an event",
        ResultsReordered = "results-reordered": "results reach the client in another order",
        ResultDropped = "result-dropped": "the last result does not reach the client",
        TitleEscaped = "title-escaped": "titles are escaped for HTML",
        WrongIdAccepted = "wrong-id-accepted": "an answer with the id of another request is taken",
        ToolUseIdMissing = "tool-use-id-missing": "the result block does not say which call it belongs to",
        SearchUsageMissing = "search-usage-missing": "the usage does not count searches",
        // Time.
        NoKeepAlive = "no-keep-alive": "the client hears nothing while the runtime is silent",
        NoTimeout = "no-timeout": "it waits for the runtime without end",
        // What the client asked.
        LoginNotChecked = "login-not-checked": "any key will do",
        BearerNotAccepted = "bearer-not-accepted": "the key is taken in x-api-key only",
        QueryFromFirstMessage = "query-from-first-message": "the first message of the user is searched for, not the last",
        QueryPrefixKept = "query-prefix-kept": "the whole sentence of a side query is searched for",
        TurnReplacedBySearch = "turn-replaced-by-search": "whenever the search tool is declared the turn is a search, other tools or not",
        SystemRoleRefused = "system-role-refused": "a message with the role system is refused with 422",
        OwnBlocksRefused = "own-blocks-refused": "the result blocks of an earlier answer are refused with 422",
        StreamFalseIgnored = "stream-false-ignored": "the answer is a stream whatever the client asked",
        // The injected tool.
        ServerToolAsFunction = "server-tool-as-function": "the server tool is passed on as a function without a schema",
        ResultsNeverReachModel = "results-never-reach-model": "what a search found is not given to the model",
        SecondRoundForgetsFirst = "second-round-forgets-first": "after a second search the model is not told what the first one found",
        LeaksWhenNotStreaming = "leaks-when-not-streaming": "without streaming, the model's search call reaches the client as a tool call",
        LeaksAfterFailure = "leaks-after-failure": "after a failed search the model's call reaches the client as a tool call",
        MaxUsesIgnored = "max-uses-ignored": "the model searches more often than the client allowed",
    }
}
