//! The values that the tests of order and repetition compare: the entity, and the event that set each leaf.
//!
//! It leaves out what depends on the order of arrival: versions, recorded times and ordering warnings.

use std::collections::{BTreeMap, HashMap};

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::entity::Entity;
use annals_domain::mapping;
use annals_domain::position::EventId;
use annals_domain::provider_adapter::ProviderAdapters;
use serde_json::{Map, Value, json};

/// A record as readers see it, without its ids.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Whether the record is visible.
    pub shows: bool,
    /// The mapped fields, mapping warnings, unknown fields, and timestamps.
    pub entity: Map<String, Value>,
    /// The raw fields but its id.
    pub raw: Map<String, Value>,
    /// For each path, the number of the delivery that set it.
    pub set_by: BTreeMap<String, usize>,
}

impl View {
    /// The view of a state. `deliveries` numbers the history's events.
    pub fn of(
        state: &Aggregate,
        catalog: &Catalog,
        adapters: &ProviderAdapters,
        deliveries: &HashMap<EventId, usize>,
    ) -> Self {
        let schema = catalog.schema(state.provider(), &state.key().entity_name);
        let adapter = adapters.get(state.provider()).expect("the adapter that read it");
        let set_by = state.paths().filter_map(|path| {
            let event_id = state.set_by(path.as_str())?.event_id;
            Some((path.to_string(), *deliveries.get(&event_id).expect("an event of the history")))
        });
        let entity = mapping::map(state, &schema, &**adapter);
        let mut raw = state.raw();
        raw.remove(adapter.id_field());
        Self { shows: state.has_base(), entity: visible(&entity, &schema), raw, set_by: set_by.collect() }
    }
}

/// An entity's JSON without its ids and version.
pub fn visible(entity: &Entity, schema: &EntitySchema) -> Map<String, Value> {
    let mut json = entity.to_json(schema);
    for own in ["id", "aggregate_id", "version"] {
        json.remove(own);
    }
    json.insert("is_deleted".to_owned(), json!(entity.is_deleted));
    json
}
