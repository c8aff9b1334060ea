//! How OpenSearch is reached and how indices are created.

use std::time::Duration;

use aws_types::SdkConfig;

use crate::read_model::transport::Endpoint;

/// The time limit of a call, connecting included. The time limit of a Lambda function is longer.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// When a search finds a written document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// When the index refreshes by itself: within a second.
    #[default]
    Periodic,
    /// Before the write returns. Each write then costs a refresh: for tests and single commands.
    BeforeResponse,
}

/// How OpenSearch is reached and how indices are created.
#[derive(Debug, Clone)]
pub struct OpenSearchSettings {
    pub endpoint: Endpoint,
    pub prefix: String,
    /// The number of shards of a new index.
    pub shards: u32,
    /// The largest number of copies of each shard: as many as there are other nodes, and no more than this.
    pub replicas: u32,
    /// When a search finds a written document.
    pub refresh: Refresh,
    /// The time limit of a call.
    pub timeout: Duration,
    /// Region and credentials that sign requests over https. Requests over http are never signed.
    pub signing: Option<SdkConfig>,
}

impl OpenSearchSettings {
    /// One shard with one copy, no prefix, requests not signed.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            prefix: String::new(),
            shards: 1,
            replicas: 1,
            refresh: Refresh::Periodic,
            timeout: CALL_TIMEOUT,
            signing: None,
        }
    }
}
