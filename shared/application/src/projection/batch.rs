//! The streams of a batch of stored events.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;

pub(super) struct StreamSpan {
    pub(super) key: EntityKey,
    pub(super) first: Arc<DomainEvent>,
    pub(super) highest: Version,
    /// The correlation id of the event with the highest version.
    pub(super) correlation_id: Option<String>,
}

impl StreamSpan {
    pub(super) fn lowest(&self) -> Version {
        self.first.version
    }
}

pub(super) struct StreamBatch {
    pub(super) span: StreamSpan,
    /// At least one event; versions inside the span may be missing.
    pub(super) events: BTreeMap<Version, Arc<DomainEvent>>,
}

impl StreamBatch {
    /// Splits a batch by stream. Its events may come in any order and more than once.
    pub(super) fn split(batch: Vec<Arc<DomainEvent>>) -> Vec<Self> {
        let mut streams: BTreeMap<EntityKey, BTreeMap<Version, Arc<DomainEvent>>> = BTreeMap::new();
        for event in batch {
            streams.entry(event.key()).or_default().insert(event.version, event);
        }
        let streams = streams.into_iter().filter_map(|(key, events)| {
            let first = Arc::clone(events.values().next()?);
            let newest = events.values().next_back()?;
            let (highest, correlation_id) = (newest.version, newest.metadata.correlation_id.clone());
            Some(Self { span: StreamSpan { key, first, highest, correlation_id }, events })
        });
        streams.collect()
    }
}
