//! A stream of events, one a line.

use std::io::{self, BufRead};

use serde::Deserialize;

use super::{ReadError, known, malformed};
use crate::EVENTS_VERSION;
use crate::model::Event;

/// How the first line begins.
const FIRST: &[u8] = b"{\"schema\":\"gauntlet-events/";

#[derive(Deserialize)]
struct Head {
    schema: String,
}

pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(FIRST)
}

pub(super) fn read(mut from: impl BufRead, take: &mut dyn FnMut(Event) -> io::Result<()>) -> Result<(), ReadError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        // A line without an end is what was being written when the run was killed.
        if line.pop() != Some(b'\n') {
            return Ok(());
        }
        let wrong = |error: serde_json::Error| malformed(&error, number);
        if number == 0 {
            known(&serde_json::from_slice::<Head>(&line).map_err(wrong)?.schema, EVENTS_VERSION)?;
        }
        take(serde_json::from_slice(&line).map_err(wrong)?)?;
        number += 1;
    }
}
