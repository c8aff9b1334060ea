//! The changes that are appended together. A call of more changes is appended in several portions, so that its memory is
//! bounded whatever number of records an input names.

use super::pending_change::PendingChange;

const MAX_CHANGES: usize = 2_000;

/// Bytes of inputs: as many as a body may have, and room for a whole one more.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Portion {
    /// The index of the command of each change.
    pub(super) commands: Vec<usize>,
    pub(super) changes: Vec<PendingChange>,
    bytes: usize,
}

impl Portion {
    /// Adds a change. Returns whether the portion is full.
    pub(super) fn add(&mut self, command: usize, change: PendingChange) -> bool {
        self.bytes += change.incoming.data.len();
        self.commands.push(command);
        self.changes.push(change);
        self.changes.len() >= MAX_CHANGES || self.bytes >= MAX_BYTES
    }
}
