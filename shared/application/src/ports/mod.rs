//! Ports: what the use cases need of the world.
//!
//! Promises that an error says what the caller may do next. Each port has one contract suite
//! (`crate::contract`), which every adapter of it passes.

mod backfill_job;
mod clock;
mod error;
mod event_publisher;
mod event_store;
mod lag_notes;
mod projection_jobs;
mod read_model;
mod state_store;

pub use self::backfill_job::{BACKFILL_PAGE_SIZE, BackfillJob, BackfillMode, JobCounts, JobState};
pub use self::clock::{Clock, Ids};
pub use self::error::{PortError, PortErrorKind};
pub use self::event_publisher::{EventPublisher, NormalizedEntityEvent};
pub use self::event_store::{AppendError, CommitPosition, Direction, EventFeed, EventStore, ReadOptions, StoredEvent};
pub use self::lag_notes::{LagNote, LagNotes};
pub use self::projection_jobs::{JobOutcome, JobReport, ProjectionJob, ProjectionJobs};
pub use self::read_model::{
    Condition, Document, EntityQuery, Filter, IndexOutcome, QueryValue, ReadDocument, ReadModel, SortKey,
};
pub use self::state_store::{Lease, ParkedProjection, QuarantineEntry, QuarantineState, RefetchTask, StateStore};
