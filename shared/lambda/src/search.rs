//! The read model of an installation, aware of a rebuild under way.

use std::sync::Arc;

use annals_application::ports::{PortError, ReadModel};
use annals_aws::read_model::{IndexAdmin, OpenSearch, OpenSearchReadModel, OpenSearchSettings, Refresh};
use annals_aws::rebuild::{LiveTargets, RebuildPorts, RebuildSettings, Rebuilder};
use aws_config::SdkConfig;

use crate::installation::Installation;
use crate::settings::SearchSettings;

/// OpenSearch, connected.
#[derive(Clone)]
pub struct Search {
    connection: OpenSearch,
}

impl Search {
    /// Connects by those settings; requests over https are signed by that configuration.
    pub async fn connect(config: &SdkConfig, settings: &SearchSettings) -> Result<Self, PortError> {
        Self::connect_with(config, settings, Refresh::Periodic).await
    }

    /// The same, where a written document may have to be found before the write is answered.
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

    /// The connection, for what works on indices by name.
    pub fn connection(&self) -> OpenSearch {
        self.connection.clone()
    }

    /// The read model for readers.
    pub fn reading(&self) -> Arc<dyn ReadModel> {
        Arc::new(self.read_model())
    }

    /// The read model for projection: while a rebuild fills an index, documents go there too.
    pub fn projecting(&self, installation: &Installation) -> Arc<dyn ReadModel> {
        let live = LiveTargets::new(Arc::clone(&installation.state), Arc::clone(&installation.clock));
        Arc::new(self.read_model().with_dual_write(Arc::new(live)))
    }

    /// The read model as it is, with what is its adapter's own.
    pub fn read_model(&self) -> OpenSearchReadModel {
        OpenSearchReadModel::new(self.connection.clone())
    }

    /// What rebuilds its indices.
    pub fn rebuilder(&self, installation: &Installation, settings: RebuildSettings) -> Rebuilder {
        let ports = RebuildPorts {
            events: installation.events.clone(),
            state: Arc::clone(&installation.state),
            indices: IndexAdmin::new(self.connection.clone()),
            catalog: Arc::clone(&installation.catalog),
            adapters: installation.adapters.clone(),
            clock: Arc::clone(&installation.clock),
            ids: Arc::clone(&installation.ids),
        };
        Rebuilder::new(ports, settings)
    }
}
