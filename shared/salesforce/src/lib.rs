//! The client of Salesforce's APIs: how records are read from an org.
//!
//! Reads are complete or fail: counts are checked, a record is never put together from two of its states, and what
//! cannot be read is an error that says what the caller may do. Calls of the API are as few as the data allows.

mod api_usage;
mod bulk;
mod checkup;
mod client;
mod connection;
mod cursor;
mod description;
mod failure;
mod field_chunks;
mod query;
mod quotas;
mod reader;
mod selection;
pub mod settings;
mod signing_key;
mod soql;
mod token;

pub use self::client::{ClientTuning, SalesforceClient};
pub use self::connection::CallLimits;
pub use self::reader::BulkLimits;
