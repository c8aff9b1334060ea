//! Health: whether each dependency answers, and how far the projections are behind.

use std::sync::Arc;

use annals_domain::definition::{Catalog, Shape};
use annals_domain::identity::{AggregateId, EntityKey, EntityName};
use async_trait::async_trait;
use serde::Serialize;

use super::QueryPorts;
use crate::ports::{Clock, CommitPosition, EventFeed, EventStore, PortError, QuarantineState, ReadModel, StateStore};

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
    /// Commits that are not searchable yet.
    pub lag_events: Option<u64>,
    /// For how long the oldest of them has waited, in milliseconds.
    pub lag_ms: Option<u64>,
}

/// Looks at the dependencies of one installation.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Their states now. Never fails: a dependency that does not answer is a state.
    async fn check(&self) -> HealthReport;
}

/// How many of what waits is counted; beyond, "or more" is said.
const COUNTED: usize = 1_000;

/// Looks at an installation through its ports.
pub struct PortsHealth {
    store: Arc<dyn EventStore>,
    feed: Option<Arc<dyn EventFeed>>,
    state: Arc<dyn StateStore>,
    read_model: Arc<dyn ReadModel>,
    clock: Arc<dyn Clock>,
    /// A shape to ask the read model for.
    shape: Shape,
}

impl PortsHealth {
    /// Over these ports. Without a feed the lag is not known: there it is a metric of whoever projects.
    pub fn new(ports: &QueryPorts, feed: Option<Arc<dyn EventFeed>>, clock: Arc<dyn Clock>, catalog: &Catalog) -> Self {
        let shape = catalog.definitions().first().map(|definition| Shape::Defined(Arc::clone(definition)));
        let shape = shape.unwrap_or_else(|| Shape::Open(EntityName::new("none")));
        let QueryPorts { store, state, read_model } = ports.clone();
        Self { store, feed, state, read_model, clock, shape }
    }

    /// Whether the events can be read; and commits not projected, with the age of the oldest of
    /// them in milliseconds.
    async fn lag(&self) -> Result<Option<(u64, u64)>, PortError> {
        let Some(feed) = &self.feed else {
            let nobody = EntityKey { entity_name: EntityName::new("none"), aggregate_id: nobody() };
            return self.store.heads(&[nobody]).await.map(|_| None);
        };
        let checkpoint = feed.checkpoint().await?;
        let last = feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let oldest = feed.after(checkpoint, 1).await?;
        let age = oldest.first().map_or(0, |(_, stored)| self.clock.now().millis() - stored.event.recorded_at.millis());
        Ok(Some((last.0.saturating_sub(checkpoint.0), u64::try_from(age).unwrap_or(0))))
    }

    /// What waits: hydration tasks, jobs, parked projections, quarantined inputs.
    async fn waiting(&self) -> Result<(String, Health), PortError> {
        let tasks = self.state.hydration_tasks(COUNTED).await?.len();
        let jobs = self.state.jobs().await?.iter().filter(|job| job.state.waits()).count();
        let parked = self.state.parked(COUNTED).await?.len();
        let (_, quarantined) = self.state.list_quarantine(Some(QuarantineState::Open), 0, 1).await?;
        let at_most = if tasks == COUNTED { " or more" } else { "" };
        let detail = format!(
            "{tasks}{at_most} records to read from their CRM, {jobs} backfill jobs waiting, \
             {parked} projections parked, {quarantined} inputs in quarantine"
        );
        Ok((detail, if parked > 0 { Health::Degraded } else { Health::Ok }))
    }
}

#[async_trait]
impl HealthCheck for PortsHealth {
    async fn check(&self) -> HealthReport {
        let lag = self.lag().await;
        let counts = lag.as_ref().ok().copied().flatten();
        let told = |lag: Option<(u64, u64)>| match lag {
            Some((events, _)) => (format!("{events} events not projected"), Health::Ok),
            None => ("it answers".to_owned(), Health::Ok),
        };
        let events = dependency("event_store", lag.map(told));
        let state = dependency("state_store", self.waiting().await);
        let probe = self.read_model.get(&self.shape, nobody()).await;
        let read_model = dependency("read_model", probe.map(|_| ("it answers".to_owned(), Health::Ok)));
        let dependencies = vec![events, state, read_model];
        let all_ok = dependencies.iter().all(|dependency| dependency.status == Health::Ok);
        HealthReport {
            status: if all_ok { Health::Ok } else { Health::Degraded },
            dependencies,
            lag_events: counts.map(|(events, _)| events),
            lag_ms: counts.map(|(_, millis)| millis),
        }
    }
}

fn dependency(name: &str, answer: Result<(String, Health), PortError>) -> DependencyState {
    let (detail, status) = answer.unwrap_or_else(|error| {
        tracing::error!(error = %crate::log_chain(&error), dependency = name, "health check failed");
        ("it does not answer; the log says why".to_owned(), Health::Degraded)
    });
    DependencyState { name: name.to_owned(), status, detail }
}

/// An id that no record has.
fn nobody() -> AggregateId {
    AggregateId::from_uuid(uuid::Uuid::nil())
}
