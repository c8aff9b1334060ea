//! The entities of a type at a moment, from the database of this machine.
//!
//! They come in the order of their aggregate ids: all ids are read first, of which each takes 32 bytes. Each entity is
//! then folded from a snapshot and the events after it, a few at the same time.

use std::sync::Arc;

use annals_application::ports::PortError;
use annals_application::queries::{EntityQueries, MomentRequest, QueryError};
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey, EntityName};
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, SqliteEventStore};
use futures::stream::{self, StreamExt};
use uuid::Uuid;

use super::entity::{EntityRow, EntitySource, ExportedEntity};
use super::objects::objects_of;
use crate::arguments::Shared;
use crate::exit::Failure;

/// The number of ids in one read.
const PAGE: usize = 1_000;
/// The number of entities that are folded at the same time.
const CONCURRENT_READS: usize = 8;

pub(crate) async fn entities(
    shared: &Shared,
    queries: EntityQueries,
    schema: &EntitySchema,
    as_of: Timestamp,
) -> Result<EntitySource, Failure> {
    let moment = MomentRequest { as_of: Some(as_of), ..MomentRequest::default() };
    let database = Database::open_read_only(&shared.db).map_err(|error| Failure::because(&error))?;
    let store = SqliteEventStore::new(database);
    let mut keys = Vec::new();
    for object in objects_of(schema) {
        keys.extend(keys_of(&store, &object).await?);
    }
    keys.sort_by_key(|key| key.aggregate_id);
    let total = Some(keys.len() as u64);
    let (queries, schema) = (Arc::new(queries), schema.clone());
    let reads = stream::iter(keys).map(move |key| {
        let (queries, schema) = (Arc::clone(&queries), schema.clone());
        async move { read(&queries, &schema, &key, &moment).await }
    });
    let entities = reads.buffered(CONCURRENT_READS).filter_map(|read| async { read.transpose() }).boxed();
    Ok(EntitySource { entities, total, is_ordered: true })
}

/// The keys of an object's streams, in their order.
async fn keys_of(store: &SqliteEventStore, object: &EntityName) -> Result<Vec<EntityKey>, PortError> {
    let mut keys: Vec<EntityKey> = Vec::new();
    // No record has the smallest id.
    let mut after = EntityKey { entity_name: object.clone(), aggregate_id: AggregateId::from_uuid(Uuid::nil()) };
    loop {
        let page = store.streams_after(Some(&after), PAGE).await?;
        let is_last = page.len() < PAGE || page.last().is_some_and(|key| key.entity_name != *object);
        keys.extend(page.into_iter().filter(|key| key.entity_name == *object));
        match keys.last() {
            Some(last) if !is_last => after = last.clone(),
            _ => return Ok(keys),
        }
    }
}

/// The entity of a stream; `None` if it was not visible.
async fn read(
    queries: &EntityQueries,
    schema: &EntitySchema,
    key: &EntityKey,
    moment: &MomentRequest,
) -> Result<Option<ExportedEntity>, Failure> {
    match queries.time_travel().get_by_key(schema, key, moment).await {
        Ok(found) => Ok(found.map(|document| {
            ExportedEntity::Entity(EntityRow { aggregate_id: document.aggregate_id, json: document.json })
        })),
        Err(QueryError::Unreadable(error)) => {
            Ok(Some(ExportedEntity::Unreadable { key: key.to_string(), reason: error.to_string() }))
        }
        Err(error) => Err(error.into()),
    }
}
