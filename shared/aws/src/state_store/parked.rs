//! Parked projections: one listed item a record.

use annals_application::ports::{ParkedProjection, ParkedProjections, PortError};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;

use super::DynamoStateStore;
use super::items::{Item, ItemKey, Revision, StateTable};
use super::lists::{Filter, List, oldest_first};
use super::table::LISTED;

/// Eight partitions, since a mistake in a definition parks every record of a type.
const PARKED: List = List { name: "parked", partitions: 8 };

#[async_trait]
impl ParkedProjections for DynamoStateStore {
    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError> {
        let table = &*self.table;
        let order = oldest_first(parked.parked_at, &parked.key.to_string());
        let merge = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Put(item_of(table, &parked, order.clone())?)) };
            let stored: ParkedProjection = table.read(item)?;
            let merged = ParkedProjection {
                from_version: parked.from_version.min(stored.from_version),
                to_version: parked.to_version.max(stored.to_version),
                parked_at: parked.parked_at.min(stored.parked_at),
                ..parked.clone()
            };
            // It moves to the end of the list, but never back: another caller may have parked it later.
            let listed = item.text(LISTED).unwrap_or_default();
            if merged == stored && *listed >= *order {
                return Ok(Revision::Keep);
            }
            let listed = order.as_str().max(listed).to_owned();
            Ok(Revision::Put(item_of(table, &merged, listed)?))
        };
        table.revise(&key_of(&parked.key), None, merge).await.map(drop)
    }

    async fn oldest(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
        self.table.first(&PARKED, limit).await?.iter().map(|item| self.table.read(item)).collect()
    }

    async fn count(&self, at_most: usize) -> Result<usize, PortError> {
        self.table.count(&PARKED, &Filter::default(), at_most).await
    }

    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError> {
        let (table, key) = (&*self.table, key_of(key));
        let without_versions = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Keep) };
            let stored: ParkedProjection = table.read(item)?;
            if stored.to_version <= up_to {
                return Ok(Revision::Remove);
            }
            if stored.from_version > up_to {
                return Ok(Revision::Keep);
            }
            let left = ParkedProjection { from_version: up_to.next(), ..stored };
            Ok(Revision::Put(item.clone().with_entry(&left).map_err(|error| table.rejected(error))?))
        };
        let found = table.get(&key).await?;
        table.revise(&key, found, without_versions).await.map(drop)
    }
}

fn item_of(table: &StateTable, parked: &ParkedProjection, listed: String) -> Result<Item, PortError> {
    let item = Item::of(&key_of(&parked.key), parked).map_err(|error| table.rejected(error))?;
    Ok(item.listed_as(listed))
}

fn key_of(key: &EntityKey) -> ItemKey {
    PARKED.key(&key.to_string())
}
