//! Support for the tests and benchmarks of the pipeline on AWS: its tables and indices on the local services,
//! the function binaries on a Lambda Runtime API, and the deployment template as a stack.
//!
//! Every run uses unique names. Nothing here asserts what the pipeline should do: the tests do.

pub mod decided;
pub mod functions;
pub mod template;
pub mod test_tables;
