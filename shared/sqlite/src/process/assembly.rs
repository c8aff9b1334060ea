//! The use cases of a local process, connected to the adapters.

use std::sync::Arc;

use annals_application::commands::{AppendListener, CommandHandler, Quarantine, RecentChanges};
use annals_application::ports::{
    Clock, EventPublisher, EventStore, FeedConsumer, Ids, ReadModel, SeparateSections, StatePorts,
};
use annals_application::projection::{
    BackgroundProjector, FeedLane, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
};
use annals_application::queries::{EntityQueries, FeedHealth, HealthCheck, LagSource, PortsHealth, QueryPorts};
use annals_application::sync::CrmSyncPorts;
use annals_application::system::{RandomIds, SystemClock};
use annals_application::work_status::WorkStatus;
use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;

use super::connections::Connections;
use super::{LocalProcess, ProcessTuning, ProjectionTiming};
use crate::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore, TracedJobs};

/// The state cache of publishing, in estimated bytes. It needs less than indexing: it caches the same records.
const PUBLISHER_CACHED_BYTES: usize = 16 << 20;

/// What the use cases are connected to.
pub(super) struct Assembly {
    connections: Connections,
    read_model: SqliteReadModel,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    tuning: ProcessTuning,
    writes: Arc<WorkStatus>,
    indexing: Arc<WorkStatus>,
    publishing: Arc<WorkStatus>,
    crm_reading: Arc<WorkStatus>,
}

impl Assembly {
    pub(super) fn new(
        connections: Connections,
        read_model: SqliteReadModel,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
        tuning: ProcessTuning,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let status = || Arc::new(WorkStatus::new(Arc::clone(&clock)));
        let (writes, indexing, publishing, crm_reading) = (status(), status(), status(), status());
        let ids = Arc::new(RandomIds);
        Self {
            connections,
            read_model,
            catalog,
            adapters,
            clock,
            ids,
            tuning,
            writes,
            indexing,
            publishing,
            crm_reading,
        }
    }

    pub(super) fn process(self, publisher: Option<Arc<dyn EventPublisher>>) -> LocalProcess {
        let state = state_ports(&self.connections.ingest);
        let (accounts, notes) = (Arc::clone(&state.accounts), Arc::clone(&state.notes));
        let handler = self.handler(state);
        let feed_projector = Arc::new(self.feed_projector(publisher, &handler.recent()));
        let listener: Arc<dyn AppendListener> = match self.tuning.projecting {
            ProjectionTiming::BeforeAnswer => Arc::clone(&feed_projector) as _,
            ProjectionTiming::InBackground => Arc::new(BackgroundProjector::new(Arc::clone(&feed_projector))),
        };
        let handler = Arc::new(handler.with_listener(listener));
        let queried = state_ports(&self.connections.queries);
        LocalProcess {
            sync_ports: self.sync_ports(&handler),
            read_model: Arc::new(self.read_model.clone()),
            handler,
            quarantine: Quarantine::new(
                Arc::clone(&queried.quarantine),
                Arc::clone(&self.clock),
                Arc::clone(&self.ids),
            ),
            queries: self.queries(queried),
            feed_projector,
            health: self.health(),
            crm_reading: self.crm_reading,
            is_read_only: self.connections.ingest.is_read_only(),
            catalog: self.catalog,
            adapters: self.adapters,
            accounts,
            notes,
            clock: self.clock,
        }
    }

    fn handler(&self, state: StatePorts) -> CommandHandler {
        let store = SqliteEventStore::new(self.connections.ingest.clone());
        let handler = CommandHandler::new(
            Arc::new(store),
            state,
            Arc::clone(&self.catalog),
            self.adapters.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            self.tuning.handler,
        );
        handler.reporting_writes_to(Arc::clone(&self.writes))
    }

    fn feed_projector(&self, publisher: Option<Arc<dyn EventPublisher>>, recent: &Arc<RecentChanges>) -> FeedProjector {
        let state = state_ports(&self.connections.projection);
        let feed = Arc::new(SqliteEventStore::new(self.connections.projection.clone()));
        let indexed: Arc<dyn ReadModel> = Arc::new(self.read_model.clone());
        let settings = self.tuning.projector;
        let projector =
            |registry, settings| self.projector(&feed, &state, registry, settings).with_recent(Arc::clone(recent));

        let indexing = ProjectionRegistry::read_model(&indexed, &state.refetch, &self.clock);
        let (consumer, status) = (FeedConsumer::ReadModel, Arc::clone(&self.indexing));
        let read_model = FeedLane::new(consumer, feed.clone(), projector(indexing, settings), status);
        let all = ProjectionRegistry::shipped(&indexed, publisher.clone(), &state.refetch, &self.clock);
        let redriver = projector(all, ProjectorSettings { cached_bytes: 0, ..settings });
        let Some(publisher) = publisher else {
            return FeedProjector::new(read_model.moving_along(FeedConsumer::Publisher), None, redriver);
        };
        let cached_bytes = settings.cached_bytes.min(PUBLISHER_CACHED_BYTES);
        let settings = ProjectorSettings { cached_bytes, stores_snapshots: false, ..settings };
        let publishing = projector(ProjectionRegistry::publisher(publisher), settings);
        let (consumer, status) = (FeedConsumer::Publisher, Arc::clone(&self.publishing));
        FeedProjector::new(read_model, Some(FeedLane::new(consumer, feed.clone(), publishing, status)), redriver)
    }

    fn projector(
        &self,
        store: &Arc<SqliteEventStore>,
        state: &StatePorts,
        registry: ProjectionRegistry,
        settings: ProjectorSettings,
    ) -> Projector {
        let ports = ProjectorPorts {
            store: Arc::clone(store) as _,
            snapshots: Arc::clone(&state.snapshots),
            parked: Arc::clone(&state.parked),
            objects: Arc::clone(&state.objects),
            jobs: Arc::new(TracedJobs),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        Projector::new(ports, Arc::clone(&self.catalog), self.adapters.clone(), registry, settings)
    }

    /// Reading the CRMs takes long by itself, so it reads by the connections of projection.
    fn sync_ports(&self, handler: &Arc<CommandHandler>) -> CrmSyncPorts {
        let database = &self.connections.projection;
        CrmSyncPorts {
            handler: Arc::clone(handler),
            store: Arc::new(SqliteEventStore::new(database.clone())),
            state: state_ports(database),
            live: Arc::new(self.read_model.clone()),
            catalog: Arc::clone(&self.catalog),
            adapters: self.adapters.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        }
    }

    fn queries(&self, state: StatePorts) -> EntityQueries {
        let Connections { queries, searches, .. } = &self.connections;
        let store: Arc<dyn EventStore> = Arc::new(SqliteEventStore::new(queries.clone()));
        let ports = QueryPorts {
            sections: Arc::new(SeparateSections::new(&store, &state.snapshots)),
            store,
            snapshots: state.snapshots,
            objects: state.objects,
            read_model: Arc::new(self.read_model.read_by(queries.clone(), searches.clone())),
        };
        EntityQueries::new(ports, Arc::clone(&self.catalog), self.adapters.clone())
    }

    /// The health check, which reads by connections of its own.
    fn health(&self) -> Arc<dyn HealthCheck> {
        let database = &self.connections.health;
        let (events, state) = (Arc::new(SqliteEventStore::new(database.clone())), state_ports(database));
        let store: Arc<dyn EventStore> = Arc::clone(&events) as _;
        let ports = QueryPorts {
            sections: Arc::new(SeparateSections::new(&store, &state.snapshots)),
            store,
            snapshots: Arc::clone(&state.snapshots),
            objects: Arc::clone(&state.objects),
            read_model: Arc::new(self.read_model.read_by(database.clone(), database.clone())),
        };
        let feed = FeedHealth {
            feed: events,
            writes: Arc::clone(&self.writes),
            read_model: Arc::clone(&self.indexing),
            publisher: Arc::clone(&self.publishing),
            crm: Arc::clone(&self.crm_reading),
        };
        Arc::new(PortsHealth::new(&ports, state, LagSource::Feed(feed), Arc::clone(&self.clock), &self.catalog))
    }
}

fn state_ports(database: &Database) -> StatePorts {
    StatePorts::of(SqliteStateStore::new(database.clone()))
}
