//! Who reads by which connections, so that nobody waits for another's reads.

use std::time::Duration;

use crate::{Database, ReaderSettings};

/// The number of concurrent reads of single entities and of pages of histories.
const QUERIES: usize = 4;
/// Of lists and counts: a few that take long leave room for the others.
const SEARCHES: usize = 8;
/// Each read of a health check is short, or something is wrong.
const HEALTH: ReaderSettings = ReaderSettings { connections: 1, time_limit: Duration::from_secs(1), gives_way: false };

/// The same file for each use. All write by one connection.
pub(super) struct Connections {
    pub(super) ingest: Database,
    pub(super) projection: Database,
    pub(super) queries: Database,
    pub(super) searches: Database,
    pub(super) health: Database,
}

impl Connections {
    /// A query has `query_time`.
    pub(super) fn of(database: Database, query_time: Duration) -> Self {
        let queries = |connections| {
            database.with_readers(ReaderSettings { connections, time_limit: query_time, gives_way: true })
        };
        Self {
            projection: database.with_readers(ReaderSettings::default()),
            queries: queries(QUERIES),
            searches: queries(SEARCHES),
            health: database.with_readers(HEALTH),
            ingest: database,
        }
    }
}
