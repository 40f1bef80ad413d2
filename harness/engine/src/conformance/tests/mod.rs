#![allow(clippy::unwrap_used)]

mod envelope;
mod schemas;
mod shapes;
