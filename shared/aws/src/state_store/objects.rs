//! The objects of which there are records.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_application::ports::PortError;
use annals_domain::identity::{EntityName, Provider};

use crate::state_store::items::{Item, Place, Table};

const OBJECTS: &str = "object";

type Object = (Provider, EntityName);

/// What this instance has noted, or read as noted: there are some dozens at most.
#[derive(Default)]
pub(crate) struct Noted(Mutex<HashSet<Object>>);

impl Noted {
    fn lock(&self) -> MutexGuard<'_, HashSet<Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn note(table: &Table, noted: &Noted, objects: &[Object]) -> Result<(), PortError> {
    for object in objects {
        if noted.lock().contains(object) {
            continue;
        }
        let (provider, name) = object;
        table.put(Item::of(&place(*provider, name), object).map_err(|error| table.rejected(error))?).await?;
        noted.lock().insert(object.clone());
    }
    Ok(())
}

pub(crate) async fn noted(table: &Table, noted: &Noted) -> Result<Vec<Object>, PortError> {
    let items = table.found(table.query(OBJECTS)).await?;
    let objects = items.iter().map(|item| table.read(item)).collect::<Result<Vec<Object>, _>>()?;
    noted.lock().extend(objects.iter().cloned());
    Ok(objects)
}

fn place(provider: Provider, name: &EntityName) -> Place {
    Place::new(OBJECTS, format!("{}#{name}", provider.as_str()))
}
