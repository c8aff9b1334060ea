//! The four functions as Lambda runs them, for tests: their binaries on a Runtime API, and the resources
//! around them in a deployment.
//!
//! This module follows Lambda's protocols and replaces no code of the functions. It asserts nothing about
//! what a function should do: the tests do.

mod binaries;
mod deployment;
mod emulator;
mod event_source_mapping;
mod function;
mod http;
mod invocation;
pub mod log_output;
pub mod payloads;
mod process;
pub mod records;
mod role;
mod runtime_api;
mod stream;

pub use self::deployment::Deployment;
pub use self::event_source_mapping::{DeliveryReport, Mapping, deliver};
pub use self::function::{Function, Host};
pub use self::http::{Reply, send};
pub use self::invocation::InvocationResult;
pub use self::stream::Stream;
