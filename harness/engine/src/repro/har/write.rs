//! A HAR file that is whole after each entry, so that whoever is killed leaves what it has.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde_json::json;

use super::entry;
use crate::repro::recording::Entry;

/// What ends the file.
const END: &[u8] = b"\n]}}\n";

/// A file that entries are added to.
#[derive(Debug)]
pub struct Writer {
    file: File,
    /// Where the next entry goes.
    end: u64,
    entries: usize,
}

impl Writer {
    /// Makes the file, readable for its owner alone, or empties it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let creator = json!({ "name": "gauntlet", "version": env!("CARGO_PKG_VERSION") });
        let head = format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[");
        file.write_all(&[head.as_bytes(), END].concat())?;
        Ok(Self { file, end: u64::try_from(head.len()).unwrap_or(u64::MAX), entries: 0 })
    }

    /// Adds an entry. The file is whole again when this returns, also without the entry when there was no room for it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let mut text = if self.entries == 0 { b"\n".to_vec() } else { b",\n".to_vec() };
        serde_json::to_writer(&mut text, &entry::to_json(entry))?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        text.extend_from_slice(END);
        if let Err(error) = self.put(&text) {
            // As it was; what ends it had its room before.
            self.file.set_len(self.end)?;
            self.put(END)?;
            return Err(error);
        }
        self.end += length;
        self.entries += 1;
        Ok(())
    }

    /// Writes behind the entries.
    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(text)
    }

    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end + END.len() as u64
    }

    /// Makes sure that what was added is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.sync()
    }

    /// As [`finish`](Self::finish), for now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
