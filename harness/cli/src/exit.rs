//! Exit codes, and errors that end the command.

use std::fmt;
use std::process::ExitCode;

use anstream::eprintln;

/// What the command says to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Conforms.
    Conforms = 0,
    /// Does not.
    DoesNotConform = 1,
    /// Usage, or a scenario file that is wrong.
    Usage = 2,
    /// Target unreachable, credentials missing.
    Infrastructure = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the command could not do its work.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    message: String,
}

impl CommandError {
    pub(crate) fn does_not_conform(message: impl fmt::Display) -> Self {
        Self { exit: Exit::DoesNotConform, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    pub(crate) fn infrastructure(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Infrastructure, message: message.to_string() }
    }

    /// Prints it and gives the exit code.
    pub(crate) fn report(&self) -> Exit {
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        eprintln!("{red}error{red:#}: {}", self.message);
        self.exit
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::infrastructure(error)
    }
}

/// Result of a command.
pub(crate) type Outcome = Result<Exit, CommandError>;
