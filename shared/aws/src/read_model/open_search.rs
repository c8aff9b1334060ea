//! One connection to OpenSearch and the objects that work on it.

use annals_application::ports::PortError;

use crate::read_model::bulk::BulkWriter;
use crate::read_model::cluster::Cluster;
use crate::read_model::index::{IndexCatalog, IndexSettings};
use crate::read_model::search::Searcher;
use crate::read_model::settings::OpenSearchSettings;
use crate::read_model::transport::Transport;

/// A connection to OpenSearch. Clones share it, and what is known of the indices.
#[derive(Debug, Clone)]
pub struct OpenSearch {
    transport: Transport,
    indices: IndexCatalog,
    writer: BulkWriter,
    searcher: Searcher,
}

impl OpenSearch {
    /// Connects. Only a domain given by its name costs a call.
    pub async fn connect(settings: OpenSearchSettings) -> Result<Self, PortError> {
        let OpenSearchSettings { endpoint, prefix, shards, replicas, refresh, timeout, signing } = settings;
        let transport = Transport::connect(&endpoint, timeout, signing.as_ref()).await?;
        let indices = IndexCatalog::new(transport.clone(), IndexSettings { prefix, shards, replicas });
        let writer = BulkWriter::new(transport.clone(), indices.clone(), refresh);
        let searcher = Searcher::new(transport.clone(), indices.clone());
        Ok(Self { transport, indices, writer, searcher })
    }

    pub fn indices(&self) -> &IndexCatalog {
        &self.indices
    }

    pub fn writer(&self) -> &BulkWriter {
        &self.writer
    }

    pub fn searcher(&self) -> &Searcher {
        &self.searcher
    }

    /// The program, its version and the health of the indices with this prefix.
    pub async fn cluster(&self) -> Result<Cluster, PortError> {
        Cluster::read(&self.transport, self.indices.prefix()).await
    }
}
