//! Snapshots: the exchanges of a step as they were when somebody found them right.
//!
//! `expect: snapshot` holds the exchanges of a step against a text beside the scenario: `tools/list.yaml` has
//! `tools/list.snap/2025-06-18.snap`, one file for each case and version with a section for each such step. Secrets are taken
//! out of the text and values that differ from run to run are replaced, as `gauntlet diff` does. A [`Blessing`] takes the texts
//! of a run over into the files; [`stray`] finds those that belong to nothing any more.

mod blessing;
mod file;
mod held;
mod judge;
mod stray;

use gauntlet_format::scenario::{Expect, each_step};
use gauntlet_format::{Scenario, Span, Version};
use gauntlet_reports::sanitize;

pub use blessing::{Blessed, Blessing, Pending, Refused, is_ci};
pub(crate) use file::EXTENSION;
pub use held::HeldSnapshots;
pub(crate) use judge::{Bench, Taken};
pub use stray::stray;

/// Longest heading of a section, in characters.
const HEADING: usize = 100;

/// A step that has a snapshot.
#[derive(Debug, Clone)]
struct Section<'s> {
    /// 0-based number of the step in the whole scenario.
    step: usize,
    /// What its section is called. Steps that are put before it change nothing.
    heading: String,
    /// The block that asks for it.
    block: &'s Expect,
    /// Where it asks.
    span: Span,
}

/// The steps of a scenario that have a snapshot at a version.
fn sections(scenario: &Scenario, version: Option<Version>) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut step_number = 0;
    each_step(&scenario.steps, &mut |step| {
        let number = step_number;
        step_number += 1;
        let applies = |block: &&Expect| block.versions.zip(version).is_none_or(|(window, v)| window.contains(v));
        let asked = step.expect.iter().filter(applies).find_map(|block| Some((block, block.snapshot()?)));
        let Some((block, span)) = asked else { return };
        let title = sanitize::line(&step.title(), HEADING).into_owned();
        let is_taken = |heading: &str| sections.iter().any(|section| section.heading == heading);
        let heading = (1..)
            .map(|n| if n == 1 { title.clone() } else { format!("{title} ({n})") })
            .find(|heading| !is_taken(heading))
            .unwrap_or_default();
        sections.push(Section { step: number, heading, block, span });
    });
    sections
}
