//! Health: whether each dependency answers, and how far the projections are behind.
//!
//! Promises that whoever asks costs little: anyone may. What waits is counted and not read; where a look has
//! its price, a report is given again for a while, and those who ask while it is made wait for that one.

use std::sync::Arc;

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{AggregateId, EntityName};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::Mutex;

use super::QueryPorts;
use super::lag::{Lag, LagSource};
use crate::ports::{Clock, EventStore, PortError, QuarantineState, ReadModel, StatePorts};

/// Whether a dependency answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It does.
    Ok,
    /// It does not, or something waits for an operator.
    Degraded,
}

/// One dependency's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyState {
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: Health,
    /// In a few words, what is there to know.
    pub detail: String,
}

/// The state of all dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Degraded where one dependency is.
    pub status: Health,
    /// Each dependency's state.
    pub dependencies: Vec<DependencyState>,
    /// Commits that are not searchable yet; `None` where only a feed could count them.
    pub lag_events: Option<u64>,
    /// The lag from commit to searchable in milliseconds: for how long the oldest of them has waited.
    /// `None` where it is not known, as where nothing was projected of late.
    pub lag_ms: Option<u64>,
}

/// Looks at the dependencies of one installation.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Their states now, or some seconds ago. Never fails: a dependency that does not answer is a state.
    async fn check(&self) -> HealthReport;
}

/// How many tasks, and how many parked records, are counted; beyond, "or more" is said.
const COUNTED: usize = 1_000;

/// Looks at an installation through its ports.
pub struct PortsHealth {
    store: Arc<dyn EventStore>,
    lag: LagSource,
    state: StatePorts,
    read_model: Arc<dyn ReadModel>,
    clock: Arc<dyn Clock>,
    /// A schema to ask the read model for.
    schema: EntitySchema,
    /// For how long a report is given again, in milliseconds.
    kept_ms: i64,
    /// The last report, and when it was made.
    last: Mutex<Option<(Timestamp, HealthReport)>>,
}

impl PortsHealth {
    /// Over these ports.
    pub fn new(
        ports: &QueryPorts,
        state: StatePorts,
        lag: LagSource,
        clock: Arc<dyn Clock>,
        catalog: &Catalog,
    ) -> Self {
        let schema = catalog.definitions().first().map(|definition| EntitySchema::Defined(Arc::clone(definition)));
        let schema = schema.unwrap_or_else(|| EntitySchema::Open(EntityName::new("none")));
        let QueryPorts { store, read_model, .. } = ports.clone();
        Self { store, lag, state, read_model, clock, schema, kept_ms: 0, last: Mutex::default() }
    }

    /// With reports that are given again for so many milliseconds.
    #[must_use]
    pub fn kept_for(self, millis: i64) -> Self {
        Self { kept_ms: millis, ..self }
    }

    async fn look(&self) -> HealthReport {
        let Lag { mut dependencies, events, millis } = self.lag.look(&*self.store, self.clock.now()).await;
        let state = dependency("state_store", self.waiting().await);
        let probe = self.read_model.get(&self.schema, nobody()).await;
        let read_model = dependency("read_model", probe.map(|_| ("it answers".to_owned(), Health::Ok)));
        dependencies.extend([state, read_model]);
        let all_ok = dependencies.iter().all(|dependency| dependency.status == Health::Ok);
        HealthReport {
            status: if all_ok { Health::Ok } else { Health::Degraded },
            dependencies,
            lag_events: events,
            lag_ms: millis,
        }
    }

    /// What waits: refetch tasks, jobs, parked projections, quarantined inputs.
    async fn waiting(&self) -> Result<(String, Health), PortError> {
        let tasks = self.state.refetch.count(COUNTED).await?;
        let jobs = self.state.jobs.count_waiting().await?;
        let parked = self.state.parked.count(COUNTED).await?;
        let (_, quarantined) = self.state.quarantine.list(Some(QuarantineState::Open), 0, 0).await?;
        let detail = format!(
            "{} records to read from their CRM, {jobs} backfill jobs waiting, {} projections parked, \
             {quarantined} inputs in quarantine",
            counted(tasks),
            counted(parked)
        );
        Ok((detail, if parked > 0 { Health::Degraded } else { Health::Ok }))
    }
}

/// A count that went no further than [`COUNTED`].
fn counted(count: usize) -> String {
    format!("{count}{}", if count < COUNTED { "" } else { " or more" })
}

#[async_trait]
impl HealthCheck for PortsHealth {
    async fn check(&self) -> HealthReport {
        let mut last = self.last.lock().await;
        let age = |made_at: &Timestamp| self.clock.now().millis() - made_at.millis();
        // A clock that went back says nothing of how old a report is.
        if let Some((_, report)) = last.as_ref().filter(|(made_at, _)| (0..self.kept_ms).contains(&age(made_at))) {
            return report.clone();
        }
        let report = self.look().await;
        *last = Some((self.clock.now(), report.clone()));
        report
    }
}

/// What a dependency's answer says of it.
pub(super) fn dependency(name: &str, answer: Result<(String, Health), PortError>) -> DependencyState {
    let (detail, status) = answer.unwrap_or_else(|error| {
        tracing::error!(error = %crate::log_chain(&error), dependency = name, "health check failed");
        ("it does not answer; the log says why".to_owned(), Health::Degraded)
    });
    DependencyState { name: name.to_owned(), status, detail }
}

/// An id that no record has.
pub(super) fn nobody() -> AggregateId {
    AggregateId::from_uuid(uuid::Uuid::nil())
}
