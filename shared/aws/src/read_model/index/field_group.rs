//! The objects of a document that hold the indexed values, one for each group of field types.

use annals_domain::definition::FieldType;

/// The object in a document that holds the values of one group of field types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldGroup {
    Text,
    /// Texts again, folded for sorting without regard to case.
    Folded,
    List,
    Timestamp,
    Date,
    Bool,
    Number,
}

impl FieldGroup {
    pub(crate) const ALL: [Self; 7] =
        [Self::Text, Self::Folded, Self::List, Self::Timestamp, Self::Date, Self::Bool, Self::Number];

    /// The group that holds the values of a field as they are.
    pub(crate) fn of(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Id | FieldType::Reference | FieldType::String => Self::Text,
            FieldType::List => Self::List,
            FieldType::Datetime => Self::Timestamp,
            FieldType::Date => Self::Date,
            FieldType::Bool => Self::Bool,
            FieldType::Number | FieldType::Decimal => Self::Number,
        }
    }

    /// The name of the object in a document. Indices contain it: it never changes.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Folded => "folded",
            Self::List => "list",
            Self::Timestamp => "instant",
            Self::Date => "date",
            Self::Bool => "bool",
            Self::Number => "number",
        }
    }

    pub(crate) fn path(self, field: &str) -> String {
        format!("{}.{field}", self.as_str())
    }

    /// The OpenSearch type of the values. Dates are texts that sort as dates do. Timestamps are milliseconds
    /// since 1970, since OpenSearch's own date type refuses those before 1970.
    pub(crate) fn index_type(self) -> &'static str {
        match self {
            Self::Text | Self::Folded | Self::List | Self::Date => "keyword",
            Self::Timestamp => "long",
            Self::Bool => "boolean",
            Self::Number => "double",
        }
    }
}
