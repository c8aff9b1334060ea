//! A Salesforce org in memory, over HTTP: for tests, and for `annals serve --demo-crm`.
//!
//! It checks what it is sent (sessions, SOQL, locators, the length of a URI) and refuses the rest with Salesforce's own
//! errors. Its data, its clock and its faults are set by the process that runs it.

pub mod demo;
mod http;
mod org;
mod soql;

pub use self::http::{ApiQuotas, FakeSalesforce, FakeSettings, Fault, FaultAnswer, Faults};
pub use self::org::{FieldKind, FieldSchema, ObjectSchema, Org, OrgClock};
