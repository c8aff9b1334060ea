//! Business rules of a change's own values: its status, its parent.
//!
//! Promises to look at the change alone, mapped by the definition, so that no state is read for it.

use crate::aggregate::Aggregate;
use crate::definition::{EntityDefinition, Shape};
use crate::dialect::{Dialect, IncomingChange};
use crate::entity::{Entity, FieldValue};
use crate::identity::{AggregateId, EntityKey};
use crate::mapping;
use crate::position::Version;
use crate::validation::Finding;

/// What is odd about the values that `incoming` carries.
pub fn findings(incoming: &IncomingChange, shape: &Shape, dialect: &dyn Dialect) -> Vec<Finding> {
    let Shape::Defined(definition) = shape else { return Vec::new() };
    if definition.statuses.is_empty() && definition.parent_field.is_none() {
        return Vec::new();
    }
    let alone = mapped_alone(incoming, shape, dialect);
    let findings = [status(definition, &alone), parent(definition, &alone)];
    findings.into_iter().flatten().collect()
}

fn status(definition: &EntityDefinition, entity: &Entity) -> Option<Finding> {
    let field = definition.status_field.as_deref()?;
    let status = text(entity, field)?;
    if definition.statuses.is_empty() || definition.statuses.iter().any(|known| known == status) {
        return None;
    }
    let known = definition.statuses.join(", ");
    Some(Finding::new(field, format!("`{status}` is not one of the expected: {known}")))
}

fn parent(definition: &EntityDefinition, entity: &Entity) -> Option<Finding> {
    let field = definition.parent_field.as_deref()?;
    let parent = text(entity, field)?;
    (parent == entity.external_id.as_str()).then(|| Finding::new(field, "the record is its own parent"))
}

fn text<'a>(entity: &'a Entity, field: &str) -> Option<&'a str> {
    match entity.field(field)? {
        FieldValue::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn mapped_alone(incoming: &IncomingChange, shape: &Shape, dialect: &dyn Dialect) -> Entity {
    let metadata = &incoming.metadata;
    let id = AggregateId::of(metadata.provider, dialect.account(), &incoming.entity_name, &metadata.external_id);
    let key = EntityKey { entity_name: incoming.entity_name.clone(), aggregate_id: id };
    let mut alone = Aggregate::new(key, metadata.provider, metadata.external_id.clone());
    alone.apply(Version::FIRST, &incoming.change);
    mapping::map(&alone, shape, dialect)
}
