//! How the command ends. Scripts can rely on the exit codes: 0 success, 1 something was quarantined or failed,
//! 2 wrong usage.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use annals_application::commands::{CommandError, QuarantineError};
use annals_application::log_chain;
use annals_application::ports::{PortError, PortErrorKind};
use annals_application::projection::CatchUpError;
use annals_application::queries::QueryError;
use annals_sqlite::process::ProcessError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    /// Something was quarantined or failed.
    Problems,
    /// The arguments or paths are wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Problems => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// Ends the process immediately, for the second Ctrl-C.
pub(crate) fn immediately() -> ! {
    std::process::exit(1)
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The arguments or paths are wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Problems, message: message.into(), hint: None }
    }

    /// With the message of the error and of its causes.
    pub(crate) fn because(error: &dyn Error) -> Self {
        Self::new(log_chain(error))
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Prints it to stderr and returns the exit code. A closed stderr is ignored: nobody reads it.
    pub(crate) fn print(&self) -> Exit {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", self.message);
        if let Some(hint) = &self.hint {
            let _ = writeln!(stderr, "hint: {hint}");
        }
        self.exit
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let failure = Self::because(&error);
        match error {
            QueryError::UnknownType(_) | QueryError::InvalidParameters(_) => failure.with(Exit::Usage),
            QueryError::AwaitingBase { aggregate_type, id } => {
                failure.hint(format!("`annals history {aggregate_type} {id}` shows the events stored so far"))
            }
            QueryError::NotFound { .. }
            | QueryError::NotAtMoment { .. }
            | QueryError::TooLarge { .. }
            | QueryError::Unreadable(_) => failure,
            QueryError::Port(error) => error.into(),
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let failure = Self::because(&error);
        match error.kind {
            PortErrorKind::Unavailable | PortErrorKind::OutcomeUnknown => {
                failure.hint("run the same command again later")
            }
            PortErrorKind::Misconfigured | PortErrorKind::Corrupt | PortErrorKind::Rejected => failure,
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::because(&error)
    }
}

impl From<CatchUpError> for Failure {
    fn from(error: CatchUpError) -> Self {
        Self::because(&error).hint("stored events are not lost: the next start continues from there")
    }
}

impl From<QuarantineError> for Failure {
    fn from(error: QuarantineError) -> Self {
        let failure = Self::because(&error);
        match error {
            QuarantineError::NotFound(_) => failure.hint("`annals quarantine list --state all` lists them all"),
            QuarantineError::Port(_) | QuarantineError::Command(_) => failure,
        }
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let failure = Self::because(&error);
        if error.is_usage() { failure.with(Exit::Usage) } else { failure }
    }
}
