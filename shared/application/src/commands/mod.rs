//! Commands: what is asked of Annals, and how each is answered.
//!
//! Promises that every input handed in ends as a stored event, a recognised duplicate, a backfill
//! job that keeps its input, or a quarantined input with its reason; or the call fails as a whole
//! and may be made again, what was stored then answering as duplicate.

mod append;
mod deadline;
mod decide;
mod event_read;
mod handler;
mod intake;
mod quarantine;

use std::sync::Arc;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::provider_adapter::RecordImage;
use uuid::Uuid;

pub use self::event_read::{EventRead, Outcome};
pub(crate) use self::handler::lock;
pub use self::handler::{
    AppendListener, CommandError, CommandHandler, HandlerSettings, OutcomeObserver, RecentChanges, TakeError, Taken,
};
pub use self::quarantine::{CHUNK_BYTES, Quarantine, QuarantineError, Quarantining};

/// Who asks, and what the command belongs together with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandMetadata {
    /// The caller, where it is known.
    pub user: Option<String>,
    /// What the command belongs together with; events that bring their own keep it.
    pub correlation_id: Option<String>,
    /// Until when the call may go on trying and wait for a store; `None`: as long as the handler's
    /// settings allow.
    pub deadline: Option<tokio::time::Instant>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Take in one change event, in any form of its provider.
    ProcessCrmEvent {
        /// Whose.
        provider: Provider,
        /// The input as it came.
        raw_event: Arc<str>,
    },
    /// Take in a record that backfill found and nothing was known of.
    CreateEntity(FoundRecord),
    /// Take in a record that backfill found.
    UpdateEntity(FoundRecord),
    /// Take in a record that backfill found deleted, or gone.
    DeleteEntity(FoundRecord),
}

/// A record as backfill found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecord {
    /// Whose.
    pub provider: Provider,
    /// The object.
    pub entity_name: EntityName,
    /// The record, canonical.
    pub external_id: ExternalId,
    /// What was found.
    pub image: RecordImage,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its id: the causation id of what it stores.
    pub id: Uuid,
    /// What is to be done.
    pub action: Action,
    /// Who asks.
    pub metadata: CommandMetadata,
}
