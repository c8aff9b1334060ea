//! Adapters for one process on one machine: all stores in a single SQLite file, a local publisher,
//! the system's clock.
//!
//! Promises that every process that opens the same file sees one store: appends of several
//! processes stay dense and lose nothing, and the search index can be rebuilt under them. Does not
//! promise to be reached over a network, nor that the file may lie on a network's file system.

mod columns;
mod database;
mod event_store;
pub mod process;
mod projection_jobs;
mod publisher;
mod read_model;
mod state_store;

pub use self::database::{Database, OpenError};
pub use self::event_store::{ChangedStreams, SqliteEventStore};
pub use self::projection_jobs::TracedJobs;
pub use self::publisher::LocalPublisher;
pub use self::read_model::{Finish, OpenReadModelError, OutdatedReadModel, Rebuild, SqliteReadModel};
pub use self::state_store::SqliteStateStore;
