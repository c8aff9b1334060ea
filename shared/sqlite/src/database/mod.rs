//! The database file: one connection for writes, a few for reads.
//!
//! A write is one transaction, and is on the disk when the call returns. A read sees one state of the file. Work runs
//! on blocking threads, and completes even if the caller is cancelled.

mod failure;
mod open;
mod schema;

use std::path::Path;
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};

use annals_application::ports::{PortError, PortErrorKind};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Mutex, Semaphore};

pub(crate) use self::failure::Failure;
pub use self::open::OpenError;

/// The number of concurrent reads.
const READERS: usize = 4;

/// An open database file. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    connections: Arc<Connections>,
}

struct Connections {
    path: Box<Path>,
    writer: Arc<Mutex<Connection>>,
    permits: Arc<Semaphore>,
    idle_readers: BlockingMutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, and creates it if it is missing. Blocks.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = open::writer(path)?;
        let connections = Connections {
            path: path.into(),
            writer: Arc::new(Mutex::new(writer)),
            permits: Arc::new(Semaphore::new(READERS)),
            idle_readers: BlockingMutex::new(Vec::new()),
        };
        Ok(Self { connections: Arc::new(connections) })
    }

    pub fn path(&self) -> &Path {
        &self.connections.path
    }

    /// Runs `work` in a write transaction. After an error the file is unchanged.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let written = self.with_writer(resource, move |connection| in_transaction(connection, work));
        written.await?.map_err(|failure: Failure| failure.at(resource))
    }

    /// The same for data that is derived from the events: it does not wait for the disk. After a power failure the file
    /// is consistent and in the state of an earlier write, and projection continues from there.
    pub(crate) async fn write_derived<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let written = self.with_writer(resource, move |connection| {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let value = in_transaction(connection, work);
            connection.pragma_update(None, "synchronous", "FULL")?;
            value
        });
        written.await?.map_err(|failure: Failure| failure.at(resource))
    }

    /// Runs `work` with exclusive use of the write connection.
    pub(crate) async fn with_writer<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, PortError> {
        // Waiting for the lock blocks no thread, and the lock is fair.
        let mut connection = Arc::clone(&self.connections.writer).lock_owned().await;
        tokio::task::spawn_blocking(move || work(&mut connection)).await.map_err(|error| unfinished(resource, error))
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let permit = Arc::clone(&self.connections.permits).acquire_owned().await;
        let permit = permit.map_err(|error| unfinished(resource, error))?;
        let connections = Arc::clone(&self.connections);
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut connection = connections.reader()?;
            let transaction = connection.transaction()?;
            let value = work(&transaction)?;
            transaction.finish()?;
            // After an error the connection is closed instead.
            connections.idle().push(connection);
            Ok(value)
        });
        read.await.map_err(|error| unfinished(resource, error))?.map_err(|failure: Failure| failure.at(resource))
    }
}

impl Connections {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| open::reader(&self.path), Ok)
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let transaction = begin_write(connection)?;
    let value = work(&transaction)?;
    transaction.commit().map_err(Failure::Commit)?;
    Ok(value)
}

/// Begins a transaction that has the write lock from the start, so that it cannot fail to get it later.
pub(crate) fn begin_write(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn unfinished(resource: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new(PortErrorKind::OutcomeUnknown, resource, "the call did not finish").caused_by(cause)
}
