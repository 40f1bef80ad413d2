//! What a program is told of the interceptor.

use super::TrustFiles;

/// Read by curl, Python's requests, httpx and urllib, Go, reqwest, Deno, Bun, .NET and, when `NODE_USE_ENV_PROXY` is set,
/// Node from 22.21 and 24. curl reads the name of plain http in lower case only.
const PROXY: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Loopback is reached directly: the mocks, and the target itself.
const DIRECT: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "localhost,127.0.0.1,::1";

/// Take the place of the roots that a program would use: OpenSSL with everything on it, Go and rustls; requests; curl;
/// the AWS SDKs and command line; git; gRPC.
const INSTEAD: [&str; 6] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
];

/// Come to the roots that a program has: Node, Bun and Deno from 2.8; older Deno.
const BESIDE: [&str; 2] = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"];

/// Lets Node read the proxy's variables.
const NODE_PROXY: &str = "NODE_USE_ENV_PROXY";

/// Names and values.
pub(super) fn variables(proxy: &str, files: &TrustFiles) -> Vec<(String, String)> {
    let bundle = files.bundle.to_string_lossy();
    let ca = files.ca.to_string_lossy();
    let mut variables = Vec::new();
    let mut set = |names: &[&str], value: &str| {
        variables.extend(names.iter().map(|name| ((*name).to_owned(), value.to_owned())));
    };
    set(&PROXY, proxy);
    set(&DIRECT, LOOPBACK);
    set(&INSTEAD, &bundle);
    set(&BESIDE, &ca);
    set(&[NODE_PROXY], "1");
    variables
}

/// The names that carry the authority, for a message.
pub(super) fn trust_names() -> String {
    let names: Vec<&str> = INSTEAD.iter().chain(&BESIDE).copied().collect();
    names.join(", ")
}
