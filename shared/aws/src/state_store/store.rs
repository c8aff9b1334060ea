//! The store: each call of the port, handed to the module that keeps that kind of thing.

use std::sync::Arc;

use annals_application::ports::{
    BackfillJob, Clock, LagNote, LagNotes, Lease, ParkedProjection, PortError, QuarantineEntry, QuarantineState,
    RefetchTask, StateStore,
};
use annals_domain::aggregate::Aggregate;
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use uuid::Uuid;

use crate::state_store::items::Table;
use crate::state_store::objects::Noted;
use crate::state_store::{chunks, jobs, lags, leases, objects, pending, quarantine, snapshots};

/// The state table. Clones share its client and what they know of it.
#[derive(Clone)]
pub struct DynamoStateStore {
    table: Arc<Table>,
    noted: Arc<Noted>,
}

impl DynamoStateStore {
    /// The state in that table. The clock says what has expired and when what is settled may go.
    pub fn new(config: &SdkConfig, table: String, clock: Arc<dyn Clock>) -> Self {
        let table = Table { client: Client::new(config), name: table, clock };
        Self { table: Arc::new(table), noted: Arc::default() }
    }
}

#[async_trait]
impl StateStore for DynamoStateStore {
    fn name(&self) -> &str {
        &self.table.name
    }

    async fn put_snapshots(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError> {
        snapshots::put(&self.table, &snapshots).await
    }

    async fn snapshot(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        snapshots::newest(&self.table, key, at_most).await
    }

    async fn ask_refetch(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
        pending::ask_refetch(&self.table, tasks).await
    }

    async fn refetch_tasks(&self, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
        pending::refetch_tasks(&self.table, limit).await
    }

    async fn count_refetch(&self, at_most: usize) -> Result<usize, PortError> {
        pending::count_refetch(&self.table, at_most).await
    }

    async fn finish_refetch(&self, keys: &[EntityKey]) -> Result<(), PortError> {
        pending::finish_refetch(&self.table, keys).await
    }

    async fn drop_refetch_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError> {
        pending::drop_reason(&self.table, keys, reason).await
    }

    async fn note_objects(&self, objects: &[(Provider, EntityName)]) -> Result<(), PortError> {
        objects::note(&self.table, &self.noted, objects).await
    }

    async fn noted_objects(&self) -> Result<Vec<(Provider, EntityName)>, PortError> {
        objects::noted(&self.table, &self.noted).await
    }

    async fn add_job(&self, job: BackfillJob) -> Result<bool, PortError> {
        jobs::add(&self.table, job).await
    }

    async fn update_job(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError> {
        jobs::update(&self.table, job, expected).await
    }

    async fn jobs(&self) -> Result<Vec<BackfillJob>, PortError> {
        jobs::all(&self.table).await
    }

    async fn count_waiting_jobs(&self) -> Result<usize, PortError> {
        jobs::count_waiting(&self.table).await
    }

    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError> {
        pending::park(&self.table, &parked).await
    }

    async fn parked(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
        pending::parked(&self.table, limit).await
    }

    async fn count_parked(&self, at_most: usize) -> Result<usize, PortError> {
        pending::count_parked(&self.table, at_most).await
    }

    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError> {
        pending::unpark(&self.table, key, up_to).await
    }

    async fn put_chunk(&self, body: Uuid, number: u32, bytes: Vec<u8>) -> Result<(), PortError> {
        chunks::put(&self.table, body, number, &bytes).await
    }

    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
        chunks::chunk(&self.table, body, number).await
    }

    async fn drop_chunks(&self, body: Uuid) -> Result<(), PortError> {
        chunks::drop_all(&self.table, body).await
    }

    async fn add_quarantine(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError> {
        quarantine::add(&self.table, &entry).await
    }

    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError> {
        quarantine::entry(&self.table, id).await
    }

    async fn list_quarantine(
        &self,
        state: Option<QuarantineState>,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<QuarantineEntry>, u64), PortError> {
        quarantine::list(&self.table, state, offset, limit).await
    }

    async fn set_quarantine(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError> {
        quarantine::set(&self.table, id, state, errors.as_deref()).await
    }

    async fn take_lease(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError> {
        leases::take(&self.table, work, token, (now, until)).await
    }

    async fn keep_lease(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError> {
        leases::keep(&self.table, work, token, until, checkpoint).await
    }

    async fn release_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        leases::release(&self.table, work, token).await
    }

    async fn finish_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        leases::finish(&self.table, work, token).await
    }

    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError> {
        leases::checkpoint(&self.table, work).await
    }
}

#[async_trait]
impl LagNotes for DynamoStateStore {
    async fn note_lag(&self, note: LagNote) -> Result<(), PortError> {
        lags::note(&self.table, &note).await
    }

    async fn lag_notes(&self) -> Result<Vec<LagNote>, PortError> {
        lags::noted(&self.table).await
    }
}
