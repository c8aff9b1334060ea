//! The digest of a definition. Indices, tables and rebuild plans store the digest of the definition they were built from.
//!
//! It is a hash of a canonical JSON form that this module writes, so it depends neither on the compiler nor on the
//! layout or names of the types. A part with its default value is left out of the form: a later release may add a
//! part without changing the digest of definitions that do not use it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{EntityDefinition, Field, Operation, OperationInput};

/// How many bytes of the hash a digest has; 16 hexadecimal digits are enough to distinguish a handful of definitions.
const BYTES: usize = 8;

/// The digests of the shipped definitions in releases before the canonical form, each with its digest today.
const FORMER: [(&str, &str); 6] = [
    ("257cd3739bf9c637", "8dd0ecf13a534c64"),
    ("ea079a6755b6e0f6", "c52c50afa782580e"),
    ("371cbcabe5f264a0", "7ba4f9f241be55c9"),
    ("6f6393cfc2a7c7eb", "dbb263127f518ebd"),
    ("9d4f821acef162ca", "cc593a78361c91d1"),
    ("88ed3be917f6a176", "6f09e1910c1796a9"),
];

/// The current form of a stored digest. The digests of shipped definitions from before the canonical form are
/// recognised, so that indices built from them need no rebuild.
pub fn current_digest(stored: &str) -> &str {
    FORMER.iter().find(|(former, _)| *former == stored).map_or(stored, |(_, today)| *today)
}

/// The former digests of shipped definitions, each with its digest today.
pub fn former_digests() -> impl Iterator<Item = (&'static str, &'static str)> {
    FORMER.into_iter()
}

impl EntityDefinition {
    pub(super) fn compute_digest(&self) -> String {
        let canonical = self.canonical_form().to_string();
        base16ct::lower::encode_string(&Sha256::digest(canonical)[..BYTES])
    }

    /// Lists of pairs, not objects: the order of an object's keys depends on the features of serde_json.
    fn canonical_form(&self) -> Value {
        let objects = self.objects.iter().map(|(provider, object)| json!([provider.as_str(), object.as_str()]));
        let mut form = vec![
            json!(["type", self.aggregate_type.as_str()]),
            json!(["plural", self.plural]),
            json!(["objects", objects.collect::<Vec<_>>()]),
            json!(["fields", self.fields.iter().map(canonical_field).collect::<Vec<_>>()]),
        ];
        form.extend(self.status_field.iter().map(|field| json!(["status", field])));
        form.extend(self.parent_field.iter().map(|field| json!(["parent", field])));
        if !self.statuses.is_empty() {
            form.push(json!(["statuses", self.statuses]));
        }
        if !self.broadcast.quiet_statuses.is_empty() {
            form.push(json!(["quiet_statuses", self.broadcast.quiet_statuses]));
        }
        if self.broadcast.publishes_leaving {
            form.push(json!(["announce_leaving", true]));
        }
        Value::Array(form)
    }
}

fn canonical_field(field: &Field) -> Value {
    let mut form = vec![json!(["name", field.name]), json!(["type", field.field_type.as_str()])];
    if field.searchable {
        form.push(json!(["searchable", true]));
    }
    form.extend(
        field.sources.iter().map(|(provider, operation)| json!([provider.as_str(), canonical_operation(operation)])),
    );
    Value::Array(form)
}

fn canonical_operation(operation: &Operation) -> Value {
    let inputs: Vec<Value> = operation.inputs().iter().map(canonical_input).collect();
    match operation {
        Operation::Split(_, separator) => json!([operation.name(), inputs, separator]),
        _ => json!([operation.name(), inputs]),
    }
}

fn canonical_input(input: &OperationInput) -> Value {
    match input {
        OperationInput::ExternalId => json!(["external_id"]),
        OperationInput::IsDeleted => json!(["is_deleted"]),
        OperationInput::Path(path) => json!(path.as_str()),
    }
}
