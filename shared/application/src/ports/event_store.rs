//! The event store: append-only streams, one per record.
//!
//! At each version of a stream, one append succeeds. A failed append returns the event that has the
//! version, or whether the event may have been written. A read returns all appends acknowledged before it.

use std::sync::Arc;

use annals_domain::event::{DomainEvent, EventInput, Metadata, ObservedParts, Source};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::position::{EventId, Position, Version};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;

use super::{FeedConsumer, PortError};

/// An event, and the stream head that includes it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    pub event: Arc<DomainEvent>,
    pub head: StreamHead,
}

/// The record of a stream, as its provider names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    pub provider: Provider,
    pub external_id: ExternalId,
}

/// What folding needs of a stored event: not who made the change, what it warned of, or its stream head.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredInput {
    pub version: Version,
    pub position: Position,
    /// All events of a stream have the same, so a store may leave it out of a read that starts after the first event.
    pub record: Option<SourceRecord>,
    pub source: Source,
    /// The parts of a record image that stand at the time of reading.
    pub observed: ObservedParts,
    /// The input byte for byte.
    pub data: Arc<str>,
}

impl StoredInput {
    /// The input for the provider's adapter, of an event in the stream of that key and record.
    pub fn input<'a>(&'a self, key: &'a EntityKey, record: &'a SourceRecord) -> EventInput<'a> {
        EventInput {
            provider: record.provider,
            entity_name: &key.entity_name,
            external_id: &record.external_id,
            source: self.source,
            position: self.position,
            observed: &self.observed,
            data: &self.data,
        }
    }
}

impl From<&DomainEvent> for StoredInput {
    fn from(event: &DomainEvent) -> Self {
        let Metadata { provider, external_id, .. } = &event.metadata;
        Self {
            version: event.version,
            position: event.position,
            record: Some(SourceRecord { provider: *provider, external_id: external_id.clone() }),
            source: event.metadata.source,
            observed: event.metadata.observed.clone(),
            data: Arc::clone(&event.data),
        }
    }
}

/// The question whether a change is stored already, if its stream's head cannot tell ([`StreamHead::admit`]).
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateSearch {
    pub key: EntityKey,
    pub position: Position,
    /// The newest head of the stream that the caller knows. Only events up to its version are searched.
    pub head: StreamHead,
}

/// Why an event was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another event has the version. If the ids are equal, it is the same event, stored by an append
    /// whose response was lost.
    #[error("version {} is taken by event `{event_id}`", head.version)]
    Conflict {
        event_id: EventId,
        /// The stream head at that version; the stream may have newer events.
        head: Box<StreamHead>,
    },
    #[error("not tried, since an earlier event of the stream failed")]
    NotTried,
    /// Nothing was written.
    #[error("not applied")]
    NotApplied(#[source] PortError),
    /// The event may have been written. If it was, repeating the append is a conflict with the same id.
    #[error("outcome unknown")]
    OutcomeUnknown(#[source] PortError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// Which events of a stream to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Inclusive.
    pub from_version: Version,
    /// Inclusive. `None`: to the end.
    pub to_version: Option<Version>,
    /// Inclusive.
    pub from_time: Option<Timestamp>,
    /// Inclusive.
    pub to_time: Option<Timestamp>,
    pub direction: Direction,
    /// A read returns fewer events only if there are no more, or for `max_bytes`.
    pub limit: usize,
    /// A read ends after the event with which its data has this many bytes or more: it returns at least
    /// one event, and exceeds the bytes by one event at most.
    pub max_bytes: usize,
}

impl ReadOptions {
    /// The first `limit` events from `version`, inclusive.
    pub fn from(version: Version, limit: usize) -> Self {
        Self {
            from_version: version,
            to_version: None,
            from_time: None,
            to_time: None,
            direction: Direction::Ascending,
            limit,
            max_bytes: usize::MAX,
        }
    }

    /// The last `limit` events up to `version`, inclusive, newest first.
    pub fn back_from(version: Option<Version>, limit: usize) -> Self {
        Self { to_version: version, direction: Direction::Descending, ..Self::from(Version::FIRST, limit) }
    }
}

#[async_trait]
pub trait EventStore: Send + Sync {
    /// The resource that errors name, such as the table.
    fn name(&self) -> &str;

    /// Appends each event if no event has its version. Returns one result per event, in their order.
    /// Events of one stream must be in version order. After the first failure in a stream, the other
    /// events of that stream are `NotTried`.
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>>;

    /// Strongly consistent. One result per key, in their order; `None`: no events.
    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError>;

    /// Whether streams have events. Strongly consistent. One result per key, in their order; no key twice. A store that
    /// can tell many at once does: most records of a first backfill have none.
    async fn have_events(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        Ok(self.heads(keys).await?.iter().map(Option::is_some).collect())
    }

    /// Strongly consistent. One result per search, in their order. The cost of a search grows at most with the logarithm
    /// of the stream's length, whatever the order in which its events arrived.
    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError>;

    /// Strongly consistent.
    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError>;

    /// The inputs of the events that [`read`](Self::read) returns: less work where the store can leave parts out. If the
    /// read starts at the first version, each input has its record.
    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError>;
}

/// The number of an event in the commit order of this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CommitPosition(pub u64);

/// All events in commit order, for the projections of the local process.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// At most `limit` events after `after`, in commit order; none only at the end of the feed. Once an
    /// event is returned, no event appears before it.
    async fn after(&self, after: CommitPosition, limit: usize)
    -> Result<Vec<(CommitPosition, StoredEvent)>, PortError>;

    /// The position up to which a consumer has processed all events.
    async fn checkpoint(&self, consumer: FeedConsumer) -> Result<CommitPosition, PortError>;

    /// Stores a consumer's checkpoint; it never moves back.
    async fn advance(&self, consumer: FeedConsumer, to: CommitPosition) -> Result<(), PortError>;

    /// The last commit and its time.
    async fn last_commit(&self) -> Result<Option<(CommitPosition, Timestamp)>, PortError>;
}
