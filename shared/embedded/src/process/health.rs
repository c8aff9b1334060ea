//! Health of the local process: its one file, and what waits in it.

use std::sync::Arc;

use annals_application::ports::{Clock, CommitPosition, EventFeed, PortError, QuarantineState, ReadModel, StateStore};
use annals_application::queries::{DependencyState, Health, HealthCheck, HealthReport};
use annals_domain::definition::{Catalog, Shape};
use annals_domain::identity::{AggregateId, EntityName};
use async_trait::async_trait;

/// How many of what waits is counted; beyond, "or more" is said.
const COUNTED: usize = 1_000;

/// Looks at the local stores.
pub(super) struct LocalHealth {
    feed: Arc<dyn EventFeed>,
    state: Arc<dyn StateStore>,
    read_model: Arc<dyn ReadModel>,
    clock: Arc<dyn Clock>,
    /// A shape to ask the read model for.
    shape: Shape,
}

impl LocalHealth {
    pub(super) fn new(
        feed: Arc<dyn EventFeed>,
        state: Arc<dyn StateStore>,
        read_model: Arc<dyn ReadModel>,
        clock: Arc<dyn Clock>,
        catalog: &Catalog,
    ) -> Self {
        let shape = catalog.definitions().first().map(|definition| Shape::Defined(Arc::clone(definition)));
        let shape = shape.unwrap_or_else(|| Shape::Open(EntityName::new("none")));
        Self { feed, state, read_model, clock, shape }
    }

    /// Commits not projected, and the age of the oldest of them in milliseconds.
    async fn lag(&self) -> Result<(u64, u64), PortError> {
        let checkpoint = self.feed.checkpoint().await?;
        let last = self.feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let oldest = self.feed.after(checkpoint, 1).await?;
        let age = oldest.first().map_or(0, |(_, stored)| self.clock.now().millis() - stored.event.recorded_at.millis());
        Ok((last.0.saturating_sub(checkpoint.0), u64::try_from(age).unwrap_or(0)))
    }

    /// What waits: hydration tasks, jobs, parked projections, quarantined inputs.
    async fn waiting(&self) -> Result<(String, Health), PortError> {
        let tasks = self.state.hydration_tasks(COUNTED).await?.len();
        let jobs = self.state.jobs().await?.len();
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
impl HealthCheck for LocalHealth {
    async fn check(&self) -> HealthReport {
        let lag = self.lag().await;
        let counts = lag.as_ref().ok().copied();
        let events =
            dependency("event_store", lag.map(|(events, _)| (format!("{events} events not projected"), Health::Ok)));
        let state = dependency("state_store", self.waiting().await);
        let probe = self.read_model.get(&self.shape, AggregateId::from_uuid(uuid::Uuid::nil())).await;
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
        tracing::error!(error = %annals_application::log_chain(&error), dependency = name, "health check failed");
        ("it does not answer; the log says why".to_owned(), Health::Degraded)
    });
    DependencyState { name: name.to_owned(), status, detail }
}
