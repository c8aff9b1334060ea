//! The write-ahead log: a file beside the database.

use std::path::{Path, PathBuf};

/// What is copied into the database beyond this size of the log, in bytes. A bulk ingest writes the same index pages
/// again and again, so that a larger log means less writing.
pub(super) const COPY_AT: u32 = 16 * 1024 * 1024;

/// The path of the log of a database.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The size of a log in bytes; 0 if there is none.
pub(super) fn size(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |log| log.len())
}
