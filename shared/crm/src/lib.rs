//! CRM providers: the adapters that parse their inputs, records and stored events into the domain's types.
//!
//! An input becomes a valid change, or the result says what it is instead; nothing half-parsed goes on. Storing, mapping
//! and calling the CRM are done elsewhere.

mod adapters;
mod canonical_json;
pub mod salesforce;

pub use self::adapters::{InvalidOrgId, adapters};
