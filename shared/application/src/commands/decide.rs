//! One change against the head of its stream: a new event, a duplicate, or refused.
//!
//! Promises that the head decides warnings and duplicates only, never what a change says.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::event::DomainEvent;
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{IncomingChange, ProviderAdapter};
use annals_domain::services::sequence;
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation::{ValidationInput, validate};
use annals_domain::validation_issue::ValidationIssue;
use uuid::Uuid;

use super::CommandMetadata;
use crate::ports::StoredEvent;

/// A change on its way into the store.
#[derive(Debug)]
pub(super) struct Pending {
    /// Which command it came with, by its index in the call.
    pub(super) command: usize,
    /// Where its answer belongs, in the order of the call's records.
    pub(super) slot: usize,
    pub(super) key: EntityKey,
    pub(super) incoming: Arc<IncomingChange>,
    /// Set once an append of it may have been written without an answer.
    pub(super) may_be_stored: bool,
}

/// What a new event is made with.
pub(super) struct Circumstances<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) adapter: &'a dyn ProviderAdapter,
    pub(super) now: Timestamp,
    pub(super) command_id: Uuid,
    pub(super) metadata: &'a CommandMetadata,
    /// Whether an image of the same timestamp is stored.
    pub(super) meets_image: bool,
}

/// The key of a change's stream.
pub(super) fn key_of(incoming: &IncomingChange, adapter: &dyn ProviderAdapter) -> EntityKey {
    let metadata = &incoming.metadata;
    let object = &incoming.entity_name;
    let aggregate_id = AggregateId::of(metadata.provider, adapter.account(), object, &metadata.external_id);
    EntityKey { entity_name: object.clone(), aggregate_id }
}

/// The event to append behind `head`, or why the change is refused.
pub(super) fn event_behind(
    head: Option<&StreamHead>,
    pending: &Pending,
    with: &Circumstances<'_>,
) -> Result<StoredEvent, Vec<ValidationIssue>> {
    let incoming = &*pending.incoming;
    let schema = with.catalog.schema(incoming.metadata.provider, &incoming.entity_name);
    let input = ValidationInput { incoming, head, schema: &schema, adapter: with.adapter, now: with.now };
    let report = validate(&input);
    if !report.is_accepted() {
        return Err(report.errors);
    }
    let version = head.map_or(Version::FIRST, |head| head.version.next());
    let recorded_at = StreamHead::next_recorded_at(head, with.now);
    let event_type = sequence::event_type_of(head, incoming);
    let mut metadata = incoming.metadata.clone();
    metadata.causation_id = Some(with.command_id.to_string());
    metadata.correlation_id = metadata.correlation_id.or_else(|| with.metadata.correlation_id.clone());
    metadata.meets_image = with.meets_image && !incoming.change.is_image();
    let event = DomainEvent {
        aggregate_id: pending.key.aggregate_id,
        entity_name: incoming.entity_name.clone(),
        event_type,
        version,
        position: incoming.change.position,
        recorded_at,
        data: Arc::clone(&incoming.data),
        metadata,
        warnings: report.warnings,
    };
    let head = StreamHead::after(head, event_type, &incoming.change, version, recorded_at);
    Ok(StoredEvent { event: Arc::new(event), head })
}
