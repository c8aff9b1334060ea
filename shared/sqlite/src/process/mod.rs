//! The local process: all use cases joined over one SQLite file.
//!
//! Promises that what opens has fitting definitions, an owned file and a read model made from those
//! definitions. Catching up with what a crash left is the caller's first call, since it writes.

mod rebuild;
mod settings;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use annals_application::commands::{AppendListener, CommandHandler, HandlerSettings};
use annals_application::ports::{Clock, EventFeed, EventPublisher, EventStore, Ids, PortError, ReadModel, StatePorts};
use annals_application::projection::{
    BackgroundProjector, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
};
use annals_application::queries::{EntityQueries, HealthCheck, LagSource, PortsHealth, QueryPorts};
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

/// Why the process could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A definition does not fit.
    #[error("definition refused: {0}")]
    Definition(#[from] DefinitionError),
    /// The definitions' folder cannot be read, or holds none.
    #[error("definitions in `{}` cannot be read", path.display())]
    Entities {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The org setting is no org id.
    #[error(transparent)]
    SalesforceOrg(#[from] InvalidOrgId),
    /// The file for announcements cannot be written.
    #[error("announcements cannot be written to `{}`", path.display())]
    Publisher {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The read model does not fit the definitions.
    #[error(transparent)]
    ReadModel(#[from] OpenReadModelError),
    /// Others wrote all the while a rebuild was to end.
    #[error("the rebuild could not end: others write all the time; run it again when it is quieter")]
    RebuildOvertaken,
    /// A store failed.
    #[error("the database cannot be used")]
    Port(#[from] PortError),
}

impl ProcessError {
    /// Whether the caller's words are at fault, not the machine.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Definition(_) | Self::Entities { .. } | Self::SalesforceOrg(_) => true,
            Self::Open(error) => matches!(error, OpenError::NoFolder(_) | OpenError::IsFolder(_)),
            Self::Publisher { .. } | Self::ReadModel(_) | Self::RebuildOvertaken | Self::Port(_) => false,
        }
    }
}

/// The process.
pub struct LocalProcess {
    /// Takes commands; projects what it stored before it answers.
    pub handler: Arc<CommandHandler>,
    /// Answers queries.
    pub queries: EntityQueries,
    /// Keeps the projections up.
    pub feed_projector: Arc<FeedProjector>,
    /// Tells how it does.
    pub health: Arc<dyn HealthCheck>,
    /// The definitions.
    pub catalog: Arc<Catalog>,
    /// The adapters.
    pub adapters: ProviderAdapters,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// What a process is put together from, so that tests can choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tuning {
    /// How the command handler works.
    pub handler: HandlerSettings,
    /// How the projector works.
    pub projector: ProjectorSettings,
    /// When what was stored is projected.
    pub projecting: Projecting,
}

/// When what a call stored is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Projecting {
    /// Before the call is answered, so that whoever writes can read it back.
    #[default]
    BeforeAnswer,
    /// While the next call is carried out. The caller catches up at its end.
    InBackground,
}

impl LocalProcess {
    /// Opens the file and joins everything over it.
    pub async fn open(settings: &ProcessSettings) -> Result<Self, ProcessError> {
        Self::open_tuned(settings, Tuning::default()).await
    }

    /// The same, tuned.
    pub async fn open_tuned(settings: &ProcessSettings, tuning: Tuning) -> Result<Self, ProcessError> {
        let adapters = settings.adapters()?;
        let catalog = Arc::new(settings.catalog(&adapters)?);
        let database = Database::open(&settings.db)?;
        let read_model: Arc<dyn ReadModel> = Arc::new(SqliteReadModel::open(database.clone(), &catalog).await?);
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
        let ports = ProjectorPorts {
            store: Arc::clone(&store),
            snapshots: Arc::clone(&state.snapshots),
            parked: Arc::clone(&state.parked),
            objects: Arc::clone(&state.objects),
            jobs: Arc::new(TracedJobs),
            clock: Arc::clone(&clock),
            ids,
        };
        let projector = Projector::new(ports, Arc::clone(&catalog), adapters.clone(), registry, tuning.projector)
            .with_recent(handler.recent());
        let feed_projector = Arc::new(FeedProjector::new(Arc::clone(&feed), projector));
        let listener: Arc<dyn AppendListener> = match tuning.projecting {
            Projecting::BeforeAnswer => Arc::clone(&feed_projector) as _,
            Projecting::InBackground => Arc::new(BackgroundProjector::new(Arc::clone(&feed_projector))),
        };
        let handler = Arc::new(handler.told(listener));
        let ports = QueryPorts {
            store,
            snapshots: Arc::clone(&state.snapshots),
            objects: Arc::clone(&state.objects),
            read_model,
        };
        let health = Arc::new(PortsHealth::new(&ports, state, LagSource::Feed(feed), Arc::clone(&clock), &catalog));
        let queries = EntityQueries::new(ports, Arc::clone(&catalog), adapters.clone());
        Ok(Self { handler, queries, feed_projector, health, catalog, adapters, clock })
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
