//! The fields that every entity has, whatever its definition says.
//!
//! A system field wins over a record's own field of the same name: no JSON object has both. The loader rejects a definition
//! that uses such a name. For an object without a definition, the record's own field is left out of every JSON object that
//! has the system field.

use super::FieldType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemField {
    /// The record's id at its provider. A definition states it as its own field.
    Id,
    AggregateId,
    AggregateType,
    Provider,
    Version,
    CreatedAt,
    UpdatedAt,
    /// A definition may state it as its own field.
    IsDeleted,
    /// Why any field may have changed at the CRM since the values shown. A query sees it as true or false.
    Stale,
    Warnings,
    Unknown,
}

impl SystemField {
    pub const ALL: [Self; 11] = [
        Self::Id,
        Self::AggregateId,
        Self::AggregateType,
        Self::Provider,
        Self::Version,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::IsDeleted,
        Self::Stale,
        Self::Warnings,
        Self::Unknown,
    ];

    /// The name in JSON, in queries and in the columns of the read model.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::AggregateId => "aggregate_id",
            Self::AggregateType => "aggregate_type",
            Self::Provider => "provider",
            Self::Version => "version",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::IsDeleted => "is_deleted",
            Self::Stale => "stale",
            Self::Warnings => "warnings",
            Self::Unknown => "unknown",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The type by which a query filters and sorts; `None` for a field that no query may name.
    pub fn query_type(self) -> Option<FieldType> {
        match self {
            Self::Id | Self::AggregateId => Some(FieldType::Id),
            Self::Provider => Some(FieldType::String),
            Self::Version => Some(FieldType::Number),
            Self::CreatedAt | Self::UpdatedAt => Some(FieldType::Datetime),
            Self::IsDeleted | Self::Stale => Some(FieldType::Bool),
            Self::AggregateType | Self::Warnings | Self::Unknown => None,
        }
    }

    /// Whether it is one of an entity's mapped fields: `id` and `is_deleted`. A definition may state these
    /// two and no other system field; an object without a definition has them in any case.
    pub fn is_mapped(self) -> bool {
        matches!(self, Self::Id | Self::IsDeleted)
    }
}
