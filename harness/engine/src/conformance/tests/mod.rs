#![allow(clippy::unwrap_used)]

mod envelope;
mod official;
mod schemas;
mod shapes;
