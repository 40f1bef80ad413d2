//! Relations between the hops: which request of a client caused what arrived behind the target, and what of it arrived.

mod compare;
mod leak;
mod pairing;

pub(crate) use compare::{Comparison, Side};
pub(crate) use pairing::{Arrived, Cause, causes};
