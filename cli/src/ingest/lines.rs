//! Lines of any length in bounded memory: at most [`MAX_INPUT_BYTES`] of a line are held at once, and the rest of a
//! longer one is passed on in parts.

use std::io::{self, BufRead, Read};

/// The longest line, and the largest document, that is parsed. Far larger than any change event; what exceeds it is
/// quarantined unparsed.
pub(super) const MAX_INPUT_BYTES: usize = 16 * 1024 * 1024;
/// How much of a longer line is passed on at once.
const PART_BYTES: u64 = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineRead {
    /// All of it, without the line end.
    Complete,
    /// Its beginning; [`rest_of_line`] reads the rest.
    TooLong,
}

/// Reads the next line into `line`; `None` at the end.
pub(super) fn next_line(from: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<LineRead>> {
    line.clear();
    from.take(MAX_INPUT_BYTES as u64 + 1).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > MAX_INPUT_BYTES && line.last() != Some(&b'\n') {
        return Ok(Some(LineRead::TooLong));
    }
    remove_line_end(line);
    Ok(Some(LineRead::Complete))
}

/// Passes the rest of a long line to `pass_on` in parts, without the line end, until that returns `false`.
pub(super) fn rest_of_line(from: &mut dyn BufRead, mut pass_on: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    loop {
        let mut part = Vec::new();
        from.take(PART_BYTES).read_until(b'\n', &mut part)?;
        let is_last = part.last().is_none_or(|last| *last == b'\n');
        if part.last() == Some(&b'\n') {
            part.pop();
        }
        if !part.is_empty() && !pass_on(part) || is_last {
            return Ok(());
        }
    }
}

fn remove_line_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn all(text: &[u8]) -> Vec<(LineRead, Vec<u8>)> {
        let (mut from, mut line, mut lines) = (Cursor::new(text), Vec::new(), Vec::new());
        while let Some(kind) = next_line(&mut from, &mut line).unwrap() {
            let mut whole = line.clone();
            if kind == LineRead::TooLong {
                rest_of_line(&mut from, |part| {
                    whole.extend(part);
                    true
                })
                .unwrap();
            }
            lines.push((kind, whole));
        }
        lines
    }

    #[test]
    fn lines_are_read_without_line_ends_and_the_last_needs_none() {
        let lines = all(b"a\r\n\nb");
        assert_eq!(
            lines,
            [(LineRead::Complete, b"a".to_vec()), (LineRead::Complete, vec![]), (LineRead::Complete, b"b".to_vec())]
        );
        assert_eq!(all(b""), []);
    }

    #[track_caller]
    fn check(length: usize, kind: LineRead) {
        for end in ["", "\n", "\nnext"] {
            let mut text = vec![b'x'; length];
            text.extend(end.as_bytes());
            let lines = all(&text);
            assert_eq!((lines[0].0, lines[0].1.len()), (kind, length), "{length} {end:?}");
            assert_eq!(lines.len(), if end.len() > 1 { 2 } else { 1 }, "{length} {end:?}");
        }
    }

    #[test]
    fn a_line_of_any_length_keeps_all_its_bytes_and_the_next_line_follows() {
        check(MAX_INPUT_BYTES, LineRead::Complete);
        check(MAX_INPUT_BYTES + 1, LineRead::TooLong);
        check(MAX_INPUT_BYTES + PART_BYTES as usize, LineRead::TooLong);
        check(MAX_INPUT_BYTES + 1 + PART_BYTES as usize, LineRead::TooLong);
        check(MAX_INPUT_BYTES + 7 + 3 * PART_BYTES as usize, LineRead::TooLong);
    }
}
