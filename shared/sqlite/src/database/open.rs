//! Opening the file: a file of Annals is migrated to this release's schema; any other file is refused and unchanged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::folded_text;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

use super::{begin_write, schema, write_ahead_log};

/// The longest wait for the write of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait for readers of another process, while the write-ahead log is emptied.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(100);

/// The size at which a write copies the log into the file itself, in pages: only if the checkpointer cannot.
const AUTO_CHECKPOINT_PAGES: u32 = 16_000;

/// The number of prepared statements that a connection caches.
const STATEMENT_CACHE: usize = 128;

/// Page caches, in KiB. That of the writer has room for the upper pages of all indexes it inserts into.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;

/// An error that makes a file unusable as the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("`{0}` cannot be created: its folder does not exist")]
    NoFolder(PathBuf),
    #[error("`{0}` is a folder, not a database file")]
    IsFolder(PathBuf),
    #[error("`{0}` cannot be written: the file or its folder is read-only")]
    ReadOnly(PathBuf),
    #[error("`{path}` is not a database, or is damaged")]
    NotADatabase {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("`{0}` is another program's database")]
    OtherProgram(PathBuf),
    #[error("`{path}` was written by a newer release (schema {found}; this release knows schema {known})")]
    Newer {
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest schema version of this release.
        known: i64,
    },
    #[error(
        "`{path}` is read-only and has the schema {found} of an earlier release: it can be read once a command of this release has opened it to write (schema {known})"
    )]
    NeedsUpgrade {
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest schema version of this release.
        known: i64,
    },
    #[error("`{path}` cannot be opened")]
    Failed {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

/// The connection for writes. Creates or migrates the file.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(OpenError::IsFolder(path.to_owned()));
    }
    if !folder.is_dir() {
        return Err(OpenError::NoFolder(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| open_error(path, error))?;
    set_up_writer(&mut connection, path)?;
    Ok(connection)
}

fn set_up_writer(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| open_error(path, error);
    prepare(connection, WRITER_CACHE_KIB).map_err(failed)?;
    // Before anything is written, so that the file of another program is not changed.
    check_owner(connection, path)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    use_write_ahead_log(connection).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "wal_autocheckpoint", AUTO_CHECKPOINT_PAGES).map_err(failed)?;
    // Once the log begins again from its start, its file is cut to this size.
    connection.pragma_update(None, "journal_size_limit", write_ahead_log::COPY_AT).map_err(failed)?;
    let transaction = begin_write(connection).map_err(failed)?;
    // Again under the lock: another process may have created the file in the meantime.
    let version = check_owner(&transaction, path)?;
    schema::migrate(&transaction, version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Where the connections of readers lead.
#[derive(Debug, Clone)]
pub(super) struct ReaderSource {
    path: Arc<Path>,
    access: ReadAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadAccess {
    /// Others may write the file.
    Shared,
    /// This process may not write the file nor beside it.
    ReadOnly,
    /// The same, and nobody writes: SQLite then needs no files beside it.
    Unchanging,
}

impl ReaderSource {
    /// Readers of a file that this process writes too.
    pub(super) fn shared(path: &Path) -> Self {
        Self { path: path.into(), access: ReadAccess::Shared }
    }

    /// Readers of a file that cannot be written. It must have the schema of this release.
    pub(super) fn read_only(path: &Path) -> Result<Self, OpenError> {
        if path.is_dir() {
            return Err(OpenError::IsFolder(path.to_owned()));
        }
        let source = |access| Self { path: path.into(), access };
        let has_log = write_ahead_log::size(&write_ahead_log::path_of(path)) > 0;
        let (found, source) = match source(ReadAccess::ReadOnly).version() {
            // Without a log the file alone is the whole database.
            Err(OpenError::ReadOnly(_)) if !has_log => {
                let source = source(ReadAccess::Unchanging);
                (source.version()?, source)
            }
            found => (found?, source(ReadAccess::ReadOnly)),
        };
        if found < schema::VERSION {
            return Err(OpenError::NeedsUpgrade { path: path.to_owned(), found, known: schema::VERSION });
        }
        Ok(source)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn open(&self) -> rusqlite::Result<Connection> {
        let no_mutex = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self.access {
            ReadAccess::Shared => {
                Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE | no_mutex)?
            }
            ReadAccess::ReadOnly => {
                Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY | no_mutex)?
            }
            ReadAccess::Unchanging => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | no_mutex;
                Connection::open_with_flags(unchanging_uri(&self.path), flags)?
            }
        };
        prepare(&connection, READER_CACHE_KIB)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn version(&self) -> Result<i64, OpenError> {
        let connection = self.open().map_err(|error| open_error(&self.path, error))?;
        check_owner(&connection, &self.path)
    }
}

/// The URI by which SQLite opens a file that nobody writes.
fn unchanging_uri(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

/// The connection that copies the write-ahead log into the file.
pub(super) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
    connection.pragma_update(None, "journal_size_limit", write_ahead_log::COPY_AT)?;
    Ok(connection)
}

fn prepare(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("folded", 1, flags, |context| {
        Ok(context.get_raw(0).as_str_or_null()?.map(folded_text))
    })?;
    connection.create_scalar_function("uuid_text", 1, flags, |context| {
        let bytes = context.get_raw(0).as_blob()?;
        Ok(Uuid::from_slice(bytes).map(|uuid| uuid.to_string()).unwrap_or_default())
    })
}

/// The schema version of the file, 0 for a new one. An error if the file belongs to another program or release.
fn check_owner(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<(i64, i64, bool)> {
        let is_empty = connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, is_empty))
    };
    let (application, version, is_empty) = read().map_err(|error| open_error(path, error))?;
    if application != schema::APPLICATION_ID {
        let is_new = application == 0 && is_empty;
        return if is_new { Ok(0) } else { Err(OpenError::OtherProgram(path.to_owned())) };
    }
    if version > schema::VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    Ok(version)
}

/// Turns the write-ahead log on. Retries, because SQLite does not wait for another process that does the same.
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

fn open_error(path: &Path, source: rusqlite::Error) -> OpenError {
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
    fn a_read_only_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("annals.db");
        drop(writer(&path).unwrap());
        // As the operating system opens it for a user who may not write.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).unwrap();
        let refused = set_up_writer(&mut connection, &path).unwrap_err();
        assert!(matches!(refused, OpenError::ReadOnly(_)), "{refused:?}");
    }

    #[test]
    fn a_file_that_nobody_writes_is_read_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a?b#c%d.db");
        drop(writer(&path).unwrap());
        let source = ReaderSource { path: path.as_path().into(), access: ReadAccess::Unchanging };
        assert_eq!(source.version().unwrap(), schema::VERSION);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "something was written beside it");
    }

    #[test]
    fn a_write_is_synced_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let connection = writer(&folder.path().join("annals.db")).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("synchronous").unwrap(), 2.into());
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
    }
}
