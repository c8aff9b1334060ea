//! The JSON Schemas of published events: one for each definition, and one for objects without any.

use annals_domain::definition::{Catalog, EntityDefinition};
use serde_json::{Map, Value, json};

use super::entity_schema::{field_schema, properties};
use super::fixed_schemas::{event_type, provider, validation_issue};
use super::schema::{array, described, names, nullable, object, text, timestamp, uuid, version};

/// The schema of an event about an object without a definition.
const OF_ANY: &str = "objectChanged";

/// The schemas by the name of their event, `clientChanged`, in JSON Schema 2020-12.
pub fn published_event_schemas(catalog: &Catalog) -> Vec<(String, Value)> {
    let defined = catalog.definitions().iter().map(|definition| {
        let name = format!("{}Changed", definition.aggregate_type);
        let schema = of_definition(&name, definition);
        (name, schema)
    });
    let any = (OF_ANY.to_owned(), of_any());
    defined.chain([any]).collect()
}

fn of_definition(name: &str, definition: &EntityDefinition) -> Value {
    let all = properties(definition);
    let data = object(all.iter().map(|(name, schema)| (name.as_str(), schema.clone())));
    let change =
        |field| object([("from", nullable(field_schema(definition, field))), ("to", field_schema(definition, field))]);
    let changes: Map<String, Value> =
        definition.fields.iter().map(|field| (field.name.to_string(), change(field))).collect();
    let changes = json!({"type": "object", "properties": changes, "additionalProperties": false});
    let description = format!("A {} changed.", definition.aggregate_type);
    schema(name, &description, names([definition.aggregate_type.as_str()]), data, changes)
}

/// Its fields are those of the CRM, and the type is the object's name in lower case.
fn of_any() -> Value {
    let change = object([("from", json!({})), ("to", json!({}))]);
    let changes = json!({"type": "object", "additionalProperties": change});
    let description = "A record of an object without a definition changed. `data` has the fields of its CRM.";
    schema(OF_ANY, description, text(), json!({"type": "object"}), changes)
}

fn schema(name: &str, description: &str, aggregate_type: Value, data: Value, changes: Value) -> Value {
    let about = "The whole entity after the change. A value that is not known is null.";
    let mut schema = object([
        ("event_id", described(uuid(), "The newest event of the change.")),
        ("aggregate_type", aggregate_type),
        ("aggregate_id", uuid()),
        ("external_id", described(text(), "The record's id at its provider.")),
        ("provider", provider()),
        ("event_type", event_type()),
        ("timestamp", described(timestamp(), "When the CRM committed it.")),
        ("data", described(data, about)),
        ("changes", described(changes, "The fields that changed.")),
        ("from_version", described(version(), "The lowest version of the change.")),
        ("version", described(version(), "The highest. A consumer ignores a version that is not above its last one.")),
        ("validation_info", array(validation_issue())),
        ("correlation_id", nullable(text())),
    ]);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "description": description,
    });
    let (Some(head), Some(members)) = (head.as_object(), schema.as_object_mut()) else { return schema };
    head.iter().map(|(name, value)| (name.clone(), value.clone())).chain(std::mem::take(members)).collect()
}
