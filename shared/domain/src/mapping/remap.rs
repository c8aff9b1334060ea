//! Maps a state again after a few changes, from the entity before them.
//!
//! The result equals mapping the whole state. A field depends only on writes at, above and below the paths it reads; for
//! a field that no change touched, the earlier result is copied.

use std::iter::Peekable;
use std::slice::Iter;
use std::sync::Arc;

use super::{MappingResult, add_result, field_of, map, system};
use crate::aggregate::Aggregate;
use crate::change::Change;
use crate::definition::{EntitySchema, Field, Operation, OperationInput};
use crate::entity::{Entity, FieldValue, MappingWarning};
use crate::path::Path;
use crate::provider_adapter::ProviderAdapter;

/// From this many writes on, the whole state is mapped: comparing each write with each field would take longer.
const MOST_WRITES: usize = 16;

/// Maps the state after `changes`. `before` is the entity of the state before them, by the same schema; `None` if it
/// is not available.
pub fn remap<'a>(
    before: Option<&Entity>,
    changes: impl IntoIterator<Item = &'a Change>,
    aggregate: &Aggregate,
    schema: &EntitySchema,
    adapter: &dyn ProviderAdapter,
) -> Entity {
    let (Some(before), EntitySchema::Defined(definition)) = (before, schema) else {
        return map(aggregate, schema, adapter);
    };
    let writes = changes.into_iter().flat_map(Change::all_writes).map(|write| &write.path);
    let written: Vec<&Path> = writes.take(MOST_WRITES).collect();
    if written.len() == MOST_WRITES {
        return map(aggregate, schema, adapter);
    }
    let mut entity = system(aggregate, schema);
    entity.fields.reserve(definition.fields.len());
    let mut previous_results = PreviousResults::of(before);
    for field in &definition.fields {
        let Some(operation) = field.sources.get(&aggregate.provider()) else { continue };
        let previous = previous_results.next(field);
        let mapped = if depends_on(operation, &written) {
            field_of(aggregate, field, operation, adapter)
        } else {
            previous.map_or(MappingResult::Absent, PreviousResult::into_result)
        };
        add_result(&mut entity, field, mapped);
    }
    entity
}

/// Whether one of the writes may change the result of the operation.
fn depends_on(operation: &Operation, written: &[&Path]) -> bool {
    operation.inputs().iter().any(|input| match input {
        OperationInput::ExternalId => false,
        // A change of the lifecycle is not a write.
        OperationInput::IsDeleted => true,
        OperationInput::Path(path) => written.iter().any(|written| path.overlaps(written)),
    })
}

/// The results of an earlier mapping, each list in the order of the definition.
struct PreviousResults<'a> {
    fields: Peekable<Iter<'a, (Arc<str>, FieldValue)>>,
    unknown: Peekable<Iter<'a, Arc<str>>>,
    warnings: Peekable<Iter<'a, MappingWarning>>,
}

enum PreviousResult<'a> {
    Value(&'a FieldValue),
    Unknown,
    Unconvertible(&'a str),
}

impl<'a> PreviousResults<'a> {
    fn of(entity: &'a Entity) -> Self {
        Self {
            fields: entity.fields.iter().peekable(),
            unknown: entity.unknown.iter().peekable(),
            warnings: entity.warnings.iter().peekable(),
        }
    }

    /// The result for the next field. Must be called in the order of the definition.
    fn next(&mut self, Field { name, .. }: &Field) -> Option<PreviousResult<'a>> {
        if let Some((_, value)) = self.fields.next_if(|(other, _)| other == name) {
            return Some(PreviousResult::Value(value));
        }
        if self.unknown.next_if(|other| *other == name).is_some() {
            return Some(PreviousResult::Unknown);
        }
        self.warnings
            .next_if(|warning| warning.field == *name)
            .map(|warning| PreviousResult::Unconvertible(&warning.message))
    }
}

impl PreviousResult<'_> {
    fn into_result(self) -> MappingResult {
        match self {
            Self::Value(value) => MappingResult::Value(value.clone()),
            Self::Unknown => MappingResult::Unknown,
            Self::Unconvertible(message) => MappingResult::Unconvertible(message.to_owned()),
        }
    }
}
