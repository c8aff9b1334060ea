//! The read model on OpenSearch.
//!
//! Promises what the port promises, with nothing but what a plain OpenSearch has: no plugins, no
//! scripts. A written document is found by its id at once, and by a search as soon as the index
//! refreshes: within a second, or before the answer where [`Refresh::BeforeResponse`] is set.

mod adapter;
mod admin;
mod bulk;
mod call;
mod cluster;
mod connect;
mod credentials;
mod failure;
mod fit;
mod index;
mod mapping;
mod names;
mod query;
mod scan;
mod words;

pub use self::adapter::{DualWriteTargets, OpenSearchReadModel};
pub use self::admin::IndexAdmin;
pub use self::cluster::{Cluster, ClusterStatus};
pub use self::connect::{Endpoint, InvalidEndpoint, OpenSearch, OpenSearchSettings, Refresh};
pub use self::fit::{IndexIssue, IndexProblem};
