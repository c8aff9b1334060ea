//! How the command ends: exit codes and the one line that says why.
//!
//! Promises that every exit code comes from here: 0 all well, 1 something was quarantined or
//! failed, 2 wrong use.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use annals_application::commands::{CommandError, QuarantineError};
use annals_application::log_chain;
use annals_application::ports::{PortError, PortErrorKind};
use annals_application::projection::CatchUpError;
use annals_application::queries::QueryError;
use annals_sqlite::process::ProcessError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well.
    Well,
    /// Something was quarantined or failed.
    Problems,
    /// Wrong use: the words or paths given do not fit.
    WrongUse,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Well => Self::SUCCESS,
            Exit::Problems => Self::from(1),
            Exit::WrongUse => Self::from(2),
        }
    }
}

/// Ends the process at once, as the second Ctrl-C asks for.
pub(crate) fn at_once() -> ! {
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
    /// The user's words or paths do not fit.
    pub(crate) fn wrong_use(message: impl Into<String>) -> Self {
        Self { exit: Exit::WrongUse, message: message.into(), hint: None }
    }

    /// Something failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Problems, message: message.into(), hint: None }
    }

    /// Something failed, because of `error` and its causes.
    pub(crate) fn because(error: &dyn Error) -> Self {
        Self::new(log_chain(error))
    }

    /// With what may help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn is(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The one line that says why.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells on stderr, and gives the exit code. Where stderr is closed nobody is there to be told.
    pub(crate) fn tell(&self) -> Exit {
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
            QueryError::UnknownType(_) | QueryError::InvalidParameters(_) => failure.is(Exit::WrongUse),
            QueryError::AwaitingBase { aggregate_type, id } => {
                failure.hint(format!("`annals history {aggregate_type} {id}` shows what is known of it"))
            }
            QueryError::NotFound { .. } | QueryError::Unreadable(_) => failure,
            QueryError::Port(error) => error.into(),
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let failure = Self::because(&error);
        match error.kind {
            PortErrorKind::Unavailable | PortErrorKind::OutcomeUnknown => {
                failure.hint("the same command may succeed later")
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
        Self::because(&error).hint("what is stored is not lost: the next start goes on from there")
    }
}

impl From<QuarantineError> for Failure {
    fn from(error: QuarantineError) -> Self {
        let failure = Self::because(&error);
        match error {
            QuarantineError::NotFound(_) => failure.hint("`annals quarantine list --state all` names all there are"),
            QuarantineError::Port(_) | QuarantineError::Command(_) => failure,
        }
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let failure = Self::because(&error);
        if error.is_usage() { failure.is(Exit::WrongUse) } else { failure }
    }
}
