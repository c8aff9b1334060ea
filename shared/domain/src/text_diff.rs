//! Long texts that arrive as a unified diff, with the SHA-256 of the resulting text.
//!
//! `apply` never returns a text with another hash. A diff does not say which line ends the text has: those of the base
//! are tried first, then the other kind.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A unified diff: `--- `, `+++ <sha256>`, hunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextDiff(String);

enum HunkLine<'a> {
    Context(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

impl TextDiff {
    /// `None` if the text does not start with a diff's header: `--- `, then `+++ ` and 64 hexadecimal digits.
    pub fn recognise(text: &str) -> Option<Self> {
        Self::hash_of(text)?;
        Some(Self(text.to_owned()))
    }

    /// The text after this diff; `None` if the diff was not made from `base`.
    pub fn apply(&self, base: &str) -> Option<String> {
        let expected = Self::hash_of(&self.0)?;
        let lines: Vec<&str> = base.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let patched = self.patch(&lines)?;
        let ends = if base.contains("\r\n") { ["\r\n", "\n"] } else { ["\n", "\r\n"] };
        ends.iter().map(|end| patched.join(end)).find(|text| sha256_hex(text).eq_ignore_ascii_case(expected))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn weight(&self) -> usize {
        self.0.len()
    }

    fn hash_of(text: &str) -> Option<&str> {
        let mut lines = text.lines();
        lines.next()?.strip_prefix("---")?;
        let hash = lines.next()?.strip_prefix("+++ ")?.trim();
        (hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
    }

    fn patch<'a>(&'a self, base: &[&'a str]) -> Option<Vec<&'a str>> {
        let mut patched = Vec::with_capacity(base.len());
        let mut consumed = 0;
        for line in self.0.split('\n').skip(2).map(|line| line.strip_suffix('\r').unwrap_or(line)) {
            if let Some(header) = line.strip_prefix("@@ -") {
                let start = hunk_start(header)?;
                patched.extend_from_slice(base.get(consumed..start)?);
                consumed = start;
                continue;
            }
            match read_line(line) {
                None => {}
                Some(HunkLine::Added(text)) => patched.push(text),
                Some(HunkLine::Context(text)) => {
                    patched.push(*base.get(consumed).filter(|have| **have == text)?);
                    consumed += 1;
                }
                Some(HunkLine::Removed(text)) => {
                    base.get(consumed).filter(|have| **have == text)?;
                    consumed += 1;
                }
            }
        }
        patched.extend_from_slice(base.get(consumed..)?);
        Some(patched)
    }
}

fn read_line(line: &str) -> Option<HunkLine<'_>> {
    let (kind, text) = line.split_at_checked(1)?;
    match kind {
        "+" => Some(HunkLine::Added(text)),
        "-" => Some(HunkLine::Removed(text)),
        " " => Some(HunkLine::Context(text)),
        _ => None,
    }
}

/// The index of the first base line of a hunk, from its header such as `2,1 +2,1 @@`.
fn hunk_start(header: &str) -> Option<usize> {
    let range = header.split(' ').next()?;
    let (start, length) = range.split_once(',').unwrap_or((range, "1"));
    let start: usize = start.parse().ok()?;
    // A hunk without base lines names the line before it.
    if length == "0" { Some(start) } else { start.checked_sub(1) }
}

fn sha256_hex(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, hunks: &str, after: &str) {
        let text = format!("--- \n+++ {}\n{hunks}", sha256_hex(after));
        let diff = TextDiff::recognise(&text).expect("a diff");
        assert_eq!(diff.apply(base).as_deref(), Some(after));
    }

    #[test]
    fn a_hunk_replaces_adds_and_removes_lines() {
        check("a\nb\nc", "@@ -2,1 +2,1 @@\n-b\n+B", "a\nB\nc");
        check("a\nb\nc", "@@ -1,0 +2,2 @@\n+x\n+y", "a\nx\ny\nb\nc");
        check("a\nb\nc", "@@ -1,2 +0,0 @@\n-a\n-b", "c");
        check("a\nb\nc\nd", "@@ -1,2 +1,2 @@\n a\n-b\n+B\n@@ -4 +4 @@\n-d\n+D", "a\nB\nc\nD");
    }

    #[test]
    fn the_line_ends_are_those_of_the_base() {
        check("a\r\nb\r\nc", "@@ -2,1 +2,1 @@\n-b\n+B", "a\r\nB\r\nc");
    }

    #[test]
    fn another_base_or_hash_gives_no_text() {
        let text = format!("--- \n+++ {}\n@@ -1,1 +1,1 @@\n-a\n+b", sha256_hex("b"));
        let diff = TextDiff::recognise(&text).expect("a diff");
        assert_eq!(diff.apply("a").as_deref(), Some("b"));
        assert_eq!(diff.apply("z"), None);
        let wrong = text.replace(&sha256_hex("b"), &sha256_hex("c"));
        assert_eq!(TextDiff::recognise(&wrong).expect("a diff").apply("a"), None);
    }

    #[test]
    fn hunks_out_of_order_or_range_give_no_text() {
        for hunks in
            ["@@ -9,1 +9,1 @@\n-a", "@@ -2,1 +2,1 @@\n-b\n@@ -1,1 +1,1 @@\n-a", "@@ -x +y @@", "@@ -0,1 +0,1 @@"]
        {
            let text = format!("--- \n+++ {}\n{hunks}", sha256_hex(""));
            assert_eq!(TextDiff::recognise(&text).expect("a diff").apply("a\nb"), None, "{hunks}");
        }
    }

    #[test]
    fn only_a_text_with_the_header_is_a_diff() {
        let text = format!("--- \n+++ {}\n@@ -1 +1 @@", "0".repeat(64));
        assert_eq!(TextDiff::recognise(&text).expect("a diff").as_str(), text);
        assert!(TextDiff::recognise("--- a dash\nlist").is_none());
        assert!(TextDiff::recognise("--- \n+++ 1234\n").is_none());
    }
}
