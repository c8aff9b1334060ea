//! The operators of filters, by their names in requests.

use std::fmt;
use std::str::FromStr;

use annals_domain::definition::FieldType;

use crate::ports::Comparison;

/// How a filter compares a field with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The field equals the value.
    Eq,
    /// The field differs from the value, or has none.
    Ne,
    /// The field equals one of several values.
    In,
    /// Greater than the value.
    Gt,
    /// Greater than or equal to the value.
    Gte,
    /// Less than the value.
    Lt,
    /// Less than or equal to the value.
    Lte,
    /// The field contains the value, without regard to case and accents.
    Contains,
    /// The field starts with the value, without regard to case and accents.
    Prefix,
    /// Whether the field has a value.
    Exists,
}

/// A text that is no operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown operator `{0}`: expected one of {names}", names = names(Operator::ALL.into_iter()))]
pub struct UnknownOperator(String);

impl Operator {
    /// All operators, in the order of their documentation.
    pub const ALL: [Self; 10] = [
        Self::Eq,
        Self::Ne,
        Self::In,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::Contains,
        Self::Prefix,
        Self::Exists,
    ];

    /// Its name in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::In => "in",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Contains => "contains",
            Self::Prefix => "prefix",
            Self::Exists => "exists",
        }
    }

    /// Whether fields of a type can be filtered by it.
    pub fn applies_to(self, field_type: FieldType) -> bool {
        match self {
            Self::Eq | Self::Ne | Self::In | Self::Exists => true,
            Self::Gt | Self::Gte | Self::Lt | Self::Lte => {
                matches!(field_type, FieldType::Number | FieldType::Decimal | FieldType::Date | FieldType::Datetime)
            }
            Self::Contains | Self::Prefix => field_type.is_text(),
        }
    }

    /// The names of the operators of a type, for errors.
    pub(super) fn names_for(field_type: FieldType) -> String {
        names(Self::ALL.into_iter().filter(|operator| operator.applies_to(field_type)))
    }

    /// The comparison of an operator that needs an order.
    pub(super) fn comparison(self) -> Option<Comparison> {
        match self {
            Self::Gt => Some(Comparison::Greater),
            Self::Gte => Some(Comparison::GreaterOrEqual),
            Self::Lt => Some(Comparison::Less),
            Self::Lte => Some(Comparison::LessOrEqual),
            _ => None,
        }
    }
}

fn names(operators: impl Iterator<Item = Operator>) -> String {
    operators.map(Operator::as_str).collect::<Vec<_>>().join(", ")
}

impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(name: &str) -> Result<Self, UnknownOperator> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == name).ok_or_else(|| UnknownOperator(name.to_owned()))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
