//! Turns of the reads of users: so many run at the same time as leave a processor to the writes.
//!
//! A long read gives its turn to the next one again and again, so that a few of them hold up no short one.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: usize,
    next: u64,
    /// The numbers of those who wait, the longest waiting first.
    waiting: VecDeque<u64>,
}

/// The turn of one read. Dropping it ends it.
pub(super) struct Turn<'a>(&'a Turns);

impl Default for Turns {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self::of(processors.saturating_sub(1).max(1))
    }
}

impl Turns {
    fn of(turns: usize) -> Self {
        let state = State { free: turns, next: 0, waiting: VecDeque::new() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        self.wait(self.state());
        Turn(self)
    }

    /// Lets those who wait have their turns first. Only for a read that has a turn.
    pub(super) fn pass(&self) {
        let mut state = self.state();
        if !state.waiting.is_empty() {
            state.free += 1;
            self.wait(state);
        }
    }

    fn wait(&self, mut state: MutexGuard<'_, State>) {
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(number);
        self.changed.notify_all();
        let is_not_next = |state: &mut State| state.free == 0 || state.waiting.front() != Some(&number);
        let mut state = self.changed.wait_while(state, is_not_next).unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front();
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_reads_run_at_a_time_than_there_are_turns() {
        let (turns, running, most) = (Turns::of(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.take();
                    for _ in 0..3 {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, Ordering::SeqCst);
                        turns.pass();
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
            let long = turns.take();
            scope.spawn(|| {
                let _turn = turns.take();
                is_done.store(1, Ordering::SeqCst);
            });
            while turns.state().waiting.is_empty() {
                std::thread::yield_now();
            }
            turns.pass();
            assert_eq!(is_done.load(Ordering::SeqCst), 1);
            turns.pass();
            drop(long);
        });
    }
}
