//! Rebuilding documents from whole streams, from version 1 on.
//!
//! The memory is bounded by one record's state and one page of its events, whatever the length of its
//! history. Nothing is published, no refetch is requested and no snapshot is stored.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::identity::EntityKey;
use annals_domain::provider_adapter::ProviderAdapters;

use super::failure::ProjectionFailure;
use super::folder::StreamFolder;
use super::load::{is_last_page, page};
use crate::ports::{Document, EventStore, IndexOutcome, PortError, ReadModel};

/// What became of the streams that a [`StreamRebuilder`] rebuilt.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StreamRebuildReport {
    pub events: u64,
    pub indexed: u64,
    /// The number of records that wait for their base and have no document.
    pub awaiting_base: u64,
    /// The records that could not be rebuilt, each with the reason.
    pub failed: Vec<(EntityKey, String)>,
}

pub struct StreamRebuilder {
    store: Arc<dyn EventStore>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

impl StreamRebuilder {
    pub fn new(store: Arc<dyn EventStore>, catalog: Arc<Catalog>, adapters: ProviderAdapters) -> Self {
        Self { store, catalog, adapters }
    }

    /// Indexes the documents of these streams with one call of the read model.
    pub async fn rebuild(
        &self,
        keys: &[EntityKey],
        into: &dyn ReadModel,
        report: &mut StreamRebuildReport,
    ) -> Result<(), PortError> {
        let (mut documents, mut keys_of_documents) = (Vec::new(), Vec::new());
        for key in keys {
            match self.document(key, report).await {
                Ok(Some(document)) => {
                    documents.push(document);
                    keys_of_documents.push(key);
                }
                Ok(None) => report.awaiting_base += 1,
                Err(ProjectionFailure::Outage(error)) => return Err(error),
                Err(ProjectionFailure::Poison(reason)) => report.failed.push((key.clone(), reason)),
            }
        }
        for (key, outcome) in keys_of_documents.into_iter().zip(into.index(documents).await?) {
            match outcome {
                IndexOutcome::Indexed | IndexOutcome::AlreadyNewer => report.indexed += 1,
                IndexOutcome::Refused(reason) => report.failed.push((key.clone(), reason)),
            }
        }
        Ok(())
    }

    /// The document of one stream; `None` while its record waits for its base. Adds the number of events
    /// read to the report.
    pub async fn document(
        &self,
        key: &EntityKey,
        report: &mut StreamRebuildReport,
    ) -> Result<Option<Document>, ProjectionFailure> {
        let mut folder = StreamFolder::new(&self.adapters, None);
        loop {
            let inputs = self.store.read_inputs(key, &page(folder.next_version())).await?;
            report.events += inputs.len() as u64;
            for input in &inputs {
                folder.fold_input(key, input)?;
            }
            if is_last_page(&inputs) {
                return Ok(folder.document(&self.catalog));
            }
        }
    }
}
