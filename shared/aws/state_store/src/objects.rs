//! The objects of which there are records.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_application::ports::PortError;
use annals_domain::identity::{EntityName, Provider};

use crate::items::{Item, Place, Table, text};

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
    let (mut objects, mut start) = (Vec::new(), None);
    loop {
        let request = table
            .client
            .query()
            .table_name(&table.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(OBJECTS))
            .set_exclusive_start_key(start);
        let answer = request.send().await.map_err(|error| table.failed(error))?;
        for item in answer.items.unwrap_or_default() {
            objects.push(table.read::<Object>(&Item(item))?);
        }
        start = answer.last_evaluated_key;
        if start.is_none() {
            noted.lock().extend(objects.iter().cloned());
            return Ok(objects);
        }
    }
}

fn place(provider: Provider, name: &EntityName) -> Place {
    Place::new(OBJECTS, format!("{}#{name}", provider.as_str()))
}
