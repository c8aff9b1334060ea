//! The events that the command handler would store, obtained without a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use annals_application::commands::CommandMetadata;
use annals_application::ports::{
    AppendError, DuplicateSearch, EventStore, PortError, ReadOptions, StoredEvent, StoredInput,
};
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_lambda::Installation;
use async_trait::async_trait;

/// A store that accepts all events in order and returns only heads.
#[derive(Default)]
struct RecordingStore(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    events: Vec<StoredEvent>,
    heads: HashMap<EntityKey, StreamHead>,
}

impl RecordingStore {
    fn with<T>(&self, work: impl FnOnce(&mut Recorded) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl EventStore for RecordingStore {
    fn name(&self) -> &str {
        "taking"
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let answers = events.iter().map(|_| Ok(())).collect();
        self.with(|recorded| {
            recorded.heads.extend(events.iter().map(|stored| (stored.event.key(), stored.head.clone())));
            recorded.events.extend(events);
        });
        answers
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        Ok(self.with(|recorded| keys.iter().map(|key| recorded.heads.get(key).cloned()).collect()))
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        Ok(vec![Admission::New { at_image: false }; searches.len()])
    }

    async fn read(&self, _: &EntityKey, _: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        Ok(Vec::new())
    }

    async fn read_inputs(&self, _: &EntityKey, _: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        Ok(Vec::new())
    }
}

/// The events that an installation would store for Salesforce change events that arrive in order.
///
/// # Panics
/// If a change event is refused.
pub async fn decided(installation: &Installation, inputs: impl IntoIterator<Item = String>) -> Vec<StoredEvent> {
    let store = Arc::new(RecordingStore::default());
    let mut installation = installation.clone();
    installation.store = Arc::clone(&store) as Arc<dyn EventStore>;
    let handler = installation.handler();
    for input in inputs {
        let ingested = handler.ingest_body(Provider::Salesforce, &input, CommandMetadata::default()).await;
        let refused = ingested.expect("a change event is JSON").results.into_iter().find(|read| read.version.is_none());
        assert!(refused.is_none(), "{refused:?}");
    }
    store.with(|recorded| std::mem::take(&mut recorded.events))
}
