//! The one place that looks at the terminal and the environment.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

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
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("GAUNTLET_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    // Fails only when one is set already, which nobody does before.
    let _ = tracing::subscriber::set_global_default(subscriber);
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

/// Whether a progress bar makes sense.
pub(crate) fn shows_progress() -> bool {
    std::io::stderr().is_terminal() && std::io::stdout().is_terminal()
}
