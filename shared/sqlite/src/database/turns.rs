//! Turns of the reads of users: so many run at the same time as leave a processor to the writes.
//!
//! A long read gives its turn away again and again, and those that had less so far go first: a few long ones hold up no
//! short one.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

/// How often a read that waits looks whether it is stopped.
const STOP_CHECK: Duration = Duration::from_millis(20);

pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: usize,
    next: u64,
    /// Those who wait: how long their reads were so far, and their numbers, in the order in which they are next.
    waiting: BTreeSet<(u32, u64)>,
}

/// The turn of one read. Dropping it ends it.
pub(super) struct Turn<'a>(&'a Turns);

/// How often a read gave its turn away.
#[derive(Debug, Default)]
pub(super) struct Passes(u64);

impl Passes {
    /// The same for reads of a similar length, which have their turns one after the other.
    fn level(&self) -> u32 {
        self.0.checked_ilog2().map_or(0, |level| level + 1)
    }
}

impl Default for Turns {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self::of(processors.saturating_sub(1).max(1))
    }
}

impl Turns {
    fn of(turns: usize) -> Self {
        let state = State { free: turns, next: 0, waiting: BTreeSet::new() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        self.wait(self.state(), &Passes::default(), &|| false);
        Turn(self)
    }

    /// Lets those who wait have their turns first, unless their reads were longer so far. Only for a read that has a turn. A
    /// read that is stopped has the next turn, to end.
    pub(super) fn pass(&self, passes: &mut Passes, is_stopped: &dyn Fn() -> bool) {
        passes.0 += 1;
        let mut state = self.state();
        if !state.waiting.is_empty() {
            state.free += 1;
            self.wait(state, passes, is_stopped);
        }
    }

    fn wait(&self, mut state: MutexGuard<'_, State>, passes: &Passes, is_stopped: &dyn Fn() -> bool) {
        let mut place = (passes.level(), state.next);
        state.next += 1;
        state.waiting.insert(place);
        self.changed.notify_all();
        while state.free == 0 || state.waiting.first() != Some(&place) {
            let waited = self.changed.wait_timeout(state, STOP_CHECK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if place.0 > 0 && is_stopped() {
                state.waiting.remove(&place);
                place.0 = 0;
                state.waiting.insert(place);
            }
        }
        state.waiting.remove(&place);
        state.free -= 1;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_reads_run_at_a_time_than_there_are_turns() {
        let (turns, running, most) = (Turns::of(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let (_turn, mut passes) = (turns.take(), Passes::default());
                    for _ in 0..3 {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, Ordering::SeqCst);
                        turns.pass(&mut passes, &|| false);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert_eq!(turns.state().free, 2, "every turn has ended");
    }

    #[test]
    fn a_long_read_lets_a_short_one_go_first() {
        let (turns, is_done) = (Turns::of(1), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let (long, mut passes) = (turns.take(), Passes::default());
            scope.spawn(|| {
                let _turn = turns.take();
                is_done.store(1, Ordering::SeqCst);
            });
            while turns.state().waiting.is_empty() {
                std::thread::yield_now();
            }
            turns.pass(&mut passes, &|| false);
            assert_eq!(is_done.load(Ordering::SeqCst), 1);
            turns.pass(&mut passes, &|| false);
            drop(long);
        });
    }

    #[test]
    fn reads_that_had_less_go_first_and_of_similar_ones_the_longest_waiting() {
        let levels: Vec<u32> = [0, 1, 2, 3, 4, 1_000].map(|passes| Passes(passes).level()).into();
        assert_eq!(levels, [0, 1, 2, 2, 3, 10]);
        let (turns, order) = (Turns::of(1), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let turn = turns.take();
            let reads = [("stopped", 200), ("long", 100), ("short", 1), ("new", 0), ("also new", 0)];
            for (waiting, (name, passes)) in reads.into_iter().enumerate() {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    turns.wait(turns.state(), &Passes(passes), &|| name == "stopped");
                    order.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                    drop(Turn(turns));
                });
                while turns.state().waiting.len() == waiting {
                    std::thread::yield_now();
                }
            }
            std::thread::sleep(STOP_CHECK * 4);
            drop(turn);
        });
        let order = order.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(order, ["stopped", "new", "also new", "short", "long"]);
    }
}
