//! The one place that looks at the terminal and the environment.

use std::io::{IsTerminal as _, Write as _};

use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Diagnostics of the harness itself go to stderr: `-v`, `-vv`, or `GAUNTLET_LOG`.
pub(crate) fn init_tracing(verbose: u8) {
    let level = match verbose {
        0 => "error",
        1 => "gauntlet=debug,gauntlet_mocks=debug",
        _ => "gauntlet=trace,gauntlet_mocks=trace,hyper_util=debug",
    };
    let filter = EnvFilter::try_from_env("GAUNTLET_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let subscriber = tracing_subscriber::registry().with(filter).with(lines.with_filter(filter_fn(is_safe)));
    // Fails only when one is set already, which nobody does before.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Whether the line comes from code that is known to log no secret. Libraries below log whole requests when asked to.
fn is_safe(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next().unwrap_or_default();
    matches!(
        krate,
        "gauntlet" | "gauntlet_cli" | "gauntlet_format" | "gauntlet_mocks" | "gauntlet_reports" | "hyper_util"
    )
}

/// A panic is told with its place. Its message only if it is a fixed text: others quote what was being worked on, which
/// may be secret.
pub(crate) fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        let fixed = info.payload().downcast_ref::<&'static str>().map_or_else(String::new, |text| format!(": {text}"));
        // Nobody is left to be told that standard error is gone.
        let _ = writeln!(std::io::stderr(), "gauntlet failed{place}{fixed}; this is a bug, please report it");
    }));
}

/// Makes the choice hold for everything that prints.
pub(crate) fn choose_color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Whether standard output gets colour.
pub(crate) fn color_on_stdout() -> bool {
    !matches!(anstream::AutoStream::choice(&std::io::stdout()), anstream::ColorChoice::Never)
}

/// Whether somebody seems to be there who can be asked: standard error is a terminal, and `CI` is not set.
pub(crate) fn is_attended() -> bool {
    !gauntlet::snapshot::is_ci() && std::io::stderr().is_terminal()
}

/// Whether a progress bar makes sense.
pub(crate) fn shows_progress() -> bool {
    std::io::stderr().is_terminal() && std::io::stdout().is_terminal()
}
