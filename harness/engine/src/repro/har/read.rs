//! A HAR file read entry by entry, so that its size does not matter.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Error, Info, LISTED, LeftOut, Limits, entry};
use crate::repro::recording::Entry;

/// Reads a file and hands over each entry as soon as it is whole. A file that ends in the middle gives what is whole, and says so. An entry
/// that is JSON and cannot be read all the same, such as one without a method, URL or time, is left out and told.
///
/// # Errors
/// When it is no HAR file, or a broken one; when none of its entries can be read; when it goes beyond a limit; when `each` fails.
pub fn read(
    input: impl Read,
    limits: &Limits,
    each: &mut dyn FnMut(Entry) -> Result<(), Error>,
) -> Result<Info, Error> {
    let budget = Rc::new(Cell::new(limits.entry));
    let place = Rc::new(Cell::new(Place { line: 1, column: 1, entry: None }));
    let ended = Rc::new(Cell::new(false));
    let mut input = Budgeted {
        input: BufReader::new(input),
        left: Rc::clone(&budget),
        place: Rc::clone(&place),
        begins: true,
        ended: Rc::clone(&ended),
    };
    let sink = Sink {
        each: RefCell::new(each),
        stopped: RefCell::default(),
        info: RefCell::default(),
        is_log: Cell::new(false),
        seen: Cell::new(0),
        budget,
        place: Rc::clone(&place),
        limits: *limits,
    };
    let mut json = serde_json::Deserializer::from_reader(&mut input);
    let done = json.deserialize_any(Document { sink: &sink }).and_then(|()| json.end());
    if let Some(why) = sink.stopped.take() {
        return Err(why);
    }
    let mut info = sink.info.take();
    // A number that was cut is told as an invalid one, at the last byte.
    let last = place.get();
    let is_last =
        |error: &serde_json::Error| ended.get() && (error.line(), error.column() + 1) == (last.line, last.column);
    let is_cut = |error: &serde_json::Error| error.is_eof() || (is_last(error) && told(error) == "invalid number");
    let is_over = done.as_ref().err().is_none_or(is_cut);
    if let (true, 0, Some(LeftOut { entry, line, column, why })) = (is_over, info.entries, info.left_out.first()) {
        return Err(Error::Entry { entry: *entry, line: *line, column: *column, message: why.clone() });
    }
    match done {
        Ok(()) => Ok(info),
        Err(error) if error.is_io() => Err(match io::Error::from(error) {
            error if error.kind() == io::ErrorKind::FileTooLarge => {
                Error::TooLarge(format!("entry {} is larger than {} MiB", sink.seen.get() + 1, limits.entry >> 20))
            }
            error => Error::Io(error),
        }),
        Err(error) if is_cut(&error) && sink.is_log.get() => {
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
    place: Rc<Cell<Place>>,
    begins: bool,
    /// There was nothing more to read.
    ended: Rc<Cell<bool>>,
}

/// Where in a file is read.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// 1-based, of the next byte.
    line: usize,
    /// 1-based, in bytes.
    column: usize,
    /// Where the next entry begins, once it has; set to nothing where one is expected.
    entry: Option<(usize, usize)>,
}

impl Place {
    fn passes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.entry.is_none() && !byte.is_ascii_whitespace() && *byte != b',' {
                self.entry = Some((self.line, self.column));
            }
            if *byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
    }
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
        self.ended.set(read == 0 && !buffer.is_empty());
        let mut place = self.place.get();
        place.passes(&buffer[..read]);
        self.place.set(place);
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
    place: Rc<Cell<Place>>,
    /// Entries so far.
    seen: Cell<usize>,
    limits: Limits,
}

impl Sink<'_> {
    fn stop<E: serde::de::Error>(&self, why: Error) -> E {
        self.stopped.replace(Some(why));
        E::custom("stopped")
    }

    fn entry<E: serde::de::Error>(&self, raw: &RawValue) -> Result<(), E> {
        let number = self.seen.get() + 1;
        if number > self.limits.entries {
            return Err(self.stop(Error::TooLarge(format!("it has more than {} entries", self.limits.entries))));
        }
        self.seen.set(number);
        let value = serde_json::from_str::<Value>(raw.get()).map_err(|error| told(&error));
        match value.and_then(|value| entry::from_json(&value)) {
            Ok(entry) => {
                (self.each.borrow_mut())(entry).map_err(|why| self.stop(why))?;
                self.info.borrow_mut().entries += 1;
            }
            Err(why) => self.leave_out(number, why),
        }
        self.expect_entry();
        Ok(())
    }

    fn leave_out(&self, entry: usize, why: String) {
        let (line, column) = self.place.get().entry.unwrap_or_default();
        let mut info = self.info.borrow_mut();
        if info.left_out.len() < LISTED {
            info.left_out.push(LeftOut { entry, line, column, why });
        } else {
            info.further += 1;
        }
    }

    /// What comes is an entry, if anything comes.
    fn expect_entry(&self) {
        self.place.set(Place { entry: None, ..self.place.get() });
        self.refill();
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
        self.sink.expect_entry();
        while let Some(raw) = entries.next_element::<Box<RawValue>>()? {
            self.sink.entry(&raw)?;
        }
        Ok(())
    }
}
