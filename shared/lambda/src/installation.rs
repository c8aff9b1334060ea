//! The use cases joined over AWS.
//!
//! Promises clients built once a process, each function only those it calls.

use std::num::NonZeroUsize;
use std::sync::Arc;

use annals_application::commands::{CommandHandler, OutcomeObserver, Quarantine};
use annals_application::ports::{Clock, EventPublisher, EventStore, Ids, LagNotes, ReadModel, StateStore};
use annals_application::projection::{ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings};
use annals_application::queries::{EntityQueries, LagSource, PortsHealth, QueryPorts};
use annals_application::system::{RandomIds, SystemClock};
use annals_aws::event_store::DynamoEventStore;
use annals_aws::state_store::DynamoStateStore;
use annals_domain::definition::{Catalog, DefinitionError};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_http::QueryApi;
use aws_config::SdkConfig;

use crate::metered::{LoggedJobs, MeteredEventStore, MeteredPublisher};
use crate::settings::Settings;

/// For how long a report of health is given again: anyone may ask, and each look costs reads.
const HEALTH_IS_KEPT_MS: i64 = 10_000;

/// The stores of one installation.
#[derive(Clone)]
pub struct Installation {
    /// The events table.
    pub events: DynamoEventStore,
    /// The events table as the port, its conflicts counted.
    pub store: Arc<dyn EventStore>,
    /// The state table.
    pub state: Arc<dyn StateStore>,
    /// How far projection is behind, in the same table.
    pub lags: Arc<dyn LagNotes>,
    /// The definitions.
    pub catalog: Arc<Catalog>,
    /// The adapters.
    pub adapters: ProviderAdapters,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn Ids>,
    settings: Settings,
}

/// How many records go out in one call: fewer and what each call costs tells, more and the cluster waits
/// for the first. Measured by the projection's benchmark.
const PART: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// A quarter of what the functions that project have by template.yaml.
const CACHED_BYTES: usize = 256 << 20;

/// How the stream is projected: while the cluster indexes one part of a batch, the next is made.
pub fn projector_settings() -> ProjectorSettings {
    ProjectorSettings { part: PART, cached_bytes: CACHED_BYTES, ..ProjectorSettings::default() }
}

impl Installation {
    /// Over the tables that the settings name. Calls nothing yet.
    pub fn new(config: &SdkConfig, settings: Settings) -> Result<Self, DefinitionError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let events = DynamoEventStore::new(config, settings.events_table.clone());
        let state = DynamoStateStore::new(config, settings.state_table.clone(), Arc::clone(&clock));
        Ok(Self {
            store: Arc::new(MeteredEventStore(events.clone())),
            events,
            lags: Arc::new(state.clone()),
            state: Arc::new(state),
            catalog: Arc::new(Catalog::built_in(&settings.adapters)?),
            adapters: settings.adapters.clone(),
            clock,
            ids: Arc::new(RandomIds),
            settings,
        })
    }

    /// What takes commands.
    pub fn handler(&self) -> Arc<CommandHandler> {
        Arc::new(self.plain_handler())
    }

    /// What takes commands, with an observer of what became of each change.
    pub fn observed_handler(&self, observer: Arc<dyn OutcomeObserver>) -> Arc<CommandHandler> {
        Arc::new(self.plain_handler().observed_by(observer))
    }

    fn plain_handler(&self) -> CommandHandler {
        CommandHandler::new(
            Arc::clone(&self.store),
            Arc::clone(&self.state),
            Arc::clone(&self.catalog),
            self.adapters.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            self.settings.handler,
        )
    }

    /// What projects, into that read model; without a publisher nothing is announced.
    pub fn projector(
        &self,
        read_model: &Arc<dyn ReadModel>,
        publisher: Option<Arc<dyn EventPublisher>>,
        settings: ProjectorSettings,
    ) -> Projector {
        let publisher = publisher.map(|publisher| Arc::new(MeteredPublisher(publisher)) as Arc<dyn EventPublisher>);
        let registry = ProjectionRegistry::shipped(read_model, publisher, &self.state, &self.clock);
        let ports = ProjectorPorts {
            store: Arc::clone(&self.store),
            state: Arc::clone(&self.state),
            jobs: Arc::new(LoggedJobs),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        Projector::new(ports, Arc::clone(&self.catalog), self.adapters.clone(), registry, settings)
    }

    /// What answers queries, from that read model.
    pub fn query_api(&self, read_model: &Arc<dyn ReadModel>) -> QueryApi {
        let ports = QueryPorts {
            store: Arc::clone(&self.store),
            state: Arc::clone(&self.state),
            read_model: Arc::clone(read_model),
        };
        let lag = LagSource::Notes(Arc::clone(&self.lags));
        let health = PortsHealth::new(&ports, lag, Arc::clone(&self.clock), &self.catalog).kept_for(HEALTH_IS_KEPT_MS);
        QueryApi {
            queries: EntityQueries::new(ports, Arc::clone(&self.catalog), self.adapters.clone()),
            quarantine: Quarantine::new(Arc::clone(&self.state), Arc::clone(&self.clock), Arc::clone(&self.ids)),
            health: Arc::new(health),
        }
    }
}
