//! Keeps the write-ahead log small, on a thread of its own, so that no write waits for it.
//!
//! SQLite begins the log again from its start only once all of it is in the file and no read needs it. While reads
//! follow each other without a pause, that moment never comes by itself, and the log grows without bound. So beyond
//! a size the reads of users are held up for a moment, and beyond another one they begin again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Mutex;

use super::gate::Gate;
use super::open;
use super::write_ahead_log::{COPY_AT, path_of, size};

/// Beyond this size, new reads of users wait until the log is empty.
const EMPTY_AT: u64 = 24 * 1024 * 1024;
/// Beyond this size, running reads of users begin again.
const RESTART_READS_AT: u64 = 48 * 1024 * 1024;

/// How long to wait for running reads, and for those that were told to begin again.
const READS_TIME: Duration = Duration::from_millis(50);
const RESTART_TIME: Duration = Duration::from_millis(200);
/// The pause after each round.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Checkpointer {
    log: PathBuf,
    /// `None` once it is dropped.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread. It uses the write connection's lock, but not the connection.
    pub(super) fn start(path: &Path, gate: Arc<Gate>, writer: Arc<Mutex<Connection>>) -> rusqlite::Result<Self> {
        let rounds = Rounds { connection: open::checkpointer(path)?, log: path_of(path), gate, writer };
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::spawn(move || rounds.run(&woken));
        Ok(Self { log: path_of(path), wake: Some(wake), thread: Some(thread) })
    }

    /// Is called after each write.
    pub(super) fn written(&self) {
        if size(&self.log) > u64::from(COPY_AT)
            && let Some(wake) = &self.wake
        {
            // If it is awake already, it looks at the size again.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Rounds {
    connection: Connection,
    log: PathBuf,
    gate: Arc<Gate>,
    writer: Arc<Mutex<Connection>>,
}

impl Rounds {
    fn run(&self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            if let Err(error) = self.round() {
                tracing::warn!(%error, "the write-ahead log was not copied into the database; trying again");
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn round(&self) -> rusqlite::Result<()> {
        // Waits for nobody, and nobody waits for it.
        self.checkpoint("PASSIVE")?;
        let size = size(&self.log);
        if size > EMPTY_AT { self.empty(size) } else { Ok(()) }
    }

    fn empty(&self, size: u64) -> rusqlite::Result<()> {
        let gate = self.gate.close();
        let mut is_idle = gate.wait_until_idle(READS_TIME);
        if !is_idle && size > RESTART_READS_AT {
            gate.restart_reads();
            is_idle = gate.wait_until_idle(RESTART_TIME);
        }
        if !is_idle {
            return Ok(());
        }
        // What was written meanwhile, so that writes wait for little.
        self.checkpoint("PASSIVE")?;
        let _no_write = self.writer.blocking_lock();
        self.checkpoint("TRUNCATE")
    }

    /// A checkpoint that another process prevents is no error: the next round makes it.
    fn checkpoint(&self, mode: &str) -> rusqlite::Result<()> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
    }
}
