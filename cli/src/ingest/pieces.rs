//! What the reading thread hands over, in the order of the inputs.

use std::io;

use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use tokio::sync::mpsc;

use super::place::Place;

/// One input.
#[derive(Debug)]
pub(super) struct Input {
    /// Where it stands.
    pub(super) place: Place,
    /// Whose it is.
    pub(super) provider: Provider,
    /// Its text.
    pub(super) text: String,
}

/// A piece of what was read.
#[derive(Debug)]
pub(super) enum Piece {
    /// Inputs to be handled together.
    Batch(Vec<Input>),
    /// Bytes that are no input, and why not: to be kept.
    Refused {
        /// Where they stand.
        place: Place,
        /// Whose they are.
        provider: Provider,
        /// All of them.
        bytes: Vec<u8>,
        /// Why.
        issue: ValidationIssue,
    },
    /// A line too long to be held: to be kept, part by part.
    LongLine {
        /// Where it stands.
        place: Place,
        /// Whose it is.
        provider: Provider,
        /// Its parts; an error where it cannot be read to its end.
        parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    },
    /// A file that could not be read, and why not.
    Failed {
        /// Which.
        place: Place,
        /// Why.
        reason: String,
    },
}

/// Nobody takes pieces any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;
