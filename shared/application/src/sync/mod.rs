//! Sync: what is read from the connected CRMs each minute.
//!
//! Due refetches come first, then jobs that the schedule asks for, then jobs. Each stops before the deadline and goes on
//! in the next run. What a CRM refuses is part of the report; an error is one of this installation's own stores.

mod schedule;
mod scheduler;

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;
use serde::Serialize;
use tokio::time::Instant;

pub use self::schedule::{InvalidSchedule, SyncSchedule};
use self::scheduler::Scheduler;
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

impl CrmSyncPorts {
    /// What stores the records that are read.
    pub fn images(&self) -> ImageStore {
        ImageStore::new(
            Arc::clone(&self.handler),
            Arc::clone(&self.store),
            Arc::clone(&self.state.snapshots),
            Arc::clone(&self.catalog),
            self.adapters.clone(),
        )
    }
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
    refetcher: Refetcher,
    runner: BackfillRunner,
    scheduler: Scheduler,
    /// Whether a run asks for the reads that are due.
    follows_schedule: bool,
}

impl CrmSync {
    /// From now on jobs of these CRMs are run, and requests for them say so. Without a schedule nothing is read that nobody
    /// asks for.
    pub fn new(ports: &CrmSyncPorts, connections: CrmConnections, schedule: Option<SyncSchedule>) -> Self {
        let images = Arc::new(ports.images());
        let CrmSyncPorts { handler, state, live, catalog, adapters, clock, ids, .. } = ports.clone();
        handler.connect(connections.providers());
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
        let follows_schedule = schedule.is_some();
        let scheduler = Scheduler {
            schedule: schedule.unwrap_or_default(),
            backfill: handler.backfill(),
            jobs: state.jobs,
            notes: state.notes,
            catalog: Arc::clone(&catalog),
            providers: connections.providers().collect(),
            clock,
        };
        let refetcher = Refetcher::new(
            refetcher_ports,
            connections.clone(),
            Arc::clone(&images),
            Arc::clone(&catalog),
            adapters.clone(),
        );
        let runner = BackfillRunner::new(runner_ports, connections, images, catalog, adapters);
        Self { refetcher, runner, scheduler, follows_schedule }
    }

    /// Requests a read of everything now, for a schedule that is kept elsewhere: the next runs do it. Returns the number of
    /// jobs.
    pub async fn request_everything(&self) -> Result<usize, PortError> {
        self.scheduler.request_everything().await
    }

    /// Does what is due, until shortly before the deadline. Refetches get at most half of the time.
    pub async fn run(&self, deadline: Instant) -> Result<CrmSyncReport, PortError> {
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let refetch = self.refetcher.run(half).await;
        let scheduled = if self.follows_schedule { self.scheduler.request_due().await } else { Ok(0) };
        let backfill = self.runner.run(deadline).await;
        Ok(CrmSyncReport { refetch: refetch?, scheduled: scheduled?, backfill: backfill? })
    }
}
