//! The `gauntlet` command: arguments, colours and exit codes. Everything else is in the libraries.

mod args;
mod command;
mod exit;
mod terminal;

use clap::Parser as _;

use args::{Arguments, Command};

fn main() -> std::process::ExitCode {
    terminal::quieten_panics();
    let arguments = Arguments::parse();
    // `diff` and `drift` show more of what they found first.
    let own = u8::from(matches!(arguments.command, Command::Diff(_) | Command::Drift(_) | Command::Replay(_)));
    terminal::init_tracing(arguments.verbose.saturating_sub(own));
    terminal::choose_color(arguments.color);
    let outcome = match arguments.command {
        Command::Run(options) => command::run::run(options),
        Command::Baseline(options) => command::baseline::run(&options),
        Command::Report(options) => command::report::run(&options),
        Command::Merge(options) => command::merge::run(&options),
        Command::List(options) => command::list::run(&options),
        Command::Check(options) => command::check::run(&options),
        Command::Schema(options) => command::schema::run(&options),
        Command::Mock(options) => command::mock::run(options),
        Command::Ablate(options) => command::ablate::run(&options),
        Command::Audit(options) => command::audit::run(&options),
        Command::Probe(options) => command::probe::run(&options),
        Command::Drift(options) => command::drift::run(&options, arguments.verbose > 0),
        Command::Diff(options) => command::diff::run(options, arguments.verbose > 0),
        Command::Coverage(options) => command::coverage::run(&options),
        Command::History(options) => command::history::run(&options),
        Command::Explain(options) => command::explain::run(&options),
        Command::Record(options) => command::record::run(&options, arguments.verbose > 0),
        Command::Init(options) => command::init::run(&options),
        Command::Minimize(options) => command::minimize::run(&options),
        Command::Replay(options) => command::replay::run(&options, arguments.verbose > 0),
        Command::Import(options) => command::import::run(&options),
        Command::Completions(options) => command::completions::run(&options),
        Command::Diagnose(options) => command::diagnose::run(&options),
        Command::Bundle(options) => command::bundle::run(&options),
    };
    outcome.unwrap_or_else(|error| error.report()).into()
}
