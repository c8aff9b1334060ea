//! An installation on the local services.

use std::sync::Arc;

use annals_application::commands::{CommandHandler, CommandMetadata};
use annals_application::ports::ReadModel;
use annals_aws::read_model::Refresh;
use annals_aws_tests::test_tables::TestTables;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_lambda::{Installation, Search};
use annals_services::opensearch_endpoints;
use annals_tests::changes::{change, record_id};
use anyhow::Result;
use futures::{StreamExt, TryStreamExt};

/// Changes of a record before the rebuild.
pub(crate) const CHANGES: usize = 5;

/// Records written in one call.
const RECORDS_A_CALL: usize = 100;

/// An installation on the local services.
pub(crate) struct Fixture {
    pub(crate) tables: TestTables,
    pub(crate) installation: Installation,
    pub(crate) search: Search,
    /// The schema of the records.
    pub(crate) schema: EntitySchema,
    handler: Arc<CommandHandler>,
}

impl Fixture {
    /// Connects to an installation of that name, whose tables exist.
    pub(crate) async fn join(name: &str) -> Self {
        let tables = TestTables::named(name);
        let installation = tables.installation();
        let (_, url) = opensearch_endpoints().remove(0);
        let search = tables.search(&url, &format!("{name}-"), Refresh::Periodic).await;
        let schema = installation.catalog.schema(Provider::Salesforce, &object());
        Self { tables, handler: installation.handler(), installation, search, schema }
    }

    /// Creates the tables and connects.
    pub(crate) async fn make(name: &str) -> Self {
        TestTables::named(name).make().await;
        Self::join(name).await
    }

    /// Writes all changes of `records` records.
    pub(crate) async fn fill(&self, records: usize) -> Result<()> {
        let write = |first: usize| async move {
            let range = first..records.min(first + RECORDS_A_CALL);
            let texts = range.flat_map(|record| (0..CHANGES).map(move |round| change(round, record).to_string()));
            self.write(&texts.collect::<Vec<_>>()).await
        };
        let runs = (0..records).step_by(RECORDS_A_CALL);
        futures::stream::iter(runs).map(write).buffer_unordered(2).try_collect::<()>().await
    }

    pub(crate) async fn write(&self, texts: &[String]) -> Result<()> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let commands = self.handler.commands_of(Provider::Salesforce, &texts, &CommandMetadata::default());
        self.handler.handle(commands).await?;
        Ok(())
    }

    /// The stream of a record.
    pub(crate) fn key(&self, record: usize) -> EntityKey {
        let (entity_name, external_id) = (object(), ExternalId::new(record_id(record)));
        let account = ProviderAccount::unset();
        let aggregate_id = AggregateId::of(Provider::Salesforce, &account, &entity_name, &external_id);
        EntityKey { entity_name, aggregate_id }
    }

    /// The read model for readers.
    pub(crate) fn reading(&self) -> Arc<dyn ReadModel> {
        self.search.reading()
    }
}

fn object() -> EntityName {
    EntityName::new("Account")
}
