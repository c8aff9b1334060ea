//! Mapping a state whose entity was known before its newest changes.
//!
//! Promises what mapping the whole state gives: a field is made of what shows at its leaves, and that
//! depends on writes at, above and below them alone. Of the fields that no change wrote near, the
//! known results are taken.

use std::iter::Peekable;
use std::slice::Iter;
use std::sync::Arc;

use super::{Mapped, field_of, keep, map, system};
use crate::aggregate::Aggregate;
use crate::change::Change;
use crate::definition::{EntitySchema, Field, Leaf, Operation};
use crate::entity::{Entity, FieldValue, MappingWarning};
use crate::path::Path;
use crate::provider_adapter::ProviderAdapter;

/// From how many writes on the whole is mapped: looking for each at each field's leaves would take longer.
const MOST_WRITES: usize = 16;

/// Maps a record's state behind `changes`. `before` is the entity of the state that they were folded
/// into, of the same schema; `None` where there is none at hand.
pub fn map_again<'a>(
    before: Option<&Entity>,
    changes: impl IntoIterator<Item = &'a Change>,
    aggregate: &Aggregate,
    schema: &EntitySchema,
    adapter: &dyn ProviderAdapter,
) -> Entity {
    let (Some(before), EntitySchema::Defined(definition)) = (before, schema) else {
        return map(aggregate, schema, adapter);
    };
    let writes = changes.into_iter().flat_map(|change| &change.writes).map(|write| &write.path);
    let written: Vec<&Path> = writes.take(MOST_WRITES).collect();
    if written.len() == MOST_WRITES {
        return map(aggregate, schema, adapter);
    }
    let mut entity = system(aggregate, schema);
    entity.fields.reserve(definition.fields.len());
    let mut known = Known::of(before);
    for field in &definition.fields {
        let Some(operation) = field.sources.get(&aggregate.provider()) else { continue };
        let earlier = known.next(field);
        let mapped = if depends_on(operation, &written) {
            field_of(aggregate, field, operation, adapter)
        } else {
            earlier.map_or(Mapped::Absent, Earlier::again)
        };
        keep(&mut entity, field, mapped);
    }
    entity
}

/// Whether what shows at the leaves may have changed.
fn depends_on(operation: &Operation, written: &[&Path]) -> bool {
    operation.leaves().iter().any(|leaf| match leaf {
        Leaf::ExternalId => false,
        // The newest word on the record's life is no write.
        Leaf::IsDeleted => true,
        Leaf::At(path) => written.iter().any(|written| path.is_in_line_with(written)),
    })
}

/// The results of an earlier mapping, each list in the definition's order.
struct Known<'a> {
    fields: Peekable<Iter<'a, (Arc<str>, FieldValue)>>,
    unknown: Peekable<Iter<'a, Arc<str>>>,
    warnings: Peekable<Iter<'a, MappingWarning>>,
}

/// One of them.
enum Earlier<'a> {
    Value(&'a FieldValue),
    Unknown,
    Unconvertible(&'a str),
}

impl<'a> Known<'a> {
    fn of(entity: &'a Entity) -> Self {
        Self {
            fields: entity.fields.iter().peekable(),
            unknown: entity.unknown.iter().peekable(),
            warnings: entity.warnings.iter().peekable(),
        }
    }

    /// The next field's, asked for in the definition's order.
    fn next(&mut self, Field { name, .. }: &Field) -> Option<Earlier<'a>> {
        if let Some((_, value)) = self.fields.next_if(|(other, _)| other == name) {
            return Some(Earlier::Value(value));
        }
        if self.unknown.next_if(|other| *other == name).is_some() {
            return Some(Earlier::Unknown);
        }
        self.warnings.next_if(|warning| warning.field == *name).map(|warning| Earlier::Unconvertible(&warning.message))
    }
}

impl Earlier<'_> {
    fn again(self) -> Mapped {
        match self {
            Self::Value(value) => Mapped::Value(value.clone()),
            Self::Unknown => Mapped::Unknown,
            Self::Unconvertible(message) => Mapped::Unconvertible(message.to_owned()),
        }
    }
}
