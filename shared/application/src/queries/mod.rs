//! Queries: what readers ask, answered with DTOs, never with domain objects.
//!
//! Promises that a reader's words are checked against the definition before any store is asked, and
//! that a refusal names the field and what would fit.

mod entities;
mod filter;
mod health;
mod history;
mod lag;
mod paging;

pub use self::entities::{EntityPage, EntityQueries, ListRequest, QueryError, QueryPorts, ResolvedId};
pub use self::filter::{InvalidParameter, filter_by};
pub use self::health::{DependencyState, Health, HealthCheck, HealthReport, PortsHealth};
pub use self::history::{HistoryEvent, HistoryPage, HistoryPosition, HistoryRequest};
pub use self::lag::LagSource;
pub use self::paging::{DEFAULT_PAGE_SIZE, MAX_PAGE_OFFSET, MAX_PAGE_SIZE, MAX_RESULT_WINDOW};
