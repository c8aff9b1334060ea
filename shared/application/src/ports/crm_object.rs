//! What a CRM says of one of its objects: the fields that this installation may read.

use annals_domain::timestamp::Timestamp;

/// An object as it is now: fields appear, vanish, and are hidden from a client at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDescription {
    /// All fields that exist and may be read, in any order.
    pub fields: Vec<FieldDescription>,
    /// The time of the response, by the CRM's clock.
    pub described_at: Timestamp,
}

/// A field that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDescription {
    /// The name by which it is read: `BillingCountry`.
    pub name: String,
    /// Whether it changes without its record being modified: formulas, roll-ups.
    pub is_calculated: bool,
    /// Whether it is a struct of other fields of this list: `BillingAddress`. Those are read instead of it.
    pub is_compound: bool,
}

impl ObjectDescription {
    pub fn field(&self, name: &str) -> Option<&FieldDescription> {
        self.fields.iter().find(|field| field.name == name)
    }
}
