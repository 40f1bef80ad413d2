//! A HAR file read entry by entry, so that its size does not matter.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Error, Info, Limits, entry};
use crate::repro::recording::Entry;

/// Reads a file and hands over each entry as soon as it is whole. A file that ends in the middle gives what is whole, and says so.
///
/// # Errors
/// When it is no HAR file, or a broken one; when an entry has no method, no URL or no time; when it goes beyond a limit; when `each` fails.
pub fn read(
    input: impl Read,
    limits: &Limits,
    each: &mut dyn FnMut(Entry) -> Result<(), Error>,
) -> Result<Info, Error> {
    let budget = Rc::new(Cell::new(limits.entry));
    let mut input = Budgeted { input: BufReader::new(input), left: Rc::clone(&budget), begins: true };
    let sink = Sink {
        each: RefCell::new(each),
        stopped: RefCell::default(),
        info: RefCell::default(),
        is_log: Cell::new(false),
        budget,
        limits: *limits,
    };
    let mut json = serde_json::Deserializer::from_reader(&mut input);
    let done = json.deserialize_any(Document { sink: &sink }).and_then(|()| json.end());
    if let Some(why) = sink.stopped.take() {
        return Err(why);
    }
    let mut info = sink.info.take();
    match done {
        Ok(()) => Ok(info),
        Err(error) if error.is_io() => Err(match io::Error::from(error) {
            error if error.kind() == io::ErrorKind::FileTooLarge => {
                Error::TooLarge(format!("entry {} is larger than {} MiB", info.entries + 1, limits.entry >> 20))
            }
            error => Error::Io(error),
        }),
        Err(error) if error.is_eof() && sink.is_log.get() => {
            info.is_cut = true;
            Ok(info)
        }
        Err(error) if !sink.is_log.get() => Err(Error::Foreign(told(&error))),
        Err(error) => Err(Error::Malformed { line: error.line(), column: error.column(), message: told(&error) }),
    }
}

/// The message without the place, which is told apart.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Bytes up to a bound that is set anew for each entry. A byte order mark at the beginning is left out.
struct Budgeted<R> {
    input: BufReader<R>,
    left: Rc<Cell<usize>>,
    begins: bool,
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.begins) {
            let ahead = io::BufRead::fill_buf(&mut self.input)?;
            let mark = if ahead.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            io::BufRead::consume(&mut self.input, mark);
        }
        let read = self.input.read(buffer)?;
        let left = self.left.get().checked_sub(read).ok_or(io::ErrorKind::FileTooLarge)?;
        self.left.set(left);
        Ok(read)
    }
}

/// Where entries go, and what stopped them.
struct Sink<'a> {
    each: RefCell<&'a mut dyn FnMut(Entry) -> Result<(), Error>>,
    stopped: RefCell<Option<Error>>,
    info: RefCell<Info>,
    /// It has a `log`.
    is_log: Cell<bool>,
    budget: Rc<Cell<usize>>,
    limits: Limits,
}

impl Sink<'_> {
    fn stop<E: serde::de::Error>(&self, why: Error) -> E {
        self.stopped.replace(Some(why));
        E::custom("stopped")
    }

    fn entry<E: serde::de::Error>(&self, value: &Value) -> Result<(), E> {
        let number = self.info.borrow().entries + 1;
        if number > self.limits.entries {
            return Err(self.stop(Error::TooLarge(format!("it has more than {} entries", self.limits.entries))));
        }
        let entry = entry::from_json(value).map_err(|message| self.stop(Error::Entry { entry: number, message }))?;
        (self.each.borrow_mut())(entry).map_err(|why| self.stop(why))?;
        self.info.borrow_mut().entries = number;
        self.refill();
        Ok(())
    }

    fn refill(&self) {
        self.budget.set(self.limits.entry);
    }
}

/// The file: an object with a `log`.
struct Document<'s, 'a> {
    sink: &'s Sink<'a>,
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `log`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut others = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == "log" && !self.sink.is_log.get() {
                members.next_value_seed(Log { sink: self.sink })?;
            } else {
                members.next_value::<IgnoredAny>()?;
                others.push(format!("`{}`", name.chars().take(40).collect::<String>()));
                others.truncate(5);
            }
        }
        if self.sink.is_log.get() {
            return Ok(());
        }
        let members = if others.is_empty() { "no members".to_owned() } else { others.join(", ") };
        Err(A::Error::custom(format!("it has no `log` with `entries`, but {members}")))
    }
}

/// The `log`.
struct Log<'s, 'a> {
    sink: &'s Sink<'a>,
}

impl<'de> DeserializeSeed<'de> for Log<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Log<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a `log`, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { sink } = self;
        while let Some(name) = members.next_key::<String>()? {
            sink.refill();
            match name.as_str() {
                "entries" => {
                    sink.is_log.set(true);
                    members.next_value_seed(Entries { sink })?;
                }
                "creator" => {
                    let creator = members.next_value::<Value>()?;
                    sink.info.borrow_mut().creator = entry::creator(&creator);
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The `entries`.
struct Entries<'s, 'a> {
    sink: &'s Sink<'a>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`entries`, which is a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.sink.refill();
        while let Some(value) = entries.next_element::<Value>()? {
            self.sink.entry(&value)?;
        }
        Ok(())
    }
}
