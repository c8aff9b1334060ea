//! State in SQLite: one file of this module implements one port.

mod accounts;
mod jobs;
mod leases;
mod notes;
mod objects;
mod parked;
mod quarantine;
mod refetch;
mod snapshots;

use rusqlite::Transaction;

use crate::columns::{number, unsigned};
use crate::database::{Database, Failure};

/// The state tables of a database file, as the ports that keep changeable state.
#[derive(Clone)]
pub struct SqliteStateStore {
    database: Database,
}

impl SqliteStateStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// The count that a statement with one parameter, the most to count, finds.
fn counted(transaction: &Transaction<'_>, sql: &str, at_most: usize) -> Result<usize, Failure> {
    transaction.prepare_cached(sql)?.query_row([number(at_most)], |row| Ok(unsigned(row, 0)))?
}
