//! The settings of a rebuild, and the ports it works on.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{Clock, Ids, LeaseStore, ObjectRegistry};
use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;

use crate::event_store::DynamoEventStore;
use crate::read_model::OpenSearch;
use crate::rebuild::live_targets::PLAN_CACHE_TIME;

#[derive(Debug, Clone, Copy)]
pub struct RebuildSettings {
    /// How long after the plan is stored the scan starts: until every projection has read the plan, or has ended
    /// without it. Twice the time that projection caches the plan, and the time limit of its function.
    pub known_after: Duration,
    /// The number of segments in which the table is scanned. Many: a killed run reads its unfinished segments
    /// again from their last checkpoint, and DynamoDB Local reads a segment from its start for each page.
    pub segments: u32,
    /// The number of segments that are scanned at the same time.
    pub concurrency: usize,
    /// The most bytes of events that a segment reads between two checkpoints, even if few documents result. That
    /// much is held in memory, and read again after a run was killed.
    pub max_pending_bytes: usize,
    /// How often the checkpoint is stored. The lease lasts six times as long.
    pub checkpoint_interval: Duration,
    /// How long an old index is kept after its alias moved, for searches that are still running in it.
    pub old_index_retention: Duration,
}

impl Default for RebuildSettings {
    fn default() -> Self {
        Self {
            known_after: 2 * PLAN_CACHE_TIME + Duration::from_secs(60),
            segments: 64,
            concurrency: 4,
            max_pending_bytes: 4 * 1024 * 1024,
            checkpoint_interval: Duration::from_secs(5),
            old_index_retention: Duration::from_secs(10),
        }
    }
}

#[derive(Clone)]
pub struct RebuildPorts {
    pub events: DynamoEventStore,
    /// Hold the plan, as the checkpoint of its lease.
    pub leases: Arc<dyn LeaseStore>,
    pub objects: Arc<dyn ObjectRegistry>,
    pub search: OpenSearch,
    pub catalog: Arc<Catalog>,
    pub adapters: ProviderAdapters,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}
