//! `gauntlet completions`

use clap::CommandFactory as _;

use crate::args::{Arguments, CompletionsArgs};
use crate::exit::{Exit, Outcome};

pub(crate) fn run(args: &CompletionsArgs) -> Outcome {
    clap_complete::generate(args.shell, &mut Arguments::command(), "gauntlet", &mut std::io::stdout());
    Ok(Exit::Conforms)
}
