//! Where an input stands.

use std::fmt;
use std::sync::Arc;

/// A file, and a line in it where one can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    file: Arc<str>,
    line: Option<u64>,
    /// Whether the input is that one line, so that its own line numbers say nothing.
    is_one_line: bool,
}

impl Place {
    /// A whole file.
    pub(super) fn file(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: None, is_one_line: false }
    }

    /// An input that is one line, or stands in it.
    pub(super) fn line(file: &Arc<str>, line: u64) -> Self {
        Self { file: Arc::clone(file), line: Some(line), is_one_line: true }
    }

    /// An input that begins in a line, or what is wrong there.
    pub(super) fn from_line(file: &Arc<str>, line: u64) -> Self {
        Self { file: Arc::clone(file), line: Some(line), is_one_line: false }
    }

    /// A message about an input here, without what the place says already.
    pub(crate) fn told(&self, message: &str) -> String {
        if self.is_one_line { message.replacen("line 1, column", "column", 1) } else { message.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
