//! Domain services: the decisions that are no single aggregate's.
//!
//! Promises pure functions over what is passed in; each file is one decision.

pub mod broadcast;
pub mod event_type;
pub mod missing_create;
pub mod refetch;
pub mod sequence;
pub mod status;
