//! A simulated org and an installation that reads from it, on SQLite and at a virtual time.

use std::path::PathBuf;
use std::sync::Arc;

use annals_application::audit::Auditor;
use annals_application::backfill::Backfill;
use annals_application::backfill::run::{BackfillRunner, RunnerPorts};
use annals_application::commands::{CommandHandler, CommandMetadata, EventRead, HandlerSettings, Outcome};
use annals_application::contract::simulated_org::{SimulatedClock, SimulatedOrg};
use annals_application::crm::{CrmConnection, CrmConnections, ImageStore};
use annals_application::ports::{
    Clock, CrmClient, EventFeed, EventStore, FeedConsumer, Ids, LeaseStore, LiveEntities, ReadModel, ReadOptions,
    RefetchTask, StatePorts, StoredEvent,
};
use annals_application::projection::{
    FeedLane, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
};
use annals_application::refetch::{RefetchReport, Refetcher, RefetcherPorts};
use annals_application::sync::{CrmSync, CrmSyncPorts, SyncSchedule};
use annals_application::system::RandomIds;
use annals_application::work_status::WorkStatus;
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::{Catalog, DefinitionFile, EntitySchema};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapters, RecordImage};
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore, TracedJobs};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::time::{Duration, Instant};

use crate::interposed::{Hook, Interposed};
use crate::samples::repository;

/// The object of the simulated org.
pub const OBJECT: &str = "Account";
/// Its fields that people change.
pub const FIELDS: [&str; 9] = [
    "Name",
    "ParentId",
    "Business_Type__c",
    "Account_Status__c",
    "CurrencyIsoCode",
    "BillingCountry",
    "Account_Priority__c",
    "Description",
    "Orfium_SSO_ID_SR__c",
];
/// Its calculated field.
pub const FORMULA: &str = "Orfium_SSO_ID_Comp__c";
/// A field that the org derives; no test changes it.
const ACTIVITY: &str = "LastActivityDate";

const DATABASE: &str = "annals.db";
/// The start of the virtual time.
pub const START_MS: i64 = 1_767_225_600_000;

/// An org, an installation, and the clock of both.
pub struct CrmRig {
    /// The clock.
    pub clock: Arc<SimulatedClock>,
    /// The org.
    pub org: Arc<SimulatedOrg>,
    /// Stores change events and projects them before it answers.
    pub handler: Arc<CommandHandler>,
    /// The state ports.
    pub state: StatePorts,
    /// The event store.
    pub store: Arc<dyn EventStore>,
    /// The read model.
    pub read_model: Arc<dyn ReadModel>,
    /// Its live entities.
    pub live: Arc<dyn LiveEntities>,
    /// The definitions.
    pub catalog: Arc<Catalog>,
    /// The adapters.
    pub adapters: ProviderAdapters,
    /// The connection to the org.
    pub connections: CrmConnections,
    /// Stores images.
    pub images: Arc<ImageStore>,
    folder: TempDir,
}

impl CrmRig {
    /// An empty org with one object, and an empty installation.
    pub async fn new() -> Self {
        let start = Timestamp::from_millis(START_MS).expect("a timestamp");
        let clock = Arc::new(SimulatedClock::at(start));
        let org = Arc::new(SimulatedOrg::new(Arc::clone(&clock)));
        org.define(OBJECT, &FIELDS, &[FORMULA, ACTIVITY]);
        Self::over(clock, org).await
    }

    /// The same with clients alone, and these lines at the end of their definition.
    pub async fn with_clients_and(lines: &str) -> Self {
        let rig = Self::new().await;
        let path = repository().join("shared/domain/entities/client.toml");
        let shipped = std::fs::read_to_string(path).expect("the definition ships");
        let file = DefinitionFile { name: "client.toml".to_owned(), text: format!("{shipped}\n{lines}\n") };
        let catalog = Catalog::load(&[file], &rig.adapters).expect("a valid definition");
        Self::of(rig.clock, rig.org, catalog).await
    }

    /// An empty installation that reads from that org.
    pub async fn over(clock: Arc<SimulatedClock>, org: Arc<SimulatedOrg>) -> Self {
        let adapters = annals_crm::adapters(None).expect("no org is configured");
        Self::of(clock, org, Catalog::built_in(&adapters).expect("the definitions that ship load")).await
    }

    async fn of(clock: Arc<SimulatedClock>, org: Arc<SimulatedOrg>, catalog: Catalog) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let adapters = annals_crm::adapters(None).expect("no org is configured");
        let catalog = Arc::new(catalog);
        let database = Database::open(&folder.path().join(DATABASE)).expect("an empty file opens");
        let opened = SqliteReadModel::open(database.clone(), &catalog).await.expect("an empty file opens");
        let (read_model, live): (Arc<dyn ReadModel>, Arc<dyn LiveEntities>) =
            (Arc::new(opened.clone()), Arc::new(opened));
        let events = Arc::new(SqliteEventStore::new(database.clone()));
        let (store, feed): (Arc<dyn EventStore>, Arc<dyn EventFeed>) = (Arc::clone(&events) as _, events);
        let state = StatePorts::of(SqliteStateStore::new(database));
        let (shared_clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::clone(&clock) as _, Arc::new(RandomIds));
        let handler = CommandHandler::new(
            Arc::clone(&store),
            state.clone(),
            Arc::clone(&catalog),
            adapters.clone(),
            Arc::clone(&shared_clock),
            Arc::clone(&ids),
            HandlerSettings::default(),
        );
        let registry = ProjectionRegistry::shipped(&read_model, None, &state.refetch, &shared_clock);
        let ports = ProjectorPorts {
            store: Arc::clone(&store),
            snapshots: Arc::clone(&state.snapshots),
            parked: Arc::clone(&state.parked),
            objects: Arc::clone(&state.objects),
            jobs: Arc::new(TracedJobs),
            clock: shared_clock,
            ids,
        };
        let projector = feed_projector(&ports, &catalog, &adapters, &registry, feed);
        let handler = handler.with_listener(Arc::new(projector));
        handler.connect([Provider::Salesforce]);
        let handler = Arc::new(handler);
        let images = Arc::new(ImageStore::new(
            Arc::clone(&handler),
            Arc::clone(&store),
            Arc::clone(&state.snapshots),
            Arc::clone(&catalog),
            adapters.clone(),
        ));
        let client: Arc<dyn CrmClient> = Arc::clone(&org) as _;
        let connections = CrmConnections::new([CrmConnection { client, quota_share: 50 }]);
        Self { clock, org, handler, state, store, read_model, live, catalog, adapters, connections, images, folder }
    }

    /// The file of its database.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Ingests a change event.
    pub async fn deliver(&self, event: &str) -> Vec<EventRead> {
        let ingested = self.handler.ingest_body(Provider::Salesforce, event, CommandMetadata::default()).await;
        let results = ingested.expect("the store answers").results;
        assert!(results.iter().all(|read| read.outcome != Outcome::Quarantined), "{results:?}");
        results
    }

    /// The refetcher of the installation.
    pub fn refetcher(&self) -> Refetcher {
        let ports = RefetcherPorts {
            queue: Arc::clone(&self.state.refetch),
            notes: Arc::clone(&self.state.notes),
            leases: Arc::clone(&self.state.leases),
            clock: Arc::clone(&self.clock) as _,
            ids: Arc::new(RandomIds),
        };
        let (images, catalog) = (Arc::clone(&self.images), Arc::clone(&self.catalog));
        Refetcher::new(ports, self.connections.clone(), images, catalog, self.adapters.clone())
    }

    /// The backfill jobs of the installation.
    pub fn backfill(&self) -> Backfill {
        self.handler.backfill()
    }

    /// The runner of backfill jobs.
    pub fn runner(&self) -> BackfillRunner {
        self.runner_with(self.connections.clone(), Arc::clone(&self.state.leases))
    }

    /// A runner over a client that calls this hook before each read.
    pub fn runner_over(&self, hook: Hook) -> BackfillRunner {
        let client = Arc::new(Interposed::new(Arc::clone(&self.org) as Arc<dyn CrmClient>, hook));
        let connections = CrmConnections::new([CrmConnection { client, quota_share: 50 }]);
        self.runner_with(connections, Arc::clone(&self.state.leases))
    }

    /// A runner over these connections and leases.
    pub fn runner_with(&self, connections: CrmConnections, leases: Arc<dyn LeaseStore>) -> BackfillRunner {
        let ports = RunnerPorts {
            jobs: Arc::clone(&self.state.jobs),
            leases,
            refetch: Arc::clone(&self.state.refetch),
            notes: Arc::clone(&self.state.notes),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock) as _,
            ids: Arc::new(RandomIds),
        };
        let (images, catalog) = (Arc::clone(&self.images), Arc::clone(&self.catalog));
        BackfillRunner::new(ports, connections, images, catalog, self.adapters.clone())
    }

    /// Refetch, schedule and jobs as one run.
    pub fn sync(&self, schedule: Option<SyncSchedule>) -> CrmSync {
        CrmSync::new(&self.sync_ports(), self.connections.clone(), schedule)
    }

    /// Compares the org with the installation.
    pub fn auditor(&self) -> Auditor {
        Auditor::new(&self.sync_ports(), Arc::clone(&self.read_model), self.connections.clone())
    }

    /// What reading the org works with.
    pub fn sync_ports(&self) -> CrmSyncPorts {
        CrmSyncPorts {
            handler: Arc::clone(&self.handler),
            store: Arc::clone(&self.store),
            state: self.state.clone(),
            live: Arc::clone(&self.live),
            catalog: Arc::clone(&self.catalog),
            adapters: self.adapters.clone(),
            clock: Arc::clone(&self.clock) as _,
            ids: Arc::new(RandomIds),
        }
    }

    /// Runs refetch once.
    pub async fn refetch(&self) -> RefetchReport {
        self.refetcher().run(far()).await.expect("the stores answer")
    }

    /// Runs refetch until no task is left, an hour apart; at most so many times.
    pub async fn refetch_all(&self, at_most: usize) {
        for _ in 0..at_most {
            self.clock.advance(3_600_000);
            self.refetch().await;
            if self.tasks().await.is_empty() {
                return;
            }
        }
        panic!("tasks are left: {:?}", self.tasks().await);
    }

    /// The refetch tasks that wait.
    pub async fn tasks(&self) -> Vec<RefetchTask> {
        self.state.refetch.earliest(Provider::Salesforce, 10_000).await.expect("the store reads")
    }

    /// The stream of a record.
    pub fn key(&self, id: &ExternalId) -> EntityKey {
        let adapter = self.adapters.get(Provider::Salesforce).expect("Salesforce is installed");
        let entity_name = EntityName::new(OBJECT);
        let aggregate_id = AggregateId::of(Provider::Salesforce, adapter.account(), &entity_name, id);
        EntityKey { entity_name, aggregate_id }
    }

    /// The events of a record.
    pub async fn events(&self, id: &ExternalId) -> Vec<StoredEvent> {
        let options = ReadOptions::from(Version::FIRST, usize::MAX);
        self.store.read(&self.key(id), &options).await.expect("the store reads")
    }

    /// The entity as readers see it; `None` if it is not visible.
    pub async fn entity(&self, id: &ExternalId) -> Option<Map<String, Value>> {
        let found = self.read_model.get(&self.schema(), self.key(id).aggregate_id).await.expect("the store reads")?;
        Some(serde_json::from_str(found.json.get()).expect("a document is JSON"))
    }

    /// The entity that the org's record maps to. `None` if the org has no such record.
    pub fn expected(&self, id: &ExternalId) -> Option<Map<String, Value>> {
        let record = self.org.record(OBJECT, id)?;
        let mut json = record.fields;
        let stamp = record.stamp.to_string();
        let system =
            [("SystemModstamp", &stamp), ("LastModifiedDate", &stamp), ("CreatedDate", &record.created.to_string())];
        json.extend(system.map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))));
        json.insert("IsDeleted".to_owned(), Value::from(record.is_deleted));
        for field in FIELDS.iter().chain([&FORMULA, &ACTIVITY]) {
            json.entry(*field).or_insert(Value::Null);
        }
        let adapter = self.adapters.get(Provider::Salesforce).expect("Salesforce is installed");
        let image = RecordImage::new(Some(Value::Object(json).to_string().into()), record.stamp);
        let read = adapter.read_image(&EntityName::new(OBJECT), id, &image).expect("a record reads");
        let mut state = Aggregate::new(self.key(id), Provider::Salesforce, id.clone());
        state.apply(Version::FIRST, &read.change);
        Some(mapping::map(&state, &self.schema(), &**adapter).to_json(&self.schema()))
    }

    /// In what an entity differs from the org's record, field by field. A deleted record has no fields to compare.
    pub async fn differences(&self, id: &ExternalId) -> Vec<String> {
        let (here, there) = (self.entity(id).await, self.expected(id));
        let is_deleted = |entity: &Map<String, Value>| entity["is_deleted"] == true;
        let (here, there) = match (here, there) {
            (None, None) => return Vec::new(),
            (Some(here), None) if is_deleted(&here) => return Vec::new(),
            (Some(here), Some(there)) if is_deleted(&here) && is_deleted(&there) => return Vec::new(),
            (None, Some(there)) if is_deleted(&there) => return Vec::new(),
            (Some(here), Some(there)) => (here, there),
            (here, there) => return vec![format!("{id}: {here:?} here, {there:?} there")],
        };
        let of_arrival = ["version", "updated_at", "created_at"];
        let compared = there.iter().filter(|(name, _)| !of_arrival.contains(&name.as_str()));
        let differs = compared.filter(|(name, value)| here.get(*name) != Some(*value));
        differs.map(|(name, value)| format!("{id} {name}: {:?} here, {value} there", here.get(name))).collect()
    }

    fn schema(&self) -> EntitySchema {
        self.catalog.schema(Provider::Salesforce, &EntityName::new(OBJECT))
    }
}

/// A deadline that is never reached.
pub fn far() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

/// The id of a record.
pub fn id(number: usize) -> ExternalId {
    ExternalId::new(format!("001{number:012}AAA"))
}

fn feed_projector(
    ports: &ProjectorPorts,
    catalog: &Arc<Catalog>,
    adapters: &ProviderAdapters,
    registry: &ProjectionRegistry,
    feed: Arc<dyn EventFeed>,
) -> FeedProjector {
    let settings = ProjectorSettings::default();
    let projector = || Projector::new(ports.clone(), Arc::clone(catalog), adapters.clone(), registry.clone(), settings);
    let status = Arc::new(WorkStatus::new(Arc::clone(&ports.clock)));
    FeedProjector::new(FeedLane::new(FeedConsumer::ReadModel, feed, projector(), status), None, projector())
}
