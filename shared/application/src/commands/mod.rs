//! Commands: what Annals is asked to do with change events and records of a CRM.
//!
//! Every input ends as a stored event, a recognised duplicate, a backfill job that keeps its input, or a quarantined
//! input with its reason; or the call fails as a whole and may be repeated: what was stored is then a duplicate.
//!
//! A call is a line: `reader` (input to changes), `append` (changes to outcomes), `responder` (outcomes to responses).

mod accounts;
mod append;
mod caches;
mod deadline;
mod decide;
mod error;
mod event_read;
mod handler;
mod known_stream;
mod pending_change;
mod portion;
mod quarantine;
mod reader;
mod responder;
mod waits;

use std::sync::Arc;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::provider_adapter::RecordImage;
use uuid::Uuid;

pub use self::caches::RecentChanges;
pub(crate) use self::caches::lock;
pub use self::error::{CommandError, IngestError};
pub use self::event_read::{EventRead, Outcome};
pub use self::handler::{AppendListener, CommandHandler, HandlerSettings, IngestResult, OutcomeObserver, Projected};
pub use self::quarantine::{CHUNK_BYTES, Quarantine, QuarantineError, QuarantineWriter};
pub(crate) use self::reader::adapter_of;

/// Who sends a command, and what it belongs together with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandMetadata {
    pub user: Option<String>,
    /// The correlation id of the events it stores; events that bring their own keep that.
    pub correlation_id: Option<String>,
    /// Until when the call may retry and wait for a store; `None`: as long as the handler's settings allow.
    pub deadline: Option<tokio::time::Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ingest one change event, in any form of its provider.
    ProcessCrmEvent { provider: Provider, raw_event: Arc<str> },
    /// Store a record that backfill found and nothing was known of.
    CreateEntity(FoundRecord),
    /// Store a record that backfill found.
    UpdateEntity(FoundRecord),
    /// Store that backfill found a record deleted, or no longer there.
    DeleteEntity(FoundRecord),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecord {
    pub provider: Provider,
    pub entity_name: EntityName,
    pub external_id: ExternalId,
    pub image: RecordImage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The causation id of what it stores.
    pub id: Uuid,
    pub action: Action,
    pub metadata: CommandMetadata,
}
