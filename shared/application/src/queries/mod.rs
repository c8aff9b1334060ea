//! Queries: read requests, answered from the read model, the events and the health of the dependencies.
//!
//! A request is checked against the entity definition before any store is read; an error names the
//! invalid parameter and the values that are expected.

#![warn(missing_docs)]

mod audit_state;
mod cursor;
mod dependency;
mod diff;
mod entities;
mod error;
mod event_search;
mod feed_health;
mod filter;
mod health;
mod history;
mod history_from_date;
mod history_reader;
mod history_request;
mod ids_request;
mod lag;
mod lag_report;
mod list_query;
mod list_request;
mod moment;
mod operator;
mod page;
mod paging;
mod past_state;
mod provenance;
mod quarantine;
mod query_ports;
mod resolve;
mod time_travel;

pub use self::audit_state::AuditState;
pub use self::dependency::{DependencyState, Health};
pub use self::diff::{DiffPoint, EntityDiff, InvalidDiffPoint};
pub use self::entities::EntityQueries;
pub use self::error::QueryError;
pub use self::feed_health::FeedHealth;
pub use self::filter::{InvalidParameter, MAX_FILTERS, MAX_SORT_FIELDS};
pub use self::health::{HealthCheck, HealthReport, PortsHealth};
pub use self::history::{HistoryEvent, HistoryPosition};
pub use self::history_request::{HistoryOrder, HistoryRequest};
pub use self::ids_request::IdsRequest;
pub use self::lag::LagSource;
#[cfg(feature = "testing")]
pub(crate) use self::list_query::ListQuery;
pub use self::list_request::{FilterRequest, InvalidFilter, ListRequest};
pub use self::moment::{MomentRequest, timestamp_or_day_end};
pub use self::operator::{Operator, UnknownOperator};
pub use self::page::{Page, PageLink};
pub use self::paging::{DEFAULT_PAGE_SIZE, MAX_PAGE_OFFSET, MAX_PAGE_SIZE, MAX_RESULT_WINDOW};
pub use self::provenance::SetBy;
pub use self::quarantine::{QuarantineRequest, list_quarantine};
pub use self::query_ports::QueryPorts;
pub use self::time_travel::{MAX_IDS, TimeTravel};
