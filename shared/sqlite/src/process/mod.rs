//! The local process: all use cases over one SQLite file.
//!
//! An open process has valid definitions, a database file of Annals, and a read model that matches the definitions.
//! The caller projects events that a crash left unprojected: opening does not.

mod assembly;
mod connections;
mod rebuild;
mod settings;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use annals_application::audit::Auditor;
use annals_application::commands::{CommandHandler, HandlerSettings, Quarantine};
use annals_application::crm::CrmConnections;
use annals_application::ports::{AccountRegistry, Clock, EventPublisher, ObjectNotes, PortError, ReadModel};
use annals_application::projection::{FeedProjector, ProjectorSettings};
use annals_application::queries::{EntityQueries, HealthCheck};
use annals_application::sync::{CrmSync, CrmSyncPorts, SyncSchedule};
use annals_application::work_status::WorkStatus;
use annals_crm::InvalidOrgId;
use annals_domain::definition::{Catalog, DefinitionError};
use annals_domain::provider_adapter::ProviderAdapters;

use self::assembly::Assembly;
use self::connections::Connections;
pub use self::rebuild::{RebuildProgress, rebuild};
pub use self::settings::{ProcessSettings, PublishTo};
use crate::{Database, LocalPublisher, OpenError, OpenReadModelError, SqliteReadModel};

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
    /// The quarantine, read by the connections of queries.
    pub quarantine: Quarantine,
    pub feed_projector: Arc<FeedProjector>,
    pub health: Arc<dyn HealthCheck>,
    pub catalog: Arc<Catalog>,
    pub adapters: ProviderAdapters,
    pub accounts: Arc<dyn AccountRegistry>,
    pub notes: Arc<dyn ObjectNotes>,
    pub clock: Arc<dyn Clock>,
    /// How reading the connected CRMs goes, for whoever does it to report.
    pub crm_reading: Arc<WorkStatus>,
    /// Whether the file cannot be written.
    pub is_read_only: bool,
    sync_ports: CrmSyncPorts,
    read_model: Arc<dyn ReadModel>,
}

/// Settings that tests and commands change.
#[derive(Debug, Clone, Copy)]
pub struct ProcessTuning {
    pub handler: HandlerSettings,
    pub projector: ProjectorSettings,
    pub projecting: ProjectionTiming,
    /// After this time a query fails as unavailable.
    pub query_time: Duration,
}

impl Default for ProcessTuning {
    fn default() -> Self {
        Self {
            handler: HandlerSettings::default(),
            projector: ProjectorSettings::default(),
            projecting: ProjectionTiming::default(),
            query_time: Duration::from_secs(5),
        }
    }
}

/// The time of a query that nobody else waits for.
const LONG_QUERY_TIME: Duration = Duration::from_secs(600);

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
        let connections = Connections::of(Database::open(&settings.db)?, tuning.query_time);
        let read_model = SqliteReadModel::open(connections.projection.clone(), &catalog).await?;
        let assembly = Assembly::new(connections, read_model, catalog, adapters, tuning);
        Ok(assembly.process(publisher(&settings.publish)?))
    }

    /// Opens the file for the queries of one caller, who may wait for them. It may be on a medium that cannot be written;
    /// every write fails then.
    pub async fn open_to_read(settings: &ProcessSettings) -> Result<Self, ProcessError> {
        let tuning = ProcessTuning { query_time: LONG_QUERY_TIME, ..ProcessTuning::default() };
        match Self::open_tuned(settings, tuning).await {
            Err(ProcessError::Open(OpenError::ReadOnly(_))) => Self::open_read_only(settings).await,
            opened => opened,
        }
    }

    /// The same, without an attempt to open the file to write.
    pub async fn open_read_only(settings: &ProcessSettings) -> Result<Self, ProcessError> {
        let adapters = settings.adapters()?;
        let catalog = Arc::new(settings.catalog(&adapters)?);
        let connections = Connections::of(Database::open_read_only(&settings.db)?, LONG_QUERY_TIME);
        let read_model = SqliteReadModel::open_read_only(connections.queries.clone(), &catalog).await?;
        let assembly = Assembly::new(connections, read_model, catalog, adapters, ProcessTuning::default());
        Ok(assembly.process(None))
    }

    /// What reads these CRMs. From now on their backfill jobs are run by whoever runs it.
    pub fn crm_sync(&self, connections: CrmConnections, schedule: Option<SyncSchedule>) -> CrmSync {
        CrmSync::new(&self.sync_ports, connections, schedule)
    }

    /// What compares the records of these CRMs with those here.
    pub fn auditor(&self, connections: CrmConnections) -> Auditor {
        Auditor::new(&self.sync_ports, Arc::clone(&self.read_model), connections)
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
