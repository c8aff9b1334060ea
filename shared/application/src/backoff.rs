//! Waits between attempts, and calls that are repeated while an outage lasts.
//!
//! Randomness is passed in as an id of [`Ids`], or as another evenly distributed UUID, so that every run can be
//! repeated exactly.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::log_chain;
use crate::ports::{Ids, PortError};

/// Exponential backoff: each wait is a multiple of the one before, up to a longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    factor: u32,
}

impl Backoff {
    /// Waits that double from `first` to `longest`.
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self { first, longest, factor: 2 }
    }

    /// Waits that grow threefold from `first` to `longest`.
    pub const fn tripling(first: Duration, longest: Duration) -> Self {
        Self { first, longest, factor: 3 }
    }

    /// The wait after that failed attempt, counted from 1, without jitter.
    pub fn wait(&self, attempt: u32) -> Duration {
        let growth = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(growth).min(self.longest)
    }

    /// A random wait between half of [`wait`](Self::wait) and all of it: callers that failed together do not come
    /// back together, and none comes back at once.
    pub fn half_jitter(&self, attempt: u32, random: Uuid) -> Duration {
        let half = self.wait(attempt) / 2;
        half + portion(half, random)
    }

    /// A random wait between nothing and [`wait`](Self::wait): spreads callers that compete with each other the widest.
    pub fn full_jitter(&self, attempt: u32, random: Uuid) -> Duration {
        portion(self.wait(attempt), random)
    }
}

/// A random part of a duration. The last 32 bits of a random or name-based UUID are evenly distributed.
fn portion(of: Duration, random: Uuid) -> Duration {
    let random = random.as_u128() & u128::from(u32::MAX);
    let nanos = (of.as_nanos() * random) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How long a failed call is repeated. The first limit that is reached ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls at most, the first one included.
    pub attempts: u32,
    /// No wait may end later than this.
    pub time_limit: Duration,
    /// The waits, each with half jitter.
    pub backoff: Backoff,
}

impl RetryPolicy {
    /// The wait before the next call, or `None` if there is no next one: `attempt` calls have failed, and `elapsed`
    /// of the time limit has passed.
    pub fn next_wait(&self, attempt: u32, elapsed: Duration, random: Uuid) -> Option<Duration> {
        let wait = self.backoff.half_jitter(attempt, random);
        (attempt < self.attempts && elapsed.saturating_add(wait) < self.time_limit).then_some(wait)
    }
}

/// Repeats a call that fails with a retryable error, as long as the policy allows; the time limit counts from the
/// first failure. The call must be idempotent: after an unknown outcome it is made again. Logs each repetition with
/// `action`, which says what is tried.
pub async fn retry<T, F>(
    policy: &RetryPolicy,
    ids: &dyn Ids,
    action: &'static str,
    call: impl Fn() -> F,
) -> Result<T, PortError>
where
    F: Future<Output = Result<T, PortError>>,
{
    let mut first_failure = None;
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Err(error) if error.is_retryable() => error,
            result => return result,
        };
        let elapsed = first_failure.get_or_insert_with(Instant::now).elapsed();
        let Some(wait) = policy.next_wait(attempt, elapsed, ids.fresh()) else { return Err(error) };
        tracing::warn!(action, attempt, error = %log_chain(&error), "call failed; trying again");
        sleep(wait).await;
        attempt = attempt.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::ports::PortErrorKind;

    const BACKOFF: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(3));

    struct LargestId;

    impl Ids for LargestId {
        fn fresh(&self) -> Uuid {
            Uuid::max()
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_wait() {
        let millis = |backoff: Backoff| [1, 2, 5, 6, u32::MAX].map(|attempt| backoff.wait(attempt).as_millis());
        assert_eq!(millis(BACKOFF), [100, 200, 1_600, 3_000, 3_000]);
        let tripling = Backoff::tripling(Duration::from_millis(200), Duration::from_secs(60));
        assert_eq!(millis(tripling), [200, 600, 16_200, 48_600, 60_000]);
    }

    #[test]
    fn jitter_covers_its_whole_range() {
        let middle = Uuid::from_u128(1 << 31);
        let half = [Uuid::nil(), middle, Uuid::max()].map(|random| BACKOFF.half_jitter(2, random).as_micros());
        assert_eq!(half, [100_000, 150_000, 199_999]);
        let full = [Uuid::nil(), middle, Uuid::max()].map(|random| BACKOFF.full_jitter(2, random).as_micros());
        assert_eq!(full, [0, 100_000, 199_999]);
    }

    #[test]
    fn no_wait_ends_after_the_time_limit() {
        let policy = RetryPolicy { attempts: 4, time_limit: Duration::from_millis(300), backoff: BACKOFF };
        let wait = |attempt, elapsed| policy.next_wait(attempt, Duration::from_millis(elapsed), Uuid::nil());
        assert_eq!(wait(1, 0), Some(Duration::from_millis(50)));
        assert_eq!(wait(2, 199), Some(Duration::from_millis(100)));
        assert_eq!(wait(2, 200), None);
        assert_eq!(wait(4, 0), None, "four calls were made");
    }

    const QUICK: RetryPolicy = RetryPolicy {
        attempts: 4,
        time_limit: Duration::from_secs(60),
        backoff: Backoff::doubling(Duration::from_millis(1), Duration::from_millis(2)),
    };

    /// How often a call is made that always fails with that kind of error.
    async fn calls_of(policy: RetryPolicy, kind: PortErrorKind) -> u32 {
        let calls = AtomicU32::new(0);
        let call = async || {
            calls.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(PortError::new(kind, "table `t`", "no answer"))
        };
        let error = retry(&policy, &LargestId, "test", call).await.unwrap_err();
        assert_eq!(error.kind, kind);
        calls.into_inner()
    }

    #[tokio::test]
    async fn only_a_retryable_error_is_retried_and_not_for_ever() {
        assert_eq!(calls_of(QUICK, PortErrorKind::Unavailable).await, 4);
        assert_eq!(calls_of(QUICK, PortErrorKind::OutcomeUnknown).await, 4);
        assert_eq!(calls_of(QUICK, PortErrorKind::Misconfigured).await, 1);
        assert_eq!(calls_of(QUICK, PortErrorKind::Corrupt).await, 1);
        assert_eq!(calls_of(QUICK, PortErrorKind::Rejected).await, 1);
        let hurried = RetryPolicy { time_limit: Duration::ZERO, ..QUICK };
        assert_eq!(calls_of(hurried, PortErrorKind::Unavailable).await, 1);
    }

    #[tokio::test]
    async fn a_call_that_succeeds_at_last_returns_its_value() {
        let calls = AtomicU32::new(0);
        let call = async || match calls.fetch_add(1, Ordering::Relaxed) {
            2 => Ok(7),
            _ => Err(PortError::new(PortErrorKind::Unavailable, "table `t`", "throttled")),
        };
        assert_eq!(retry(&QUICK, &LargestId, "test", call).await.unwrap(), 7);
    }
}
