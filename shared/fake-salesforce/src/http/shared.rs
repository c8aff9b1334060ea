//! What the routes share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::fault::Faults;
use super::settings::{ApiQuotas, FakeSettings};
use crate::org::Org;

pub(super) struct Shared {
    pub(super) org: Org,
    pub(super) settings: FakeSettings,
    pub(super) url: String,
    pub(super) faults: Faults,
    state: Mutex<ServerState>,
}

/// What changes from request to request.
#[derive(Default)]
pub(super) struct ServerState {
    pub(super) sessions: BTreeSet<String>,
    pub(super) locators: BTreeMap<String, OpenResult>,
    pub(super) jobs: BTreeMap<String, BulkJob>,
    pub(super) quotas: ApiQuotas,
    pub(super) requests: Vec<String>,
    numbered: u64,
}

/// The rest of a query's result.
pub(super) struct OpenResult {
    pub(super) total: usize,
    pub(super) object: String,
    pub(super) rest: Vec<Map<String, Value>>,
}

pub(super) struct BulkJob {
    pub(super) object: String,
    pub(super) operation: String,
    pub(super) polls_left: u32,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Shared {
    pub(super) fn new(org: Org, settings: FakeSettings, url: String) -> Self {
        let state = ServerState { quotas: settings.quotas, ..ServerState::default() };
        Self { org, settings, url, faults: Faults::default(), state: Mutex::new(state) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerState {
    /// A number that no other session, locator or job has.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }
}
