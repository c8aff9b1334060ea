//! `--demo-crm`: an org in memory, with records of the last months and somebody who works in it. Its records are read
//! and its change events ingested like those of a real org.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annals_application::backfill::BackfillRequest;
use annals_application::commands::{CommandHandler, CommandMetadata};
use annals_application::log_chain;
use annals_application::system::SystemClock;
use annals_domain::identity::Provider;
use annals_fake_salesforce::demo::{LiveWork, ORG_ID, Sizes, objects, seed};
use annals_fake_salesforce::{FakeSalesforce, FakeSettings, Org, OrgClock};
use annals_salesforce::settings::{self, NoSecretSource, SalesforceSettings};
use annals_sqlite::process::LocalProcess;

use crate::exit::Failure;
use crate::output::{Out, notice};

/// The port of the org, unless it is taken: the documentation names it.
const PORT: u16 = 8089;
const ACCOUNTS: usize = 120;
/// The same org each time.
const SEED: u64 = 7;
/// How often somebody changes a record.
const EVERY: Duration = Duration::from_secs(3);

/// The org, which ends when this is dropped.
pub(super) struct DemoOrg {
    server: FakeSalesforce,
}

impl DemoOrg {
    /// `db` is the database of the demo: a new one, because records of this org belong to no other.
    pub(super) async fn start(db: &Path) -> Result<Self, Failure> {
        if db.exists() {
            let message = format!("`{}` exists, and the demo needs a new database", db.display());
            return Err(Failure::usage(message).hint("name another file, such as --db demo.db"));
        }
        let org = Org::new(ORG_ID, OrgClock::following(Arc::new(SystemClock)), objects());
        seed(&org, Sizes { accounts: ACCOUNTS }, SEED);
        let server = FakeSalesforce::start_at(PORT, org, FakeSettings::default()).await;
        let server = server.map_err(|error| Failure::new(format!("the demo's org cannot be served: {error}")))?;
        Ok(Self { server })
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        let FakeSettings { client_id, client_secret, .. } = FakeSettings::default();
        [(settings::URL, self.server.url()), (settings::CLIENT_ID, client_id), (settings::CLIENT_SECRET, client_secret)]
    }

    /// The settings of a connection to it.
    pub(super) async fn settings(&self) -> Result<SalesforceSettings, Failure> {
        let variables = self.variables();
        let variable = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        let read = SalesforceSettings::read(variable, &NoSecretSource).await;
        let read = read.map_err(|error| Failure::new(error.to_string()))?;
        read.ok_or_else(|| Failure::new("the demo's org has no address"))
    }

    /// Requests a backfill of each type.
    pub(super) async fn request_backfills(process: &LocalProcess) -> Result<(), Failure> {
        let backfill = process.handler.backfill();
        for definition in process.catalog.definitions() {
            let requested = backfill.request(&definition.plural, &BackfillRequest::default()).await;
            requested.map_err(|error| Failure::because(&error))?;
        }
        Ok(())
    }

    /// Says what there is, and how another terminal works with it.
    pub(super) fn introduce(&self, out: &mut Out) {
        out.line(format_args!(
            "\nthe demo's org has {ACCOUNTS} accounts, which are being read; somebody changes a record every {} seconds",
            EVERY.as_secs()
        ));
        out.line("for commands in another terminal:");
        for (name, value) in self.variables() {
            out.line(format_args!("  export {name}={value}"));
        }
    }

    /// Works in the org, and delivers the events, for ever. Says each change on stderr.
    pub(super) async fn work(self, handler: Arc<CommandHandler>) {
        let mut work = LiveWork::new(self.server.org().clone(), ACCOUNTS, SEED);
        loop {
            tokio::time::sleep(EVERY).await;
            notice(format_args!("demo: {}", work.step()));
            for event in self.server.org().take_events() {
                let stored = handler.ingest_body(Provider::Salesforce, &event, CommandMetadata::default()).await;
                if let Err(error) = stored {
                    tracing::error!(error = %log_chain(&error), "an event of the demo was not stored");
                }
            }
        }
    }
}
