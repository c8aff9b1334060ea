//! What audits work with, and what they are asked for.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;

use crate::crm::{CrmConnections, ImageStore};
use crate::ports::{Clock, Ids, LiveEntities, ObjectNotes, ReadModel};
use crate::sync::CrmSyncPorts;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditRequest {
    /// The records that are compared at most; `None` for all, and deletions.
    pub sample: Option<u64>,
    /// Stores what differs.
    pub repair: bool,
}

#[derive(Clone)]
pub(super) struct AuditContext {
    pub(super) read_model: Arc<dyn ReadModel>,
    pub(super) live: Arc<dyn LiveEntities>,
    pub(super) notes: Arc<dyn ObjectNotes>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) connections: CrmConnections,
    pub(super) images: Arc<ImageStore>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
}

impl AuditContext {
    pub(super) fn new(ports: &CrmSyncPorts, read_model: Arc<dyn ReadModel>, connections: CrmConnections) -> Self {
        let images = Arc::new(ports.images());
        let CrmSyncPorts { state, live, catalog, adapters, clock, ids, .. } = ports.clone();
        Self { read_model, live, notes: state.notes, clock, ids, connections, images, catalog, adapters }
    }
}
