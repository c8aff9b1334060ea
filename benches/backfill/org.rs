//! An org in memory over HTTP, and its pages fetched by hand.

use std::sync::Arc;

use annals_application::system::SystemClock;
use annals_benches::client::Client;
use annals_fake_salesforce::demo::{ORG_ID, Sizes, objects, seed};
use annals_fake_salesforce::{ApiQuotas, FakeSalesforce, FakeSettings, Org, OrgClock};
use annals_salesforce::settings;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// The org, on a thread of its own.
pub(crate) struct BenchOrg {
    server: FakeSalesforce,
    _runtime: Runtime,
}

impl BenchOrg {
    pub(crate) fn start(accounts: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let org = Org::new(ORG_ID, OrgClock::following(Arc::new(SystemClock)), objects());
        seed(&org, Sizes { accounts }, 7);
        let quotas = ApiQuotas { calls: 100_000_000, ..ApiQuotas::default() };
        let server =
            runtime.block_on(FakeSalesforce::start(org, FakeSettings { quotas, ..FakeSettings::default() }))?;
        Ok(Self { server, _runtime: runtime })
    }

    pub(crate) fn org(&self) -> &Org {
        self.server.org()
    }

    /// The settings of a connection to it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        let FakeSettings { client_id, client_secret, .. } = FakeSettings::default();
        [(settings::URL, self.server.url()), (settings::CLIENT_ID, client_id), (settings::CLIENT_SECRET, client_secret)]
    }

    /// The pages that `work` reads: of records, of ids, and counts.
    pub(crate) fn pages_of(&self, work: impl FnOnce() -> Result<()>) -> Result<Pages> {
        let before = self.server.requests().len();
        work()?;
        let requests = self.server.requests().split_off(before);
        let page =
            |request: &String| request.strip_prefix("GET ").filter(|path| path.contains("/query")).map(str::to_owned);
        let paths: Vec<String> = requests.iter().filter_map(page).collect();
        ensure!(!paths.is_empty(), "no page was read: {requests:?}");
        Ok(Pages { address: self.server.url().trim_start_matches("http://").to_owned(), paths })
    }
}

/// What a backfill reads, to be read by hand.
pub(crate) struct Pages {
    address: String,
    pub(crate) paths: Vec<String>,
}

/// A session of the org.
pub(crate) struct Session {
    client: Client,
    header: String,
}

impl Pages {
    pub(crate) fn log_in(&self) -> Result<Session> {
        let mut client = Client::connect(&self.address)?;
        let FakeSettings { client_id, client_secret, .. } = FakeSettings::default();
        let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}");
        let header = "Content-Type: application/x-www-form-urlencoded\r\n";
        let response = client.post_with("/services/oauth2/token", header, &form)?;
        let token: Value = serde_json::from_str(&response.body)?;
        let token = token["access_token"].as_str().with_context(|| response.body.clone())?;
        Ok(Session { client, header: format!("Authorization: Bearer {token}\r\n") })
    }
}

impl Session {
    /// Fetches a page and reads it as JSON, which nobody can do without.
    pub(crate) fn fetch(&mut self, path: &str) -> Result<Value> {
        let response = self.client.get_with(path, &self.header)?;
        ensure!(response.status == 200, "{path}: {} {}", response.status, response.body);
        if response.body.starts_with(['{', '[']) { Ok(serde_json::from_str(&response.body)?) } else { Ok(Value::Null) }
    }
}
