//! The types of fields, by their names in definition files.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// The record's own id at its provider.
    Id,
    /// Another record's id at its provider.
    Reference,
    String,
    List,
    Datetime,
    Date,
    Bool,
    /// A number; integers beyond 2^53 are written as strings.
    Number,
    /// An exact decimal number, written as a string.
    Decimal,
}

impl FieldType {
    pub(super) const NAMES: [(&'static str, Self); 9] = [
        ("id", Self::Id),
        ("reference", Self::Reference),
        ("string", Self::String),
        ("list", Self::List),
        ("datetime", Self::Datetime),
        ("date", Self::Date),
        ("bool", Self::Bool),
        ("number", Self::Number),
        ("decimal", Self::Decimal),
    ];

    /// The type's name in a definition file.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, t)| *t == self).map_or("string", |(name, _)| name)
    }

    /// Whether its values are texts: searchable, and sorted without regard to case and accents first.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Id | Self::Reference | Self::String)
    }
}
