//! The org: its objects and records, the changes that happen to them, and the change events that they raise.
//!
//! It behaves as Salesforce does where that has cost somebody data: stamps are whole seconds, a record may become
//! visible with an older stamp, a formula changes without one, and a record that is purged leaves nothing behind.

mod change_event;
mod clock;
mod object;
mod record;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value};

pub use self::clock::OrgClock;
pub use self::object::{FieldKind, FieldSchema, ObjectSchema};
pub(crate) use self::record::StoredRecord;
pub(crate) use self::state::OrgState;

/// An org, shared by its clones.
#[derive(Clone)]
pub struct Org {
    clock: Arc<OrgClock>,
    state: Arc<Mutex<OrgState>>,
}

impl Org {
    /// `id` is the org's id, 18 characters; change events name it.
    pub fn new(id: impl Into<String>, clock: OrgClock, objects: impl IntoIterator<Item = ObjectSchema>) -> Self {
        Self { clock: Arc::new(clock), state: Arc::new(Mutex::new(OrgState::new(id.into(), objects))) }
    }

    pub fn clock(&self) -> &OrgClock {
        &self.clock
    }

    /// The same clock, to be passed on.
    pub fn shared_clock(&self) -> Arc<OrgClock> {
        Arc::clone(&self.clock)
    }

    /// Creates a record of that id, or changes its fields.
    pub fn put(&self, object: &str, id: &str, fields: Value) {
        self.lock().put(object, id, fields_of(fields), self.clock.now());
    }

    /// Creates a record, and returns its id. Panics if the object does not exist.
    pub fn create(&self, object: &str, fields: Value) -> String {
        self.lock().create(object, fields_of(fields), self.clock.now())
    }

    /// Changes fields of a record. Panics if there is no such record.
    pub fn update(&self, object: &str, id: &str, fields: Value) {
        self.lock().update(object, id, fields_of(fields), self.clock.now());
    }

    /// Like `update`, by a transaction that began at `stamp` and commits now: the record shows the older stamp.
    pub fn update_late(&self, object: &str, id: &str, fields: Value, stamp: Timestamp) {
        self.lock().update(object, id, fields_of(fields), stamp);
    }

    /// Changes calculated fields: neither the stamp moves, nor is a change event raised.
    pub fn recalculate(&self, object: &str, id: &str, fields: Value) {
        self.lock().recalculate(object, id, fields_of(fields));
    }

    /// Puts a record in the recycle bin.
    pub fn delete(&self, object: &str, id: &str) {
        self.lock().delete(object, id, None, self.clock.now());
    }

    /// Restores a record from the recycle bin.
    pub fn undelete(&self, object: &str, id: &str) {
        self.lock().undelete(object, id, self.clock.now());
    }

    /// Deletes a record and names the one that it was merged into.
    pub fn merge(&self, object: &str, loser: &str, survivor: &str) {
        self.lock().delete(object, loser, Some(survivor), self.clock.now());
    }

    /// Removes a record for good, from the recycle bin too, without a change event.
    pub fn purge(&self, object: &str, id: &str) {
        self.lock().purge(object, id);
    }

    /// Whether changes raise change events. Bulk loads are often made without.
    pub fn capture_changes(&self, captures: bool) {
        self.lock().captures = captures;
    }

    /// From now on changes raise gap events, which do not say what changed.
    pub fn raise_gaps(&self, gaps: bool) {
        self.lock().raises_gaps = gaps;
    }

    /// The change events since the last call, as an event relay delivers them.
    pub fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().events)
    }

    /// Shows or hides a field, as field-level security does.
    pub fn set_readable(&self, object: &str, field: &str, readable: bool) {
        self.lock().object_mut(object).field_mut(field).readable = readable;
    }

    /// Adds a field; records have null there.
    pub fn add_field(&self, object: &str, field: FieldSchema) {
        self.lock().object_mut(object).fields.push(field);
    }

    /// Removes an object, as if it had never been there.
    pub fn remove_object(&self, object: &str) {
        self.lock().remove_object(object);
    }

    /// Selects objects for change data capture, in place of all.
    pub fn select_for_capture(&self, objects: &[&str]) {
        self.lock().select_for_capture(objects);
    }

    /// The ids of the records that are not deleted.
    pub fn ids(&self, object: &str) -> Vec<String> {
        let state = self.lock();
        let records = state.records(object).filter(|(_, record)| !record.is_deleted());
        records.map(|(id, _)| id.to_owned()).collect()
    }

    /// A record with all its fields, deleted or not.
    pub fn record(&self, object: &str, id: &str) -> Option<Map<String, Value>> {
        self.lock().record(object, id).map(|record| record.fields.clone())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, OrgState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fields_of(fields: Value) -> Map<String, Value> {
    let Value::Object(fields) = fields else { panic!("a record is a JSON object, not {fields}") };
    fields
}
