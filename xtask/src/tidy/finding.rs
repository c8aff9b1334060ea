//! A place in the source that breaks a rule.

use std::fmt;

use crate::source::SourceFile;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(super) path: String,
    /// The line, from 1. It is 0 if the finding is about the whole file.
    pub(super) line: usize,
    pub(super) reason: String,
}

impl Finding {
    pub(super) fn new(file: &SourceFile, line: usize, reason: impl Into<String>) -> Self {
        Self::at(&file.path, line, reason)
    }

    pub(super) fn at(path: &str, line: usize, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, reason: reason.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.reason),
            line => write!(f, "{}:{line}: {}", self.path, self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_its_file_its_line_and_its_reason() {
        let finding = |line| Finding::at("a/b.rs", line, "no");
        assert_eq!(finding(3).to_string(), "a/b.rs:3: no");
        assert_eq!(finding(0).to_string(), "a/b.rs: no");
    }
}
