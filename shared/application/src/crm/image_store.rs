//! Storing records that were read from a CRM, as record images.
//!
//! An image takes the path of every change, so it is appended, projected and published like one. Before, it is compared
//! with what is known of its record: an image that says nothing new is not stored, and one that older events contradict
//! is stored as a correction, which stands at the time at which it was read.

use std::slice;
use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::stream_head::StreamHead;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::damage::apart_from_command;
use super::image_comparison::{Compared, ImageComparison, PendingImage};
use super::image_result::{ImageEffect, ImageResult};
use super::read_records::{ReadRecord, ReadRecords};
use super::stored_records::{RecordHead, RecordState, StoredRecords};
use crate::commands::{CommandError, CommandHandler, CommandMetadata, adapter_of};
use crate::log_chain;
use crate::ports::{EventStore, PortError, SnapshotStore};

/// The number of records whose states are in memory at the same time.
const PART: usize = 200;
const CONCURRENT_COMPARISONS: usize = 16;

/// Stores images through a command handler.
pub struct ImageStore {
    handler: Arc<CommandHandler>,
    records: StoredRecords,
    catalog: Arc<Catalog>,
}

impl ImageStore {
    pub fn new(
        handler: Arc<CommandHandler>,
        store: Arc<dyn EventStore>,
        snapshots: Arc<dyn SnapshotStore>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { handler, records: StoredRecords { store, snapshots, adapters }, catalog }
    }

    /// The stream of a record.
    pub fn key(&self, provider: Provider, object: &EntityName, id: &ExternalId) -> Result<EntityKey, CommandError> {
        Ok(key_of(adapter_of(&self.records.adapters, provider)?, object, id))
    }

    /// Whether records have events here.
    pub async fn are_known(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        self.records.are_known(keys).await
    }

    /// The state of each record; an error of this installation's store concerns all of them.
    pub async fn states(&self, keys: &[EntityKey]) -> Result<Vec<RecordState>, PortError> {
        self.records.states(keys).await
    }

    /// The heads of streams, as they are stored.
    pub async fn heads(&self, keys: &[EntityKey], deadline: Instant) -> Result<Vec<RecordHead>, CommandError> {
        match apart_from_command(self.handler.heads(keys, deadline).await)? {
            Ok(heads) => Ok(heads.into_iter().map(Ok).collect()),
            Err(damage) => Ok(self.records.heads_one_by_one(keys, &damage).await?),
        }
    }

    /// The heads of streams most of which have no event: only those of the others are read one by one.
    async fn heads_of_few(
        &self,
        keys: &[EntityKey],
        deadline: Instant,
    ) -> Result<Vec<Option<StreamHead>>, CommandError> {
        let known = self.records.store.have_events(keys).await?;
        let of_known = keys.iter().zip(&known).filter(|(_, is_known)| **is_known).map(|(key, _)| key.clone());
        let of_known: Vec<EntityKey> = of_known.collect();
        let mut heads = self.handler.heads(&of_known, deadline).await?.into_iter();
        Ok(known.into_iter().map(|is_known| if is_known { heads.next().flatten() } else { None }).collect())
    }

    /// Stores records. One result a record, in their order. Repeating a call that failed is safe.
    pub async fn store(&self, read: ReadRecords<'_>, deadline: Instant) -> Result<Vec<ImageResult>, CommandError> {
        let mut results = Vec::with_capacity(read.records.len());
        for records in read.records.chunks(PART) {
            match apart_from_command(self.store_part(&read, records, deadline).await)? {
                Ok(stored) => results.extend(stored),
                Err(damage) => {
                    tracing::warn!(error = %log_chain(&damage), "images are stored one by one");
                    for record in records {
                        results.extend(self.store_alone(&read, record, deadline).await?);
                    }
                }
            }
        }
        Ok(results)
    }

    /// Stores one record, unless its stream is damaged.
    async fn store_alone(
        &self,
        read: &ReadRecords<'_>,
        record: &ReadRecord,
        deadline: Instant,
    ) -> Result<Vec<ImageResult>, CommandError> {
        match apart_from_command(self.store_part(read, slice::from_ref(record), deadline).await)? {
            Ok(stored) => Ok(stored),
            Err(damage) => {
                let key = self.key(read.provider, read.object, &record.id)?;
                tracing::warn!(entity_key = %key, error = %log_chain(&damage), "image not stored");
                let unchanged = ImageResult::unchanged(key, record.id.clone());
                Ok(vec![ImageResult { effect: ImageEffect::Damaged, ..unchanged }])
            }
        }
    }

    async fn store_part(
        &self,
        read: &ReadRecords<'_>,
        records: &[ReadRecord],
        deadline: Instant,
    ) -> Result<Vec<ImageResult>, CommandError> {
        let adapter = adapter_of(&self.records.adapters, read.provider)?;
        let keys: Vec<EntityKey> = records.iter().map(|record| key_of(adapter, read.object, &record.id)).collect();
        let heads = match read.are_mostly_unknown {
            true => self.heads_of_few(&keys, deadline).await?,
            false => self.handler.heads(&keys, deadline).await?,
        };
        let compared = records.iter().zip(keys).zip(heads).map(|((record, key), head)| {
            let comparison = ImageComparison { records: &self.records, catalog: &self.catalog, adapter, read, record };
            async move { comparison.compare(key, head).await }
        });
        let compared: Vec<Compared> = stream::iter(compared).buffered(CONCURRENT_COMPARISONS).try_collect().await?;
        let (mut results, mut pending) = (Vec::with_capacity(compared.len()), Vec::new());
        for (number, compared) in compared.into_iter().enumerate() {
            match compared {
                Compared::Settled(result) => results.push((number, result)),
                Compared::Pending(image) => pending.push((number, *image)),
            }
        }
        let again = self.append(read, pending, &mut results, deadline).await?;
        self.append(read, again, &mut results, deadline).await?;
        results.sort_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Appends images. Returns those whose contents were stored before, though the record is known otherwise since: they
    /// are appended as corrections.
    async fn append(
        &self,
        read: &ReadRecords<'_>,
        pending: Vec<(usize, PendingImage)>,
        results: &mut Vec<(usize, ImageResult)>,
        deadline: Instant,
    ) -> Result<Vec<(usize, PendingImage)>, CommandError> {
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let metadata =
            CommandMetadata { user: None, correlation_id: read.correlation_id.clone(), deadline: Some(deadline) };
        let commands = pending.iter().map(|(_, image)| image.command(read, metadata.clone())).collect();
        let mut again = Vec::new();
        for ((number, mut image), reads) in pending.into_iter().zip(self.handler.handle(commands).await?) {
            if image.corrects_after(&reads) {
                again.push((number, image));
            } else {
                results.push((number, image.stored(&reads)));
            }
        }
        Ok(again)
    }
}

fn key_of(adapter: &dyn ProviderAdapter, object: &EntityName, id: &ExternalId) -> EntityKey {
    let aggregate_id = AggregateId::of(adapter.provider(), adapter.account(), object, id);
    EntityKey { entity_name: object.clone(), aggregate_id }
}
