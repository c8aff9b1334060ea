//! Finding events of a stream by their positions: their versions, users and sources.
//!
//! A state keeps the position of the event behind each value, but not its version. The newest snapshot before the event's
//! timestamp tells where to read on; an event in order is found in the first page after it.

use std::collections::{BTreeMap, BTreeSet};

use annals_domain::identity::EntityKey;
use annals_domain::position::{EventId, Position, Version};

use super::error::QueryError;
use super::past_state::{EventOrigin, PastStates, READ_BYTES, is_last};
use crate::ports::{ReadOptions, StoredEvent};

/// The number of events in the first read after a snapshot, and in each read by time after it.
const PAGE: usize = 100;

/// Events that are looked for, and those found so far.
pub(super) struct EventSearch<'a> {
    states: &'a PastStates,
    key: &'a EntityKey,
    wanted: BTreeSet<EventId>,
    found: BTreeMap<EventId, EventOrigin>,
}

impl<'a> EventSearch<'a> {
    /// `found` are events that are known already.
    pub(super) fn new(states: &'a PastStates, key: &'a EntityKey, found: BTreeMap<EventId, EventOrigin>) -> Self {
        Self { states, key, wanted: BTreeSet::new(), found }
    }

    /// The events at these positions. The stream must have them.
    pub(super) async fn find(
        mut self,
        positions: BTreeSet<Position>,
    ) -> Result<BTreeMap<EventId, EventOrigin>, QueryError> {
        self.wanted = positions.iter().map(|position| position.event_id).collect();
        for position in &positions {
            if !self.found.contains_key(&position.event_id) {
                self.find_one(position).await?;
            }
        }
        Ok(self.found)
    }

    async fn find_one(&mut self, position: &Position) -> Result<(), QueryError> {
        let before = position.timestamp.plus_millis(-1);
        let snapshot = self.states.snapshots.newest_as_of(self.key, before).await?;
        let next = snapshot.map_or(Version::FIRST, |state| state.version().next());
        let mut events = self.read(ReadOptions::from(next, PAGE)).await?;
        // It arrived late, or snapshots are far apart: what is left is read by its time.
        while !self.found.contains_key(&position.event_id) && !is_last(&events, PAGE) {
            let next = events.last().map_or(next, |stored| stored.event.version.next());
            let at = Some(position.timestamp);
            events = self.read(ReadOptions { from_time: at, to_time: at, ..ReadOptions::from(next, PAGE) }).await?;
        }
        Ok(())
    }

    /// Reads events, and keeps those that are wanted.
    async fn read(&mut self, options: ReadOptions) -> Result<Vec<StoredEvent>, QueryError> {
        let options = ReadOptions { max_bytes: READ_BYTES, ..options };
        let events = self.states.store.read(self.key, &options).await?;
        let wanted = events.iter().map(|stored| &*stored.event).filter(|event| self.wanted.contains(&event.event_id()));
        self.found.extend(wanted.map(|event| (event.event_id(), EventOrigin::of(event))));
        Ok(events)
    }
}
