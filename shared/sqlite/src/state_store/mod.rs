//! State in SQLite: snapshots, refetch tasks, backfill jobs, parked projections, quarantine,
//! leases.

mod jobs;
mod leases;
mod objects;
mod pending;
mod quarantine;
mod snapshots;

use annals_application::ports::{
    BackfillJob, Lease, ParkedProjection, PortError, QuarantineEntry, QuarantineState, RefetchTask, StateStore,
};
use annals_domain::aggregate::Aggregate;
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use uuid::Uuid;

use crate::database::Database;

/// The state tables. What is kept where, and how it is joined, is in the modules below.
#[derive(Clone)]
pub struct SqliteStateStore {
    database: Database,
}

impl SqliteStateStore {
    /// The state of that database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl StateStore for SqliteStateStore {
    fn name(&self) -> &str {
        "state"
    }

    async fn put_snapshots(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError> {
        if snapshots.is_empty() {
            return Ok(());
        }
        self.database.write_derived("snapshot", move |transaction| snapshots::put(transaction, &snapshots)).await
    }

    async fn snapshot(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        let key = key.clone();
        self.database.read("snapshot", move |transaction| snapshots::newest(transaction, &key, at_most)).await
    }

    async fn ask_refetch(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
        if tasks.is_empty() {
            return Ok(());
        }
        self.database.write_derived("hydration_task", move |transaction| pending::ask_refetch(transaction, tasks)).await
    }

    async fn refetch_tasks(&self, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
        self.database.read("hydration_task", move |transaction| pending::refetch_tasks(transaction, limit)).await
    }

    async fn count_refetch(&self, at_most: usize) -> Result<usize, PortError> {
        self.database.read("hydration_task", move |transaction| pending::count_refetch(transaction, at_most)).await
    }

    async fn finish_refetch(&self, keys: &[EntityKey]) -> Result<(), PortError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        self.database
            .write_derived("hydration_task", move |transaction| pending::finish_refetch(transaction, &keys))
            .await
    }

    async fn drop_refetch_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        let drop = move |transaction: &rusqlite::Transaction<'_>| pending::drop_reason(transaction, &keys, reason);
        self.database.write_derived("hydration_task", drop).await
    }

    async fn note_objects(&self, objects: &[(Provider, EntityName)]) -> Result<(), PortError> {
        let objects = objects.to_vec();
        self.database.write_derived("object", move |transaction| objects::note(transaction, &objects)).await
    }

    async fn noted_objects(&self) -> Result<Vec<(Provider, EntityName)>, PortError> {
        self.database.read("object", objects::noted).await
    }

    async fn add_job(&self, job: BackfillJob) -> Result<bool, PortError> {
        self.database.write("backfill_job", move |transaction| jobs::add(transaction, &job)).await
    }

    async fn update_job(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError> {
        let (job, expected) = (job.clone(), expected.clone());
        self.database.write("backfill_job", move |transaction| jobs::update(transaction, &job, &expected)).await
    }

    async fn jobs(&self) -> Result<Vec<BackfillJob>, PortError> {
        self.database.read("backfill_job", jobs::all).await
    }

    async fn count_waiting_jobs(&self) -> Result<usize, PortError> {
        self.database.read("backfill_job", jobs::count_waiting).await
    }

    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError> {
        self.database.write("parked", move |transaction| pending::park(transaction, &parked)).await
    }

    async fn parked(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
        self.database.read("parked", move |transaction| pending::parked(transaction, limit)).await
    }

    async fn count_parked(&self, at_most: usize) -> Result<usize, PortError> {
        self.database.read("parked", move |transaction| pending::count_parked(transaction, at_most)).await
    }

    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError> {
        let key = key.clone();
        self.database.write("parked", move |transaction| pending::unpark(transaction, &key, up_to)).await
    }

    async fn put_chunk(&self, body: Uuid, number: u32, bytes: Vec<u8>) -> Result<(), PortError> {
        let put =
            move |transaction: &rusqlite::Transaction<'_>| quarantine::put_chunk(transaction, body, number, &bytes);
        self.database.write("quarantine_chunk", put).await
    }

    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
        self.database.read("quarantine_chunk", move |transaction| quarantine::chunk(transaction, body, number)).await
    }

    async fn drop_chunks(&self, body: Uuid) -> Result<(), PortError> {
        self.database.write("quarantine_chunk", move |transaction| quarantine::drop_chunks(transaction, body)).await
    }

    async fn add_quarantine(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError> {
        self.database.write("quarantine", move |transaction| quarantine::add(transaction, &entry)).await
    }

    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError> {
        let id = id.to_owned();
        self.database.read("quarantine", move |transaction| quarantine::entry(transaction, &id)).await
    }

    async fn list_quarantine(
        &self,
        state: Option<QuarantineState>,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<QuarantineEntry>, u64), PortError> {
        self.database.read("quarantine", move |transaction| quarantine::list(transaction, state, offset, limit)).await
    }

    async fn set_quarantine(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError> {
        let id = id.to_owned();
        self.database
            .write("quarantine", move |transaction| quarantine::set(transaction, &id, state, errors.as_deref()))
            .await
    }

    async fn take_lease(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError> {
        let work = work.to_owned();
        self.database.write("lease", move |transaction| leases::take(transaction, &work, token, (now, until))).await
    }

    async fn keep_lease(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError> {
        let (work, checkpoint) = (work.to_owned(), checkpoint.map(str::to_owned));
        self.database
            .write("lease", move |transaction| leases::keep(transaction, &work, token, until, checkpoint.as_deref()))
            .await
    }

    async fn release_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        let work = work.to_owned();
        self.database.write("lease", move |transaction| leases::release(transaction, &work, token)).await
    }

    async fn finish_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        let work = work.to_owned();
        self.database.write("lease", move |transaction| leases::finish(transaction, &work, token)).await
    }

    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError> {
        let work = work.to_owned();
        self.database.read("lease", move |transaction| leases::checkpoint(transaction, &work)).await
    }
}
