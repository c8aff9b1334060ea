//! The objects of which records are known: one item each, in one partition.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_application::ports::{ObjectRegistry, PortError};
use annals_domain::identity::{EntityName, Provider};
use async_trait::async_trait;

use super::DynamoStateStore;
use super::items::{Item, ItemKey};

const OBJECTS: &str = "object";

type Object = (Provider, EntityName);

/// The objects that this process knows to be registered: it need not write them again.
#[derive(Default)]
pub(super) struct RegisteredObjects(Mutex<HashSet<Object>>);

impl RegisteredObjects {
    fn lock(&self) -> MutexGuard<'_, HashSet<Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ObjectRegistry for DynamoStateStore {
    async fn register(&self, objects: &[Object]) -> Result<(), PortError> {
        for object in objects {
            if self.registered.lock().contains(object) {
                continue;
            }
            let item = Item::of(&key_of(object), object).map_err(|error| self.table.rejected(error))?;
            self.table.put(item).await?;
            self.registered.lock().insert(object.clone());
        }
        Ok(())
    }

    async fn registered(&self) -> Result<Vec<Object>, PortError> {
        let items = self.table.found(self.table.query(OBJECTS)).await?;
        let objects = items.iter().map(|item| self.table.read(item)).collect::<Result<Vec<Object>, _>>()?;
        self.registered.lock().extend(objects.iter().cloned());
        Ok(objects)
    }
}

fn key_of((provider, name): &Object) -> ItemKey {
    ItemKey::new(OBJECTS, format!("{}#{name}", provider.as_str()))
}
