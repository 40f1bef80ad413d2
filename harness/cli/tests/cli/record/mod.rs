//! `gauntlet record`, as its users meet it.

mod behind;
mod endings;
mod lab;
mod secrets;
mod stdio;
