//! CRM providers: what their inputs, records and stored events say, in the domain's terms.
//!
//! Promises that nothing half-read goes inward: an input is a strict change, or it is named as
//! what else it is. Does not store, map or talk to anyone.

mod adapters;
mod canonical_json;
pub mod salesforce;

pub use self::adapters::{NotAnOrg, adapters};
