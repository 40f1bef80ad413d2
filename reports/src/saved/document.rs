//! A JSON report, whatever its white space.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{ReadError, known, malformed};
use crate::REPORT_VERSION;
use crate::model::{BrokenFile, CaseResult, Event, RunInfo, RunSummary, TargetSummary};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Entry {
    Case(Box<CaseResult>),
    Broken(BrokenFile),
}

impl From<Entry> for Event {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Case(result) => Self::CaseFinished(result),
            Entry::Broken(file) => Self::Broken(file),
        }
    }
}

/// Where the events go, and what stopped them.
struct Sink<'a> {
    take: RefCell<&'a mut dyn FnMut(Event) -> io::Result<()>>,
    stopped: RefCell<Option<ReadError>>,
    /// It has said that it is a report.
    named: Cell<bool>,
}

impl Sink<'_> {
    fn event<E: serde::de::Error>(&self, event: Event) -> Result<(), E> {
        (self.take.borrow_mut())(event).map_err(|error| self.stop(ReadError::Io(error)))
    }

    fn stop<E: serde::de::Error>(&self, why: ReadError) -> E {
        self.stopped.replace(Some(why));
        E::custom("stopped")
    }
}

pub(super) fn read(from: impl BufRead, take: &mut dyn FnMut(Event) -> io::Result<()>) -> Result<(), ReadError> {
    let sink = Sink { take: RefCell::new(take), stopped: RefCell::default(), named: Cell::new(false) };
    let mut json = serde_json::Deserializer::from_reader(from);
    let done = json.deserialize_map(Document { sink: &sink });
    if let Some(why) = sink.stopped.take() {
        return Err(why);
    }
    match done {
        Ok(()) => Ok(()),
        // It ends in the middle: what came before it counts.
        Err(error) if error.is_eof() => Ok(()),
        Err(error) if error.is_io() => Err(ReadError::Io(error.into())),
        Err(error) if !sink.named.get() => Err(ReadError::Foreign(error.to_string())),
        Err(error) => Err(malformed(&error, 0)),
    }
}

struct Document<'s, 'a> {
    sink: &'s Sink<'a>,
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { sink } = self;
        while let Some(name) = members.next_key::<String>()? {
            if !sink.named.get() && name != "schema" {
                return Err(sink.stop(ReadError::Foreign("it does not begin with `schema`".to_owned())));
            }
            match name.as_str() {
                "schema" => {
                    let found = members.next_value::<String>()?;
                    known(&found, REPORT_VERSION).map_err(|why| sink.stop::<A::Error>(why))?;
                    sink.named.set(true);
                }
                "run" => {
                    sink.event(Event::RunStarted(members.next_value::<RunInfo>()?))?;
                }
                "results" => members.next_value_seed(Results { sink })?,
                "targets" => {
                    for target in members.next_value::<Vec<TargetSummary>>()? {
                        sink.event(Event::Target(target))?;
                    }
                }
                "summary" => sink.event(Event::RunFinished(members.next_value::<RunSummary>()?))?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if sink.named.get() { Ok(()) } else { Err(A::Error::custom("an empty object is no report")) }
    }
}

struct Results<'s, 'a> {
    sink: &'s Sink<'a>,
}

impl<'de> DeserializeSeed<'de> for Results<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Results<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut results: A) -> Result<(), A::Error> {
        while let Some(entry) = results.next_element::<Entry>()? {
            self.sink.event(entry.into())?;
        }
        Ok(())
    }
}
