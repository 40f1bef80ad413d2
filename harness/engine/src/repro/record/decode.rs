//! Content codings undone (RFC 9110 section 8.4), so that a recording can be read. What cannot be undone stays as it is, with its
//! `content-encoding`.

use std::io::{self, Write};

use flate2::write::{MultiGzDecoder, ZlibDecoder};

use crate::repro::recording::{Arrival, Entry, Payload};

/// Largest body that comes out, in bytes. What is beyond counts as one byte that was left out: nobody unpacks it to count.
const LARGEST: usize = 16 << 20;

/// Of both bodies of an exchange.
pub(super) fn undo(entry: &mut Entry) {
    undo_one(&entry.request.headers, &mut entry.request.body, &mut Vec::new());
    if let Some(response) = &mut entry.response {
        undo_one(&response.headers, &mut response.body, &mut response.arrivals);
    }
}

fn undo_one(headers: &[(String, String)], body: &mut Payload, arrivals: &mut Vec<Arrival>) {
    let codings = headers.iter().filter(|(name, _)| name == "content-encoding").flat_map(|(_, value)| value.split(','));
    let codings: Vec<String> = codings.map(|coding| coding.trim().to_ascii_lowercase()).collect();
    let (mut decoded, mut times) = (body.clone(), arrivals.clone());
    // The last was applied last.
    for coding in codings.iter().rev().filter(|coding| !matches!(coding.as_str(), "" | "identity")) {
        let next = match coding.as_str() {
            "gzip" | "x-gzip" => {
                through(MultiGzDecoder::new(Bounded::default()), MultiGzDecoder::get_ref, &decoded, &mut times)
            }
            "deflate" => through(ZlibDecoder::new(Bounded::default()), ZlibDecoder::get_ref, &decoded, &mut times),
            _ => None,
        };
        let Some(next) = next else { return };
        decoded = next;
    }
    *body = decoded;
    *arrivals = times;
}

/// What comes out of a body, of which the end may be missing; none if it is not encoded so.
fn through<D: Write>(
    mut decoder: D,
    out: impl Fn(&D) -> &Bounded,
    body: &Payload,
    arrivals: &mut [Arrival],
) -> Option<Payload> {
    let mut from = 0;
    let mut broken = false;
    let mut push = |decoder: &mut D, to: usize| {
        let to = to.clamp(from, body.bytes.len());
        broken = broken || decoder.write_all(&body.bytes[from..to]).and_then(|()| decoder.flush()).is_err();
        from = to;
        out(decoder).bytes.len()
    };
    for arrival in arrivals.iter_mut() {
        arrival.length = push(&mut decoder, arrival.length);
    }
    push(&mut decoder, body.bytes.len());
    let Bounded { bytes, is_full } = out(&decoder);
    if bytes.is_empty() && !body.bytes.is_empty() {
        return None;
    }
    let left_out = if *is_full { body.left_out.max(1) } else { body.left_out };
    Some(Payload { bytes: bytes.clone().into(), left_out })
}

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
mod tests {
    use std::time::Duration;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn undone(coding: &str, bytes: &[u8], lengths: &[usize]) -> (Payload, Vec<usize>) {
        let mut body = Payload::whole(bytes.to_vec());
        let mut arrivals: Vec<_> = lengths.iter().map(|&length| Arrival { at: Duration::ZERO, length }).collect();
        undo_one(&[("content-encoding".to_owned(), coding.to_owned())], &mut body, &mut arrivals);
        (body, arrivals.iter().map(|arrival| arrival.length).collect())
    }

    #[test]
    fn codings_are_undone_with_the_times_of_a_stream() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"data: 1\n\n").expect("memory");
        encoder.flush().expect("memory");
        let first = encoder.get_ref().len();
        encoder.write_all(b"data: 2\n\n").expect("memory");
        let encoded = encoder.finish().expect("memory");
        let (body, lengths) = undone("GZIP", &encoded, &[first, encoded.len()]);
        assert_eq!((body.text(), lengths), (Some("data: 1\n\ndata: 2\n\n"), vec![9, 18]));
        // The stream broke off.
        assert_eq!(undone("gzip", &encoded[..first], &[]).0.text(), Some("data: 1\n\n"));
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{}").expect("memory");
        assert_eq!(undone("deflate", &encoder.finish().expect("memory"), &[]).0.text(), Some("{}"));
    }

    #[test]
    fn what_is_not_encoded_so_stays() {
        for coding in ["gzip", "deflate", "br", "identity", "", "br, gzip"] {
            assert_eq!(undone(coding, b"plain", &[3]), (Payload::whole("plain"), vec![3]), "{coding}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![0; LARGEST + 1000]).expect("memory");
        let (body, _) = undone("gzip", &encoder.finish().expect("memory"), &[]);
        assert_eq!((body.bytes.len(), body.left_out), (LARGEST, 1));
    }
}
