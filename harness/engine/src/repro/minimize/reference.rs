//! The mock that a scenario must pass on.
//!
//! A scenario that expects a refusal stays red on a target that refuses nothing when what was to be refused is taken out of it; then
//! it is the scenario that is wrong. So whatever passes on the mock of its role, without defects, must go on to do so. What the mock
//! is asked costs nobody anything and is not counted.

use std::sync::Arc;

use super::lab::Side;
use crate::config::{Endpoint, TargetSpec};
use crate::diff::mock_of;
use crate::runner::RunOptions;
use crate::target::Target;

/// The mock that stands for the target as it should be, if there is one.
pub(super) fn reference(bad: &TargetSpec, role: &str, options: &RunOptions) -> Option<Side> {
    let mut spec = if bad.is_mock() { bad.clone() } else { mock_of(role, bad.is_stdio())? };
    if let Endpoint::Mock { config, .. } = &mut spec.endpoint {
        config.shift_remove("defects");
    }
    for upstream in spec.upstreams.values_mut() {
        upstream.config.shift_remove("defects");
    }
    spec.name.push_str(" (reference)");
    Some(Side { target: Arc::new(Target::new(spec)), options: Arc::new(options.clone()) })
}
