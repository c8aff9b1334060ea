//! One installation on the local services, with its own tables and indices.

use annals_application::commands::HandlerSettings;
use annals_aws::event_store::create_table_without_stream;
use annals_aws::read_model::{Endpoint, Refresh};
use annals_aws::state_store::create_table as create_state_table;
use annals_lambda::settings::{SearchSettings, Settings};
use annals_lambda::{Installation, Search};
use annals_services::{dynamodb_endpoint, sdk_config, unique_name};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use url::Url;

/// The tables and a client for them.
#[derive(Debug, Clone)]
pub struct TestTables {
    /// The configuration that reaches DynamoDB directly.
    pub config: SdkConfig,
    /// A client that reaches DynamoDB directly.
    pub client: Client,
    /// The events table.
    pub events_table: String,
    /// The state table.
    pub state_table: String,
}

impl TestTables {
    /// Creates tables with a unique name.
    ///
    /// # Panics
    /// If DynamoDB does not create them.
    pub async fn new(name: &str) -> Self {
        let test_tables = Self::named(&unique_name(name));
        test_tables.make().await;
        test_tables
    }

    /// Tables with exactly this name, so that another process finds them. They need not exist yet.
    pub fn named(name: &str) -> Self {
        let config = sdk_config(&dynamodb_endpoint());
        let client = Client::new(&config);
        Self { config, client, events_table: format!("{name}-e"), state_table: format!("{name}-s") }
    }

    /// Creates the tables.
    ///
    /// # Panics
    /// If DynamoDB does not create them.
    pub async fn make(&self) {
        let made = create_table_without_stream(&self.client, &self.events_table).await;
        made.expect("DynamoDB creates the events table");
        create_state_table(&self.client, &self.state_table).await.expect("DynamoDB creates the state table");
    }

    /// An installation with these tables.
    pub fn installation(&self) -> Installation {
        self.installation_by(&self.config)
    }

    /// The same with another configuration: that of another process, or one with a proxy.
    pub fn installation_by(&self, config: &SdkConfig) -> Installation {
        self.installation_with(config, HandlerSettings::default())
    }

    /// The same with other settings of the command handler.
    ///
    /// # Panics
    /// If a default definition is invalid.
    pub fn installation_with(&self, config: &SdkConfig, handler: HandlerSettings) -> Installation {
        let settings = Settings {
            events_table: self.events_table.clone(),
            state_table: self.state_table.clone(),
            adapters: annals_crm::adapters(None).expect("no org is set"),
            log: "info".to_owned(),
            function_name: None,
            admin_arns: Vec::new(),
            handler,
        };
        Installation::new(config, settings).expect("the definitions that ship are good")
    }

    /// The indices with this prefix at an endpoint.
    ///
    /// # Panics
    /// If the endpoint is not a URL.
    pub async fn search(&self, endpoint: &str, prefix: &str, refresh: Refresh) -> Search {
        let endpoint = Endpoint::Url(Url::parse(endpoint).expect("an endpoint is an address"));
        let settings = SearchSettings { endpoint, prefix: prefix.to_owned() };
        Search::connect_with(&self.config, &settings, refresh).await.expect("an address needs no call")
    }

    /// Deletes the tables.
    ///
    /// # Panics
    /// If DynamoDB does not delete them.
    pub async fn remove(self) {
        for table in [self.events_table, self.state_table] {
            self.client.delete_table().table_name(table).send().await.expect("DynamoDB deletes a table");
        }
    }
}
