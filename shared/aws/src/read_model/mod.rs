//! The read model in OpenSearch. It uses no plugins and no scripts, only what a plain OpenSearch has.
//!
//! ```text
//!   OpenSearchReadModel (adapter)         implements the port `ReadModel`
//!            │
//!       OpenSearch (open_search)          one connection and the three objects that work on it
//!       ┌────┴──────────────┐
//!   BulkWriter (bulk)   Searcher (search)     documents in · documents out
//!       └────┬──────────────┘
//!     IndexCatalog (index)                aliases, numbered indices, mappings, what an index can answer
//!            │
//!       Transport (transport)             connection, signing, one call, what a failure means
//! ```
//!
//! Each object uses only what is below it. A written document is readable by its id at once. A search finds it
//! after the next refresh of the index: within a second, or before the write returns with
//! [`Refresh::BeforeResponse`].

mod adapter;
mod bulk;
mod cluster;
mod index;
mod live;
mod open_search;
mod search;
mod settings;
mod transport;

pub use self::adapter::{DualWriteTargets, OpenSearchReadModel};
pub use self::bulk::BulkWriter;
pub use self::cluster::{Cluster, ClusterStatus};
pub use self::index::{IndexCatalog, IndexIssue, IndexProblem};
pub use self::open_search::OpenSearch;
pub use self::search::Searcher;
pub use self::settings::{OpenSearchSettings, Refresh};
pub use self::transport::{Endpoint, InvalidEndpoint};
