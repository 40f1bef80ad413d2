//! Content codings undone (RFC 9110 section 8.4), so that a recording can be read: `gzip` and `deflate`, `br` (RFC 7932), `zstd`
//! (RFC 8878), alone or one after another. What cannot be undone stays as it is, with its `content-encoding`.

mod zstd;

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};

use self::zstd::Zstd;
use super::recording::{Arrival, Entry, Payload};

/// Largest body that comes out, in bytes. What is beyond counts as one byte that was left out: nobody unpacks it to count.
const LARGEST: usize = 16 << 20;

/// Codings of one body that are undone. Nobody applies as many.
const LAYERS: usize = 4;

/// Bytes that Brotli hands over at a time.
const PIECE: usize = 4096;

/// Which bodies count as encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Those that are from their first byte to their last.
    Whole,
    /// Those that cannot be anything else also if they break off.
    Likely,
    /// Those of which the end may be missing.
    Cut,
}

/// Of both bodies of an exchange as it was on the wire.
pub(super) fn undo(entry: &mut Entry) {
    let expected = if entry.failure.is_some() { Expected::Cut } else { Expected::Likely };
    undo_one(&entry.request.headers, &mut entry.request.body, &mut Vec::new(), expected);
    if let Some(response) = &mut entry.response {
        undo_one(&response.headers, &mut response.body, &mut response.arrivals, expected);
    }
}

/// Of a body which may have been decoded already, though its headers still name the coding.
pub(super) fn undo_if_whole(headers: &[(String, String)], body: &mut Payload) {
    undo_one(headers, body, &mut Vec::new(), Expected::Whole);
}

fn undo_one(headers: &[(String, String)], body: &mut Payload, arrivals: &mut Vec<Arrival>, expected: Expected) {
    let codings = headers.iter().filter(|(name, _)| name == "content-encoding").flat_map(|(_, value)| value.split(','));
    let codings = codings.map(|coding| coding.trim().to_ascii_lowercase());
    let codings: Vec<String> = codings.filter(|coding| !matches!(coding.as_str(), "" | "identity")).collect();
    if codings.is_empty() || codings.len() > LAYERS || body.bytes.is_empty() {
        return;
    }
    let (mut decoded, mut times) = (body.clone(), arrivals.clone());
    // The last was applied last.
    for coding in codings.iter().rev() {
        let Some(decoder) = decoder(coding) else { return };
        let Some(next) = through(decoder, &decoded, &mut times, expected) else { return };
        decoded = next;
    }
    *body = decoded;
    *arrivals = times;
}

/// Takes a coding away.
trait Decoder {
    /// Takes more of what is encoded. An error says that it is encoded otherwise, or that there is no more room.
    fn push(&mut self, encoded: &[u8]) -> io::Result<()>;

    /// How many bytes have come out so far.
    fn length(&self) -> usize {
        self.out().bytes.len()
    }

    /// Nothing more is pushed. Whether what was pushed ends where the coding does.
    fn end(&mut self) -> bool;

    /// What has come out; all of it after the end.
    fn out(&self) -> &Bounded;

    /// Whether something comes out only of what is encoded so.
    fn is_marked(&self) -> bool {
        true
    }
}

fn decoder(coding: &str) -> Option<Box<dyn Decoder>> {
    Some(match coding {
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(Bounded::default())),
        "deflate" => Box::new(ZlibDecoder::new(Bounded::default())),
        "br" => {
            let mut decoder = DecompressorWriter::new(Bounded::default(), PIECE);
            // Windows of up to 16 MiB, as the RFC has them; others may take gigabytes.
            let large = brotli_decompressor::BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW;
            decoder.set_parameter(large, 0);
            Box::new(decoder)
        }
        "zstd" => Box::new(Zstd::default()),
        _ => return None,
    })
}

/// What comes out of a body; none if it is not encoded so.
fn through(
    mut decoder: Box<dyn Decoder>,
    body: &Payload,
    arrivals: &mut [Arrival],
    expected: Expected,
) -> Option<Payload> {
    let mut from = 0;
    let mut is_broken = false;
    let mut push = |decoder: &mut dyn Decoder, to: usize| {
        let to = to.clamp(from, body.bytes.len());
        is_broken = is_broken || decoder.push(&body.bytes[from..to]).is_err();
        from = to;
        decoder.length()
    };
    for arrival in arrivals.iter_mut() {
        arrival.length = push(decoder.as_mut(), arrival.length);
    }
    push(decoder.as_mut(), body.bytes.len());
    let is_whole = decoder.end() && !is_broken;
    let Bounded { bytes, is_full } = decoder.out();
    let is_encoded = is_whole
        || *is_full
        || match expected {
            Expected::Whole => false,
            Expected::Likely => decoder.is_marked() || body.left_out > 0 && !is_broken,
            Expected::Cut => decoder.is_marked() || !is_broken,
        };
    if bytes.is_empty() || !is_encoded {
        return None;
    }
    let left_out = if *is_full { body.left_out.max(1) } else { body.left_out };
    Some(Payload { bytes: bytes.clone().into(), left_out })
}

impl Decoder for MultiGzDecoder<Bounded> {
    fn push(&mut self, encoded: &[u8]) -> io::Result<()> {
        self.write_all(encoded)?;
        self.flush()
    }

    fn out(&self) -> &Bounded {
        self.get_ref()
    }

    fn end(&mut self) -> bool {
        self.try_finish().is_ok()
    }
}

impl Decoder for ZlibDecoder<Bounded> {
    fn push(&mut self, encoded: &[u8]) -> io::Result<()> {
        self.write_all(encoded)?;
        self.flush()
    }

    fn out(&self) -> &Bounded {
        self.get_ref()
    }

    fn end(&mut self) -> bool {
        self.try_finish().is_ok()
    }
}

impl Decoder for DecompressorWriter<Bounded> {
    fn push(&mut self, encoded: &[u8]) -> io::Result<()> {
        self.write_all(encoded)
    }

    fn out(&self) -> &Bounded {
        self.get_ref()
    }

    fn end(&mut self) -> bool {
        self.close().is_ok()
    }

    fn is_marked(&self) -> bool {
        false
    }
}

/// What has come out, up to [`LARGEST`].
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LARGEST - self.bytes.len();
        self.is_full |= bytes.len() > room;
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
