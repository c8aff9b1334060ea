//! The aggregate: the raw state of one record, folded from its changes.
//!
//! `apply` is commutative, associative and idempotent: the same changes give the same state in every order of arrival,
//! and a snapshot is simply a state. Mapping, warnings and the decision what is stored are made elsewhere.

mod field_history;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::reading::FieldReading;
use crate::aggregate::field_history::FieldHistory;
pub(crate) use crate::aggregate::field_history::heap_of;
use crate::change::{Change, CreationTime, FieldWrite, Lifecycle, RefetchReason, Stale};
use crate::identity::{EntityKey, ExternalId, Provider};
use crate::path::Path;
use crate::position::{EventId, Position, SourceOrder, Version};
use crate::timestamp::Timestamp;

/// The version of the folding rules. A snapshot made by another version is ignored.
pub const FOLD_VERSION: u32 = 2;

/// One record: the newest write of each path, with its position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    key: EntityKey,
    provider: Provider,
    external_id: ExternalId,
    version: Version,
    /// Boxed, because a tree's nodes are half empty and a history is large.
    #[serde(rename = "cells")]
    fields: BTreeMap<Path, Box<FieldHistory>>,
    lifecycle: Option<(Arc<Position>, Lifecycle)>,
    creation: Option<CreationTime>,
    newest: Option<Arc<Position>>,
    /// The newest event that states the whole record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Arc<Position>>,
    /// The newest event after which any field may have changed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncertain: Option<(Arc<Position>, RefetchReason)>,
}

impl Aggregate {
    /// A record without any event yet.
    pub fn new(key: EntityKey, provider: Provider, external_id: ExternalId) -> Self {
        Self {
            key,
            provider,
            external_id,
            version: Version::new(0),
            fields: BTreeMap::new(),
            lifecycle: None,
            creation: None,
            newest: None,
            whole: None,
            uncertain: None,
        }
    }

    /// Folds in the change that is stored at `version`. Applying a change again has no effect.
    pub fn apply(&mut self, version: Version, change: &Change) {
        let position = Arc::new(change.position);
        self.write(&position, &change.writes);
        self.state(&position, change);
        if let Some(observation) = &change.observation {
            let observed_at = Arc::new(observation.position);
            self.write(&observed_at, &observation.writes);
            if observation.is_whole {
                self.state(&observed_at, change);
            }
        }
        if let Some(reason) = change.uncertain_record() {
            self.uncertain = self.uncertain.take().max(Some((Arc::clone(&position), reason)));
        }
        // A stated time sorts before a committed one, so the smallest is the most reliable.
        self.creation = self.creation.into_iter().chain(change.creation).min();
        self.newest = self.newest.take().max(Some(position));
        self.version = self.version.max(version);
    }

    fn write(&mut self, position: &Arc<Position>, writes: &[FieldWrite]) {
        for write in writes {
            match self.fields.get_mut(&write.path) {
                Some(history) => history.write(position, &write.content),
                None => {
                    self.fields.insert(write.path.clone(), Box::new(FieldHistory::of(position, &write.content)));
                }
            }
        }
    }

    /// Places the lifecycle of a change, and that it states the whole record, at a position.
    fn state(&mut self, position: &Arc<Position>, change: &Change) {
        if let Some(lifecycle) = change.lifecycle {
            let stated = (Arc::clone(position), lifecycle);
            self.lifecycle = self.lifecycle.take().into_iter().chain([stated]).max_by_key(precedence);
        }
        if change.is_base {
            self.whole = self.whole.take().max(Some(Arc::clone(position)));
        }
    }

    pub fn key(&self) -> &EntityKey {
        &self.key
    }

    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub fn external_id(&self) -> &ExternalId {
        &self.external_id
    }

    /// The version of the newest event applied; 0 before the first.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether an event has stated the whole record. Without a base the record is not projected.
    pub fn has_base(&self) -> bool {
        self.whole.is_some()
    }

    /// The newest lifecycle; `None` if no change states one.
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        self.lifecycle.as_ref().map(|(_, lifecycle)| *lifecycle)
    }

    /// The newest lifecycle, and the position of the change that states it.
    pub fn lifecycle_at(&self) -> Option<(Position, Lifecycle)> {
        self.lifecycle.as_ref().map(|(at, lifecycle)| (**at, *lifecycle))
    }

    /// Whether any field may have changed since the newest values: an event says so, and none after it states the whole
    /// record.
    pub fn stale(&self) -> Option<Stale> {
        let (at, reason) = self.uncertain.as_ref()?;
        let is_made_good = self.whole.as_ref().is_some_and(|whole| whole.source_order() >= at.source_order());
        (!is_made_good).then_some(Stale { reason: *reason, since: at.timestamp })
    }

    pub fn is_deleted(&self) -> bool {
        self.lifecycle() == Some(Lifecycle::Deleted)
    }

    /// The newest event that states the whole record.
    pub fn whole_at(&self) -> Option<Position> {
        self.whole.as_deref().copied()
    }

    /// When the CRM created the record, if an event states it.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.creation.map(CreationTime::timestamp)
    }

    pub fn newest(&self) -> Option<Position> {
        self.newest.as_deref().copied()
    }

    /// Estimated bytes of memory: exact for long texts, rough for everything else.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self.fields.iter().map(|(path, history)| path.as_str().len() + history.weight()).sum::<usize>()
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.fields.keys()
    }

    /// The position of the newest write at `path`.
    pub fn set_by(&self, path: &str) -> Option<Position> {
        self.fields.get(path).and_then(|history| history.newest()).copied()
    }
}

/// Of two lifecycles at one place in the source's order, which only gaps and copies have, a deletion is the newer.
fn precedence((at, lifecycle): &(Arc<Position>, Lifecycle)) -> (SourceOrder, bool, EventId) {
    (at.source_order(), *lifecycle == Lifecycle::Deleted, at.event_id)
}
