//! The port's contract, held against the client and the fake org.

use annals_application::contract::crm_client::{CrmTestBed, OBJECT};
use annals_application::ports::CrmClient;
use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use annals_fake_salesforce::ApiQuotas;
use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::fixture::Fixture;

#[async_trait]
impl CrmTestBed for Fixture {
    fn client(&self) -> &dyn CrmClient {
        &*self.client
    }

    async fn put(&self, id: &ExternalId, fields: Map<String, Value>) {
        self.org().put(OBJECT, id.as_str(), Value::Object(fields));
    }

    async fn delete(&self, id: &ExternalId) {
        self.org().delete(OBJECT, id.as_str());
    }

    async fn purge(&self, id: &ExternalId) {
        self.org().purge(OBJECT, id.as_str());
    }

    async fn hide(&self, field: &str) {
        self.org().set_readable(OBJECT, field, false);
    }

    async fn advance(&self, millis: i64) {
        self.org().clock().advance(millis);
    }

    async fn now(&self) -> Timestamp {
        self.org().clock().now()
    }

    async fn use_up_calls(&self) {
        self.server.set_quotas(ApiQuotas { calls_used: 1_000, calls: 1_000, ..ApiQuotas::default() });
    }
}

async fn fixture() -> (Fixture, ()) {
    (Fixture::start().await, ())
}

annals_application::crm_client_contract!(fixture);
