//! Queries: what readers ask, answered with DTOs, never with domain objects.
//!
//! Promises that a reader's words are checked against the definition before any store is asked, and
//! that a refusal names the field and what would fit.

mod entities;
mod filter;
mod health;
mod history;
mod lag;

pub use self::entities::{EntityQueries, Found, ListRequest, Lookup, PAGES_REACH, QueryError, QueryPorts};
pub use self::filter::{Rejected, filter_by};
pub use self::health::{DependencyState, Health, HealthCheck, HealthReport, PortsHealth};
pub use self::history::{HistoryEvent, HistoryPage, HistoryPosition, HistoryRequest};
pub use self::lag::LagSource;
