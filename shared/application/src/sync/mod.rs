//! Sync: what is read from the connected CRMs each minute.
//!
//! Due refetches come first, then jobs that the schedule asks for, then jobs. Each stops before the deadline and goes on
//! in the next run. What a CRM refuses is part of the report; an error is one of this installation's own stores.

mod schedule;

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;
use serde::Serialize;
use tokio::time::Instant;

use self::schedule::Scheduler;
pub use self::schedule::SyncSchedule;
use crate::backfill::run::{BackfillReport, BackfillRunner, RunnerPorts};
use crate::commands::CommandHandler;
use crate::crm::{CrmConnections, ImageStore};
use crate::ports::{Clock, EventStore, Ids, LiveEntities, PortError, StatePorts};
use crate::refetch::{RefetchReport, Refetcher, RefetcherPorts};

/// What reading a CRM works with.
#[derive(Clone)]
pub struct CrmSyncPorts {
    /// Stores what is read.
    pub handler: Arc<CommandHandler>,
    pub store: Arc<dyn EventStore>,
    pub state: StatePorts,
    pub live: Arc<dyn LiveEntities>,
    pub catalog: Arc<Catalog>,
    pub adapters: ProviderAdapters,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CrmSyncReport {
    pub refetch: RefetchReport,
    pub backfill: BackfillReport,
    /// Jobs that the schedule asked for.
    pub scheduled: usize,
}

/// Reads the connected CRMs.
#[derive(Clone)]
pub struct CrmSync {
    images: Arc<ImageStore>,
    refetcher: Refetcher,
    runner: BackfillRunner,
    scheduler: Option<Scheduler>,
}

impl CrmSync {
    /// From now on jobs of these CRMs are run, and requests for them say so.
    pub fn new(ports: &CrmSyncPorts, connections: CrmConnections, schedule: Option<SyncSchedule>) -> Self {
        let CrmSyncPorts { handler, store, state, live, catalog, adapters, clock, ids } = ports.clone();
        handler.connect(connections.providers());
        let images = Arc::new(ImageStore::new(
            Arc::clone(&handler),
            store,
            Arc::clone(&state.snapshots),
            Arc::clone(&catalog),
            adapters.clone(),
        ));
        let refetcher_ports = RefetcherPorts {
            queue: Arc::clone(&state.refetch),
            notes: Arc::clone(&state.notes),
            leases: Arc::clone(&state.leases),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let runner_ports = RunnerPorts {
            jobs: Arc::clone(&state.jobs),
            leases: state.leases,
            refetch: state.refetch,
            notes: Arc::clone(&state.notes),
            live,
            clock: Arc::clone(&clock),
            ids,
        };
        let scheduler = schedule.map(|schedule| Scheduler {
            schedule,
            backfill: handler.backfill(),
            jobs: state.jobs,
            notes: state.notes,
            catalog: Arc::clone(&catalog),
            providers: connections.providers().collect(),
            clock,
        });
        let refetcher = Refetcher::new(
            refetcher_ports,
            connections.clone(),
            Arc::clone(&images),
            Arc::clone(&catalog),
            adapters.clone(),
        );
        let runner = BackfillRunner::new(runner_ports, connections, Arc::clone(&images), catalog, adapters);
        Self { images, refetcher, runner, scheduler }
    }

    pub fn images(&self) -> &Arc<ImageStore> {
        &self.images
    }

    /// Does what is due, until shortly before the deadline. Refetches get at most half of the time.
    pub async fn run(&self, deadline: Instant) -> Result<CrmSyncReport, PortError> {
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let refetch = self.refetcher.run(half).await;
        let scheduled = match &self.scheduler {
            Some(scheduler) => scheduler.request_due().await,
            None => Ok(0),
        };
        let backfill = self.runner.run(deadline).await;
        Ok(CrmSyncReport { refetch: refetch?, scheduled: scheduled?, backfill: backfill? })
    }
}
