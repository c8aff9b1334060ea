//! SOQL, as far as reading whole objects needs it: fields or `COUNT()` of one object, conditions joined by `AND`,
//! an order and a limit. Anything else is refused with Salesforce's own errors.

mod evaluate;
mod lexer;
mod parser;

pub(crate) use self::evaluate::{Checked, check};
pub(crate) use self::parser::parse;

/// One query, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) selected: Selected,
    pub(crate) object: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selected {
    Count,
    Fields(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) comparison: Comparison,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Comparison {
    Is(Operator, Literal),
    In(Vec<Literal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value in a condition. Texts are quoted; numbers, dates, times, `true`, `false` and `null` are not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Bare(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) field: String,
    pub(crate) descending: bool,
}

/// An error of a query, with Salesforce's code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl QueryError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
