//! Support for the tests and benchmarks of the pipeline on AWS: its tables and indices on the local
//! services, and events to write there.
//!
//! Promises that everything is named apart from any other run's. Judges nothing.

pub mod decided;
pub mod world;
