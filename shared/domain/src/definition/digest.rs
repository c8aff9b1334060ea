//! The digest of a definition: what it was made from is written into indices, tables and rebuild plans.
//!
//! The digest is a hash of a canonical JSON form that this module writes, so it depends neither on the compiler
//! nor on how the types are laid out or named. A part that is at its default is left out: a later release may add
//! a part without changing the digest of definitions that do not use it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{EntityDefinition, Field, Leaf, Operation};

/// How many bytes of the hash a digest shows, in hexadecimal.
const BYTES: usize = 8;

/// The digests that releases before the canonical form gave the definitions that ship, and what they are today.
const FORMER: [(&str, &str); 6] = [
    ("257cd3739bf9c637", "8dd0ecf13a534c64"),
    ("ea079a6755b6e0f6", "c52c50afa782580e"),
    ("371cbcabe5f264a0", "7ba4f9f241be55c9"),
    ("6f6393cfc2a7c7eb", "dbb263127f518ebd"),
    ("9d4f821acef162ca", "cc593a78361c91d1"),
    ("88ed3be917f6a176", "6f09e1910c1796a9"),
];

/// Today's digest of the definition that `stored` was made from. A digest of the releases before the canonical form
/// is recognised if it is that of a definition that ships; what was made from it is taken over without a rebuild.
pub fn current_digest(stored: &str) -> &str {
    FORMER.iter().find(|(former, _)| *former == stored).map_or(stored, |(_, today)| *today)
}

/// The former digests and what they are today.
pub fn former_digests() -> impl Iterator<Item = (&'static str, &'static str)> {
    FORMER.into_iter()
}

impl EntityDefinition {
    pub(super) fn compute_digest(&self) -> String {
        let canonical = self.canonical_form().to_string();
        Sha256::digest(canonical).iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Lists of pairs, not objects: the order of an object's keys is a matter of serde_json's features.
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
        if self.broadcast.announce_leaving {
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
    let leaves: Vec<Value> = operation.leaves().iter().map(canonical_leaf).collect();
    match operation {
        Operation::Split(_, separator) => json!([operation.name(), leaves, separator]),
        _ => json!([operation.name(), leaves]),
    }
}

fn canonical_leaf(leaf: &Leaf) -> Value {
    match leaf {
        Leaf::ExternalId => json!(["external_id"]),
        Leaf::IsDeleted => json!(["is_deleted"]),
        Leaf::At(path) => json!(path.as_str()),
    }
}
