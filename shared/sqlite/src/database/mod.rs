//! The database file: one connection for writes, and groups of connections for reads.
//!
//! A write is one transaction, and is on the disk when the call returns; it completes even if the caller is cancelled.
//! A read sees one state of the file; it ends by its time limit and with its caller. Both run on threads that may block.

mod checkpointer;
mod failure;
mod gate;
mod open;
mod readers;
mod schema;
mod stop_signal;
#[cfg(test)]
mod tests;
mod turns;
mod write_ahead_log;

use std::path::Path;
use std::sync::Arc;

use annals_application::ports::{PortError, PortErrorKind};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Mutex;

use self::checkpointer::Checkpointer;
pub(crate) use self::failure::Failure;
use self::gate::Gate;
pub use self::open::OpenError;
use self::open::ReaderSource;
pub use self::readers::ReaderSettings;
use self::readers::Readers;

/// An open database file. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    readers: Arc<Readers>,
    gate: Arc<Gate>,
    /// `None` if the file cannot be written.
    writer: Option<Arc<Writer>>,
}

struct Writer {
    // Dropped first: its thread uses the lock of the connection.
    checkpointer: Checkpointer,
    connection: Arc<Mutex<Connection>>,
}

impl Database {
    /// Opens the file, and creates it if it is missing. Blocks.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, gate) = (Arc::new(Mutex::new(open::writer(path)?)), Arc::new(Gate::default()));
        let checkpointer = Checkpointer::start(path, Arc::clone(&gate), Arc::clone(&connection));
        let checkpointer = checkpointer.map_err(|source| OpenError::Failed { path: path.to_owned(), source })?;
        let writer = Some(Arc::new(Writer { checkpointer, connection }));
        Ok(Self { readers: readers(ReaderSettings::default(), ReaderSource::shared(path), &gate), gate, writer })
    }

    /// Opens a file on a medium that cannot be written. Every write fails then. Blocks.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let (source, gate) = (ReaderSource::read_only(path)?, Arc::new(Gate::default()));
        Ok(Self { readers: readers(ReaderSettings::default(), source, &gate), gate, writer: None })
    }

    /// The same file, with readers of its own: nobody waits for them but those who read by them.
    #[must_use]
    pub fn with_readers(&self, settings: ReaderSettings) -> Self {
        let readers = readers(settings, self.readers.source().clone(), &self.gate);
        Self { readers, gate: Arc::clone(&self.gate), writer: self.writer.clone() }
    }

    pub fn is_read_only(&self) -> bool {
        self.writer.is_none()
    }

    pub fn path(&self) -> &Path {
        self.readers.source().path()
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
        let Some(writer) = self.writer.clone() else {
            return Err(PortError::new(PortErrorKind::Misconfigured, resource, "the database is read-only"));
        };
        // Waiting for the lock blocks no thread, and the lock is fair.
        let mut connection = Arc::clone(&writer.connection).lock_owned().await;
        let written = tokio::task::spawn_blocking(move || {
            let value = work(&mut connection);
            drop(connection);
            writer.checkpointer.written();
            value
        });
        written.await.map_err(|error| unfinished(resource, error))
    }

    /// Runs `work` in a read transaction. It may run again from its start, so it must not depend on an earlier run.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        resource: &'static str,
        work: impl Fn(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.readers.read(resource, work).await
    }
}

fn readers(settings: ReaderSettings, source: ReaderSource, gate: &Arc<Gate>) -> Arc<Readers> {
    Arc::new(Readers::new(settings, source, Arc::clone(gate)))
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
