//! How long an append waits before its next round.

use std::time::Duration;

use uuid::Uuid;

use crate::backoff::Backoff;

/// The first and the longest wait between two rounds: at least these, and as multiples of the time that an append
/// takes. If slow appends did not lengthen the wait, every writer would meet every other again; if the longest were
/// longer, the last writers would sleep while the store is idle. Measured with 16 writers of one record.
const FIRST_WAIT: Duration = Duration::from_millis(8);
const FIRST_WAIT_APPENDS: u32 = 8;
const LONGEST_WAIT: Duration = Duration::from_millis(60);
const LONGEST_WAIT_APPENDS: u32 = 24;
/// An append that takes longer than this did not meet other writers but an outage.
const LONGEST_APPEND: Duration = Duration::from_millis(25);
/// The waits after rounds in which the store throttled or did not respond: it is overloaded or down, so there is no
/// other writer to wait for.
pub(super) const OUTAGE_WAITS: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(3));
/// No wait is shorter: a writer that lost a round lets the winner go on.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The wait after that many rounds, counted from 1, that other writers won.
pub(super) fn wait_after_loss(rounds: u32, append_time: Duration, random: Uuid) -> Duration {
    SHORTEST_WAIT + contention_backoff(append_time).full_jitter(rounds, random)
}

/// The waits after rounds that other writers won.
fn contention_backoff(append_time: Duration) -> Backoff {
    let append_time = append_time.min(LONGEST_APPEND);
    let first = FIRST_WAIT.max(append_time * FIRST_WAIT_APPENDS);
    Backoff::doubling(first, LONGEST_WAIT.max(append_time * LONGEST_WAIT_APPENDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(append_ms: u64, longest_ms: [u64; 4]) {
        let backoff = contention_backoff(Duration::from_millis(append_ms));
        let longest = [1, 2, 5, u32::MAX].map(|round| backoff.wait(round).as_millis() as u64);
        assert_eq!(longest, longest_ms, "an append of {append_ms} ms");
    }

    #[test]
    fn waits_grow_from_round_to_round_and_with_the_time_of_an_append() {
        check(0, [8, 16, 60, 60]);
        check(1, [8, 16, 60, 60]);
        check(10, [80, 160, 240, 240]);
        check(5_000, [200, 400, 600, 600]);
    }

    #[test]
    fn waits_after_an_outage_double_from_a_tenth_of_a_second_to_three() {
        let waits = [1, 2, 5, 6, u32::MAX].map(|outages| {
            let least = OUTAGE_WAITS.half_jitter(outages, Uuid::nil());
            assert_eq!(least, OUTAGE_WAITS.wait(outages) / 2, "at least half of the longest");
            OUTAGE_WAITS.wait(outages).as_millis()
        });
        assert_eq!(waits, [100, 200, 1_600, 3_000, 3_000]);
    }
}
