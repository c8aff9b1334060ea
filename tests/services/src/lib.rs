//! The real services that tests run on, and what stands between them and the code under test.
//!
//! Promises that a test fails where its service is not there, and says how to start it. Starts
//! nothing: `cargo xtask services up` does, and `cargo xtask test` calls it.

mod binaries;
mod endpoints;
mod proxy;
mod queue;

pub use self::binaries::built;
pub use self::endpoints::{dynamodb_endpoint, moto_endpoint, opensearch_endpoints, sdk_config, unique_name, workspace};
pub use self::proxy::{Fault, Match, Proxy, RecordedRequest, Rule, Times};
pub use self::queue::Queue;
