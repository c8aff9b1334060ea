//! The file: one writer, a few readers, and the way calls get to them.
//!
//! Promises that a write is one transaction, on the disk when it is answered, and that a read sees
//! one state of the file. Work runs on threads that may block; a caller that stops waiting does not
//! stop it half way.

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

/// How many reads run at once.
const READERS: usize = 4;

/// An open database file. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    path: Box<Path>,
    writer: Arc<Mutex<Connection>>,
    permits: Arc<Semaphore>,
    idle_readers: BlockingMutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, and makes it where there is none. Blocks.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = open::writer(path)?;
        let shared = Shared {
            path: path.into(),
            writer: Arc::new(Mutex::new(writer)),
            permits: Arc::new(Semaphore::new(READERS)),
            idle_readers: BlockingMutex::new(Vec::new()),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs `work` in a write transaction and commits it, or leaves no trace of it.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let written = self.with_writer(resource, move |connection| in_transaction(connection, work));
        written.await?.map_err(|failure: Failure| failure.at(resource))
    }

    /// The same, for what follows from the events and can be made again: the disk is not waited for.
    /// After a power cut the file stands as of an earlier write, whole, and is caught up from there.
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

    /// Runs `work` with the writer connection, which no other call has meanwhile.
    pub(crate) async fn with_writer<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, PortError> {
        // Waiting for the turn takes no thread, and turns come in the order of the calls.
        let mut connection = Arc::clone(&self.shared.writer).lock_owned().await;
        tokio::task::spawn_blocking(move || work(&mut connection)).await.map_err(|error| unfinished(resource, error))
    }

    /// Runs `work` in a read transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let permit = Arc::clone(&self.shared.permits).acquire_owned().await;
        let permit = permit.map_err(|error| unfinished(resource, error))?;
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut connection = shared.reader()?;
            let transaction = connection.transaction()?;
            let value = work(&transaction)?;
            transaction.finish()?;
            // After an error the connection is not worth keeping.
            shared.idle().push(connection);
            Ok(value)
        });
        read.await.map_err(|error| unfinished(resource, error))?.map_err(|failure: Failure| failure.at(resource))
    }
}

impl Shared {
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

/// Begins a transaction that holds the write lock from the start, so that it cannot fail on it later.
pub(crate) fn begin_write(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn unfinished(resource: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new(PortErrorKind::OutcomeUnknown, resource, "the call did not finish").caused_by(cause)
}
