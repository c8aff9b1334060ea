//! The services, and an installation on them.

use std::sync::Arc;

use annals_application::commands::{CommandHandler, CommandMetadata, HandlerSettings};
use annals_application::ports::ReadModel;
use annals_aws_read_model::Endpoint;
use annals_aws_runtime::settings::{SearchSettings, Settings};
use annals_aws_runtime::{Installation, Search};
use annals_crm::dialects;
use annals_domain::definition::Shape;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_services::{dynamodb_endpoint, opensearch_endpoints, sdk_config, unique_name};
use anyhow::{Context, Result};
use aws_config::SdkConfig;
use futures::{StreamExt, TryStreamExt};

use crate::changes::{CHANGES, change, record_id};

/// How many records are written in one call.
const RECORDS_A_CALL: u64 = 100;

/// One installation's names; what the rebuilding process is given.
#[derive(Debug, Clone)]
pub struct Names(pub String);

impl Names {
    /// Names that no other run has.
    pub fn unique() -> Self {
        Self(unique_name("rebuild"))
    }

    fn events(&self) -> String {
        format!("{}-events", self.0)
    }

    fn state(&self) -> String {
        format!("{}-state", self.0)
    }
}

/// An installation on the local services.
pub struct World {
    /// For clients of DynamoDB.
    pub config: SdkConfig,
    /// Over the tables.
    pub installation: Installation,
    /// Over the indices.
    pub search: Search,
    /// Writes changes.
    pub handler: Arc<CommandHandler>,
    /// The shape of what is written.
    pub shape: Shape,
}

impl World {
    /// Joins an installation of that name; its tables are there.
    pub async fn join(names: &Names) -> Result<Self> {
        let config = sdk_config(&dynamodb_endpoint());
        let settings = Settings {
            events_table: names.events(),
            state_table: names.state(),
            dialects: dialects(None)?,
            log: "warn".to_owned(),
            admin_arns: Vec::new(),
            handler: HandlerSettings::default(),
        };
        let installation = Installation::new(&config, settings)?;
        let (_, url) = opensearch_endpoints().remove(0);
        let endpoint: Endpoint = url.parse()?;
        let search = Search::connect(&config, &SearchSettings { endpoint, prefix: format!("{}-", names.0) }).await?;
        let client = installation.catalog.named("client").context("there are clients")?;
        let shape = Shape::Defined(Arc::clone(client));
        Ok(Self { config, handler: installation.handler(), installation, search, shape })
    }

    /// Makes the tables, and joins.
    pub async fn make(names: &Names) -> Result<Self> {
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(&dynamodb_endpoint()));
        annals_aws_event_store::create_table_without_stream(&client, &names.events()).await?;
        annals_aws_state_store::create_table(&client, &names.state()).await?;
        Self::join(names).await
    }

    /// Writes all changes of `records` records.
    pub async fn fill(&self, records: u64) -> Result<()> {
        let runs = (0..records.div_ceil(RECORDS_A_CALL)).map(|run| run * RECORDS_A_CALL);
        let write = |first: u64| async move {
            let range = first..records.min(first + RECORDS_A_CALL);
            let texts: Vec<String> =
                range.flat_map(|record| (0..CHANGES).map(move |round| change(record, round))).collect();
            self.write(&texts).await
        };
        futures::stream::iter(runs).map(write).buffer_unordered(2).try_collect::<()>().await
    }

    /// Writes changes.
    pub async fn write(&self, texts: &[String]) -> Result<()> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let commands = self.handler.commands_of(Provider::Salesforce, &texts, &CommandMetadata::default());
        self.handler.handle(commands).await?;
        Ok(())
    }

    /// The stream of a record.
    pub fn key(&self, record: u64) -> EntityKey {
        let entity_name = EntityName::new("Account");
        let external_id = ExternalId::new(record_id(record));
        let account = ProviderAccount::unset();
        let aggregate_id = AggregateId::of(Provider::Salesforce, &account, &entity_name, &external_id);
        EntityKey { entity_name, aggregate_id }
    }

    /// The read model for readers.
    pub fn reading(&self) -> Arc<dyn ReadModel> {
        self.search.reading()
    }
}
