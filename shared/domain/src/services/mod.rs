//! Domain services: decisions that belong to no single aggregate. Pure functions, one decision per file.

pub mod broadcast;
pub mod refetch;
pub mod sequence;
pub mod status;
