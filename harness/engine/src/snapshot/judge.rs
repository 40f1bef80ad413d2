//! Holding a case against its snapshot.

use std::path::PathBuf;
use std::sync::LazyLock;

use gauntlet_format::{Mismatch, Span};
use gauntlet_reports::Exchange;
use gauntlet_reports::volatile::{self, Rules};
use serde_json::{Value, json};

use super::{Section, file, sections};
use crate::runner::RunOptions;
use crate::runner::case::{Case, Stop};
use crate::runner::check::{Checks, Origin};
use crate::runner::volatile::spec;

static BUILTIN: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// What a case came to, and what its file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub path: PathBuf,
    /// `None`: there is no file.
    pub old: Option<String>,
    pub new: String,
}

/// The steps of a case that have a snapshot.
#[derive(Debug)]
pub(crate) struct Bench<'c> {
    case: &'c Case,
    sections: Vec<Section<'c>>,
}

impl<'c> Bench<'c> {
    /// `None` for a case without.
    pub(crate) fn of(case: &'c Case) -> Option<Self> {
        let sections = sections(&case.scenario, case.version);
        (!sections.is_empty()).then_some(Self { case, sections })
    }

    /// Adds a check for each section that is in force. `transcript` is without secrets. When the run is blessed, what differs
    /// passes.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub(crate) fn judge(
        &self,
        transcript: &[Exchange],
        options: &RunOptions,
        checks: &mut Checks,
    ) -> Result<Option<Taken>, Stop> {
        let Self { case, .. } = self;
        let in_force = |section: &Section<'c>| Some((section.clone(), checks.ids_of(section.block)?));
        let sections: Vec<(Section<'c>, Vec<String>)> = self.sections.iter().filter_map(in_force).collect();
        let Some((first, _)) = sections.first() else { return Ok(None) };
        let steps: Vec<usize> = sections.iter().map(|(section, _)| section.step).collect();
        let texts = volatile::of_steps(&self.rules(options), transcript, &case.target.spec.name, &steps);
        let text_of = |step: usize| {
            let found = texts.iter().find(|(of, _)| *of == step);
            found.map(|(_, text)| file::harmless(text)).unwrap_or_default()
        };
        let taken: Vec<(&str, String)> =
            sections.iter().map(|(section, _)| (section.heading.as_str(), text_of(section.step))).collect();
        let path = file::folder_of(&case.scenario.source_of(first.span).path);
        let name = file::name_of(&case.id.case, case.version, case.target.spec.is_stdio());
        let path = path.join(&name);
        let old = match &options.snapshots {
            Some(held) => held.get(&name).map(str::to_owned),
            None => file::read(&path).map_err(|reason| Stop::error(reason, Some(first.span)))?,
        };
        let stored = old.as_deref().map(file::sections).unwrap_or_default();
        let pairs: Vec<(&str, &str)> = taken.iter().map(|(heading, text)| (*heading, text.as_str())).collect();
        let rendered = file::render(&case.scenario.id, &pairs);
        // What is held is not beside the scenario, where it could be written.
        let bless = |does: &str| match options.snapshots {
            Some(_) => String::new(),
            None => format!("; `gauntlet run {} --bless` {does}", case.scenario.id),
        };
        let shown = path.display();
        for ((section, ids), (heading, text)) in sections.iter().zip(&pairs) {
            let known = stored.iter().find(|stored| stored.heading == *heading).map(|stored| stored.text.as_str());
            let mismatch = match (&rendered, known) {
                _ if text.is_empty() => {
                    let reason = "the step had no exchange of its own, so there is nothing to hold against a snapshot";
                    Some(mismatch(section.span, json!("an exchange"), None, reason.to_owned()))
                }
                (Err(reason), _) => Some(mismatch(section.span, json!("a snapshot"), None, reason.clone())),
                (Ok(_), Some(known)) if known == *text => None,
                (Ok(_), _) if options.bless.is_some() => None,
                (Ok(_), Some(known)) => {
                    let reason = format!("the exchanges are not those of {shown}{}", bless("takes them over"));
                    Some(mismatch(section.span, known.into(), Some((*text).into()), reason))
                }
                (Ok(_), None) => {
                    let reason = format!("there is no snapshot `{heading}` in {shown}{}", bless("writes it"));
                    Some(mismatch(section.span, json!("a snapshot"), None, reason))
                }
            };
            let origin = Origin::of_step(section.step);
            checks.snapshot(&origin, ids, section.block, mismatch, text, section.span);
        }
        Ok(rendered.ok().map(|new| Taken { path, old, new }))
    }

    /// The built-in rules with those of the configuration and of the scenario.
    fn rules(&self, options: &RunOptions) -> Rules {
        let mut rules = BUILTIN.clone();
        for spec in [Some(&options.volatile), spec(&self.case.scenario).as_ref()].into_iter().flatten() {
            if !spec.is_empty() {
                rules = rules.with_those_usable(spec);
            }
        }
        rules
    }
}

fn mismatch(span: Span, expected: Value, actual: Option<Value>, reason: String) -> Mismatch {
    Mismatch { path: gauntlet_format::scenario::SNAPSHOT.to_owned(), expected, actual, reason, span }
}
