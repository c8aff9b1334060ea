//! The event store: append-only streams, one a record.
//!
//! Promises that an append at a version succeeds for one caller only, that a failed one says who
//! took the place or whether anything may have been written, and that reads see every append
//! that was answered before them.

use std::sync::Arc;

use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::position::{EventId, Version};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;

use super::PortError;

/// An event with the head of its stream up to itself.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// The event.
    pub event: Arc<DomainEvent>,
    /// The head.
    pub head: StreamHead,
}

/// Why an event was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Its version is taken: by that event, whose head is given. Where the ids are equal the event
    /// is ours, from an append whose answer was lost.
    #[error("version {} is taken by event `{event_id}`", head.version)]
    Conflict {
        /// Who took it.
        event_id: EventId,
        /// The head stored there; newer events may stand behind it.
        head: Box<StreamHead>,
    },
    /// An earlier event of its stream in the same call failed, so it was not tried.
    #[error("not tried, since an earlier event of the stream failed")]
    NotTried,
    /// Nothing was written.
    #[error("not applied")]
    NotApplied(#[source] PortError),
    /// It may have been written: the same append, made again, tells by a conflict with its own id.
    #[error("outcome unknown")]
    OutcomeUnknown(#[source] PortError),
}

/// The order of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the lowest version up.
    #[default]
    Ascending,
    /// From the highest version down.
    Descending,
}

/// Which events of a stream to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The lowest version.
    pub from_version: Version,
    /// The highest version; `None`: to the end.
    pub to_version: Option<Version>,
    /// The earliest timestamp, inclusive.
    pub from_time: Option<Timestamp>,
    /// The latest timestamp, inclusive.
    pub to_time: Option<Timestamp>,
    /// The order.
    pub direction: Direction,
    /// How many events to give; fewer come only where there are no more.
    pub limit: usize,
}

impl ReadOptions {
    /// The first `limit` events from a version on.
    pub fn from(version: Version, limit: usize) -> Self {
        Self {
            from_version: version,
            to_version: None,
            from_time: None,
            to_time: None,
            direction: Direction::Ascending,
            limit,
        }
    }

    /// The last `limit` events up to a version, newest first.
    pub fn back_from(version: Option<Version>, limit: usize) -> Self {
        Self { to_version: version, direction: Direction::Descending, ..Self::from(Version::FIRST, limit) }
    }
}

/// The events table.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// What errors name: the table.
    fn name(&self) -> &str;

    /// Appends events, each only if its version is free; one answer each, in their order. Events of
    /// one stream stand in version order and are tried one after the other; once one of a stream
    /// fails, the rest of that stream are `NotTried`.
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>>;

    /// The heads of streams, consistently read; `None` for a stream without events.
    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError>;

    /// Events of one stream, consistently read.
    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError>;
}

/// An event's place in the order of commits to this store: dense enough to resume behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CommitPosition(pub u64);

/// All events in the order of their commits: how the local process feeds its projections.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// Up to `limit` events behind `after`, in commit order; fewer may come before the end, none only
    /// at the end. An event never appears before one
    /// that is answered earlier.
    async fn after(&self, after: CommitPosition, limit: usize)
    -> Result<Vec<(CommitPosition, StoredEvent)>, PortError>;

    /// How far the projections have come.
    async fn checkpoint(&self) -> Result<CommitPosition, PortError>;

    /// Remembers how far they have come; never moves back.
    async fn advance(&self, to: CommitPosition) -> Result<(), PortError>;

    /// The last commit, and when it was recorded; `None` where there is none.
    async fn last_commit(&self) -> Result<Option<(CommitPosition, Timestamp)>, PortError>;
}
