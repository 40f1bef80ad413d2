use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// 32 MiB of nothing, as another encoder writes them.
const BROTLI_BOMB: [u8; 53] = [
    203, 255, 255, 63, 248, 39, 0, 226, 177, 64, 32, 247, 254, 143, 255, 255, 127, 240, 79, 0, 196, 97, 17, 128, 238,
    253, 31, 255, 255, 255, 224, 159, 0, 136, 195, 2, 0, 221, 251, 191, 252, 255, 255, 195, 63, 1, 16, 135, 5, 0, 186,
    247, 127,
];

/// `data: 1` and `data: 2`, each flushed, as another encoder writes them; the first ends at 12.
const BROTLI: [u8; 25] =
    [11, 4, 128, 100, 97, 116, 97, 58, 32, 49, 10, 10, 129, 0, 128, 95, 74, 65, 166, 8, 209, 36, 24, 48, 0];
const EVENTS: &str = "data: 1\n\ndata: 2\n\n";

fn header(coding: &str) -> Vec<(String, String)> {
    vec![("content-encoding".to_owned(), coding.to_owned())]
}

fn undone_as(expected: Expected, coding: &str, bytes: &[u8], lengths: &[usize]) -> (Payload, Vec<usize>) {
    let mut body = Payload::whole(bytes.to_vec());
    let mut arrivals: Vec<_> = lengths.iter().map(|&length| Arrival { at: Duration::ZERO, length }).collect();
    undo_one(&header(coding), &mut body, &mut arrivals, expected);
    (body, arrivals.iter().map(|arrival| arrival.length).collect())
}

fn undone(coding: &str, bytes: &[u8], lengths: &[usize]) -> (Payload, Vec<usize>) {
    undone_as(Expected::Likely, coding, bytes, lengths)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn codings_are_undone_with_the_times_of_a_stream() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"data: 1\n\n").unwrap();
    encoder.flush().unwrap();
    let first = encoder.get_ref().len();
    encoder.write_all(b"data: 2\n\n").unwrap();
    let encoded = encoder.finish().unwrap();
    let (body, lengths) = undone("GZIP", &encoded, &[first, encoded.len()]);
    assert_eq!((body.text(), lengths), (Some(EVENTS), vec![9, 18]));
    // The stream broke off.
    assert_eq!(undone("gzip", &encoded[..first], &[]).0.text(), Some("data: 1\n\n"));
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{}").unwrap();
    assert_eq!(undone("deflate", &encoder.finish().unwrap(), &[]).0.text(), Some("{}"));
}

#[test]
fn brotli_is_undone_with_the_times_of_a_stream() {
    let (body, lengths) = undone("br", &BROTLI[..24], &[12, 24]);
    assert_eq!((body.text(), lengths), (Some(EVENTS), vec![9, 18]));
    let (body, _) = undone_as(Expected::Cut, "br", &BROTLI[..12], &[]);
    assert_eq!(body.text(), Some("data: 1\n\n"));
}

#[test]
fn zstandard_is_undone_with_the_times_of_a_stream() {
    // A frame without a checksum, its blocks as they are (RFC 8878 section 3.1.1): one with each event, and an empty last one.
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let block = |text: &str| [&[(text.len() as u8) << 3, 0, 0], text.as_bytes()].concat();
    let stream = [&head[..], &block("data: 1\n\n"), &block("data: 2\n\n"), &[1, 0, 0]].concat();
    let (body, lengths) = undone("zstd", &stream, &[6, 18, 20, 30, 33]);
    assert_eq!((body.text(), lengths), (Some(EVENTS), vec![0, 9, 9, 18, 18]));
    // It broke off: within the window that a decoder has to keep, and in the middle of a block.
    assert_eq!(undone("zstd", &stream[..25], &[]).0.text(), Some("data: 1\n\n"));
    // Byte by byte, with blocks that refer to earlier ones, a checksum, a further frame and one without content.
    let long = "0123456789 and so on, ".repeat(20_000);
    let frame = zstd(long.as_bytes());
    assert!(frame.len() < long.len() / 4);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let all = [&frame[..], &skipped, &zstd(b"the end")].concat();
    let lengths: Vec<usize> = (1..all.len()).collect();
    let (body, lengths) = undone("zstd", &all, &lengths);
    assert_eq!(body.text(), Some(format!("{long}the end").as_str()));
    assert!(lengths.is_sorted() && lengths.contains(&long.len()), "{:?}", lengths.last());
}

#[test]
fn a_frame_with_a_checksum_as_another_encoder_writes_it() {
    let frame = [
        40, 181, 47, 253, 4, 88, 113, 1, 0, 123, 34, 106, 115, 111, 110, 114, 112, 99, 34, 58, 34, 50, 46, 48, 34, 44,
        34, 105, 100, 34, 58, 49, 44, 34, 114, 101, 115, 117, 108, 116, 34, 58, 123, 34, 116, 111, 111, 108, 115, 34,
        58, 91, 93, 125, 125, 181, 91, 105, 85,
    ];
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    assert_eq!(undone_as(Expected::Whole, "zstd", &frame, &[]).0.text(), Some(text));
    assert_eq!(undone_as(Expected::Whole, "zstd", &frame[..57], &[]).0.bytes, frame[..57]);
}

#[test]
fn codings_one_after_another() {
    let twice = gzip(&BROTLI[..24]);
    assert_eq!(undone("br, gzip", &twice, &[]).0.text(), Some(EVENTS));
    let thrice = zstd(&twice);
    assert_eq!(undone("br,gzip , identity, zstd", &thrice, &[]).0.text(), Some(EVENTS));
    // One that is not known leaves all as it was.
    assert_eq!(undone("compress, br, gzip", &twice, &[]).0.bytes, twice);
    let five = (0..5).fold(b"x".to_vec(), |bytes, _| gzip(&bytes));
    assert_eq!(undone("gzip, gzip, gzip, gzip, gzip", &five, &[]).0.bytes, five);
}

#[test]
fn what_is_not_encoded_so_stays() {
    for coding in ["gzip", "deflate", "br", "zstd", "identity", "", "br, gzip"] {
        for bytes in [&b"plain"[..], b"{\"jsonrpc\":\"2.0\"}", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", &[0], &[6]] {
            for expected in [Expected::Whole, Expected::Likely] {
                let stays = (Payload::whole(bytes.to_vec()), vec![bytes.len()]);
                assert_eq!(undone_as(expected, coding, bytes, &[bytes.len()]), stays, "{coding} {bytes:?}");
            }
        }
    }
}

#[test]
fn what_may_be_decoded_already_is_not_taken_for_a_beginning() {
    let whole = gzip(b"something");
    let mut body = Payload::whole(whole.clone());
    undo_if_whole(&header("gzip"), &mut body);
    assert_eq!(body.text(), Some("something"));
    for (coding, bytes) in [("gzip", &whole[..15]), ("br", &BROTLI[..12]), ("br", &BROTLI)] {
        let mut body = Payload::whole(bytes.to_vec());
        undo_if_whole(&header(coding), &mut body);
        assert_eq!(body.bytes, bytes, "{coding}");
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let zeros = vec![0; LARGEST + 1000];
    for (coding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros)), ("br", BROTLI_BOMB.to_vec())] {
        let (body, _) = undone(coding, &bomb, &[]);
        assert_eq!((body.bytes.len(), body.left_out), (LARGEST, 1), "{coding}");
    }
}

#[test]
fn a_window_beyond_what_content_codings_have_is_not_made_room_for() {
    // A window of 1 GiB (RFC 8878 section 3.1.1.1.2), and one byte in it.
    let wide = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 9, 0, 0, b'x'];
    assert_eq!(undone("zstd", &wide, &[]).0.bytes, wide[..]);
}
