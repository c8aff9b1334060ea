//! The state store: all that is kept beside the events and may change.
//!
//! Promises that what is put is there for the next reader. Everything but quarantine and jobs'
//! inputs can be lost without loss of data: it is derived, or asked for again. A lease keeps two
//! processes from one piece of work as long as their clocks agree to within its length; what must
//! never happen twice is guarded by a condition of its own.

use std::collections::BTreeSet;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, EntityName, ExternalId, Provider};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BackfillJob, PortError};

/// A record that is to be read from its CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefetchTask {
    /// The record.
    pub key: EntityKey,
    /// The CRM.
    pub provider: Provider,
    /// Its id there.
    pub external_id: ExternalId,
    /// Why.
    pub reasons: BTreeSet<RefetchReason>,
    /// When it is due.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// A record whose projection failed by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedProjection {
    /// The record.
    pub key: EntityKey,
    /// The lowest version that is not projected.
    pub from_version: Version,
    /// The highest.
    pub to_version: Version,
    /// Why.
    pub reason: String,
    /// Since when.
    pub parked_at: Timestamp,
}

/// The state of a quarantined input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuarantineState {
    /// It waits for someone.
    Open,
    /// It was run again and is no longer refused.
    Redriven,
    /// Someone decided against it.
    Dismissed,
}

/// An input that could not be stored as an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The SHA-256 of provider and body, in hexadecimal: the same input is one entry.
    pub id: String,
    /// The provider it was handed in for.
    pub provider: Provider,
    /// When it first came.
    pub received_at: Timestamp,
    /// Why it was refused.
    pub errors: Vec<ValidationIssue>,
    /// Its size in bytes.
    pub size: u64,
    /// Its state.
    pub state: QuarantineState,
    /// Where its chunks are.
    pub body_id: Uuid,
    /// How many chunks it has.
    pub chunks: u32,
}

/// The right to one piece of work, until a timestamp. Its name is the work's, its token the holder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The work.
    pub work: String,
    /// Whose it is.
    pub token: Uuid,
    /// What the work had come to when it was taken: the last that any holder kept.
    pub checkpoint: Option<String>,
}

/// The state table.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// What errors name that are of no one call: the table, or what stands for all of them.
    fn name(&self) -> &str;

    /// Keeps a snapshot, one a record and version.
    async fn put_snapshots(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError>;

    /// The newest snapshot of a record at or below a version, of this code's fold version.
    async fn snapshot(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError>;

    /// Keeps tasks, one a record: the reasons are joined with those of a task that is there, and
    /// the earlier due time and the higher number of attempts stand.
    async fn ask_refetch(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError>;

    /// Tasks by due time, up to `limit`.
    async fn refetch_tasks(&self, limit: usize) -> Result<Vec<RefetchTask>, PortError>;

    /// How many tasks there are, counted up to `at_most`.
    async fn count_refetch(&self, at_most: usize) -> Result<usize, PortError>;

    /// Removes the tasks of those records, where there are any.
    async fn finish_refetch(&self, keys: &[EntityKey]) -> Result<(), PortError>;

    /// Takes one reason from the tasks of those records; a task without any left is gone.
    async fn drop_refetch_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError>;

    /// Remembers objects of which there are records.
    async fn note_objects(&self, objects: &[(Provider, EntityName)]) -> Result<(), PortError>;

    /// The objects that were noted, in any order.
    async fn noted_objects(&self) -> Result<Vec<(Provider, EntityName)>, PortError>;

    /// Keeps a job where none of its id is there; whether it was kept.
    async fn add_job(&self, job: BackfillJob) -> Result<bool, PortError>;

    /// Brings a job to how `job` says it stands (what was asked for stays), where it is there and
    /// stands as `expected` does: whoever read it earlier overwrites nobody. Whether it stands so now:
    /// one that stood so already does, whoever brought it there, so that the same call may be made again.
    async fn update_job(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError>;

    /// All jobs, newest first.
    async fn jobs(&self) -> Result<Vec<BackfillJob>, PortError>;

    /// How many jobs wait, whatever they were asked for with.
    async fn count_waiting_jobs(&self) -> Result<usize, PortError>;

    /// Parks a projection behind all that are parked, also where the record is parked already: then
    /// versions are joined, and since when it is parked stays.
    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError>;

    /// What is parked, up to `limit`: first what was parked, or parked again, longest ago.
    async fn parked(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError>;

    /// How many records are parked, counted up to `at_most`.
    async fn count_parked(&self, at_most: usize) -> Result<usize, PortError>;

    /// Forgets what is parked of a record up to a version; what is parked beyond it stays in its place.
    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError>;

    /// Keeps one chunk of a body that is being put into quarantine (at most 350 KB).
    async fn put_chunk(&self, body: Uuid, number: u32, bytes: Vec<u8>) -> Result<(), PortError>;

    /// One chunk of a body.
    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError>;

    /// Forgets a body's chunks, all from 0 on.
    async fn drop_chunks(&self, body: Uuid) -> Result<(), PortError>;

    /// Keeps an entry, its chunks being there. Where its id is there already, the stored one stands
    /// (but is open again, with the new errors) and is given back.
    async fn add_quarantine(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError>;

    /// One entry.
    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError>;

    /// Entries, newest first (then by id), and how many there are. Of one state, or of all.
    async fn list_quarantine(
        &self,
        state: Option<QuarantineState>,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<QuarantineEntry>, u64), PortError>;

    /// Sets an entry's state, and its errors where they are given.
    async fn set_quarantine(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError>;

    /// Takes the right to a piece of work until a timestamp: `None` where another holds it at `now`.
    /// Its own holder may take it again.
    async fn take_lease(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError>;

    /// Holds it until a later timestamp, and keeps the checkpoint where one is given. `false`, and
    /// nothing is kept, where the lease is no longer that token's.
    async fn keep_lease(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError>;

    /// Gives it back at once; its checkpoint stays for the next. `false` where it was not that token's.
    async fn release_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError>;

    /// The work is done: lease and checkpoint are gone. `false` where it was not that token's.
    async fn finish_lease(&self, work: &str, token: Uuid) -> Result<bool, PortError>;

    /// What a piece of work has come to, whoever holds it.
    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError>;
}
