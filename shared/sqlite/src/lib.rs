//! Adapters for processes on one machine: all stores in a single SQLite file, and a local publisher.
//!
//! Several processes may open the same file: versions stay dense, no append is lost, and the read model can be rebuilt
//! while they run. The file must not be on a network file system.

mod columns;
mod database;
mod event_store;
pub mod process;
mod projection_jobs;
mod publisher;
mod read_model;
mod state_store;

pub use self::database::{Database, OpenError, ReaderSettings};
pub use self::event_store::{ChangedStreams, SqliteEventStore};
pub use self::projection_jobs::TracedJobs;
pub use self::publisher::LocalPublisher;
pub use self::read_model::{OpenReadModelError, OutdatedReadModel, SqliteReadModel, SqliteRebuild, SwapOutcome};
pub use self::state_store::SqliteStateStore;
