//! The contract of clients of a CRM, held against the simulated org.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::sync::Arc;

use annals_application::contract::crm_client::{CrmTestBed, OBJECT};
use annals_application::contract::samples::timestamp;
use annals_application::contract::simulated_org::{SimulatedClock, SimulatedOrg};
use annals_application::ports::{Clock, CrmClient};
use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde_json::{Map, Value};

struct SimulatedBed {
    clock: Arc<SimulatedClock>,
    org: SimulatedOrg,
}

#[async_trait]
impl CrmTestBed for SimulatedBed {
    fn client(&self) -> &dyn CrmClient {
        &self.org
    }

    async fn put(&self, id: &ExternalId, fields: Map<String, Value>) {
        self.org.put(OBJECT, id, fields);
    }

    async fn delete(&self, id: &ExternalId) {
        self.org.delete(OBJECT, id);
    }

    async fn purge(&self, id: &ExternalId) {
        self.org.purge(OBJECT, id);
    }

    async fn hide(&self, field: &str) {
        self.org.hide(OBJECT, field, true);
    }

    async fn advance(&self, millis: i64) {
        self.clock.advance(millis);
    }

    async fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn use_up_calls(&self) {
        self.org.set_quota(1_000, 1_000);
    }
}

async fn org() -> (SimulatedBed, ()) {
    let clock = Arc::new(SimulatedClock::at(timestamp(0)));
    let org = SimulatedOrg::new(Arc::clone(&clock));
    org.define(OBJECT, &["Name", "Description"], &["Score__c"]);
    (SimulatedBed { clock, org }, ())
}

annals_application::crm_client_contract!(org);
