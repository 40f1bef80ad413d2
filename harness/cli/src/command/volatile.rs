//! Which values of transcripts are not compared.

use gauntlet::config::Config;
use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_reports::volatile::{BUILTIN, RuleError, Rules};

use crate::args::VolatileArgs;
use crate::exit::CommandError;

/// The built-in rules, those of the configuration, without those that are switched off.
pub(super) fn rules(args: &VolatileArgs, config: &Config) -> Result<Rules, CommandError> {
    if args.exact {
        return Ok(Rules::none());
    }
    let mut rules = Rules::builtin().with(&config.volatile).map_err(CommandError::usage)?;
    for name in &args.no_rule {
        rules = rules.without(name).map_err(|error| match &error {
            RuleError::Unknown(name) => {
                let own = config.volatile.rules.iter().map(|rule| rule.name.as_str());
                let guess = did_you_mean(name, BUILTIN.iter().map(|rule| rule.name).chain(own));
                CommandError::usage(guess.map_or_else(
                    || format!("--no-rule: {error}"),
                    |guess| format!("--no-rule: there is no volatile rule `{name}`; {guess}"),
                ))
            }
            RuleError::Malformed(..) => CommandError::usage(&error),
        })?;
    }
    Ok(rules)
}
