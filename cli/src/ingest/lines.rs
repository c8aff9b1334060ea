//! Lines of any length in bounded memory.
//!
//! Promises that no more than [`LONGEST_LINE`] bytes of a line are held at once: the rest of a
//! longer one is handed on in parts.

use std::io::{self, BufRead, Read};

/// The longest line, and the largest document, that is looked into. Far above any change event;
/// what is larger goes to quarantine unread.
pub(super) const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// How much of a longer line is handed on at once.
const PART: u64 = 256 * 1024;

/// What was read of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it, without its end.
    Whole,
    /// Its beginning; [`rest_of_line`] reads on.
    TooLong,
}

/// Reads the next line into `line`; `None` at the end.
pub(super) fn next_line(from: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
    line.clear();
    from.take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > LONGEST_LINE && line.last() != Some(&b'\n') {
        return Ok(Some(Line::TooLong));
    }
    without_end(line);
    Ok(Some(Line::Whole))
}

/// Hands on what is left of a line that is too long, without its end, until `take` says no.
pub(super) fn rest_of_line(from: &mut dyn BufRead, mut take: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    loop {
        let mut part = Vec::new();
        from.take(PART).read_until(b'\n', &mut part)?;
        let is_last = part.last().is_none_or(|last| *last == b'\n');
        if part.last() == Some(&b'\n') {
            part.pop();
        }
        if !part.is_empty() && !take(part) || is_last {
            return Ok(());
        }
    }
}

fn without_end(line: &mut Vec<u8>) {
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

    fn all(text: &[u8]) -> Vec<(Line, Vec<u8>)> {
        let (mut from, mut line, mut lines) = (Cursor::new(text), Vec::new(), Vec::new());
        while let Some(kind) = next_line(&mut from, &mut line).unwrap() {
            let mut whole = line.clone();
            if kind == Line::TooLong {
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
    fn lines_come_without_their_ends_and_the_last_needs_none() {
        let lines = all(b"a\r\n\nb");
        assert_eq!(lines, [(Line::Whole, b"a".to_vec()), (Line::Whole, vec![]), (Line::Whole, b"b".to_vec())]);
        assert_eq!(all(b""), []);
    }

    #[track_caller]
    fn check(length: usize, kind: Line) {
        for end in ["", "\n", "\nnext"] {
            let mut text = vec![b'x'; length];
            text.extend(end.as_bytes());
            let lines = all(&text);
            assert_eq!((lines[0].0, lines[0].1.len()), (kind, length), "{length} {end:?}");
            assert_eq!(lines.len(), if end.len() > 1 { 2 } else { 1 }, "{length} {end:?}");
        }
    }

    #[test]
    fn a_line_of_any_length_keeps_all_its_bytes_and_the_next_line_goes_on() {
        check(LONGEST_LINE, Line::Whole);
        check(LONGEST_LINE + 1, Line::TooLong);
        check(LONGEST_LINE + PART as usize, Line::TooLong);
        check(LONGEST_LINE + 1 + PART as usize, Line::TooLong);
        check(LONGEST_LINE + 7 + 3 * PART as usize, Line::TooLong);
    }
}
