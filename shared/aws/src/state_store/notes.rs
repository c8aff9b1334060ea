//! What is remembered of each object of a CRM: one item an object, in one partition.

use annals_application::ports::{ObjectNote, ObjectNotes, ObjectOfProvider, PortError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::DynamoStateStore;
use super::items::{Item, ItemKey, Revision};

const NOTES: &str = "note";

#[derive(Serialize, Deserialize)]
struct StoredNote {
    object: ObjectOfProvider,
    note: ObjectNote,
}

#[async_trait]
impl ObjectNotes for DynamoStateStore {
    async fn notes(&self) -> Result<Vec<(ObjectOfProvider, ObjectNote)>, PortError> {
        let items = self.table.found(self.table.query(NOTES)).await?;
        let read = |item: &Item| self.table.read::<StoredNote>(item).map(|stored| (stored.object, stored.note));
        items.iter().map(read).collect()
    }

    async fn note(&self, object: &ObjectOfProvider) -> Result<ObjectNote, PortError> {
        let Some(item) = self.table.get(&key_of(object)).await? else { return Ok(ObjectNote::default()) };
        Ok(self.table.read::<StoredNote>(&item)?.note)
    }

    async fn replace_note(
        &self,
        object: &ObjectOfProvider,
        note: &ObjectNote,
        expected: &ObjectNote,
    ) -> Result<bool, PortError> {
        let (table, key) = (&*self.table, key_of(object));
        let new = StoredNote { object: object.clone(), note: note.clone() };
        let item = Item::of(&key, &new).map_err(|error| table.rejected(error))?;
        let stored_note = |found: Option<&Item>| -> Result<ObjectNote, PortError> {
            found.map_or_else(|| Ok(ObjectNote::default()), |item| Ok(table.read::<StoredNote>(item)?.note))
        };
        let replace = |found: Option<&Item>| {
            let stored = stored_note(found)?;
            let replaces = stored == *expected && stored != *note;
            Ok(if replaces { Revision::Put(item.clone()) } else { Revision::Keep })
        };
        let found = table.get(&key).await?;
        let stored = table.revise(&key, found, replace).await?;
        Ok(stored_note(stored.as_ref())? == *note)
    }
}

fn key_of((provider, name): &ObjectOfProvider) -> ItemKey {
    ItemKey::new(NOTES, format!("{}#{name}", provider.as_str()))
}
