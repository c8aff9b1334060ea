//! What this installation knows of records: whether they have events, and what these come to.

use std::slice;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::StreamHead;
use futures::{StreamExt, TryStreamExt, stream};

use super::damage::apart;
use crate::log_chain;
use crate::ports::{EventStore, PortError, PortErrorKind, SnapshotStore};
use crate::projection::{ProjectionFailure, SNAPSHOT_INTERVAL, StateLoader};

const CONCURRENT_LOADS: usize = 16;

/// The head of a record's stream; `None` if it has none, and an error if it is damaged.
pub type RecordHead = Result<Option<StreamHead>, PortError>;

/// What the events of a record come to; `None` if it has none, and an error if its stream is damaged.
pub type RecordState = Result<Option<Aggregate>, PortError>;

/// Reads streams. A damaged one is a value, so that it holds up no other.
pub(super) struct StoredRecords {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    pub(super) adapters: ProviderAdapters,
}

impl StoredRecords {
    /// Whether records have events here.
    pub(super) async fn are_known(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        match apart(self.store.have_events(keys).await)? {
            Ok(known) => Ok(known),
            // What is damaged is known.
            Err(damage) => {
                Ok(self.heads_one_by_one(keys, &damage).await?.iter().map(|head| !matches!(head, Ok(None))).collect())
            }
        }
    }

    /// The state of each record; an error of this installation's store concerns all of them.
    pub(super) async fn states(&self, keys: &[EntityKey]) -> Result<Vec<RecordState>, PortError> {
        let heads = match apart(self.store.heads(keys).await)? {
            Ok(heads) => heads.into_iter().map(Ok).collect(),
            Err(damage) => self.heads_one_by_one(keys, &damage).await?,
        };
        let states = keys.iter().zip(heads).map(|(key, head)| async move {
            match head {
                Ok(Some(head)) => apart(self.load(key, &head).await.map(Some)),
                Ok(None) => Ok(Ok(None)),
                Err(damage) => Ok(Err(damage)),
            }
        });
        stream::iter(states).buffered(CONCURRENT_LOADS).try_collect().await
    }

    /// The heads of streams of which one is damaged: each is read by itself, so that those of the others are found.
    pub(super) async fn heads_one_by_one(
        &self,
        keys: &[EntityKey],
        damage: &PortError,
    ) -> Result<Vec<RecordHead>, PortError> {
        tracing::warn!(error = %log_chain(damage), "heads are read one by one");
        let mut heads = Vec::with_capacity(keys.len());
        for key in keys {
            let head = self.store.heads(slice::from_ref(key)).await;
            heads.push(apart(head.map(|head| head.into_iter().next().flatten()))?);
        }
        Ok(heads)
    }

    pub(super) async fn load(&self, key: &EntityKey, head: &StreamHead) -> Result<Aggregate, PortError> {
        let loader = StateLoader {
            store: &*self.store,
            snapshots: &*self.snapshots,
            adapters: &self.adapters,
            snapshot_interval: SNAPSHOT_INTERVAL,
        };
        loader.load(key, head.version).await.map_err(|failure| match failure {
            ProjectionFailure::Outage(error) => error,
            ProjectionFailure::Poison(message) => {
                PortError::new(PortErrorKind::Corrupt, format!("stream `{key}`"), message)
            }
        })
    }
}
