//! `gauntlet record`, as its users meet it.

mod endings;
mod lab;
mod secrets;
mod stdio;
