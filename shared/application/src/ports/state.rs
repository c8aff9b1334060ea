//! All ports that keep changeable state beside the events.

use std::sync::Arc;

use super::{
    AccountRegistry, JobStore, LeaseStore, ObjectNotes, ObjectRegistry, ParkedProjections, QuarantineStore,
    RefetchQueue, SnapshotStore,
};

/// The state ports of one installation. Its parts are handed to those who use them.
///
/// Each write is visible to the next read of any of these ports.
#[derive(Clone)]
pub struct StatePorts {
    pub snapshots: Arc<dyn SnapshotStore>,
    pub refetch: Arc<dyn RefetchQueue>,
    pub parked: Arc<dyn ParkedProjections>,
    pub quarantine: Arc<dyn QuarantineStore>,
    pub leases: Arc<dyn LeaseStore>,
    pub jobs: Arc<dyn JobStore>,
    pub objects: Arc<dyn ObjectRegistry>,
    pub accounts: Arc<dyn AccountRegistry>,
    pub notes: Arc<dyn ObjectNotes>,
}

impl StatePorts {
    /// All ports of one adapter.
    pub fn of<S>(adapter: S) -> Self
    where
        S: SnapshotStore
            + RefetchQueue
            + ParkedProjections
            + QuarantineStore
            + LeaseStore
            + JobStore
            + ObjectRegistry
            + AccountRegistry
            + ObjectNotes
            + 'static,
    {
        let adapter = Arc::new(adapter);
        Self {
            snapshots: adapter.clone(),
            refetch: adapter.clone(),
            parked: adapter.clone(),
            quarantine: adapter.clone(),
            leases: adapter.clone(),
            jobs: adapter.clone(),
            objects: adapter.clone(),
            accounts: adapter.clone(),
            notes: adapter,
        }
    }
}
