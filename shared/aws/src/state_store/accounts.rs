//! The CRM accounts whose events are stored: one item each, in one partition.

use annals_application::ports::{AccountRegistry, PortError};
use annals_domain::identity::{Provider, ProviderAccount};
use async_trait::async_trait;

use super::DynamoStateStore;
use super::items::{Item, ItemKey};

const ACCOUNTS: &str = "account";

#[async_trait]
impl AccountRegistry for DynamoStateStore {
    async fn add_account(&self, provider: Provider, account: &ProviderAccount) -> Result<(), PortError> {
        let key = ItemKey::new(ACCOUNTS, format!("{}#{account}", provider.as_str()));
        let item = Item::of(&key, &(provider, account)).map_err(|error| self.table.rejected(error))?;
        self.table.put(item).await
    }

    async fn accounts(&self) -> Result<Vec<(Provider, ProviderAccount)>, PortError> {
        let items = self.table.found(self.table.query(ACCOUNTS)).await?;
        items.iter().map(|item| self.table.read(item)).collect()
    }
}
