//! The use cases, connected to the stores of one installation.
//!
//! Clients are built once per process, and only those that the function calls.

use std::num::NonZeroUsize;
use std::sync::Arc;

use annals_application::commands::{CommandHandler, OutcomeObserver, Quarantine};
use annals_application::ports::{
    Clock, EventPublisher, EventStore, Ids, LagNotes, LiveEntities, ReadModel, StatePorts, StreamSections,
};
use annals_application::projection::{ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings};
use annals_application::queries::{EntityQueries, LagSource, PortsHealth, QueryPorts};
use annals_application::sync::CrmSyncPorts;
use annals_application::system::{RandomIds, SystemClock};
use annals_aws::event_store::DynamoEventStore;
use annals_aws::state_store::DynamoStateStore;
use annals_aws::stream_sections::DynamoSections;
use annals_domain::definition::{Catalog, DefinitionError};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_http::QueryApi;
use aws_config::SdkConfig;

use crate::metered::{LoggedJobs, MeteredEventStore, MeteredPublisher};
use crate::settings::Settings;

/// How long a health report is reused: anyone may ask for it, and each new one costs reads.
const HEALTH_CACHED_MS: i64 = 10_000;

#[derive(Clone)]
pub struct Installation {
    pub events: DynamoEventStore,
    /// The events table behind its port, with conflicts counted as a metric.
    pub store: Arc<dyn EventStore>,
    pub state: StatePorts,
    /// Reads a snapshot and the events after it in one request.
    sections: Arc<dyn StreamSections>,
    /// The lag of projection, in the state table.
    pub lags: Arc<dyn LagNotes>,
    pub catalog: Arc<Catalog>,
    pub adapters: ProviderAdapters,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    settings: Settings,
}

/// How many records are indexed in one call. With fewer the cost of each call shows; with more the cluster waits for
/// the first call. Measured by the projection benchmark.
const PART: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// A quarter of the memory that template.yaml gives the functions that project.
const CACHED_BYTES: usize = 256 << 20;

/// The functions' settings of the projector: while the cluster indexes one part of a batch, the next is prepared.
pub fn projector_settings() -> ProjectorSettings {
    ProjectorSettings { part: PART, cached_bytes: CACHED_BYTES, ..ProjectorSettings::default() }
}

impl Installation {
    /// Uses the tables that the settings name. Makes no call yet.
    pub fn new(config: &SdkConfig, settings: Settings) -> Result<Self, DefinitionError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let events = DynamoEventStore::new(config, settings.events_table.clone());
        let state = DynamoStateStore::new(config, settings.state_table.clone(), Arc::clone(&clock));
        let interval = projector_settings().snapshot_interval;
        Ok(Self {
            sections: Arc::new(DynamoSections::new(config, events.clone(), state.clone(), interval)),
            store: Arc::new(MeteredEventStore(events.clone())),
            events,
            lags: Arc::new(state.clone()),
            state: StatePorts::of(state),
            catalog: Arc::new(Catalog::built_in(&settings.adapters)?),
            adapters: settings.adapters.clone(),
            clock,
            ids: Arc::new(RandomIds),
            settings,
        })
    }

    pub fn handler(&self) -> Arc<CommandHandler> {
        Arc::new(self.plain_handler())
    }

    /// A command handler that reports the outcome of each change to `observer`.
    pub fn observed_handler(&self, observer: Arc<dyn OutcomeObserver>) -> Arc<CommandHandler> {
        Arc::new(self.plain_handler().observed_by(observer))
    }

    fn plain_handler(&self) -> CommandHandler {
        CommandHandler::new(
            Arc::clone(&self.store),
            self.state.clone(),
            Arc::clone(&self.catalog),
            self.adapters.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            self.settings.handler,
        )
    }

    /// A projector into that read model. Without a publisher no event is published.
    pub fn projector(
        &self,
        read_model: &Arc<dyn ReadModel>,
        publisher: Option<Arc<dyn EventPublisher>>,
        settings: ProjectorSettings,
    ) -> Projector {
        let publisher = publisher.map(|publisher| Arc::new(MeteredPublisher(publisher)) as Arc<dyn EventPublisher>);
        let registry = ProjectionRegistry::shipped(read_model, publisher, &self.state.refetch, &self.clock);
        let ports = ProjectorPorts {
            store: Arc::clone(&self.store),
            snapshots: Arc::clone(&self.state.snapshots),
            parked: Arc::clone(&self.state.parked),
            objects: Arc::clone(&self.state.objects),
            jobs: Arc::new(LoggedJobs),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        Projector::new(ports, Arc::clone(&self.catalog), self.adapters.clone(), registry, settings)
    }

    /// What reading a CRM works with. Projection of what is stored is another function's.
    pub fn crm_sync_ports(&self, live: Arc<dyn LiveEntities>) -> CrmSyncPorts {
        CrmSyncPorts {
            handler: self.handler(),
            store: Arc::clone(&self.store),
            state: self.state.clone(),
            live,
            catalog: Arc::clone(&self.catalog),
            adapters: self.adapters.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        }
    }

    pub fn query_api(&self, read_model: &Arc<dyn ReadModel>) -> QueryApi {
        let ports = QueryPorts {
            store: Arc::clone(&self.store),
            snapshots: Arc::clone(&self.state.snapshots),
            sections: Arc::clone(&self.sections),
            objects: Arc::clone(&self.state.objects),
            read_model: Arc::clone(read_model),
        };
        let lag = LagSource::Notes(Arc::clone(&self.lags));
        let health = PortsHealth::new(&ports, self.state.clone(), lag, Arc::clone(&self.clock), &self.catalog)
            .reusing_reports_for(HEALTH_CACHED_MS);
        QueryApi {
            queries: EntityQueries::new(ports, Arc::clone(&self.catalog), self.adapters.clone()),
            quarantine: Quarantine::new(
                Arc::clone(&self.state.quarantine),
                Arc::clone(&self.clock),
                Arc::clone(&self.ids),
            ),
            health: Arc::new(health),
        }
    }
}
