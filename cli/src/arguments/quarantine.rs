//! The arguments of `annals quarantine`.

use annals_application::ports::QuarantineState;
use clap::{Subcommand, ValueEnum};

use super::{Page, Publish};

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List quarantined inputs, newest first
    List {
        /// The state of the inputs to list
        #[arg(long, value_enum, default_value_t = StateFilter::Open)]
        state: StateFilter,
        #[command(flatten)]
        page: Page,
        /// Print the page as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a quarantined input and why it was refused
    Show {
        /// The id, or at least its first 4 characters
        id: String,
        /// Print only the input, byte for byte
        #[arg(long, conflicts_with = "json")]
        body: bool,
        /// Print the entry as JSON
        #[arg(long)]
        json: bool,
    },
    /// Ingest a quarantined input again
    Redrive {
        /// The id, or at least its first 4 characters
        id: String,
        /// Print a JSON line for each record
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        publish: Publish,
    },
    /// Dismiss a quarantined input; it stays stored
    Dismiss {
        /// The id, or at least its first 4 characters
        id: String,
        /// Print the entry as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateFilter {
    /// Waiting for a decision
    Open,
    /// Ingested again with success
    Redriven,
    /// Dismissed
    Dismissed,
    /// In any state
    All,
}

impl StateFilter {
    /// `None` for any state.
    pub(crate) fn state(self) -> Option<QuarantineState> {
        match self {
            Self::Open => Some(QuarantineState::Open),
            Self::Redriven => Some(QuarantineState::Redriven),
            Self::Dismissed => Some(QuarantineState::Dismissed),
            Self::All => None,
        }
    }
}
