//! Holding a case against its snapshot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gauntlet_format::{Mismatch, Span};
use gauntlet_reports::Exchange;
use gauntlet_reports::volatile::{self, Rules, renumbered};
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
        let path = self.path(first);
        let old = Self::text_at(&path, options).map_err(|reason| Stop::error(reason, Some(first.span)))?;
        let stored = old.as_deref().map(file::sections).unwrap_or_default();
        let known_of = |section: &Section<'_>| match &case.held {
            Some(held) => held.get(&section.step).map(String::as_str),
            None => stored.iter().find(|stored| stored.heading == section.heading).map(|stored| stored.text.as_str()),
        };
        // Steps that are gone had placeholders of their own.
        let is_same =
            |known: &str, text: &str| known == text || case.held.is_some() && renumbered(known) == renumbered(text);
        let pairs: Vec<(&str, &str)> = taken.iter().map(|(heading, text)| (*heading, text.as_str())).collect();
        let rendered = file::render(&case.scenario.id, &pairs);
        // What is held is not beside the scenario, where it could be written.
        let bless = |does: &str| match options.snapshots {
            Some(_) => String::new(),
            None => format!("; `gauntlet run {} --bless` {does}", case.scenario.id),
        };
        let shown = path.display();
        for ((section, ids), (heading, text)) in sections.iter().zip(&pairs) {
            let mismatch = match (&rendered, known_of(section)) {
                _ if text.is_empty() => {
                    let reason = "the step had no exchange of its own, so there is nothing to hold against a snapshot";
                    Some(mismatch(section.span, json!("an exchange"), None, reason.to_owned()))
                }
                (Err(reason), _) => Some(mismatch(section.span, json!("a snapshot"), None, reason.clone())),
                (Ok(_), Some(known)) if is_same(known, text) => None,
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

    /// What the file holds, by the number of the step; nothing if there is none.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub(crate) fn stored(&self, options: &RunOptions) -> Result<BTreeMap<usize, String>, String> {
        let Some(first) = self.sections.first() else { return Ok(BTreeMap::new()) };
        let stored = Self::text_at(&self.path(first), options)?.as_deref().map(file::sections).unwrap_or_default();
        let text_of = |heading: &str| stored.iter().find(|stored| stored.heading == heading).map(|s| s.text.clone());
        let of = |section: &Section<'_>| Some((section.step, text_of(&section.heading)?));
        Ok(self.sections.iter().filter_map(of).collect())
    }

    /// Writes these texts, by the number of the step, as what the case is held against, and gives back where. Their placeholders are
    /// counted anew, as a run does that has just these steps.
    ///
    /// # Errors
    /// When it cannot be written, or would be too large to be read again.
    pub(crate) fn write(&self, texts: &BTreeMap<usize, String>) -> Result<Option<PathBuf>, String> {
        /// Stands in no text: a section holds no control characters.
        const BETWEEN: char = '\u{1}';
        let kept = |section: &'_ Section<'c>| Some((section.heading.clone(), texts.get(&section.step)?.as_str()));
        let (headings, texts): (Vec<String>, Vec<&str>) = self.sections.iter().filter_map(kept).unzip();
        let Some(first) = self.sections.first().filter(|_| !texts.is_empty()) else { return Ok(None) };
        let counted = renumbered(&texts.join(&BETWEEN.to_string()));
        let pairs: Vec<(&str, &str)> = headings.iter().map(String::as_str).zip(counted.split(BETWEEN)).collect();
        let path = self.path(first);
        file::write(&path, &file::render(&self.case.scenario.id, &pairs)?)?;
        Ok(Some(path))
    }

    /// What is held in place of the files, or what the file holds.
    fn text_at(path: &Path, options: &RunOptions) -> Result<Option<String>, String> {
        match &options.snapshots {
            Some(held) => Ok(path.file_name().and_then(|name| held.get(name.to_str()?)).map(str::to_owned)),
            None => file::read(path),
        }
    }

    fn path(&self, first: &Section<'_>) -> PathBuf {
        let case = self.case;
        let folder = file::folder_of(&case.scenario.source_of(first.span).path);
        folder.join(file::name_of(&case.id.case, case.version, case.target.spec.is_stdio()))
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
