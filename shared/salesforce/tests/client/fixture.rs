//! A fake org with accounts, and a client of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use annals_application::backoff::{Backoff, RetryPolicy};
use annals_application::ports::{Clock, CrmClient, CrmError, FetchedRecord, PageQuery, ReadWindow};
use annals_application::system::RandomIds;
use annals_domain::identity::EntityName;
use annals_domain::timestamp::Timestamp;
use annals_fake_salesforce::demo::{ORG_ID, objects};
use annals_fake_salesforce::{FakeSalesforce, FakeSettings, FieldKind, FieldSchema, ObjectSchema, Org, OrgClock};
use annals_salesforce::settings::{self, NoSecretSource, SalesforceSettings};
use annals_salesforce::{BulkLimits, CallLimits, ClientTuning, SalesforceClient};
use ring::signature::{KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

pub(crate) const KEY: &str = include_str!("key.pem");

pub(crate) struct Fixture {
    pub(crate) server: FakeSalesforce,
    pub(crate) client: Arc<SalesforceClient>,
}

/// What a test changes about the usual.
pub(crate) struct Options {
    pub(crate) settings: FakeSettings,
    pub(crate) bulk: BulkLimits,
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The client's clock, if it is not the org's.
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl Default for Options {
    fn default() -> Self {
        let bulk = BulkLimits { from: 20, wait: Duration::from_millis(200) };
        Self { settings: FakeSettings::default(), bulk, variables: Vec::new(), clock: None }
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Waits that no test notices.
fn quick() -> CallLimits {
    let backoff = Backoff::doubling(Duration::from_millis(1), Duration::from_millis(2));
    let retries = RetryPolicy { attempts: 3, time_limit: Duration::from_secs(5), backoff };
    CallLimits { timeout: Duration::from_secs(10), retries }
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let mut objects = objects();
        objects[0].fields.push(FieldSchema::new("Score__c", FieldKind::Double).calculated());
        Self::with_objects(options, objects).await
    }

    pub(crate) async fn with_objects(options: Options, objects: Vec<ObjectSchema>) -> Self {
        let org = Org::new(ORG_ID, OrgClock::fixed(at("2026-03-01T12:00:00Z")), objects);
        let server = FakeSalesforce::start(org.clone(), options.settings).await.unwrap();
        let mut variables = BTreeMap::from([
            (settings::URL, server.url()),
            (settings::CLIENT_ID, FakeSettings::default().client_id),
            (settings::CLIENT_SECRET, FakeSettings::default().client_secret),
        ]);
        variables.extend(options.variables);
        let read = SalesforceSettings::read(|name| variables.get(name).cloned(), &NoSecretSource).await;
        let tuning = ClientTuning { calls: quick(), bulk: options.bulk };
        let clock = options.clock.unwrap_or_else(|| org.shared_clock());
        let client = SalesforceClient::new(read.unwrap().unwrap(), tuning, clock, Arc::new(RandomIds)).unwrap();
        Self { server, client: Arc::new(client) }
    }

    pub(crate) fn org(&self) -> &Org {
        self.server.org()
    }

    /// So many accounts, one a second, the last ten seconds ago.
    pub(crate) fn accounts(&self, count: usize) -> Vec<String> {
        let create = |number: usize| {
            let id = self.org().create("Account", json!({ "Name": format!("name {number}") }));
            self.org().clock().advance(1_000);
            id
        };
        let ids = (0..count).map(create).collect();
        self.org().clock().advance(10_000);
        ids
    }

    pub(crate) fn full(&self) -> ReadWindow {
        ReadWindow::Full { until: self.org().clock().now() }
    }

    pub(crate) fn query(&self, fields: &[&str], page_size: u32) -> PageQuery {
        PageQuery {
            object: account(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            window: self.full(),
            after: None,
            page_size,
            expected: None,
        }
    }

    /// All records of a query, page by page, with a limit on the pages.
    pub(crate) async fn all(&self, mut query: PageQuery) -> Result<Vec<FetchedRecord>, CrmError> {
        let mut records = Vec::new();
        for _ in 0..200 {
            let page = self.client.page(&query).await?;
            records.extend(page.records);
            query.after = page.next;
            if query.after.is_none() {
                return Ok(records);
            }
        }
        panic!("the read does not end");
    }

    /// The requests to the API whose path contains `part`.
    pub(crate) fn requests(&self, part: &str) -> Vec<String> {
        self.server.requests().into_iter().filter(|request| request.contains(part)).collect()
    }
}

pub(crate) fn account() -> EntityName {
    EntityName::new("Account")
}

pub(crate) fn ids(records: &[FetchedRecord]) -> Vec<String> {
    let mut ids: Vec<String> = records.iter().map(|record| record.id.as_str().to_owned()).collect();
    ids.sort();
    ids
}

pub(crate) fn json_of(record: &FetchedRecord) -> Map<String, Value> {
    serde_json::from_str(&record.record).unwrap()
}

/// The public half of a key, as the app's certificate has it.
pub(crate) fn public_key(pem: &str) -> Vec<u8> {
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap() else {
        panic!("the key of the tests is PKCS #8");
    };
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap().public_key().as_ref().to_vec()
}

/// Writes a file that lives as long as the result.
pub(crate) fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}
