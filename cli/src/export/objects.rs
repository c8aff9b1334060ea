//! The providers' objects whose records are entities of a type.

use annals_domain::definition::EntitySchema;
use annals_domain::identity::EntityName;

pub(crate) fn objects_of(schema: &EntitySchema) -> Vec<EntityName> {
    match schema {
        EntitySchema::Defined(definition) => {
            let mut objects: Vec<EntityName> = definition.objects.values().cloned().collect();
            objects.sort();
            objects.dedup();
            objects
        }
        EntitySchema::Open(object) => vec![object.name.clone()],
    }
}
