//! The shipped packs on the embedded mocks, one test for each case: what a gateway's own crate would write.

fn main() -> std::process::ExitCode {
    gauntlet::harness::Suite::new().scenarios("../../scenarios").run()
}
