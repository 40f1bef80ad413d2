//! The lines in which two transcripts differ, read again from the files.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};

use super::change::{CaseChange, Kind};
use super::index::{Index, RulesOf};
use super::pair::Paired;
use super::{CompareError, Settings, Side};
use crate::diff;
use crate::model::Event;
use crate::saved::{self, ReadError};
use crate::volatile::transcript;

/// Lines of one diff at most.
const LINES: usize = 400;

/// Bytes read at a time.
const BUFFER: usize = 256 * 1024;

/// Adds to the first changed transcripts the lines that differ.
pub(super) fn add(
    changes: &mut [CaseChange],
    sides: [Side<'_>; 2],
    indices: [&Index; 2],
    paired: &Paired,
    settings: &Settings,
) -> Result<(), CompareError> {
    let mut shown: Vec<&mut CaseChange> =
        changes.iter_mut().filter(|change| change.kind == Kind::Changed).take(settings.excerpts).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let wanted =
        |index: &Index, place: fn(&super::pair::Pair) -> Option<usize>, change: &CaseChange| -> Option<usize> {
            let pair = paired.pairs.get(change.pair?)?;
            Some(index.entries.get(place(pair)?)?.number)
        };
    let before: Vec<Option<usize>> =
        shown.iter().map(|change| wanted(indices[0], |pair| pair.before, change)).collect();
    let after: Vec<Option<usize>> = shown.iter().map(|change| wanted(indices[1], |pair| pair.after, change)).collect();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| texts(sides[0], &before, settings));
        let second = texts(sides[1], &after, settings);
        (first.join().unwrap_or_else(|_| Ok(HashMap::new())), second)
    });
    let named = |side: Side<'_>, error| CompareError { name: side.name.to_owned(), error };
    let (first, second) = (first.map_err(|e| named(sides[0], e))?, second.map_err(|e| named(sides[1], e))?);
    for ((change, before), after) in shown.iter_mut().zip(&before).zip(&after) {
        let text = |texts: &HashMap<usize, String>, number: &Option<usize>| -> Vec<String> {
            let text = number.and_then(|number| texts.get(&number));
            text.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
        };
        change.diff = diff::signed(&text(&first, before), &text(&second, after), LINES);
    }
    Ok(())
}

/// The transcripts of these cases.
fn texts(side: Side<'_>, wanted: &[Option<usize>], settings: &Settings) -> Result<HashMap<usize, String>, ReadError> {
    let mut left: std::collections::HashSet<usize> = wanted.iter().flatten().copied().collect();
    let mut rules = RulesOf::new(&settings.rules);
    let mut number = 0;
    let mut texts = HashMap::with_capacity(left.len());
    let read = saved::read(BufReader::with_capacity(BUFFER, File::open(side.path)?), &mut |event| {
        let Event::CaseFinished(mut result) = event else { return Ok(()) };
        let this = number;
        number += 1;
        if left.remove(&this) {
            let said = result.attempts.pop().map(|attempt| attempt.transcript).unwrap_or_default();
            let text = transcript(rules.get(result.volatile.as_ref()), said, &result.id.target);
            texts.insert(this, text);
        }
        // The rest of the file has nothing that is wanted.
        if left.is_empty() { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    match read {
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(texts),
        Err(error) => Err(error),
        Ok(_) => Ok(texts),
    }
}
