//! Support for the end-to-end tests: random histories of one record, and ways to run them.
//!
//! Promises that a seed gives the same history on every machine. Nothing here asserts but `lanes`: the tests do.

pub mod changes;
pub mod crm;
pub mod earlier_release;
pub mod history;
pub mod lanes;
pub mod process;
pub mod random;
pub mod samples;
pub mod view;
