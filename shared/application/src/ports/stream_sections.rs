//! Sections of a stream: some events, and the state from which they can be folded.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;

use super::{EventStore, PortError, ReadOptions, SnapshotStore, StoredEvent};

/// Which events to read.
#[derive(Debug, Clone, Copy)]
pub struct SectionRequest<'a> {
    pub key: &'a EntityKey,
    /// The first event that is wanted.
    pub from: Version,
    /// The last, inclusive. It is not below `from`.
    pub to: Version,
    /// As in [`ReadOptions::max_bytes`].
    pub max_bytes: usize,
}

/// Events of a stream without a gap, from the one after `state` on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamSection {
    /// The state before the first event; `None` if that is the first of the stream.
    pub state: Option<Aggregate>,
    pub events: Vec<StoredEvent>,
}

/// Reads events together with a snapshot before them.
#[async_trait]
pub trait StreamSections: Send + Sync {
    /// A section that starts at the first wanted event or before it, and ends at the last wanted one, at the end of the
    /// stream, or earlier: the caller reads the rest from the event store. Strongly consistent.
    async fn read(&self, request: &SectionRequest<'_>) -> Result<StreamSection, PortError>;
}

/// Sections from a snapshot store and an event store, read one after the other.
#[derive(Clone)]
pub struct SeparateSections {
    pub store: Arc<dyn EventStore>,
    pub snapshots: Arc<dyn SnapshotStore>,
}

impl SeparateSections {
    pub fn new(store: &Arc<dyn EventStore>, snapshots: &Arc<dyn SnapshotStore>) -> Self {
        Self { store: Arc::clone(store), snapshots: Arc::clone(snapshots) }
    }
}

#[async_trait]
impl StreamSections for SeparateSections {
    async fn read(&self, request: &SectionRequest<'_>) -> Result<StreamSection, PortError> {
        let SectionRequest { key, from, to, max_bytes } = *request;
        let state = match from {
            Version::FIRST => None,
            from => self.snapshots.newest(key, from.previous()).await?,
        };
        let first = state.as_ref().map_or(Version::FIRST, |state| state.version().next());
        let limit = usize::try_from(to.get().saturating_sub(first.get()).saturating_add(1)).unwrap_or(usize::MAX);
        let options = ReadOptions { to_version: Some(to), max_bytes, ..ReadOptions::from(first, limit) };
        Ok(StreamSection { state, events: self.store.read(key, &options).await? })
    }
}
