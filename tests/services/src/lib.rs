//! The real services that tests run on, and the proxy between them and the code under test.
//!
//! A test fails if its service is not running, and says how to start it. This crate starts nothing:
//! `cargo xtask services up` does, and `cargo xtask test` calls it.

mod binaries;
mod endpoints;
mod proxy;
mod queue;

pub use self::binaries::built;
pub use self::endpoints::{dynamodb_endpoint, moto_endpoint, opensearch_endpoints, sdk_config, unique_name, workspace};
pub use self::proxy::{Fault, Match, Proxy, RecordedRequest, Rule, Times};
pub use self::queue::Queue;
