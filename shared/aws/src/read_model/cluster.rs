//! The cluster behind the indices: what an operator asks about first.
//!
//! Promises to change nothing there. Does not say whether the indices fit: `fit` does.

use annals_application::ports::{PortError, PortErrorKind};
use opensearch::http::Method;
use serde_json::{Value, json};

use crate::read_model::connect::OpenSearch;

/// What errors name where no index is asked for.
const RESOURCE: &str = "OpenSearch";

/// An alias that is never there.
const NOBODYS_ALIAS: &str = "annals-doctor";

/// What answers, and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Which program: `opensearch`, or another's word for itself.
    pub distribution: String,
    /// Its version.
    pub version: String,
    /// How the indices of this prefix are.
    pub status: ClusterStatus,
}

/// How indices are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterStatus {
    /// Every copy of everything is there.
    Green,
    /// Everything is there, but not every copy.
    Yellow,
    /// Something cannot be read or written.
    Red,
}

impl OpenSearch {
    /// Asks the cluster for itself.
    pub(crate) async fn cluster(&self) -> Result<Cluster, PortError> {
        let answer = self.call(RESOURCE, Method::Get, "/", &[], None).await?;
        let about: Value = answer.read(RESOURCE)?;
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let path = format!("/_cluster/health/{}*", self.layout.prefix);
        let answer = self.call(RESOURCE, Method::Get, &path, &[], None).await?;
        let health: Value = answer.read(RESOURCE)?;
        let status = match health["status"].as_str() {
            Some("green") => ClusterStatus::Green,
            Some("yellow") => ClusterStatus::Yellow,
            Some("red") => ClusterStatus::Red,
            _ => {
                let message = "the cluster says no status that is known";
                return Err(PortError::new(PortErrorKind::OutcomeUnknown, RESOURCE, message));
            }
        };
        let version = &about["version"];
        // Elasticsearch, from which OpenSearch comes, names no distribution.
        Ok(Cluster { distribution: text(&version["distribution"]), version: text(&version["number"]), status })
    }

    /// Whether this caller may write documents: tried by one for an alias that nobody makes.
    pub(crate) async fn try_write(&self) -> Result<(), PortError> {
        let nowhere = format!("{}{NOBODYS_ALIAS}", self.layout.prefix);
        let lines = format!("{}\n{{}}\n", json!({ "index": { "_index": nowhere, "_id": "nobody" } }));
        let query = [("require_alias", "true")];
        let answer = self.call(RESOURCE, Method::Post, "/_bulk", &query, Some(lines.into())).await?;
        answer.read::<Value>(RESOURCE).map(drop)
    }
}
