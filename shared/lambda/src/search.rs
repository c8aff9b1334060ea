//! The OpenSearch of an installation. While a rebuild runs, projection also writes to the new index.

use std::sync::Arc;

use annals_application::ports::{PortError, ReadModel};
use annals_aws::read_model::{OpenSearch, OpenSearchReadModel, OpenSearchSettings, Refresh};
use annals_aws::rebuild::{LiveTargets, RebuildPorts, RebuildSettings, Rebuilder};
use aws_config::SdkConfig;

use crate::installation::Installation;
use crate::settings::SearchSettings;

/// A connection to OpenSearch, from which readers, projectors and rebuilders are made.
#[derive(Clone)]
pub struct Search {
    connection: OpenSearch,
}

impl Search {
    /// Requests over https are signed with the credentials of `config`.
    pub async fn connect(config: &SdkConfig, settings: &SearchSettings) -> Result<Self, PortError> {
        Self::connect_with(config, settings, Refresh::Periodic).await
    }

    /// The same, with a choice of when written documents become searchable.
    pub async fn connect_with(
        config: &SdkConfig,
        settings: &SearchSettings,
        refresh: Refresh,
    ) -> Result<Self, PortError> {
        let settings = OpenSearchSettings {
            prefix: settings.prefix.clone(),
            signing: Some(config.clone()),
            refresh,
            ..OpenSearchSettings::new(settings.endpoint.clone())
        };
        Ok(Self { connection: OpenSearch::connect(settings).await? })
    }

    /// The connection itself, for work on indices by name.
    pub fn connection(&self) -> OpenSearch {
        self.connection.clone()
    }

    pub fn reading(&self) -> Arc<dyn ReadModel> {
        Arc::new(self.read_model())
    }

    /// The read model for projection: while a rebuild fills an index, documents are written there too.
    pub fn projecting(&self, installation: &Installation) -> Arc<dyn ReadModel> {
        let live = LiveTargets::new(Arc::clone(&installation.state.leases), Arc::clone(&installation.clock));
        Arc::new(self.read_model().with_dual_write(Arc::new(live)))
    }

    /// The adapter itself, with the methods that the port does not have.
    pub fn read_model(&self) -> OpenSearchReadModel {
        OpenSearchReadModel::new(self.connection.clone())
    }

    pub fn rebuilder(&self, installation: &Installation, settings: RebuildSettings) -> Rebuilder {
        let ports = RebuildPorts {
            events: installation.events.clone(),
            leases: Arc::clone(&installation.state.leases),
            objects: Arc::clone(&installation.state.objects),
            search: self.connection.clone(),
            catalog: Arc::clone(&installation.catalog),
            adapters: installation.adapters.clone(),
            clock: Arc::clone(&installation.clock),
            ids: Arc::clone(&installation.ids),
        };
        Rebuilder::new(ports, settings)
    }
}
