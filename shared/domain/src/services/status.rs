//! Business rules about the values of one change: its status and its parent.
//!
//! Only the change itself is mapped, so no stored state is read.

use crate::aggregate::Aggregate;
use crate::definition::{EntityDefinition, EntitySchema};
use crate::identity::{AggregateId, EntityKey};
use crate::mapping;
use crate::position::Version;
use crate::provider_adapter::{IncomingChange, ProviderAdapter};
use crate::validation_issue::ValidationIssue;

/// The warnings about the values of `incoming`.
pub fn issues(incoming: &IncomingChange, schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Vec<ValidationIssue> {
    let EntitySchema::Defined(definition) = schema else { return Vec::new() };
    let status = definition.status_field.as_deref().filter(|_| !definition.statuses.is_empty());
    let parent = definition.parent_field.as_deref();
    if status.is_none() && parent.is_none() {
        return Vec::new();
    }
    let alone = folded_alone(incoming, adapter);
    let text = |name: &str| mapping::text_of(&alone, definition.field(name)?, adapter);
    let issues = [
        status.and_then(|field| unexpected_status(definition, field, &text(field)?)),
        parent.and_then(|field| own_parent(&alone, field, &text(field)?)),
    ];
    issues.into_iter().flatten().collect()
}

fn unexpected_status(definition: &EntityDefinition, field: &str, status: &str) -> Option<ValidationIssue> {
    if definition.statuses.iter().any(|known| known == status) {
        return None;
    }
    let known = definition.statuses.join(", ");
    Some(ValidationIssue::new(field, format!("unexpected status `{status}`: expected one of {known}")))
}

fn own_parent(alone: &Aggregate, field: &str, parent: &str) -> Option<ValidationIssue> {
    (parent == alone.external_id().as_str()).then(|| ValidationIssue::new(field, "the record is its own parent"))
}

fn folded_alone(incoming: &IncomingChange, adapter: &dyn ProviderAdapter) -> Aggregate {
    let metadata = &incoming.metadata;
    let id = AggregateId::of(metadata.provider, adapter.account(), &incoming.entity_name, &metadata.external_id);
    let key = EntityKey { entity_name: incoming.entity_name.clone(), aggregate_id: id };
    let mut alone = Aggregate::new(key, metadata.provider, metadata.external_id.clone());
    alone.apply(Version::FIRST, &incoming.change);
    alone
}
