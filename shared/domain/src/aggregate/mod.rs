//! The aggregate: one record's raw state, folded from its changes.
//!
//! Promises that `apply` is commutative, associative and idempotent: every arrival order of the
//! same changes gives the same state, and a snapshot is just a state. Does not map, warn or decide
//! what is stored.

mod cell;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::reading::Reading;
use crate::aggregate::cell::Cell;
use crate::change::{Change, Creation, Lifecycle};
use crate::identity::{EntityKey, ExternalId, Provider};
use crate::path::Path;
use crate::position::{Position, Version};
use crate::timestamp::Timestamp;

/// The number of this fold's rules. A snapshot of another number is not used.
pub const FOLD_VERSION: u32 = 1;

/// One record as its changes have it: per leaf the newest write with its position and event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    key: EntityKey,
    provider: Provider,
    external_id: ExternalId,
    version: Version,
    /// Boxed, since a tree's nodes are half empty and a cell is large.
    cells: BTreeMap<Path, Box<Cell>>,
    lifecycle: Option<(Position, Lifecycle)>,
    has_base: bool,
    creation: Option<Creation>,
    newest: Option<Position>,
}

impl Aggregate {
    /// A record without any event yet.
    pub fn new(key: EntityKey, provider: Provider, external_id: ExternalId) -> Self {
        Self {
            key,
            provider,
            external_id,
            version: Version::new(0),
            cells: BTreeMap::new(),
            lifecycle: None,
            has_base: false,
            creation: None,
            newest: None,
        }
    }

    /// Folds in the change that is stored at `version`; a change folded before alters nothing.
    pub fn apply(&mut self, version: Version, change: &Change) {
        let position = Arc::new(change.position);
        for write in &change.writes {
            match self.cells.get_mut(&write.path) {
                Some(cell) => cell.write(&position, &write.content),
                None => {
                    self.cells.insert(write.path.clone(), Box::new(Cell::of(&position, &write.content)));
                }
            }
        }
        if let Some(lifecycle) = change.lifecycle
            && self.lifecycle.is_none_or(|(at, _)| at < change.position)
        {
            self.lifecycle = Some((change.position, lifecycle));
        }
        self.has_base |= change.is_base;
        // A stated timestamp sorts before a committed one, so the least is the best known.
        self.creation = self.creation.into_iter().chain(change.creation).min();
        self.newest = self.newest.max(Some(change.position));
        self.version = self.version.max(version);
    }

    /// The record's key.
    pub fn key(&self) -> &EntityKey {
        &self.key
    }

    /// Where the record lives.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The record's id there.
    pub fn external_id(&self) -> &ExternalId {
        &self.external_id
    }

    /// The version of the newest event folded in; 0 before any.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether something has stated the whole record; without that it is not projected.
    pub fn has_base(&self) -> bool {
        self.has_base
    }

    /// The newest word on the record's life; `None` where no change has had one.
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        self.lifecycle.map(|(_, lifecycle)| lifecycle)
    }

    /// The newest word on the record's life, and where it stands.
    pub fn standing(&self) -> Option<(Position, Lifecycle)> {
        self.lifecycle
    }

    /// Whether the newest word says that the record is gone.
    pub fn is_deleted(&self) -> bool {
        self.lifecycle() == Some(Lifecycle::Deleted)
    }

    /// When the CRM created the record, as far as known.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.creation.map(Creation::timestamp)
    }

    /// The highest position folded in.
    pub fn newest(&self) -> Option<Position> {
        self.newest
    }

    /// About how many bytes of memory it takes: exact for long texts, less so for what stands beside them.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.cells.iter().map(|(path, cell)| path.as_str().len() + cell.weight()).sum::<usize>()
    }

    /// The paths at which anything was ever written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.cells.keys()
    }

    /// Who set what shows at `path`.
    pub fn set_by(&self, path: &str) -> Option<Position> {
        self.cells.get(path).and_then(|cell| cell.newest()).copied()
    }
}
