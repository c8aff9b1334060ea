//! The event that a change becomes after the head of its stream.
//!
//! The head decides warnings and duplicates only, never what a change says.

use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::event::DomainEvent;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::services::sequence;
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation::{ValidationInput, validate};
use annals_domain::validation_issue::ValidationIssue;

use super::pending_change::PendingChange;
use crate::ports::StoredEvent;

/// What a new event is made with besides the change and the head.
pub(super) struct EventContext<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) adapter: &'a dyn ProviderAdapter,
    pub(super) now: Timestamp,
    /// Whether an image of the same timestamp is stored.
    pub(super) meets_image: bool,
}

/// The event to append after `head`, or why the change is rejected.
pub(super) fn next_event(
    head: Option<&StreamHead>,
    pending: &PendingChange,
    context: &EventContext<'_>,
) -> Result<StoredEvent, Vec<ValidationIssue>> {
    let incoming = &*pending.incoming;
    let schema = context.catalog.schema(incoming.metadata.provider, &incoming.entity_name);
    let input = ValidationInput { incoming, head, schema: &schema, adapter: context.adapter, now: context.now };
    let report = validate(&input);
    if !report.is_accepted() {
        return Err(report.errors);
    }
    let version = head.map_or(Version::FIRST, |head| head.version.next());
    let recorded_at = StreamHead::next_recorded_at(head, context.now);
    let event_type = sequence::event_type_of(head, incoming);
    let mut metadata = incoming.metadata.clone();
    metadata.causation_id = Some(pending.context.command_id.to_string());
    metadata.correlation_id = pending.correlation_id().cloned();
    metadata.meets_image = context.meets_image && !incoming.change.is_image();
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
