//! What projection asks before it writes: the indices that are being filled.
//!
//! Promises an answer at most ten seconds old. Where the plan cannot be read once that has passed,
//! the write fails: a document that missed the new index would be older there after the swap.

use std::sync::Arc;

use annals_application::ports::{PortError, StateStore};
use annals_aws_read_model::AlsoInto;
use annals_domain::definition::Shape;
use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant as Moment};

use crate::plan::{Plan, Target, WORK};

/// How long a plan that was read stands.
pub(crate) const STANDS_FOR: Duration = Duration::from_secs(10);

/// The indices that are being filled.
pub struct LiveTargets {
    state: Arc<dyn StateStore>,
    stands_for: Duration,
    known: Mutex<Option<(Moment, Vec<Target>)>>,
}

impl LiveTargets {
    /// As the plan in that state store has them.
    pub fn new(state: Arc<dyn StateStore>) -> Self {
        Self::standing_for(state, STANDS_FOR)
    }

    /// The same, read again after another time.
    pub fn standing_for(state: Arc<dyn StateStore>, stands_for: Duration) -> Self {
        Self { state, stands_for, known: Mutex::default() }
    }

    async fn read(&self) -> Result<Vec<Target>, PortError> {
        let Some(text) = self.state.checkpoint(WORK).await? else { return Ok(Vec::new()) };
        Ok(Plan::of_text(&text)?.targets)
    }
}

#[async_trait]
impl AlsoInto for LiveTargets {
    async fn targets(&self, shape: &Shape) -> Result<Vec<String>, PortError> {
        let mut known = self.known.lock().await;
        let is_fresh = known.as_ref().is_some_and(|(read_at, _)| read_at.elapsed() < self.stands_for);
        if !is_fresh {
            // The moment before the read: what is answered may be as old as that.
            let asked_at = Moment::now();
            *known = Some((asked_at, self.read().await?));
        }
        let targets = known.iter().flat_map(|(_, targets)| targets);
        let aggregate_type = shape.aggregate_type();
        Ok(targets.filter(|target| target.aggregate_type == aggregate_type.as_str()).map(|t| t.to.clone()).collect())
    }
}
