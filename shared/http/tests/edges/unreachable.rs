//! An installation whose stores cannot be reached: responses that need no store are the usual ones, all others are
//! 503.

use std::sync::Arc;

use annals_application::backfill::Backfill;
use annals_application::commands::{CommandHandler, HandlerSettings, Quarantine};
use annals_application::ports::{
    AccountRegistry, AppendError, BackfillJob, Clock, Document, DuplicateSearch, EntityQuery, EventStore, FoundPage,
    Ids, IndexOutcome, JobStore, Lease, LeaseStore, ObjectNote, ObjectNotes, ObjectOfProvider, ObjectRegistry,
    ParkedProjection, ParkedProjections, PortError, PortErrorKind, QuarantineEntry, QuarantinePlace, QuarantineState,
    QuarantineStore, ReadDocument, ReadModel, ReadOptions, RefetchQueue, RefetchTask, SeparateSections, Snapshot,
    SnapshotStore, StatePorts, StoredEvent, StoredInput,
};
use annals_application::queries::{DependencyState, EntityQueries, Health, HealthCheck, HealthReport, QueryPorts};
use annals_crm::salesforce::Salesforce;
use annals_domain::aggregate::Aggregate;
use annals_domain::change::RefetchReason;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use annals_http::{Login, QueryApi, local_router};
use async_trait::async_trait;
use axum::Router;
use uuid::Uuid;

fn definitions() -> (ProviderAdapters, Arc<Catalog>) {
    let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
    let catalog = Arc::new(Catalog::built_in(&adapters).unwrap());
    (adapters, catalog)
}

/// The router of the backfill function.
pub(crate) fn backfill_router(login: Login) -> Router {
    let (adapters, catalog) = definitions();
    let backfill =
        Backfill::new(Arc::new(Unreachable), Arc::new(Unreachable), catalog, adapters, Arc::new(Unreachable));
    annals_http::backfill_router(backfill, login)
}

/// The router with all routes.
pub(crate) fn router(login: Login) -> Router {
    let all = Arc::new(Unreachable);
    let (adapters, catalog) = definitions();
    let settings = HandlerSettings::default();
    let sections = Arc::new(SeparateSections { store: all.clone(), snapshots: all.clone() });
    let (store, snapshots) = (all.clone(), all.clone());
    let ports = QueryPorts { store, snapshots, sections, objects: all.clone(), read_model: all.clone() };
    let queries = EntityQueries::new(ports, catalog.clone(), adapters.clone());
    let quarantine = Quarantine::new(all.clone(), all.clone(), all.clone());
    let handler = CommandHandler::new(
        all.clone(),
        StatePorts::of(Unreachable),
        catalog,
        adapters,
        all.clone(),
        all.clone(),
        settings,
    );
    local_router(Arc::new(handler), QueryApi { queries, quarantine, health: all }, login)
}

struct Unreachable;

fn unreachable<T>() -> Result<T, PortError> {
    Err(PortError::new(PortErrorKind::Unavailable, "store-7.internal", "connection refused"))
}

impl Clock for Unreachable {
    fn now(&self) -> Timestamp {
        "2024-04-09T20:19:25Z".parse().unwrap()
    }
}

impl Ids for Unreachable {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

#[async_trait]
impl HealthCheck for Unreachable {
    async fn check(&self) -> HealthReport {
        let detail = "does not answer".to_owned();
        let store = DependencyState { name: "store".to_owned(), status: Health::Degraded, detail };
        HealthReport {
            status: Health::Degraded,
            dependencies: vec![store],
            lag_events: None,
            lag_ms: None,
            audits: Vec::new(),
        }
    }
}

#[async_trait]
impl EventStore for Unreachable {
    fn name(&self) -> &str {
        "unreachable"
    }
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        events.iter().map(|_| unreachable().map_err(AppendError::NotApplied)).collect()
    }
    async fn heads(&self, _: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        unreachable()
    }
    async fn search(&self, _: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        unreachable()
    }
    async fn read(&self, _: &EntityKey, _: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        unreachable()
    }

    async fn read_inputs(&self, _: &EntityKey, _: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        unreachable()
    }
}

#[async_trait]
impl ReadModel for Unreachable {
    async fn index(&self, _: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        unreachable()
    }
    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        unreachable()
    }
    async fn search(&self, _: &EntityQuery) -> Result<FoundPage, PortError> {
        unreachable()
    }
    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        unreachable()
    }
}

#[async_trait]
impl SnapshotStore for Unreachable {
    async fn put(&self, _: Vec<Snapshot>) -> Result<(), PortError> {
        unreachable()
    }
    async fn newest(&self, _: &EntityKey, _: Version) -> Result<Option<Aggregate>, PortError> {
        unreachable()
    }
    async fn newest_as_of(&self, _: &EntityKey, _: Timestamp) -> Result<Option<Aggregate>, PortError> {
        unreachable()
    }
    async fn newest_known_at(&self, _: &EntityKey, _: Timestamp) -> Result<Option<Aggregate>, PortError> {
        unreachable()
    }
}

#[async_trait]
impl RefetchQueue for Unreachable {
    async fn enqueue(&self, _: Vec<RefetchTask>) -> Result<(), PortError> {
        unreachable()
    }
    async fn earliest(&self, _: Provider, _: usize) -> Result<Vec<RefetchTask>, PortError> {
        unreachable()
    }
    async fn count(&self, _: usize) -> Result<usize, PortError> {
        unreachable()
    }
    async fn finish(&self, _: &[(EntityKey, Version)]) -> Result<(), PortError> {
        unreachable()
    }
    async fn postpone(&self, _: &[RefetchTask]) -> Result<(), PortError> {
        unreachable()
    }
    async fn remove_reason(&self, _: &[EntityKey], _: RefetchReason) -> Result<(), PortError> {
        unreachable()
    }
}

#[async_trait]
impl AccountRegistry for Unreachable {
    async fn add_account(&self, _: Provider, _: &ProviderAccount) -> Result<(), PortError> {
        unreachable()
    }
    async fn accounts(&self) -> Result<Vec<(Provider, ProviderAccount)>, PortError> {
        unreachable()
    }
}

#[async_trait]
impl ObjectRegistry for Unreachable {
    async fn register(&self, _: &[(Provider, EntityName)]) -> Result<(), PortError> {
        unreachable()
    }
    async fn registered(&self) -> Result<Vec<(Provider, EntityName)>, PortError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl JobStore for Unreachable {
    async fn remove_ended(&self, _: Uuid) -> Result<(), PortError> {
        unreachable()
    }
    async fn add(&self, _: BackfillJob) -> Result<bool, PortError> {
        unreachable()
    }
    async fn update(&self, _: &BackfillJob, _: &BackfillJob) -> Result<bool, PortError> {
        unreachable()
    }
    async fn all(&self) -> Result<Vec<BackfillJob>, PortError> {
        unreachable()
    }
    async fn count_waiting(&self) -> Result<usize, PortError> {
        unreachable()
    }
}

#[async_trait]
impl ParkedProjections for Unreachable {
    async fn park(&self, _: ParkedProjection) -> Result<(), PortError> {
        unreachable()
    }
    async fn oldest(&self, _: usize) -> Result<Vec<ParkedProjection>, PortError> {
        unreachable()
    }
    async fn count(&self, _: usize) -> Result<usize, PortError> {
        unreachable()
    }
    async fn unpark(&self, _: &EntityKey, _: Version) -> Result<(), PortError> {
        unreachable()
    }
}

#[async_trait]
impl QuarantineStore for Unreachable {
    fn name(&self) -> &str {
        "unreachable"
    }
    async fn put_chunk(&self, _: Uuid, _: u32, _: Timestamp, _: Vec<u8>) -> Result<(), PortError> {
        unreachable()
    }
    async fn chunk(&self, _: Uuid, _: u32) -> Result<Option<Vec<u8>>, PortError> {
        unreachable()
    }
    async fn delete_chunks(&self, _: Uuid) -> Result<(), PortError> {
        unreachable()
    }
    async fn add(&self, _: QuarantineEntry) -> Result<QuarantineEntry, PortError> {
        unreachable()
    }
    async fn get(&self, _: &str) -> Result<Option<QuarantineEntry>, PortError> {
        unreachable()
    }
    async fn list(
        &self,
        _: Option<QuarantineState>,
        _: Option<&QuarantinePlace>,
        _: usize,
    ) -> Result<Vec<QuarantineEntry>, PortError> {
        unreachable()
    }
    async fn count(&self, _: Option<QuarantineState>, _: usize) -> Result<usize, PortError> {
        unreachable()
    }
    async fn remove_orphans(&self, _: Timestamp) -> Result<usize, PortError> {
        unreachable()
    }
    async fn set_state(&self, _: &str, _: QuarantineState, _: Option<Vec<ValidationIssue>>) -> Result<(), PortError> {
        unreachable()
    }
}

#[async_trait]
impl LeaseStore for Unreachable {
    async fn acquire(&self, _: &str, _: Uuid, _: Timestamp, _: Timestamp) -> Result<Option<Lease>, PortError> {
        unreachable()
    }
    async fn renew(&self, _: &str, _: Uuid, _: Timestamp, _: Option<&str>) -> Result<bool, PortError> {
        unreachable()
    }
    async fn release(&self, _: &str, _: Uuid) -> Result<bool, PortError> {
        unreachable()
    }
    async fn finish(&self, _: &str, _: Uuid) -> Result<bool, PortError> {
        unreachable()
    }
    async fn checkpoint(&self, _: &str) -> Result<Option<String>, PortError> {
        unreachable()
    }
}

#[async_trait]
impl ObjectNotes for Unreachable {
    async fn notes(&self) -> Result<Vec<(ObjectOfProvider, ObjectNote)>, PortError> {
        unreachable()
    }
    async fn note(&self, _: &ObjectOfProvider) -> Result<ObjectNote, PortError> {
        unreachable()
    }
    async fn replace_note(&self, _: &ObjectOfProvider, _: &ObjectNote, _: &ObjectNote) -> Result<bool, PortError> {
        unreachable()
    }
}
