//! How the sides of a comparison are run.

use clap::Args;

/// Of each side that is run for what it answers.
#[derive(Debug, Args)]
pub(crate) struct SidesArgs {
    /// Switch a mock's defect on, on every side that is run: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// Bound on each answer [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
}

/// How long a person is waited for.
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// How long to wait for somebody to sign in by browser; 0s: nobody is asked [default: 5m, or 0s without a terminal or
    /// with CI set]
    #[arg(long, value_name = "DURATION")]
    pub sign_in_timeout: Option<String>,
}
