//! Rebuilding the read model from the events table while projection goes on.
//!
//! Promises that readers see no document go missing or back: the old index answers until the new
//! one holds everything, and the alias moves in one call. Promises to go on where a killed run had
//! come to. Announces nothing.
//!
//! How: a plan in the state table names the new indices. Projection reads it at most every ten
//! seconds and from then on writes to both; once every running function must know it, the events
//! table is scanned, folded stream by stream and written under external versions, so that a live
//! change is never overwritten by an older state. Then the alias moves, and the old index goes.

mod fold;
mod live;
mod patience;
mod plan;
mod rebuilder;
mod report;
mod segment;

pub use self::live::LiveTargets;
pub use self::plan::{FailedRecord, RebuildCounts, RebuildPlan, RebuildTarget, SegmentProgress};
pub use self::rebuilder::{
    OnProgress, RebuildError, RebuildOutcome, RebuildPorts, RebuildRequest, RebuildSettings, Rebuilder,
};
pub use self::report::{RebuildReport, TargetReport};
