//! The local process: all use cases over one SQLite file.
//!
//! An open process has valid definitions, a database file of Annals, and a read model that matches the definitions.
//! The caller projects events that a crash left unprojected: opening does not.

mod rebuild;
mod settings;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use annals_application::audit::{Auditor, AuditorPorts};
use annals_application::commands::{AppendListener, CommandHandler, HandlerSettings};
use annals_application::crm::CrmConnections;
use annals_application::ports::{
    AccountRegistry, Clock, EventFeed, EventPublisher, EventStore, Ids, LiveEntities, ObjectNotes, PortError,
    ReadModel, StatePorts,
};
use annals_application::projection::{
    BackgroundProjector, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
};
use annals_application::queries::{EntityQueries, HealthCheck, LagSource, PortsHealth, QueryPorts};
use annals_application::sync::{CrmSync, CrmSyncPorts, SyncSchedule};
use annals_application::system::{RandomIds, SystemClock};
use annals_crm::InvalidOrgId;
use annals_domain::definition::{Catalog, DefinitionError};
use annals_domain::provider_adapter::ProviderAdapters;

pub use self::rebuild::{RebuildProgress, rebuild};
pub use self::settings::{ProcessSettings, PublishTo};
use crate::{
    Database, LocalPublisher, OpenError, OpenReadModelError, SqliteEventStore, SqliteReadModel, SqliteStateStore,
    TracedJobs,
};

/// An error while a local process is opened or rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("invalid definition: {0}")]
    Definition(#[from] DefinitionError),
    /// The folder of definitions cannot be read, or has none.
    #[error("definitions in `{}` cannot be read", path.display())]
    Entities {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    SalesforceOrg(#[from] InvalidOrgId),
    /// The file for published events cannot be opened.
    #[error("published events cannot be written to `{}`", path.display())]
    Publisher {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    ReadModel(#[from] OpenReadModelError),
    #[error(
        "the rebuild did not finish because other processes kept appending events: run it again when there are fewer changes"
    )]
    RebuildOvertaken,
    #[error("the database cannot be used")]
    Port(#[from] PortError),
}

impl ProcessError {
    /// Whether a wrong argument or setting is the cause, not the machine.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Definition(_) | Self::Entities { .. } | Self::SalesforceOrg(_) => true,
            Self::Open(error) => matches!(error, OpenError::NoFolder(_) | OpenError::IsFolder(_)),
            Self::Publisher { .. } | Self::ReadModel(_) | Self::RebuildOvertaken | Self::Port(_) => false,
        }
    }
}

/// The use cases of one process, and what they share.
pub struct LocalProcess {
    /// The command handler; when it projects is a setting: [`ProjectionTiming`].
    pub handler: Arc<CommandHandler>,
    pub queries: EntityQueries,
    pub feed_projector: Arc<FeedProjector>,
    pub health: Arc<dyn HealthCheck>,
    pub catalog: Arc<Catalog>,
    pub adapters: ProviderAdapters,
    pub accounts: Arc<dyn AccountRegistry>,
    pub notes: Arc<dyn ObjectNotes>,
    pub clock: Arc<dyn Clock>,
    sync_ports: CrmSyncPorts,
    read_model: Arc<dyn ReadModel>,
}

/// Settings that tests and commands change.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessTuning {
    pub handler: HandlerSettings,
    pub projector: ProjectorSettings,
    pub projecting: ProjectionTiming,
}

/// When the events of a call are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProjectionTiming {
    /// Before the call returns, so that its caller can read its own writes.
    #[default]
    BeforeAnswer,
    /// During the next call. The caller projects the rest at its end.
    InBackground,
}

impl LocalProcess {
    /// Opens the file, and creates it if it is missing.
    pub async fn open(settings: &ProcessSettings) -> Result<Self, ProcessError> {
        Self::open_tuned(settings, ProcessTuning::default()).await
    }

    pub async fn open_tuned(settings: &ProcessSettings, tuning: ProcessTuning) -> Result<Self, ProcessError> {
        let adapters = settings.adapters()?;
        let catalog = Arc::new(settings.catalog(&adapters)?);
        let database = Database::open(&settings.db)?;
        let opened = SqliteReadModel::open(database.clone(), &catalog).await?;
        let (read_model, live): (Arc<dyn ReadModel>, Arc<dyn LiveEntities>) =
            (Arc::new(opened.clone()), Arc::new(opened));
        let events = Arc::new(SqliteEventStore::new(database.clone()));
        let store: Arc<dyn EventStore> = Arc::clone(&events) as _;
        let feed: Arc<dyn EventFeed> = events;
        let state = StatePorts::of(SqliteStateStore::new(database));
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(RandomIds));

        let handler = CommandHandler::new(
            Arc::clone(&store),
            state.clone(),
            Arc::clone(&catalog),
            adapters.clone(),
            Arc::clone(&clock),
            Arc::clone(&ids),
            tuning.handler,
        );
        let registry = ProjectionRegistry::shipped(&read_model, publisher(&settings.publish)?, &state.refetch, &clock);
        let ports = projector_ports(&store, &state, &clock, &ids);
        let projector = Projector::new(ports, Arc::clone(&catalog), adapters.clone(), registry, tuning.projector)
            .with_recent(handler.recent());
        let feed_projector = Arc::new(FeedProjector::new(Arc::clone(&feed), projector));
        let handler = Arc::new(handler.with_listener(listener(tuning.projecting, &feed_projector)));
        let sync_ports = CrmSyncPorts {
            handler: Arc::clone(&handler),
            store: Arc::clone(&store),
            state: state.clone(),
            live,
            catalog: Arc::clone(&catalog),
            adapters: adapters.clone(),
            clock: Arc::clone(&clock),
            ids,
        };
        let ports = QueryPorts {
            store,
            snapshots: Arc::clone(&state.snapshots),
            objects: Arc::clone(&state.objects),
            read_model: Arc::clone(&read_model),
        };
        let (accounts, notes) = (Arc::clone(&state.accounts), Arc::clone(&state.notes));
        let health = Arc::new(PortsHealth::new(&ports, state, LagSource::Feed(feed), Arc::clone(&clock), &catalog));
        let queries = EntityQueries::new(ports, Arc::clone(&catalog), adapters.clone());
        Ok(Self {
            handler,
            queries,
            feed_projector,
            health,
            catalog,
            adapters,
            accounts,
            notes,
            clock,
            sync_ports,
            read_model,
        })
    }

    /// What reads these CRMs. From now on their backfill jobs are run by whoever runs it.
    pub fn crm_sync(&self, connections: CrmConnections, schedule: Option<SyncSchedule>) -> CrmSync {
        CrmSync::new(&self.sync_ports, connections, schedule)
    }

    /// What compares the records of these CRMs with those here.
    pub fn auditor(&self, connections: CrmConnections) -> Auditor {
        let sync = self.crm_sync(connections.clone(), None);
        let ports = AuditorPorts {
            read_model: Arc::clone(&self.read_model),
            live: Arc::clone(&self.sync_ports.live),
            notes: Arc::clone(&self.sync_ports.state.notes),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.sync_ports.ids),
        };
        let images = Arc::clone(sync.images());
        Auditor::new(ports, connections, images, Arc::clone(&self.catalog), self.adapters.clone())
    }
}

fn projector_ports(
    store: &Arc<dyn EventStore>,
    state: &StatePorts,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> ProjectorPorts {
    ProjectorPorts {
        store: Arc::clone(store),
        snapshots: Arc::clone(&state.snapshots),
        parked: Arc::clone(&state.parked),
        objects: Arc::clone(&state.objects),
        jobs: Arc::new(TracedJobs),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
    }
}

fn listener(projecting: ProjectionTiming, feed_projector: &Arc<FeedProjector>) -> Arc<dyn AppendListener> {
    match projecting {
        ProjectionTiming::BeforeAnswer => Arc::clone(feed_projector) as _,
        ProjectionTiming::InBackground => Arc::new(BackgroundProjector::new(Arc::clone(feed_projector))),
    }
}

fn publisher(to: &PublishTo) -> Result<Option<Arc<dyn EventPublisher>>, ProcessError> {
    Ok(match to {
        PublishTo::Nowhere => None,
        PublishTo::Stdout => Some(Arc::new(LocalPublisher::stdout())),
        PublishTo::File(path) => {
            let opened = LocalPublisher::file(path);
            let opened = opened.map_err(|source| ProcessError::Publisher { path: path.clone(), source })?;
            Some(Arc::new(opened))
        }
    })
}
