//! Every scenario is one test: `cargo test -p example-gateway`, or `cargo nextest run -p example-gateway`.

fn main() -> std::process::ExitCode {
    gauntlet::harness::Suite::new()
        .pack("mcp")
        .pack("gateway")
        .scenarios("tests/scenarios")
        .var("gateway", env!("CARGO_BIN_EXE_example-gateway"))
        .run()
}
