//! Leases and their checkpoints: one row a piece of work.

use annals_application::ports::{Lease, LeaseStore, PortError};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::SqliteStateStore;
use crate::database::Failure;

#[async_trait]
impl LeaseStore for SqliteStateStore {
    async fn acquire(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError> {
        let work = work.to_owned();
        let sql = "INSERT INTO lease (work, token, until) VALUES (?1, ?2, ?4) ON CONFLICT (work) \
             DO UPDATE SET token = excluded.token, until = excluded.until \
             WHERE lease.token IS NULL OR lease.token = ?2 OR lease.until <= ?3";
        let acquire = move |transaction: &Transaction<'_>| {
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.execute(params![work, token.as_bytes(), now.millis(), until.millis()])?;
            if rows == 0 {
                return Ok(None);
            }
            let checkpoint = checkpoint(transaction, &work)?;
            Ok(Some(Lease { work, token, checkpoint }))
        };
        self.database.write("lease", acquire).await
    }

    async fn renew(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError> {
        let (work, checkpoint) = (work.to_owned(), checkpoint.map(str::to_owned));
        let sql = "UPDATE lease SET until = ?3, checkpoint = coalesce(?4, checkpoint) WHERE work = ?1 AND token = ?2";
        let renew = move |transaction: &Transaction<'_>| {
            let mut statement = transaction.prepare_cached(sql)?;
            Ok(statement.execute(params![work, token.as_bytes(), until.millis(), checkpoint])? == 1)
        };
        self.database.write("lease", renew).await
    }

    async fn release(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        self.of_holder("UPDATE lease SET token = NULL WHERE work = ? AND token = ?", work, token).await
    }

    async fn finish(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        self.of_holder("DELETE FROM lease WHERE work = ? AND token = ?", work, token).await
    }

    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError> {
        let work = work.to_owned();
        self.database.read("lease", move |transaction| checkpoint(transaction, &work)).await
    }
}

impl SqliteStateStore {
    /// Runs a statement on the lease that a token holds; `false` if it holds none.
    async fn of_holder(&self, sql: &'static str, work: &str, token: Uuid) -> Result<bool, PortError> {
        let work = work.to_owned();
        let run = move |transaction: &Transaction<'_>| {
            Ok(transaction.prepare_cached(sql)?.execute(params![work, token.as_bytes()])? == 1)
        };
        self.database.write("lease", run).await
    }
}

fn checkpoint(transaction: &Transaction<'_>, work: &str) -> Result<Option<String>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT checkpoint FROM lease WHERE work = ?")?;
    Ok(statement.query_row([work], |row| row.get(0)).optional()?.flatten())
}
