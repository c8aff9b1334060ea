//! Findings: what is wrong or odd, and where.
//!
//! Promises a place and a message that says what would fit. Whether it refuses or warns is for the
//! report it stands in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing found: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationIssue {
    /// The field of the input, as a path; empty where it is the input as a whole.
    pub field: String,
    /// What is wrong, and what would fit.
    pub message: String,
}

impl ValidationIssue {
    /// An issue at a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for ValidationIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.field, self.message) }
    }
}
