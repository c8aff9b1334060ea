//! What running jobs works with.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;

use crate::crm::{CrmConnections, ImageStore};
use crate::ports::{Clock, Ids, JobStore, LeaseStore, LiveEntities, ObjectNotes, RefetchQueue};

#[derive(Clone)]
pub struct RunnerPorts {
    pub jobs: Arc<dyn JobStore>,
    pub leases: Arc<dyn LeaseStore>,
    pub refetch: Arc<dyn RefetchQueue>,
    pub notes: Arc<dyn ObjectNotes>,
    pub live: Arc<dyn LiveEntities>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// The ports, and what records are read from and stored through.
#[derive(Clone)]
pub(super) struct RunnerContext {
    pub(super) ports: RunnerPorts,
    pub(super) connections: CrmConnections,
    pub(super) images: Arc<ImageStore>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
}
