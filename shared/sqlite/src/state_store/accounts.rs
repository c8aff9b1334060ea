//! The CRM accounts whose events are stored.

use annals_application::ports::{AccountRegistry, PortError};
use annals_domain::identity::{Provider, ProviderAccount};
use async_trait::async_trait;
use rusqlite::Row;

use super::SqliteStateStore;
use crate::columns::{provider, text};
use crate::database::Failure;

#[async_trait]
impl AccountRegistry for SqliteStateStore {
    async fn add_account(&self, provider: Provider, account: &ProviderAccount) -> Result<(), PortError> {
        let values = [provider.as_str().to_owned(), account.as_str().to_owned()];
        let add = move |transaction: &rusqlite::Transaction<'_>| {
            let sql = "INSERT OR IGNORE INTO account (provider, account) VALUES (?, ?)";
            Ok(transaction.prepare_cached(sql)?.execute(values).map(drop)?)
        };
        self.database.write("account", add).await
    }

    async fn accounts(&self) -> Result<Vec<(Provider, ProviderAccount)>, PortError> {
        let read = |transaction: &rusqlite::Transaction<'_>| {
            let account =
                |row: &Row<'_>| -> Result<_, Failure> { Ok((provider(row, 0)?, ProviderAccount::new(text(row, 1)?))) };
            let sql = "SELECT provider, account FROM account ORDER BY provider, account";
            transaction.prepare_cached(sql)?.query_and_then([], account)?.collect()
        };
        self.database.read("account", read).await
    }
}
