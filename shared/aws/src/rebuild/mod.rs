//! Rebuilds indices of the read model from the events table while projection continues.
//!
//! A plan in the state table names the new indices. Projection reads it at most every ten seconds, and writes to
//! both indices from then on. Once every running function must have read the plan, the events table is scanned,
//! folded stream by stream and written with external versions, so that an older state never replaces a newer one.
//! Then the alias moves, and the old index is deleted.
//!
//! The old index serves readers until the new one has every document, and the alias moves in one call: readers
//! never miss a document, and never see an older one. A rebuild that was killed continues from its last checkpoint.
//! Nothing is published.

mod error;
mod lease;
mod live_targets;
mod plan;
mod rebuilder;
mod segment_fold;
mod segment_walk;
mod settings;
mod target;

pub use self::error::RebuildError;
pub use self::live_targets::LiveTargets;
pub use self::plan::{FailedRecord, RebuildCounts, RebuildPlan, RebuildReport, SegmentProgress};
pub use self::rebuilder::{OnProgress, RebuildOutcome, RebuildRequest, Rebuilder};
pub use self::settings::{RebuildPorts, RebuildSettings};
pub use self::target::{RebuildTarget, TargetReport};
