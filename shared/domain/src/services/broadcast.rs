//! The broadcast rule: which changes other systems are told of.
//!
//! Promises a decision with its reason, which is recorded with the projection job.

use serde::{Deserialize, Serialize};

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

/// Whether a change is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum BroadcastDecision {
    /// It is.
    Announced,
    /// It is not: the entity has a quiet status.
    Quiet {
        /// Which.
        status: String,
    },
}

/// Decides on the change that led from `before` (`None`: the entity did not show) to `after`.
pub fn decide(schema: &EntitySchema, before: Option<&Entity>, after: &Entity) -> BroadcastDecision {
    match quiet_status(schema, after) {
        None => BroadcastDecision::Announced,
        Some(_) if announces_leaving(schema) && before.is_some_and(|b| quiet_status(schema, b).is_none()) => {
            BroadcastDecision::Announced
        }
        Some(status) => BroadcastDecision::Quiet { status: status.to_owned() },
    }
}

fn announces_leaving(schema: &EntitySchema) -> bool {
    schema.definition().is_some_and(|definition| definition.broadcast.announce_leaving)
}

fn quiet_status<'a>(schema: &EntitySchema, entity: &'a Entity) -> Option<&'a str> {
    let definition = schema.definition()?;
    let FieldValue::Text(status) = entity.field(definition.status_field.as_deref()?)? else { return None };
    definition.broadcast.quiet_statuses.contains(&status.to_lowercase()).then_some(&**status)
}
