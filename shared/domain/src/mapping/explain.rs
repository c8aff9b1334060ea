//! What is behind each mapped field: the operation, the provider's field and its raw value, and the events that set it.
//!
//! It follows the same inputs as the mapping itself, so an explanation always belongs to the value that readers see.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{map_input, own_fields};
use crate::aggregate::{Aggregate, FieldReading};
use crate::definition::{EntitySchema, Field, Operation, OperationInput, SystemField};
use crate::path::Path;
use crate::position::Position;
use crate::provider_adapter::ProviderAdapter;

/// What is behind the value of one field. All but its name are `None` for a field that the definition does not take from
/// the record's provider.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldExplanation {
    pub field: Arc<str>,
    /// The operation's name.
    pub operation: Option<&'static str>,
    /// The provider's field whose value counts.
    pub provider_field: Option<Arc<str>>,
    /// Its value before the operation; `None` if it is unknown or was never set. A struct is an object.
    pub raw: Option<Value>,
    /// The event that set that value; `None` for the record's id, which no event sets.
    pub set_by: Option<Position>,
    /// The newest event of those that decide the value: the one that set it, or one that emptied an earlier choice.
    pub decided_by: Option<Position>,
}

/// One explanation for each field that readers see, in the order of the schema.
pub fn explain(aggregate: &Aggregate, schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Vec<FieldExplanation> {
    match schema {
        EntitySchema::Defined(definition) => {
            let provider = aggregate.provider();
            let of = |field: &Field| match field.sources.get(&provider) {
                Some(operation) => of_operation(aggregate, field, operation, adapter),
                None => FieldExplanation::unset(&field.name),
            };
            definition.fields.iter().map(of).collect()
        }
        EntitySchema::Open(_) => of_open(aggregate, adapter),
    }
}

fn of_operation(
    aggregate: &Aggregate,
    field: &Field,
    operation: &Operation,
    adapter: &dyn ProviderAdapter,
) -> FieldExplanation {
    let inputs = operation.inputs();
    let is_chosen =
        |input: &OperationInput| !map_input(aggregate, input, field.field_type, operation, adapter).is_empty();
    let chosen = inputs.iter().position(is_chosen);
    let considered = &inputs[..chosen.map_or(inputs.len(), |chosen| chosen + 1)];
    let all = || considered.iter().map(|input| (origin(aggregate, input), input));
    let newest = all().max_by_key(|(origin, _)| *origin);
    let counts = chosen.map(|chosen| &inputs[chosen]).or(newest.map(|(_, input)| input));
    FieldExplanation {
        field: Arc::clone(&field.name),
        operation: Some(operation.name()),
        provider_field: counts.and_then(|input| provider_field(input, adapter)),
        raw: counts.and_then(|input| raw(aggregate, input)),
        set_by: counts.and_then(|input| origin(aggregate, input)),
        decided_by: newest.and_then(|(origin, _)| origin),
    }
}

fn of_open(aggregate: &Aggregate, adapter: &dyn ProviderAdapter) -> Vec<FieldExplanation> {
    let copy = |name: &str, input: &OperationInput| FieldExplanation {
        field: name.into(),
        operation: Some("copy"),
        provider_field: provider_field(input, adapter),
        raw: raw(aggregate, input),
        set_by: origin(aggregate, input),
        decided_by: origin(aggregate, input),
    };
    let system = [
        copy(SystemField::Id.name(), &OperationInput::ExternalId),
        copy(SystemField::IsDeleted.name(), &OperationInput::IsDeleted),
    ];
    let own = own_fields(aggregate).map(|(name, _)| copy(&name, &OperationInput::Path(Path::new(&*name))));
    system.into_iter().chain(own).collect()
}

impl FieldExplanation {
    fn unset(field: &Arc<str>) -> Self {
        let field = Arc::clone(field);
        Self { field, operation: None, provider_field: None, raw: None, set_by: None, decided_by: None }
    }
}

fn origin(aggregate: &Aggregate, input: &OperationInput) -> Option<Position> {
    match input {
        OperationInput::ExternalId => None,
        OperationInput::IsDeleted => aggregate.lifecycle_at().map(|(position, _)| position),
        OperationInput::Path(path) => aggregate.origin(path),
    }
}

fn provider_field(input: &OperationInput, adapter: &dyn ProviderAdapter) -> Option<Arc<str>> {
    match input {
        OperationInput::ExternalId => Some(adapter.id_field().into()),
        OperationInput::IsDeleted => adapter.deleted_field().map(Arc::from),
        OperationInput::Path(path) => Some(path.as_str().into()),
    }
}

fn raw(aggregate: &Aggregate, input: &OperationInput) -> Option<Value> {
    let path = match input {
        OperationInput::ExternalId => return Some(Value::String(aggregate.external_id().as_str().to_owned())),
        OperationInput::IsDeleted => return Some(Value::Bool(aggregate.is_deleted())),
        OperationInput::Path(path) => path,
    };
    match aggregate.read(path) {
        FieldReading::Absent | FieldReading::Unknown => None,
        FieldReading::Known(value) => Some(value.into_owned()),
        FieldReading::Struct { known, .. } => {
            let leaves = known.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
            Some(Value::Object(leaves.collect::<Map<_, _>>()))
        }
    }
}
