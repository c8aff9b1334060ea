//! Health: whether each dependency works, and how far the projections are behind the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::EntityName;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use futures::join;
use serde::Serialize;
use tokio::sync::Mutex;

use super::audit_state::{AuditState, last_audits};
use super::dependency::{DependencyState, Health, in_time, unused_id};
use super::lag::LagSource;
use super::lag_report::Lag;
use super::query_ports::QueryPorts;
use crate::ports::{Clock, EventStore, PortError, QuarantineState, ReadModel, StatePorts};

/// The state of all dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// `degraded` if any dependency is.
    pub status: Health,
    /// The state of each dependency.
    pub dependencies: Vec<DependencyState>,
    /// The number of commits that are not searchable yet; `None` if it is unknown, since only a feed can
    /// count them.
    pub lag_events: Option<u64>,
    /// The age of the oldest commit that is not searchable yet, in milliseconds; without one, the time
    /// from commit to searchable. `None` if it is unknown, for example because nothing was projected
    /// recently.
    pub lag_ms: Option<u64>,
    /// The last audit of each object that was audited, and the last sample after it; empty as well if the state store cannot be read.
    pub audits: Vec<AuditState>,
}

/// Checks the dependencies of one installation.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The states of all dependencies, now or some seconds ago. Never fails: a dependency that cannot be
    /// reached is part of the report.
    async fn check(&self) -> HealthReport;
}

/// Counting waiting tasks, parked records and quarantined inputs stops here, to limit the cost of a check; the report says
/// "or more" then.
const MAX_COUNT: usize = 1_000;

/// Checks an installation through its ports.
///
/// Anyone may call it, so a check is cheap: waiting work is counted and not read, and a report may be
/// reused for some time. Callers that come during a check wait, and then share the next one. A dependency that does not answer within
/// two seconds counts as degraded; all are asked at the same time.
pub struct PortsHealth {
    store: Arc<dyn EventStore>,
    lag: LagSource,
    state: StatePorts,
    read_model: Arc<dyn ReadModel>,
    clock: Arc<dyn Clock>,
    /// The schema whose documents a check reads.
    schema: EntitySchema,
    reuse_ms: i64,
    /// The number of reports that were begun.
    begun: AtomicU64,
    last: Mutex<Option<MadeReport>>,
}

/// A report that may be returned again.
struct MadeReport {
    report: HealthReport,
    made_at: Timestamp,
    /// It is the report that was begun as the one of this number.
    number: u64,
}

impl PortsHealth {
    /// A check that makes a new report for every call.
    pub fn new(
        ports: &QueryPorts,
        state: StatePorts,
        lag: LagSource,
        clock: Arc<dyn Clock>,
        catalog: &Catalog,
    ) -> Self {
        let schema = catalog.definitions().first().map(|definition| EntitySchema::Defined(Arc::clone(definition)));
        let schema = schema.unwrap_or_else(|| catalog.open(&EntityName::new("none")));
        let QueryPorts { store, read_model, .. } = ports.clone();
        Self {
            store,
            lag,
            state,
            read_model,
            clock,
            schema,
            reuse_ms: 0,
            begun: AtomicU64::new(0),
            last: Mutex::default(),
        }
    }

    /// Returns each report again for so many milliseconds.
    #[must_use]
    pub fn reusing_reports_for(self, millis: i64) -> Self {
        Self { reuse_ms: millis, ..self }
    }

    /// A negative age means that the clock was set back: the report's real age is unknown.
    fn is_recent(&self, made: &MadeReport) -> bool {
        (0..self.reuse_ms).contains(&(self.clock.now().millis() - made.made_at.millis()))
    }

    async fn report(&self) -> HealthReport {
        // At the same time, so that several dependencies that hang hold up the report no longer than one does.
        let (lag, work, read, notes) = join!(
            self.lag.read(&*self.store, self.clock.now()),
            in_time(self.waiting_work()),
            in_time(self.read_model.get(&self.schema, unused_id())),
            in_time(self.state.notes.notes()),
        );
        let Lag { mut dependencies, events, millis } = lag;
        let state_store = DependencyState::of("state_store", work);
        dependencies.extend([state_store, DependencyState::of_read("read_model", read)]);
        let audits = notes.map(last_audits).unwrap_or_default();
        let all_ok = dependencies.iter().all(|dependency| dependency.status == Health::Ok);
        HealthReport {
            status: if all_ok { Health::Ok } else { Health::Degraded },
            dependencies,
            lag_events: events,
            lag_ms: millis,
            audits,
        }
    }

    /// The work that waits for a CRM or for an operator.
    async fn waiting_work(&self) -> Result<(String, Health), PortError> {
        let tasks = self.state.refetch.count(MAX_COUNT).await?;
        let jobs = self.state.jobs.count_waiting().await?;
        let parked = self.state.parked.count(MAX_COUNT).await?;
        let quarantined = self.state.quarantine.count(Some(QuarantineState::Open), MAX_COUNT).await?;
        let detail = format!(
            "{} records to refetch from their CRM, {jobs} backfill jobs waiting, {} projections parked, \
             {} inputs in quarantine",
            count_text(tasks),
            count_text(parked),
            count_text(quarantined)
        );
        Ok((detail, if parked > 0 { Health::Degraded } else { Health::Ok }))
    }
}

fn count_text(count: usize) -> String {
    format!("{count}{}", if count < MAX_COUNT { "" } else { " or more" })
}

#[async_trait]
impl HealthCheck for PortsHealth {
    async fn check(&self) -> HealthReport {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some(made) = last.as_ref().filter(|made| made.number > begun || self.is_recent(made)) {
            return made.report.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let report = self.report().await;
        *last = Some(MadeReport { report: report.clone(), made_at: self.clock.now(), number });
        report
    }
}
