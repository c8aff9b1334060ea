//! The four functions as Lambda runs them, for tests: their binaries behind a Runtime API, and what
//! stands around them in a deployment.
//!
//! Promises Lambda's protocols, and nothing of the functions' own code in their place. Nothing here
//! asserts what a function should do: the tests do.

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
