//! The four functions as Lambda runs them, for tests: their binaries behind a Runtime API, and what
//! stands around them in a deployment.
//!
//! Promises Lambda's protocols, and nothing of the functions' own code in their place. Nothing here
//! asserts what a function should do: the tests do.

mod binaries;
mod carrier;
mod emulator;
mod function;
mod http;
mod invocation;
pub mod payloads;
mod process;
pub mod records;
mod role;
mod runtime_api;
mod stage;
mod stream;
pub mod telling;

pub use self::carrier::{Carried, Mapping, carry};
pub use self::function::{Function, Host};
pub use self::http::{Reply, send};
pub use self::invocation::InvocationResult;
pub use self::stage::Stage;
pub use self::stream::Stream;
