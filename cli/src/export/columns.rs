//! The columns of a CSV file: a definition's fields and the system fields, or what the entities have.

use std::collections::BTreeSet;

use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Whether its values are numbers, also where JSON has them as texts.
    pub(crate) is_number: bool,
}

/// The system fields that follow an entity's own, in the order of its JSON.
fn system() -> impl Iterator<Item = Column> {
    let own = SystemField::ALL.into_iter().filter(|field| !field.is_mapped());
    own.map(|field| Column { name: field.name().to_owned(), is_number: field == SystemField::Version })
}

/// The columns of a definition; `None` for an object without one, whose entities decide.
pub(crate) fn of_schema(schema: &EntitySchema) -> Option<Vec<Column>> {
    let definition = schema.definition()?;
    let mapped = definition.fields.iter().map(|field| Column {
        name: field.name.to_string(),
        is_number: matches!(field.field_type, FieldType::Number | FieldType::Decimal),
    });
    Some(mapped.chain(system()).collect())
}

/// The names of the fields seen in entities of an object without a definition.
#[derive(Debug, Default)]
pub(crate) struct SeenFields(BTreeSet<String>);

impl SeenFields {
    pub(crate) fn see(&mut self, json: &RawValue) -> serde_json::Result<()> {
        let fields: Map<String, Value> = serde_json::from_str(json.get())?;
        for (name, _) in fields {
            if SystemField::named(&name).is_none() {
                self.0.insert(name);
            }
        }
        Ok(())
    }

    /// The id and whether it is deleted, the others by name, then the system fields.
    pub(crate) fn columns(self) -> Vec<Column> {
        let mapped = SystemField::ALL.into_iter().filter(|field| field.is_mapped());
        let mapped = mapped.map(|field| field.name().to_owned());
        let own = mapped.chain(self.0).map(|name| Column { name, is_number: false });
        own.chain(system()).collect()
    }
}
