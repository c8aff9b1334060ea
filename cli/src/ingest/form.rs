//! What a source is: one document, or lines that are inputs each.
//!
//! Promises to decide on a bounded beginning. A line that is a whole JSON value makes it lines;
//! so does a size at which it cannot be held.

use std::io::{self, BufRead, Read};

use annals_json as json;

use super::lines::LONGEST_LINE;

/// The mark by which some programs begin a text. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a source is, and what was read of it to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines; these bytes come first.
    Lines(Vec<u8>),
    /// One document, whole.
    Document(Vec<u8>),
}

/// Tells the form of what `from` gives.
pub(super) fn form_of(from: &mut dyn BufRead, is_lines_by_name: bool) -> io::Result<Form> {
    let mut head = Vec::new();
    let first = first_line(from, &mut head)?;
    if head.starts_with(BYTE_ORDER_MARK) {
        head.drain(..BYTE_ORDER_MARK.len());
    }
    if is_lines_by_name || is_whole(&head[first.min(head.len())..]) {
        return Ok(Form::Lines(head));
    }
    let room = (LONGEST_LINE + 1).saturating_sub(head.len());
    from.take(room as u64).read_to_end(&mut head)?;
    Ok(if head.len() > LONGEST_LINE || is_lines_with_a_bad_first(&head) {
        Form::Lines(head)
    } else {
        Form::Document(head)
    })
}

/// Reads through the first line that is not blank, or as much as may be held; where it begins.
fn first_line(from: &mut dyn BufRead, head: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let start = head.len();
        let room = (LONGEST_LINE + 1).saturating_sub(start);
        let read = from.take(room as u64).read_until(b'\n', head)?;
        if read == 0 || !head[start..].trim_ascii().is_empty() {
            return Ok(start);
        }
    }
}

/// Whether the first of several lines is broken and the others are inputs: an object in its first
/// line, and another one, whole, in the next. No document looks so.
fn is_lines_with_a_bad_first(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let first_is_object = lines.next().is_some_and(|line| line.starts_with(b"{"));
    first_is_object && lines.next().is_some_and(|line| line.starts_with(b"{") && is_whole(line))
}

fn is_whole(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| json::split(line).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_lines: bool) {
        let form = form_of(&mut text.as_bytes(), false).unwrap();
        let (Form::Lines(head) | Form::Document(head)) = &form;
        assert_eq!(matches!(form, Form::Lines(_)), is_lines, "{text:?}");
        assert!(text.trim_start_matches('\u{feff}').as_bytes().starts_with(head), "{text:?}");
    }

    #[test]
    fn a_first_line_that_is_a_whole_value_makes_lines_of_it() {
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
    fn a_broken_first_line_before_whole_ones_is_a_line() {
        check("{\"a\":\n{\"b\":1}\n", true);
        check("{\n  \"a\": {},\n", false);
    }

    #[test]
    fn what_cannot_be_held_is_lines() {
        check(&" ".repeat(LONGEST_LINE + 1), true);
        check(&format!("[\n{}", "1,\n".repeat(LONGEST_LINE / 3)), true);
        check(&format!("[\n{}", "1,\n".repeat(LONGEST_LINE / 3 - 1)), false);
    }

    #[test]
    fn a_name_that_says_lines_is_believed() {
        assert_eq!(form_of(&mut "[\n".as_bytes(), true).unwrap(), Form::Lines(b"[\n".to_vec()));
    }
}
