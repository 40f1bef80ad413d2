//! Upstreams in place of hosts, for a program that was never told of them.

use gauntlet::config::{ClientSpec, Endpoint, HostPattern, TargetSpec, UpstreamSpec};
use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};
use serde_json::Map;

use super::common::trial;
use super::support::{Run, program, run, this_as};

pub(crate) const PLAIN: &str = "plain-client";

const KIRO: &str = "https://runtime.us-east-1.kiro.dev/mcp";
const LEGACY: &str = "https://q.us-east-1.amazonaws.com/mcp";
const TELEMETRY: &str = "https://telemetry.example.net/";

/// Both hosts reach the mock, over HTTP/2.
const MEETS_THE_MOCK: &str = "\
id: client.meets-the-mock
title: The client reaches the runtime under both its names
target: client
steps:
  - drive: true
    expect: { outcome: done, stdout: { $contains: HTTP/2.0 } }
  - received: runtime
    expect:
      requests:
        - { path: /mcp, headers: { host: runtime.us-east-1.kiro.dev }, status: 403 }
        - { path: /mcp, headers: { host: q.us-east-1.amazonaws.com }, status: 403 }
";

const WANTS_ONE: &str = "\
id: client.wants-one
title: The client reaches the runtime
target: client
steps:
  - drive: true
    timeout: 10s
    expect: { outcome: { $any: true } }
  - received: runtime
    count: 1
";

/// The client posts to the URLs; the runtime stands for its hosts.
fn posting(urls: &[&str]) -> Result<TargetSpec, Failed> {
    let mut spec = program(this_as(PLAIN, urls));
    let intercept = ["runtime.*.kiro.dev", "q.*.amazonaws.com"].map(HostPattern::parse);
    let intercept = intercept.into_iter().collect::<Result<Vec<_>, _>>()?;
    let runtime = UpstreamSpec {
        mock: "kiro-runtime".to_owned(),
        config: Map::new(),
        on_demand: false,
        recorded: None,
        intercept,
    };
    spec.upstreams = [("runtime".to_owned(), runtime)].into();
    Ok(spec)
}

fn with_environment(mut spec: TargetSpec, variables: &[(&str, &str)]) -> TargetSpec {
    if let Endpoint::Client(ClientSpec::Program(command)) = &mut spec.endpoint {
        command.environment.extend(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    }
    spec
}

/// The verdict and what is told.
async fn expect(target: TargetSpec, scenario: &str, verdict: Verdict, told: &str) -> Result<Run, Failed> {
    let run = run(target, scenario).await?;
    run.expect(verdict, told)?;
    Ok(run)
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("intercept/a_program_meets_the_mock", || async {
            expect(posting(&[KIRO, LEGACY])?, MEETS_THE_MOCK, Verdict::Pass, "").await.map(|_| ())
        }),
        trial("intercept/a_host_that_nobody_stands_for_is_a_note", || async {
            let told = "the target wanted telemetry.example.net:443, which no upstream intercepts";
            let passed = expect(posting(&[KIRO, TELEMETRY])?, WANTS_ONE, Verdict::Pass, told).await?;
            assert!(passed.console().contains("noted"), "{}", passed.console());
            expect(posting(&[TELEMETRY])?, WANTS_ONE, Verdict::Fail, told).await.map(|_| ())
        }),
        trial("intercept/a_program_that_does_not_trust_is_not_blamed", || async {
            // Trusts somebody, and not the authority of the run.
            let other = rcgen::generate_simple_self_signed(["other.example.com".to_owned()])?;
            let roots = tempfile::NamedTempFile::new()?;
            std::fs::write(roots.path(), other.cert.pem())?;
            let roots_file = roots.path().to_string_lossy().into_owned();
            let spec = with_environment(posting(&[KIRO])?, &[("SSL_CERT_FILE", &roots_file)]);
            let run = expect(spec, WANTS_ONE, Verdict::Error, "does not trust the certificate authority").await?;
            for told in ["runtime.us-east-1.kiro.dev:443", "by the alert unknown_ca", "SSL_CERT_FILE"] {
                run.expect(Verdict::Error, told)?;
            }
            assert!(!run.console().contains("to blame"), "{}", run.console());
            Ok(())
        }),
        trial("intercept/a_program_that_knows_no_proxy_is_told_apart", || async {
            // A port on which nobody listens in place of the real host.
            let elsewhere =
                ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, "http://127.0.0.1:1"));
            let spec = with_environment(posting(&[KIRO])?, &elsewhere);
            expect(spec, WANTS_ONE, Verdict::Fail, "never came to the interceptor").await.map(|_| ())
        }),
        trial("intercept/a_setting_of_its_own_is_told_where_everything_is", || async {
            let script = "test -s \"$1\" && test -s \"$2\" && HTTPS_PROXY=$0 exec \"$3\" \"$4\" \"$5\"";
            let mut words = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
            let files = ["${intercept.proxy}", "${intercept.ca_file}", "${intercept.bundle_file}"];
            words.extend(files.map(str::to_owned));
            words.extend(this_as(PLAIN, &[KIRO]));
            let mut spec = posting(&[])?;
            if let Endpoint::Client(ClientSpec::Program(command)) = &mut spec.endpoint {
                command.command = words;
            }
            expect(spec, WANTS_ONE, Verdict::Pass, "").await.map(|_| ())
        }),
        trial("intercept/a_variable_that_an_interceptor_does_not_have", || async {
            let unknown = with_environment(posting(&[KIRO])?, &[("X", "${intercept.key_file}")]);
            expect(unknown, WANTS_ONE, Verdict::Error, "an interceptor knows `proxy`").await?;
            let mut without = with_environment(posting(&[KIRO])?, &[("X", "${intercept.proxy}")]);
            without.upstreams.values_mut().for_each(|upstream| upstream.intercept.clear());
            expect(without, WANTS_ONE, Verdict::Error, "there is no interceptor").await.map(|_| ())
        }),
        trial("intercept/a_server_that_never_gets_ready_says_what_it_wanted", || async {
            let mut spec = posting(&[])?;
            let mut words = this_as(PLAIN, &[TELEMETRY]);
            words.splice(0..0, ["/bin/sh", "-c", "\"$@\"; sleep 60", "sh"].map(str::to_owned));
            let Endpoint::Client(ClientSpec::Program(mut command)) = spec.endpoint else {
                return Err("not a program".into());
            };
            command.command = words;
            command.url = Some("http://127.0.0.1:${port}/mcp".to_owned());
            command.ready_timeout = std::time::Duration::from_secs(5);
            spec.endpoint = Endpoint::Command(command);
            spec.versions = Some(vec![gauntlet_format::Version::V2025_06_18]);
            let scenario =
                "id: a\ntitle: b\ntarget: client\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
            expect(spec, scenario, Verdict::Error, "the target wanted telemetry.example.net:443").await.map(|_| ())
        }),
    ]
}
