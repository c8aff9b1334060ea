//! The OpenSearch cluster itself: program, version, health. Nothing is changed there.

use annals_application::ports::{PortError, PortErrorKind};
use opensearch::http::Method;
use serde_json::Value;

use crate::read_model::transport::{CLUSTER, Transport};

/// The program at the endpoint, its version and its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The name of the program: `opensearch`, or what another program calls itself.
    pub distribution: String,
    pub version: String,
    /// The health of the indices with the prefix of the settings.
    pub status: ClusterStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterStatus {
    /// Every shard and every copy is available.
    Green,
    /// Every shard is available, but not every copy.
    Yellow,
    /// Some shard cannot be read or written.
    Red,
}

impl Cluster {
    /// Reads program, version and health with two calls.
    pub(crate) async fn read(transport: &Transport, prefix: &str) -> Result<Self, PortError> {
        let response = transport.send(CLUSTER, Method::Get, "/", &[], None).await?;
        let about: Value = response.json(CLUSTER)?;
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let path = format!("/_cluster/health/{prefix}*");
        let response = transport.send(CLUSTER, Method::Get, &path, &[], None).await?;
        let health: Value = response.json(CLUSTER)?;
        let version = &about["version"];
        // Elasticsearch, from which OpenSearch comes, names no distribution.
        Ok(Self {
            distribution: text(&version["distribution"]),
            version: text(&version["number"]),
            status: ClusterStatus::of(&health)?,
        })
    }
}

impl ClusterStatus {
    fn of(health: &Value) -> Result<Self, PortError> {
        match health["status"].as_str() {
            Some("green") => Ok(Self::Green),
            Some("yellow") => Ok(Self::Yellow),
            Some("red") => Ok(Self::Red),
            _ => {
                let message = "unexpected cluster health: expected `green`, `yellow` or `red`";
                Err(PortError::new(PortErrorKind::OutcomeUnknown, CLUSTER, message))
            }
        }
    }
}
