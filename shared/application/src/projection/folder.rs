//! Folding the stored events of a stream into a state, and the state into an entity and a document.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::entity::Entity;
use annals_domain::event::{DomainEvent, EventInput};
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters, UnreadableEvent};

use crate::ports::{Document, SourceRecord, StoredInput};

/// Folds the events of one stream into the record's state, in version order.
pub struct StreamFolder<'a> {
    adapters: &'a ProviderAdapters,
    /// `None` before the first event.
    state: Option<Aggregate>,
}

impl<'a> StreamFolder<'a> {
    /// Continues from `state`; `None` starts before the first event of the stream.
    pub fn new(adapters: &'a ProviderAdapters, state: Option<Aggregate>) -> Self {
        Self { adapters, state }
    }

    pub fn next_version(&self) -> Version {
        self.state.as_ref().map_or(Version::FIRST, |state| state.version().next())
    }

    /// Parses an event and folds it. An event that is in the state already changes nothing.
    pub fn fold(&mut self, event: &DomainEvent) -> Result<(), UnreadableEvent> {
        if event.version >= self.next_version() {
            let change = self.adapters.read_event(&event.input())?;
            self.apply(event, &change);
        }
        Ok(())
    }

    /// The same for the input of an event of this stream. Without a state, the input must have its record.
    pub fn fold_input(&mut self, key: &EntityKey, stored: &StoredInput) -> Result<(), UnreadableEvent> {
        if stored.version >= self.next_version() {
            let record = self.record_of(stored)?;
            let input = stored.input(key, &record);
            let change = self.adapters.read_event(&input)?;
            self.apply_input(key.aggregate_id, stored.version, &input, &change);
        }
        Ok(())
    }

    fn record_of(&self, stored: &StoredInput) -> Result<SourceRecord, UnreadableEvent> {
        let of_state =
            |state: &Aggregate| SourceRecord { provider: state.provider(), external_id: state.external_id().clone() };
        let record = self.state.as_ref().map(of_state).or_else(|| stored.record.clone());
        let unknown = || "the id of its record is not known: the events before it were not read".to_owned();
        record.ok_or_else(|| UnreadableEvent { event_id: stored.position.event_id, reason: unknown() })
    }

    /// Folds an event that is parsed already, and returns the new state.
    pub fn apply(&mut self, event: &DomainEvent, change: &Change) -> &Aggregate {
        self.apply_input(event.aggregate_id, event.version, &event.input(), change)
    }

    fn apply_input(
        &mut self,
        aggregate_id: AggregateId,
        version: Version,
        input: &EventInput<'_>,
        change: &Change,
    ) -> &Aggregate {
        let state = self.state.get_or_insert_with(|| {
            let key = EntityKey { entity_name: input.entity_name.clone(), aggregate_id };
            Aggregate::new(key, input.provider, input.external_id.clone())
        });
        state.apply(version, change);
        state
    }

    /// The state; `None` before the first event.
    pub fn state(&self) -> Option<&Aggregate> {
        self.state.as_ref()
    }

    /// The state; `None` before the first event.
    pub fn into_state(self) -> Option<Aggregate> {
        self.state
    }

    /// The document of the state; `None` if there is no event, or the record waits for its base.
    pub fn document(&self, catalog: &Catalog) -> Option<Document> {
        let state = self.state.as_ref()?;
        let adapter = self.adapters.get(state.provider())?;
        let schema = catalog.schema(state.provider(), &state.key().entity_name);
        let entity = visible_entity(state, &schema, &**adapter)?;
        Some(Document::of(Arc::new(entity), schema))
    }
}

/// The entity that readers see; `None` while the record waits for its base.
pub(super) fn visible_entity(
    state: &Aggregate,
    schema: &EntitySchema,
    adapter: &dyn ProviderAdapter,
) -> Option<Entity> {
    state.has_base().then(|| mapping::map(state, schema, adapter))
}
