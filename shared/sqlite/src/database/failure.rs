//! The errors of a transaction, and what the caller can do about each.

use std::error::Error;

use annals_application::ports::{PortError, PortErrorKind};
use rusqlite::ErrorCode;

#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(rusqlite::Error),
    /// The commit failed, and may have happened nevertheless.
    Commit(rusqlite::Error),
    /// A stored row cannot be decoded.
    Unreadable(Box<dyn Error + Send + Sync>),
    Stated(PortErrorKind, String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// A stored row cannot be decoded: for `map_err`.
    pub(crate) fn unreadable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable(error.into())
    }

    /// The call can never succeed.
    pub(crate) fn rejected(message: impl Into<String>) -> Self {
        Self::Stated(PortErrorKind::Rejected, message.into())
    }

    /// The kind says what the caller can do.
    pub(crate) fn kind(&self) -> PortErrorKind {
        match self {
            Self::Sqlite(error) => kind_of(error),
            Self::Commit(error) => match kind_of(error) {
                PortErrorKind::Unavailable => PortErrorKind::OutcomeUnknown,
                kind => kind,
            },
            Self::Unreadable(_) => PortErrorKind::Corrupt,
            Self::Stated(kind, _) => *kind,
        }
    }

    pub(crate) fn at(self, resource: &'static str) -> PortError {
        let kind = self.kind();
        match self {
            Self::Sqlite(error) | Self::Commit(error) => {
                PortError::new(kind, resource, message_of(kind)).caused_by(error)
            }
            Self::Unreadable(error) => PortError::new(kind, resource, "a stored row cannot be read").caused_by(error),
            Self::Stated(_, message) => PortError::new(kind, resource, message),
        }
    }
}

fn kind_of(error: &rusqlite::Error) -> PortErrorKind {
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => PortErrorKind::Corrupt,
            _ => PortErrorKind::Rejected,
        };
    };
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged => PortErrorKind::Unavailable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => PortErrorKind::Corrupt,
        ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied => PortErrorKind::Misconfigured,
        _ => PortErrorKind::Rejected,
    }
}

fn message_of(kind: PortErrorKind) -> &'static str {
    match kind {
        PortErrorKind::Unavailable => "the database is busy, or its disk is full or failing",
        PortErrorKind::OutcomeUnknown => "the commit failed: it may have happened nevertheless",
        PortErrorKind::Misconfigured => "the database cannot be written",
        PortErrorKind::Corrupt => "the database is damaged",
        PortErrorKind::Rejected => "the database rejected the statement",
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[track_caller]
    fn check(code: i32, kind: PortErrorKind) {
        let error = || rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(Failure::from(error()).at("events").kind, kind, "code {code}");
    }

    #[test]
    fn each_sqlite_code_has_a_kind() {
        use PortErrorKind::{Corrupt, Misconfigured, Rejected, Unavailable};
        for (code, kind) in [
            (ffi::SQLITE_BUSY, Unavailable),
            (ffi::SQLITE_LOCKED, Unavailable),
            (ffi::SQLITE_IOERR, Unavailable),
            (ffi::SQLITE_FULL, Unavailable),
            (ffi::SQLITE_CORRUPT, Corrupt),
            (ffi::SQLITE_NOTADB, Corrupt),
            (ffi::SQLITE_READONLY, Misconfigured),
            (ffi::SQLITE_CANTOPEN, Misconfigured),
            (ffi::SQLITE_PERM, Misconfigured),
            (ffi::SQLITE_CONSTRAINT, Rejected),
            (ffi::SQLITE_TOOBIG, Rejected),
        ] {
            check(code, kind);
        }
    }

    #[test]
    fn the_outcome_of_a_failed_commit_is_unknown() {
        let full = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        assert_eq!(Failure::Commit(full).kind(), PortErrorKind::OutcomeUnknown);
    }
}
