//! The ports that queries over entities read.

use std::sync::Arc;

use crate::ports::{EventStore, ObjectRegistry, ReadModel, SnapshotStore, StreamSections};

/// The ports that queries read.
#[derive(Clone)]
pub struct QueryPorts {
    /// Read for histories, and to tell an unknown entity from one without its creation.
    pub store: Arc<dyn EventStore>,
    /// Lets a read of the past start at a snapshot.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Reads a page of a history together with the snapshot before it.
    pub sections: Arc<dyn StreamSections>,
    /// Names the entity types without a definition.
    pub objects: Arc<dyn ObjectRegistry>,
    /// Read for entities, lists and counts.
    pub read_model: Arc<dyn ReadModel>,
}
