//! The broadcast rule: which changes are published to other systems. The decision is stored with its reason.

use serde::{Deserialize, Serialize};

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum BroadcastDecision {
    #[serde(rename = "announced")]
    Publish,
    Quiet {
        status: String,
    },
}

/// Decides about the change from `before` (`None` if the entity was not visible) to `after`.
pub fn decide(schema: &EntitySchema, before: Option<&Entity>, after: &Entity) -> BroadcastDecision {
    let was_deleted = before.is_some_and(|before| before.is_deleted);
    match quiet_status(schema, after) {
        None => BroadcastDecision::Publish,
        // A consumer must not keep a record that is gone, whatever its status was.
        Some(_) if was_deleted != after.is_deleted => BroadcastDecision::Publish,
        Some(_) if publishes_leaving(schema) && before.is_some_and(|b| quiet_status(schema, b).is_none()) => {
            BroadcastDecision::Publish
        }
        Some(status) => BroadcastDecision::Quiet { status: status.to_owned() },
    }
}

fn publishes_leaving(schema: &EntitySchema) -> bool {
    schema.definition().is_some_and(|definition| definition.broadcast.publishes_leaving)
}

fn quiet_status<'a>(schema: &EntitySchema, entity: &'a Entity) -> Option<&'a str> {
    let definition = schema.definition()?;
    let FieldValue::Text(status) = entity.field(definition.status_field.as_deref()?)? else { return None };
    definition.broadcast.quiet_statuses.contains(&status.to_lowercase()).then_some(&**status)
}
