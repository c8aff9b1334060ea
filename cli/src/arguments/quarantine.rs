//! The words of `annals quarantine`.

use annals_application::ports::QuarantineState;
use clap::{Subcommand, ValueEnum};

use super::{Page, Publish};

/// `quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List refused inputs, newest first
    List {
        /// Which ones
        #[arg(long, value_enum, default_value_t = WhichState::Open)]
        state: WhichState,
        #[command(flatten)]
        page: Page,
        /// The page as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a refused input
    Show {
        /// Its id, or the first characters of it
        id: String,
        /// Only the input, byte for byte
        #[arg(long, conflicts_with = "json")]
        body: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a refused input again
    Redrive {
        /// Its id, or the first characters of it
        id: String,
        /// One JSON line a record
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        publish: Publish,
    },
    /// Decide against a refused input; it stays to be looked at
    Dismiss {
        /// Its id, or the first characters of it
        id: String,
        /// The entry as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which quarantined inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichState {
    /// Those that wait for someone
    Open,
    /// Those that were run again and taken
    Redriven,
    /// Those decided against
    Dismissed,
    /// All
    All,
}

impl WhichState {
    /// The one state, unless all are wanted.
    pub(crate) fn state(self) -> Option<QuarantineState> {
        match self {
            Self::Open => Some(QuarantineState::Open),
            Self::Redriven => Some(QuarantineState::Redriven),
            Self::Dismissed => Some(QuarantineState::Dismissed),
            Self::All => None,
        }
    }
}
