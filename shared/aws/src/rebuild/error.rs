//! Why a rebuild did not start, continue or end.

use annals_application::ports::PortError;

use crate::rebuild::plan::{RebuildPlan, RebuildReport};

/// Why a rebuild did not start, continue or end.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process holds the lease.
    #[error("another process is rebuilding")]
    AlreadyRunning,
    /// A rebuild was started before and has not ended.
    #[error("a rebuild of {}, started at {}, has not ended", .0.types(), .0.started_at)]
    Unfinished(Box<RebuildPlan>),
    /// No definition and no known object has that name.
    #[error("no entity type `{0}`")]
    UnknownType(String),
    /// The lease expired, and another process continues.
    #[error("another process has taken over the rebuild")]
    LeaseLost,
    /// Records that readers find could not be rebuilt. The old indices continue to serve.
    #[error("{} records that readers find could not be rebuilt; the old index continues to serve", .0.counts.missed)]
    RecordsFailed(Box<RebuildReport>),
    /// The rebuild was started with other definitions than this process has, or by a release with another layout.
    #[error("the rebuild of {} was started by another release, or with other definitions than this process has", .0.types())]
    DefinitionsChanged(Box<RebuildPlan>),
    #[error("the rebuild stopped; it can be continued")]
    Port(#[from] PortError),
}
