//! What a reading of the lag found.

use super::dependency::DependencyState;

/// The lag of the projections, and the state of the dependencies that it was read from.
pub(super) struct Lag {
    pub(super) dependencies: Vec<DependencyState>,
    pub(super) events: Option<u64>,
    pub(super) millis: Option<u64>,
}
