//! How STS can be made to misbehave.

use crate::defect::defects;

defects! {
    /// Misbehaviour of STS.
    pub(super) enum StsDefect {
        ExpiredJwtAccepted = "expired-jwt-accepted": "an identity token that is over is taken",
        JwtSignatureNotChecked = "jwt-signature-not-checked": "an identity token is taken whoever signed it",
        UnknownIssuerAccepted = "unknown-issuer-accepted": "an identity token of an issuer that is not registered is taken",
        AudienceNotChecked = "audience-not-checked": "an identity token for another audience gets past the provider's list",
        TrustPolicyIgnored = "trust-policy-ignored": "the trust policy of a role is not looked at",
        TrustConditionsIgnored = "trust-conditions-ignored": "the conditions of a trust policy are not looked at",
        RolePolicyConsulted = "role-policy-consulted": "the permissions of a role decide on who may assume it with an identity token",
        SessionNameNotChecked = "session-name-not-checked": "any session name is taken",
        DurationNotChecked = "duration-not-checked": "DurationSeconds may be anything",
        RoleMaximumIgnored = "role-maximum-ignored": "a session may be longer than its role allows",
        ChainingUnbounded = "chaining-unbounded": "a session of a session may be longer than an hour",
        SignatureNotChecked = "signature-not-checked": "a signature that does not match is taken",
        UnsignedAccepted = "unsigned-accepted": "calls that need a signature are answered without one",
        ExpiredSignatureAccepted = "expired-signature-accepted": "a signature that is too old is taken",
        FutureSignatureAccepted = "future-signature-accepted": "a signature that was made in the future is taken",
        WrongServiceAccepted = "wrong-service-accepted": "a signature for another service is taken",
        WrongRegionAccepted = "wrong-region-accepted": "a signature for another region is taken",
        UnsignedHostAccepted = "unsigned-host-accepted": "host and x-amz-* headers need not be signed",
        SessionTokenNotChecked = "session-token-not-checked": "the session token is not looked at",
        ExpiredTokenAccepted = "expired-token-accepted": "credentials are taken after their end",
        CallerIdentityDenied = "caller-identity-denied": "GetCallerIdentity is subject to policies",
        CallerIdentityOfAccount = "caller-identity-of-account": "GetCallerIdentity names the root of the account",
        IdentityPolicyIgnored = "identity-policy-ignored": "AssumeRole does not ask whether the caller may",
        ExpirationTooLate = "expiration-too-late": "credentials say that they last twice as long as was asked",
        SessionNameFromSubject = "session-name-from-subject": "the session has the name of the subject in place of the one asked for",
        SubjectMissing = "subject-missing": "the answer does not name the subject of the identity token",
        SameCredentials = "same-credentials": "everybody who assumes a role gets the same credentials",
        ErrorAs200 = "error-as-200": "errors have status 200",
        ErrorAsJson = "error-as-json": "errors are JSON",
        RequestIdMissing = "request-id-missing": "answers have no request id",
        UnknownActionAs500 = "unknown-action-as-500": "an unknown action is answered 500",
        GetRefused = "get-refused": "GET is answered 405",
        UnreachableAsDenied = "unreachable-as-denied": "an identity provider that cannot be reached is told as access denied",
    }
}
