//! Opening the file: what is ours is brought to this release's schema, all else is refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use annals_domain::search_text::fold;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{begin_write, schema};

/// How long a call waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many statements a connection keeps prepared.
const PREPARED: usize = 128;

/// Page caches, in KiB. The writer's holds the upper pages of all indexes it inserts into.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Why a file cannot be used as the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its folder is missing.
    #[error("`{0}` cannot be made: its folder does not exist")]
    NoFolder(PathBuf),
    /// It is a folder.
    #[error("`{0}` is a folder, not a database file")]
    IsFolder(PathBuf),
    /// The file or its folder cannot be written.
    #[error("`{0}` cannot be written: the file or its folder is read-only")]
    ReadOnly(PathBuf),
    /// It is something else than a database, or a damaged one.
    #[error("`{path}` is not a database, or is damaged")]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// SQLite's word.
        #[source]
        source: rusqlite::Error,
    },
    /// It is a database, but not one of ours.
    #[error("`{0}` is another program's database")]
    OtherProgram(PathBuf),
    /// A newer release has been at it.
    #[error("`{path}` is of a newer release (schema {found}; this release knows up to {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// Anything else.
    #[error("`{path}` cannot be opened")]
    Failed {
        /// The file.
        path: PathBuf,
        /// SQLite's word.
        #[source]
        source: rusqlite::Error,
    },
}

/// The connection for writes; makes or migrates what is there.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(OpenError::IsFolder(path.to_owned()));
    }
    if !folder.is_dir() {
        return Err(OpenError::NoFolder(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| refuse(path, error))?;
    set_up_writer(&mut connection, path)?;
    Ok(connection)
}

fn set_up_writer(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| refuse(path, error);
    prepare(connection, WRITER_CACHE_KIB).map_err(failed)?;
    // Looked at before anything is written, so that a file that is not ours stays as it is.
    check_owner(connection, path)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    use_write_ahead_log(connection).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // Larger than by default: an ingest in bulk writes the same index pages again and again.
    connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(failed)?;
    let transaction = begin_write(connection).map_err(failed)?;
    // Again under the lock: another process may have made the file meanwhile.
    let version = check_owner(&transaction, path)?;
    schema::migrate(&transaction, version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// A connection for reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection, READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn prepare(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("fold", 1, flags, |context| Ok(context.get_raw(0).as_str_or_null()?.map(fold)))
}

/// The file's schema version, 0 for a new file; an error where the file is not ours to write.
fn check_owner(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let look = || -> rusqlite::Result<(i64, i64, bool)> {
        let is_empty = connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, is_empty))
    };
    let (application, version, is_empty) = look().map_err(|error| refuse(path, error))?;
    if application != schema::APPLICATION_ID {
        let is_new = application == 0 && is_empty;
        return if is_new { Ok(0) } else { Err(OpenError::OtherProgram(path.to_owned())) };
    }
    if version > schema::VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    Ok(version)
}

/// Turns the write-ahead log on. Where two processes do so at once SQLite does not wait by itself.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut left = BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && left > PAUSE => {
                left -= PAUSE;
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

fn refuse(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::NotADatabase { path, source },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => OpenError::ReadOnly(path),
        _ => OpenError::Failed { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_only_be_read_is_refused_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("annals.db");
        drop(writer(&path).unwrap());
        // As the system would open it for a user without the right to write.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).unwrap();
        let refused = set_up_writer(&mut connection, &path).unwrap_err();
        assert!(matches!(refused, OpenError::ReadOnly(_)), "{refused:?}");
    }

    #[test]
    fn a_write_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let connection = writer(&folder.path().join("annals.db")).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("synchronous").unwrap(), 2.into());
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
    }
}
