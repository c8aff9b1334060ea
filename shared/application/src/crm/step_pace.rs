//! Decides whether there is time for another step before a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// A step is not begun later than this before the deadline, nor than twice the time of the longest one.
const MARGIN: Duration = Duration::from_secs(1);

pub(crate) struct StepPace {
    deadline: Instant,
    longest: Duration,
}

impl StepPace {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { deadline, longest: Duration::ZERO }
    }

    pub(crate) fn has_time(&self) -> bool {
        Instant::now() + MARGIN.max(self.longest * 2) < self.deadline
    }

    /// Does a step.
    pub(crate) async fn step<T>(&mut self, step: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let outcome = step.await;
        self.longest = self.longest.max(begun.elapsed());
        outcome
    }
}
