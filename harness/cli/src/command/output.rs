//! What a command has to show: on standard output, or in the file that `--output` names.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::exit::CommandError;
use crate::terminal;

/// Shows a text. What it is made of is told whether it may have colours, which files never get.
pub(super) fn text(file: Option<&Path>, text: impl FnOnce(bool) -> String) -> Result<(), CommandError> {
    write(file, |out, color| out.write_all(text(color).as_bytes()))
}

/// Shows one JSON document.
pub(super) fn json(file: Option<&Path>, document: &impl Serialize) -> Result<(), CommandError> {
    write(file, |out, _| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        writeln!(out)
    })
}

/// Shows what is written piece by piece; colours as for [`text`]. A file that cannot be written is an error of usage.
pub(super) fn write(
    file: Option<&Path>,
    pieces: impl FnOnce(&mut dyn Write, bool) -> io::Result<()>,
) -> Result<(), CommandError> {
    let to = |out: &mut dyn Write, color| pieces(out, color).and_then(|()| out.flush());
    let Some(path) = file else {
        return Ok(to(&mut BufWriter::new(io::stdout().lock()), terminal::color_on_stdout())?);
    };
    let written = File::create(path).and_then(|file| to(&mut BufWriter::new(file), false));
    written.map_err(|e| CommandError::usage(format!("cannot write {}: {e}", path.display())))
}
