//! Running backfill jobs: records are read page by page and stored as images.
//!
//! A full job reads a window of all records up to a fixed time, then what was modified meanwhile, then compares ids in
//! both directions. It ends with a certificate. A job stops at its share of the CRM's quota and goes on by itself; where
//! it would mark many records deleted, a person must agree.

mod checkpoint;
mod completion;
mod context;
mod failure;
mod runner;
mod step;

pub use self::context::RunnerPorts;
pub use self::runner::{BackfillReport, BackfillRunner};
