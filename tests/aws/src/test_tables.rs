//! One installation on the local services: its own two tables, its own indices.

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

/// The tables, and a client of their own.
#[derive(Debug, Clone)]
pub struct TestTables {
    /// The configuration that reaches DynamoDB itself.
    pub config: SdkConfig,
    /// A client that reaches DynamoDB itself.
    pub client: Client,
    /// The events table.
    pub events_table: String,
    /// The state table.
    pub state_table: String,
}

impl TestTables {
    /// With new tables, of a name that no other run has.
    ///
    /// # Panics
    /// Where DynamoDB does not make them.
    pub async fn new(name: &str) -> Self {
        let test_tables = Self::named(&unique_name(name));
        test_tables.make().await;
        test_tables
    }

    /// Of exactly that name, so that another process finds the same tables; they need not be there yet.
    pub fn named(name: &str) -> Self {
        let config = sdk_config(&dynamodb_endpoint());
        let client = Client::new(&config);
        Self { config, client, events_table: format!("{name}-e"), state_table: format!("{name}-s") }
    }

    /// Makes the tables.
    ///
    /// # Panics
    /// Where DynamoDB does not.
    pub async fn make(&self) {
        let made = create_table_without_stream(&self.client, &self.events_table).await;
        made.expect("DynamoDB makes the events table");
        create_state_table(&self.client, &self.state_table).await.expect("DynamoDB makes the state table");
    }

    /// The use cases over its tables.
    pub fn installation(&self) -> Installation {
        self.installation_by(&self.config)
    }

    /// The same, by another configuration: another process's, or one that is led by a proxy.
    pub fn installation_by(&self, config: &SdkConfig) -> Installation {
        self.installation_with(config, HandlerSettings::default())
    }

    /// The same, with a command handler that works in another way.
    ///
    /// # Panics
    /// Where a definition that ships is bad.
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

    /// Indices of that prefix at an endpoint.
    ///
    /// # Panics
    /// Where the endpoint is no address.
    pub async fn search(&self, endpoint: &str, prefix: &str, refresh: Refresh) -> Search {
        let endpoint = Endpoint::Url(Url::parse(endpoint).expect("an endpoint is an address"));
        let settings = SearchSettings { endpoint, prefix: prefix.to_owned() };
        Search::connect_with(&self.config, &settings, refresh).await.expect("an address needs no call")
    }

    /// Removes the tables.
    ///
    /// # Panics
    /// Where DynamoDB does not.
    pub async fn remove(self) {
        for table in [self.events_table, self.state_table] {
            self.client.delete_table().table_name(table).send().await.expect("DynamoDB removes a table");
        }
    }
}
