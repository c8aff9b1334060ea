//! What the reader hands to the ingestion, in the order of the inputs.

use std::fmt;
use std::io;
use std::sync::Arc;

use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use tokio::sync::mpsc;

/// Where an input comes from: a file, and a line in it if one can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceLocation {
    file: Arc<str>,
    line: Option<u64>,
    /// Whether the input is this one line, so that line numbers inside the input say nothing.
    is_one_line: bool,
}

impl SourceLocation {
    pub(super) fn file(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: None, is_one_line: false }
    }

    pub(super) fn line(file: &Arc<str>, line: u64) -> Self {
        Self { file: Arc::clone(file), line: Some(line), is_one_line: true }
    }

    /// An input that begins in a line, or the line of an error.
    pub(super) fn from_line(file: &Arc<str>, line: u64) -> Self {
        Self { file: Arc::clone(file), line: Some(line), is_one_line: false }
    }

    /// The message without the line number that the location states already.
    pub(crate) fn shorten(&self, message: &str) -> String {
        if self.is_one_line { message.replacen("line 1, column", "column", 1) } else { message.to_owned() }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) location: SourceLocation,
    pub(super) provider: Provider,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) enum FromReader {
    Batch(Vec<Input>),
    /// Bytes that are no input, to be quarantined.
    Unreadable {
        location: SourceLocation,
        provider: Provider,
        bytes: Vec<u8>,
        issue: ValidationIssue,
    },
    /// A line too long to hold in memory, to be quarantined part by part. A part is an error if the line cannot be
    /// read to its end.
    LongLine {
        location: SourceLocation,
        provider: Provider,
        parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    },
    /// A file that could not be read.
    Failed {
        location: SourceLocation,
        reason: String,
    },
}

/// Nobody receives from the reader any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disconnected;
