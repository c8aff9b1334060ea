//! Support for the end-to-end tests: random histories of one record, and helpers that run them.
//!
//! A seed gives the same history on every machine. Only `boundaries` and `lanes` assert; all other
//! assertions are in the tests.

pub mod bad_requests;
pub mod boundaries;
pub mod change_events;
pub mod changes;
pub mod crm;
pub mod earlier_release;
pub mod history;
pub mod interposed;
pub mod lanes;
pub mod process;
pub mod random;
pub mod rig;
pub mod samples;
pub mod view;
