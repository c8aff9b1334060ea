//! The format of a source: one JSON document, or lines that are an input each.
//!
//! Detected from a bounded beginning of the source. It is lines if its first line is a complete JSON value, or if it
//! is too large to hold in memory.

use std::io::{self, BufRead, Read};

use annals_json as json;

use super::lines::MAX_INPUT_BYTES;

/// Some programs write it at the beginning of a text. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The format, with the bytes that were read to detect it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Lines; these bytes are their beginning.
    Lines(Vec<u8>),
    /// One document; these bytes are all of it.
    Document(Vec<u8>),
}

pub(super) fn detect(from: &mut dyn BufRead, is_lines_by_name: bool) -> io::Result<Format> {
    let mut head = Vec::new();
    let first = first_line(from, &mut head)?;
    if head.starts_with(BYTE_ORDER_MARK) {
        head.drain(..BYTE_ORDER_MARK.len());
    }
    if is_lines_by_name || is_complete(&head[first.min(head.len())..]) {
        return Ok(Format::Lines(head));
    }
    let room = (MAX_INPUT_BYTES + 1).saturating_sub(head.len());
    from.take(room as u64).read_to_end(&mut head)?;
    Ok(if head.len() > MAX_INPUT_BYTES || is_lines_after_a_broken_one(&head) {
        Format::Lines(head)
    } else {
        Format::Document(head)
    })
}

/// Reads up to the end of the first line that is not blank, or as much as fits in memory. Returns where it begins.
fn first_line(from: &mut dyn BufRead, head: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let start = head.len();
        let room = (MAX_INPUT_BYTES + 1).saturating_sub(start);
        let read = from.take(room as u64).read_until(b'\n', head)?;
        if read == 0 || !head[start..].trim_ascii().is_empty() {
            return Ok(start);
        }
    }
}

/// Whether the first of several lines is broken and the others are inputs: the first line begins an object, and the
/// next is a complete one. No document looks like that.
fn is_lines_after_a_broken_one(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let first_is_object = lines.next().is_some_and(|line| line.starts_with(b"{"));
    first_is_object && lines.next().is_some_and(|line| line.starts_with(b"{") && is_complete(line))
}

fn is_complete(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| json::split(line).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_lines: bool) {
        let format = detect(&mut text.as_bytes(), false).unwrap();
        let (Format::Lines(head) | Format::Document(head)) = &format;
        assert_eq!(matches!(format, Format::Lines(_)), is_lines, "{text:?}");
        assert!(text.trim_start_matches('\u{feff}').as_bytes().starts_with(head), "{text:?}");
    }

    #[test]
    fn a_first_line_that_is_a_complete_value_means_lines() {
        check("{\"a\":1}\n{\"b\":1}\n", true);
        check("\n \n{\"a\":1}\n{\n", true);
        check("{}", true);
        check("\u{feff}{}\n{}\n", true);
        check("[{}]\n[{}]\n", true);
    }

    #[test]
    fn a_value_over_several_lines_is_a_document() {
        check("{\n  \"a\": 1\n}\n", false);
        check("[\n{\"a\":1},\n{\"b\":1}\n]\n", false);
        check("", false);
        check(" \n\n", false);
        check("{\"a\":\n", false);
        check("[\n{\"a\":1},\n{\"b\":1}", false);
    }

    #[test]
    fn a_broken_first_line_before_complete_ones_means_lines() {
        check("{\"a\":\n{\"b\":1}\n", true);
        check("{\n  \"a\": {},\n", false);
    }

    #[test]
    fn a_source_larger_than_the_limit_is_read_as_lines() {
        check(&" ".repeat(MAX_INPUT_BYTES + 1), true);
        check(&format!("[\n{}", "1,\n".repeat(MAX_INPUT_BYTES / 3)), true);
        check(&format!("[\n{}", "1,\n".repeat(MAX_INPUT_BYTES / 3 - 1)), false);
    }

    #[test]
    fn the_ending_of_a_file_name_can_mean_lines() {
        assert_eq!(detect(&mut "[\n".as_bytes(), true).unwrap(), Format::Lines(b"[\n".to_vec()));
    }
}
