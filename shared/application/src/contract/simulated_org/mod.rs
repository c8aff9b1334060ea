//! An org in memory, at the port: tests write to it, and the engine reads it as it would a real one.
//!
//! Stamps are whole seconds, as they mostly are. Deletions go to a recycle bin until they are purged; calculated fields
//! change without a stamp; fields can be hidden; every call counts against a quota and can be made to fail.

mod client;
mod clock;
mod object;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value};

pub use self::clock::SimulatedClock;
pub use self::object::SimulatedRecord;
use self::object::{SimulatedField, SimulatedObject};
use crate::ports::{Clock, CrmErrorKind, PageQuery};

/// The calls that a new org allows in a day.
const DAILY_CALLS: u64 = 15_000;

/// An org, and a client of it.
pub struct SimulatedOrg {
    clock: Arc<SimulatedClock>,
    state: Mutex<OrgState>,
}

#[derive(Default)]
struct OrgState {
    objects: BTreeMap<String, SimulatedObject>,
    /// The pages that were read, for tests that count them.
    pages: Vec<PageQuery>,
    calls_by_others: u64,
    calls: u64,
    daily_calls: u64,
    /// The results of the next calls, before they are answered again.
    failures: VecDeque<CrmErrorKind>,
    is_down: bool,
    /// The next pages lack their last record.
    cut_pages: usize,
    precision_ms: i64,
}

impl SimulatedOrg {
    pub fn new(clock: Arc<SimulatedClock>) -> Self {
        let state = OrgState { daily_calls: DAILY_CALLS, precision_ms: 1_000, ..OrgState::default() };
        Self { clock, state: Mutex::new(state) }
    }

    /// Adds an object with these fields beside those of the system.
    pub fn define(&self, object: &str, fields: &[&str], calculated: &[&str]) {
        let mut state = self.state();
        let defined = &mut state.objects.entry(object.to_owned()).or_default().fields;
        defined.extend(fields.iter().map(|name| ((*name).to_owned(), SimulatedField::default())));
        let field = SimulatedField { is_calculated: true, is_hidden: false };
        defined.extend(calculated.iter().map(|name| ((*name).to_owned(), field)));
    }

    /// The precision of stamps, in milliseconds.
    pub fn set_precision(&self, millis: i64) {
        self.state().precision_ms = millis;
    }

    /// Creates or updates a record now. Returns its stamp.
    pub fn put(&self, object: &str, id: &ExternalId, fields: Map<String, Value>) -> Timestamp {
        let stamp = self.stamp();
        self.put_stamped(object, id, fields, stamp);
        stamp
    }

    /// The same with another stamp: a transaction that commits late has an older one.
    pub fn put_stamped(&self, object: &str, id: &ExternalId, fields: Map<String, Value>, stamp: Timestamp) {
        let mut state = self.state();
        let records = &mut state.objects.entry(object.to_owned()).or_default().records;
        let record = records.entry(id.clone()).or_insert_with(|| SimulatedRecord {
            fields: Map::new(),
            created: stamp,
            stamp,
            is_deleted: false,
            merged_into: None,
        });
        record.fields.extend(fields);
        record.stamp = record.stamp.max(stamp);
    }

    /// Changes a calculated field. The record is not modified by it.
    pub fn calculate(&self, object: &str, id: &ExternalId, field: &str, value: Value) {
        self.change(object, id, |record| {
            record.fields.insert(field.to_owned(), value);
        });
    }

    /// Moves a record to the recycle bin.
    pub fn delete(&self, object: &str, id: &ExternalId) {
        let stamp = self.stamp();
        self.change(object, id, |record| (record.is_deleted, record.stamp) = (true, stamp));
    }

    /// Takes a record out of the recycle bin.
    pub fn undelete(&self, object: &str, id: &ExternalId) {
        let stamp = self.stamp();
        self.change(object, id, |record| (record.is_deleted, record.stamp) = (false, stamp));
    }

    /// Deletes a record for good. No API call can see it any more.
    pub fn purge(&self, object: &str, id: &ExternalId) {
        if let Some(object) = self.state().objects.get_mut(object) {
            object.records.remove(id);
        }
    }

    /// Merges a record into another one.
    pub fn merge(&self, object: &str, loser: &ExternalId, survivor: &ExternalId) {
        self.delete(object, loser);
        self.change(object, loser, |record| record.merged_into = Some(survivor.clone()));
    }

    /// Hides a field from the client, as field-level security does, or shows it again.
    pub fn hide(&self, object: &str, field: &str, is_hidden: bool) {
        let mut state = self.state();
        if let Some(field) = state.objects.get_mut(object).and_then(|object| object.fields.get_mut(field)) {
            field.is_hidden = is_hidden;
        }
    }

    /// The records of an object come without a valid stamp from now on.
    pub fn break_records(&self, object: &str) {
        if let Some(object) = self.state().objects.get_mut(object) {
            object.is_broken = true;
        }
    }

    /// The next calls fail with these kinds.
    pub fn fail_next(&self, kinds: impl IntoIterator<Item = CrmErrorKind>) {
        self.state().failures.extend(kinds);
    }

    /// The next pages lack their last record, as if a proxy had cut them.
    pub fn cut_pages(&self, pages: usize) {
        self.state().cut_pages = pages;
    }

    /// While an org is down, every call fails.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    /// Sets the calls that other clients have made, and the calls of all clients that a day allows.
    pub fn set_quota(&self, calls_by_others: u64, daily_calls: u64) {
        let mut state = self.state();
        (state.calls_by_others, state.daily_calls) = (calls_by_others, daily_calls);
    }

    /// A new day: no calls were made in it yet.
    pub fn renew_quota(&self) {
        let mut state = self.state();
        (state.calls_by_others, state.calls) = (0, 0);
    }

    /// The calls of this client since the quota was renewed.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The pages that were read since the last call of this function.
    pub fn take_pages(&self) -> Vec<PageQuery> {
        std::mem::take(&mut self.state().pages)
    }

    /// A record, deleted or not.
    pub fn record(&self, object: &str, id: &ExternalId) -> Option<SimulatedRecord> {
        self.state().objects.get(object)?.records.get(id).cloned()
    }

    fn change(&self, object: &str, id: &ExternalId, change: impl FnOnce(&mut SimulatedRecord)) {
        let mut state = self.state();
        if let Some(record) = state.objects.get_mut(object).and_then(|object| object.records.get_mut(id)) {
            change(record);
        }
    }

    fn stamp(&self) -> Timestamp {
        let now = self.clock.now();
        now.plus_millis(-now.millis().rem_euclid(self.state().precision_ms))
    }

    fn state(&self) -> MutexGuard<'_, OrgState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
