//! Calls to OpenSearch: one connection, signed requests, and what a failed response means.

mod connection;
mod credentials;
mod endpoint;
mod response;

pub(crate) use self::connection::{CLUSTER, Limited, Transport};
pub use self::endpoint::{Endpoint, InvalidEndpoint};
pub(crate) use self::response::{Response, error_kind};

#[cfg(test)]
mod tests;
