//! Zstandard (RFC 8878), block by block as it comes.

use std::io::{self, Read as _};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Bounded, Decoder, LARGEST};

/// A block without content that says it is the last one, and four bytes where a checksum may be wanted.
const EMPTY_LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Bytes before the content of a block (RFC 8878 section 3.1.1.2).
const BLOCK_HEAD: usize = 3;

/// Bytes of a frame before its first block, at most (section 3.1.1).
const FRAME_HEAD: usize = 18;

/// Bytes of a frame of what is no content, before that (section 3.1.2).
const SKIPPED_HEAD: usize = 8;

/// The bit that says that a checksum stands behind the last block, in the byte behind the magic number (section 3.1.1.1.1).
const CHECKSUM_BIT: u8 = 4;

/// Bytes of a checksum. It is not looked at: a recording shows what came.
const CHECKSUM: usize = 4;

/// The decoder keeps what it has got as long as later blocks may refer to it, which would hide the last window of a body that was cut, and
/// when the parts of a stream came. Told that a frame is over, it counts everything, and takes further blocks all the same.
pub(super) struct Zstd {
    frame: FrameDecoder,
    /// What has come and is not decoded.
    rest: Vec<u8>,
    place: Place,
    /// Of frames that are over.
    out: Bounded,
}

/// Where in the coding the rest begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between frames.
    Between,
    /// In what is no content, with so many bytes of it to come.
    Skipping(usize),
    /// Before a block.
    Block { has_checksum: bool },
    /// Behind the last block.
    Checksum,
}

impl Default for Zstd {
    fn default() -> Self {
        let mut frame = FrameDecoder::new();
        // Twice the window that content codings may have (RFC 9659).
        frame.set_max_window_size(LARGEST as u64);
        Self { frame, rest: Vec::new(), place: Place::Between, out: Bounded::default() }
    }
}

impl Decoder for Zstd {
    fn push(&mut self, encoded: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(encoded);
        let rest = std::mem::take(&mut self.rest);
        let mut at = 0;
        let done = loop {
            match self.step(&rest[at..]) {
                Ok(Some(taken)) => at += taken,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.rest = rest[at..].to_vec();
        done
    }

    fn length(&self) -> usize {
        (self.out.bytes.len() + self.frame.can_collect()).min(LARGEST)
    }

    fn end(&mut self) -> bool {
        self.collect().is_ok() && self.place == Place::Between && self.rest.is_empty()
    }

    fn out(&self) -> &Bounded {
        &self.out
    }
}

impl Zstd {
    /// Decodes the next part of the rest. How many bytes that took; none if there are too few.
    fn step(&mut self, rest: &[u8]) -> io::Result<Option<usize>> {
        if rest.is_empty() {
            return Ok(None);
        }
        match self.place {
            Place::Between => self.begin(rest),
            Place::Skipping(0) => {
                self.place = Place::Between;
                Ok(Some(0))
            }
            Place::Skipping(left) => {
                let taken = left.min(rest.len());
                self.place = Place::Skipping(left - taken);
                Ok(Some(taken))
            }
            Place::Block { has_checksum } => self.block(rest, has_checksum),
            Place::Checksum if rest.len() < CHECKSUM => Ok(None),
            Place::Checksum => {
                self.place = Place::Between;
                Ok(Some(CHECKSUM))
            }
        }
    }

    /// The beginning of a frame.
    fn begin(&mut self, rest: &[u8]) -> io::Result<Option<usize>> {
        let mut behind = rest;
        match self.frame.reset(&mut behind) {
            Ok(()) => {
                let has_checksum = rest.get(4).is_some_and(|descriptor| descriptor & CHECKSUM_BIT != 0);
                self.frame
                    .decode_blocks(&EMPTY_LAST_BLOCK[..], BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
                self.place = Place::Block { has_checksum };
                Ok(Some(rest.len() - behind.len()))
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                self.place = Place::Skipping(usize::try_from(length).map_err(io::Error::other)?);
                Ok(Some(SKIPPED_HEAD))
            }
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::BadMagicNumber(_) | ReadFrameHeaderError::InvalidFrameDescriptor(_),
            )) => Err(io::ErrorKind::InvalidData.into()),
            Err(_) if rest.len() < FRAME_HEAD => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn block(&mut self, rest: &[u8], has_checksum: bool) -> io::Result<Option<usize>> {
        let Some(&[first, second, third]) = rest.first_chunk::<BLOCK_HEAD>() else { return Ok(None) };
        let head = u32::from_le_bytes([first, second, third, 0]);
        // A byte that is repeated stands there once.
        let length = if head >> 1 & 3 == 1 { 1 } else { (head >> 3) as usize };
        let Some(block) = rest.get(..BLOCK_HEAD + length) else { return Ok(None) };
        self.frame
            .decode_blocks(block.chain(&[0; CHECKSUM][..]), BlockDecodingStrategy::UptoBlocks(1))
            .map_err(io::Error::other)?;
        if head & 1 == 1 {
            self.collect()?;
            self.place = if has_checksum { Place::Checksum } else { Place::Between };
        } else if self.out.bytes.len() + self.frame.can_collect() > LARGEST {
            self.collect()?;
        }
        Ok(Some(block.len()))
    }

    /// Takes over what has come out of a frame.
    fn collect(&mut self) -> io::Result<()> {
        self.frame.collect_to_writer(&mut self.out).map(drop)
    }
}
