//! One entity on its way into a file.

use annals_domain::identity::AggregateId;
use futures::stream::BoxStream;
use serde_json::value::RawValue;

use crate::exit::Failure;

/// An entity, or why it could not be read. The others are exported in any case.
#[derive(Debug)]
pub(crate) enum ExportedEntity {
    Entity(EntityRow),
    Unreadable { key: String, reason: String },
}

/// An entity's JSON.
#[derive(Debug)]
pub(crate) struct EntityRow {
    pub(crate) aggregate_id: AggregateId,
    pub(crate) json: Box<RawValue>,
}

/// Entities as they are read.
pub(crate) struct EntitySource {
    pub(crate) entities: BoxStream<'static, Result<ExportedEntity, Failure>>,
    /// How many there are at most, if it is known.
    pub(crate) total: Option<u64>,
    /// Whether they come in the order of their aggregate ids.
    pub(crate) is_ordered: bool,
}
