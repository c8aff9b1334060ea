//! A damaged stream must not hold up the others: what is known to be damaged is kept apart from other errors.

use crate::commands::CommandError;
use crate::ports::{PortError, PortErrorKind};

/// The damage as a value; any other error as it is.
pub(super) fn apart<T>(read: Result<T, PortError>) -> Result<Result<T, PortError>, PortError> {
    match read {
        Err(error) if error.kind != PortErrorKind::Corrupt => Err(error),
        read => Ok(read),
    }
}

/// The same for a command.
pub(super) fn apart_from_command<T>(handled: Result<T, CommandError>) -> Result<Result<T, PortError>, CommandError> {
    match handled {
        Err(CommandError::Port(error)) => Ok(apart(Err(error))?),
        handled => Ok(Ok(handled?)),
    }
}
