//! Health: whether each dependency answers, and how far the projections are behind.

use async_trait::async_trait;
use serde::Serialize;

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
