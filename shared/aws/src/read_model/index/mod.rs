//! The indices: their names and mappings, and what is behind each alias.

mod catalog;
mod document_order;
mod failure;
mod field_group;
mod id_halves;
mod indexed_value;
mod issue;
mod mapping;
mod names;
mod serving_index;

pub use self::catalog::IndexCatalog;
pub(crate) use self::catalog::IndexSettings;
pub(crate) use self::failure::IndexFailure;
pub(crate) use self::field_group::FieldGroup;
pub(crate) use self::id_halves::IdHalves;
pub(crate) use self::indexed_value::{parsed_number, searchable_text};
pub use self::issue::{IndexIssue, IndexProblem};
pub(crate) use self::mapping::{ENTITY, IndexedField, SEARCH_TEXT};
pub(crate) use self::names::write_alias;
pub(crate) use self::serving_index::ServingIndex;
