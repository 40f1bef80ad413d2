//! JSON as editors keep it.

/// JSON with comments and trailing commas as plain JSON of the same length, so that places stay.
pub(super) fn without_comments(text: &str) -> String {
    let mut out: Vec<u8> = text.as_bytes().to_vec();
    let bytes = text.as_bytes();
    let (mut at, mut is_string) = (0, false);
    let mut comma: Option<usize> = None;
    while let Some(&byte) = bytes.get(at) {
        if is_string {
            if byte == b'\\' {
                at += 1;
            } else if byte == b'"' {
                is_string = false;
            }
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 4)
        } else {
            0
        };
        if end > 0 {
            out[at..at + end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            at += end;
            continue;
        }
        match byte {
            b'"' => {
                is_string = true;
                comma = None;
            }
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    out[comma] = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_default()
}
