//! Rebuilding documents from their streams, whole from version 1.
//!
//! Promises memory bounded by one record's state and one page of its events, whatever the length
//! of its history. Announces nothing, asks for nothing, keeps no snapshot.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;

use super::ProjectionFailure;
use super::load::PAGE;
use crate::ports::{Document, EventStore, IndexOutcome, ReadModel, ReadOptions};

/// What became of a run of streams.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StreamRebuildReport {
    /// Events read.
    pub events: u64,
    /// Documents indexed.
    pub indexed: u64,
    /// Records that wait for their base.
    pub awaiting_base: u64,
    /// Records that could not be rebuilt, and why not.
    pub failed: Vec<(EntityKey, String)>,
}

/// Rebuilds streams into a read model.
pub struct StreamRebuilder {
    store: Arc<dyn EventStore>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

impl StreamRebuilder {
    /// From that store, by those definitions.
    pub fn new(store: Arc<dyn EventStore>, catalog: Arc<Catalog>, adapters: ProviderAdapters) -> Self {
        Self { store, catalog, adapters }
    }

    /// Folds each stream whole and indexes what shows, in one call of the read model.
    pub async fn rebuild(
        &self,
        keys: &[EntityKey],
        into: &dyn ReadModel,
        report: &mut StreamRebuildReport,
    ) -> Result<(), crate::ports::PortError> {
        let (mut documents, mut of) = (Vec::new(), Vec::new());
        for key in keys {
            match self.document(key, report).await {
                Ok(Some(document)) => {
                    documents.push(document);
                    of.push(key);
                }
                Ok(None) => report.awaiting_base += 1,
                Err(ProjectionFailure::Outage(error)) => return Err(error),
                Err(ProjectionFailure::Poison(reason)) => report.failed.push((key.clone(), reason)),
            }
        }
        for (key, outcome) in of.into_iter().zip(into.index(documents).await?) {
            match outcome {
                IndexOutcome::Indexed | IndexOutcome::AlreadyNewer => report.indexed += 1,
                IndexOutcome::Refused(reason) => report.failed.push((key.clone(), reason)),
            }
        }
        Ok(())
    }

    /// The document of one stream, read whole; `None` where it waits for its base. The events read
    /// are counted in `report`.
    pub async fn document(
        &self,
        key: &EntityKey,
        report: &mut StreamRebuildReport,
    ) -> Result<Option<Document>, ProjectionFailure> {
        let mut state: Option<Aggregate> = None;
        loop {
            let from = state.as_ref().map_or(Version::FIRST, |state| state.version().next());
            let page = self.store.read(key, &ReadOptions::from(from, PAGE)).await?;
            report.events += page.len() as u64;
            for stored in &page {
                let event = &stored.event;
                let state = state.get_or_insert_with(|| {
                    Aggregate::new(key.clone(), event.metadata.provider, event.metadata.external_id.clone())
                });
                state.apply(event.version, &self.adapters.read_event(event)?);
            }
            if page.len() < PAGE {
                break;
            }
        }
        Ok(state.and_then(|state| shown_document(&state, &self.catalog, &self.adapters)))
    }
}

/// The document of a state; `None` where it waits for its base.
pub fn shown_document(state: &Aggregate, catalog: &Catalog, adapters: &ProviderAdapters) -> Option<Document> {
    let adapter = adapters.get(state.provider()).filter(|_| state.has_base())?;
    let schema = catalog.schema(state.provider(), &state.key().entity_name);
    let entity = mapping::map(state, &schema, &**adapter);
    Some(Document::of(Arc::new(entity), schema))
}
