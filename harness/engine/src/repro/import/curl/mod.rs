//! Command lines of curl, as "copy as cURL" and people write them. They are read, never run.

mod options;
mod request;
mod shell;

use super::place::{Fault, Notes};
use super::{Error, Note, Options};
use crate::repro::recording::Recording;

/// Reads all commands of curl in a text.
pub(super) fn read(text: &str, name: &str, options: &Options) -> Result<(Recording, Vec<Note>), Error> {
    let mut notes = Notes::default();
    let entries = requests(text, options, &mut notes).map_err(|fault| fault.of(text, name))?;
    if entries.is_empty() {
        let problem = "no command of curl is in it; it begins with `curl` or a prompt, and its first argument that is no option is the URL";
        return Err(Error::Unusable { name: name.to_owned(), problem: problem.to_owned() });
    }
    Ok((Recording { creator: Some("curl".to_owned()), entries }, notes.of(text)))
}

fn requests(text: &str, options: &Options, notes: &mut Notes) -> Result<Vec<super::Entry>, Fault> {
    let mut entries = Vec::new();
    for command in shell::commands(text, &options.variables, notes)? {
        let given = options::read(&command, notes)?;
        for transfer in given.split(|given| given.effect == options::Effect::Next) {
            entries.extend(request::requests(transfer, &command, notes)?.into_iter().map(super::request));
            if entries.len() > options.limits.entries {
                let problem = format!("more than {} requests; take a part of them", options.limits.entries);
                return Err(Fault::new(0, problem));
            }
        }
    }
    Ok(entries)
}
