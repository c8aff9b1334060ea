//! The schemas of entities: one for each definition, and one for objects without any.

use std::sync::Arc;

use annals_application::ports::QueryField;
use annals_domain::definition::{EntityDefinition, EntitySchema, Field, Operation, OperationInput, SystemField};
use serde_json::{Map, Value, json};

use super::schema::{
    array, boolean, described, names, nullable, object, object_with, page_of, reference, text, timestamp, uuid,
    value_of, version,
};
use super::{filter_schema, fixed_schemas};

/// A type of entities in the document.
#[derive(Clone)]
pub(super) enum EntityType {
    /// The name is that of its schema.
    Defined { definition: Arc<EntityDefinition>, name: String },
    /// Any type that a path names: its schema is not known.
    Any,
}

impl EntityType {
    pub(super) fn defined(definition: &Arc<EntityDefinition>) -> Self {
        let name = name_of(definition.aggregate_type.as_str());
        Self::Defined { definition: Arc::clone(definition), name }
    }

    /// The name of the schema of one entity: `Client`.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Defined { name, .. } => name,
            Self::Any => fixed_schemas::ENTITY,
        }
    }

    /// The same for several: `Clients`.
    pub(super) fn plural(&self) -> String {
        match self {
            Self::Defined { definition, .. } => pascal_case(&definition.plural),
            Self::Any => "Entities".to_owned(),
        }
    }

    pub(super) fn definition(&self) -> Option<&Arc<EntityDefinition>> {
        match self {
            Self::Defined { definition, .. } => Some(definition),
            Self::Any => None,
        }
    }

    /// The name of the schema of a filter.
    pub(super) fn filter_name(&self) -> String {
        format!("{}Filter", self.name())
    }

    /// The fields that a query may name; none if they are not known.
    pub(super) fn query_fields(&self) -> Vec<QueryField> {
        let schema = self.definition().map(|definition| EntitySchema::Defined(Arc::clone(definition)));
        schema.map(|schema| QueryField::all(&schema)).unwrap_or_default()
    }

    /// The schemas of the type, by name: an entity, the fields of it that a list selects, a page, and a filter.
    pub(super) fn schemas(&self) -> [(String, Value); 4] {
        let name = self.name();
        let selection = format!("{name}Selection");
        let mut selected = self.entity();
        if let Some(selected) = selected.as_object_mut() {
            selected.remove("required");
            selected.insert("description".to_owned(), "All fields, or those that `fields` names.".into());
        }
        let page = page_of(reference(&selection));
        let filter = filter_schema::of(&self.query_fields());
        [
            (name.to_owned(), self.entity()),
            (selection, selected),
            (format!("{name}Page"), page),
            (self.filter_name(), filter),
        ]
    }

    fn entity(&self) -> Value {
        let explain = described(
            json!({"type": "object", "additionalProperties": reference("Provenance")}),
            "What is behind each value; with `explain=true`.",
        );
        let own = self.definition().map(|definition| properties(definition)).unwrap_or_default();
        let own = own.iter().map(|(name, schema)| (name.as_str(), schema.clone()));
        // A definition need not state these two.
        let open = [(SystemField::Id.name(), text()), (SystemField::IsDeleted.name(), boolean())];
        let open = open.into_iter().filter(|_| self.definition().is_none());
        let mut entity = object_with(own.chain(system_properties(self)), open.chain([("explain", explain)]));
        if self.definition().is_none() {
            entity["additionalProperties"] = true.into();
        }
        entity["description"] = match self {
            Self::Defined { definition, .. } => {
                format!("A {}. A value that is not known is null.", definition.aggregate_type).into()
            }
            Self::Any => "An entity of any type: with the fields of its definition, or those of its CRM.".into(),
        };
        entity
    }
}

/// The mapped fields of a definition, in its order.
pub(super) fn properties(definition: &EntityDefinition) -> Map<String, Value> {
    definition.fields.iter().map(|field| (field.name.to_string(), field_schema(definition, field))).collect()
}

/// Whether every provider's records state a field, so that it is never null.
pub(super) fn is_always_known(definition: &EntityDefinition, field: &Field) -> bool {
    definition.objects.keys().all(|provider| {
        let source = field.sources.get(provider);
        source.is_some_and(|operation| match operation {
            Operation::Copy(input) | Operation::Bool(input) => !matches!(input, OperationInput::Path(_)),
            _ => false,
        })
    })
}

/// A field: null if it is not known.
pub(super) fn field_schema(definition: &EntityDefinition, field: &Field) -> Value {
    let schema = value_of(field.field_type);
    let mut schema = if is_always_known(definition, field) { schema } else { nullable(schema) };
    if definition.status_field.as_ref() == Some(&field.name) && !definition.statuses.is_empty() {
        schema["examples"] = json!(definition.statuses);
    }
    schema
}

/// The fields that every entity has and that no definition states.
fn system_properties(entity_type: &EntityType) -> Vec<(&'static str, Value)> {
    let issues = array(reference("ValidationIssue"));
    let stale = object([("reason", text()), ("since", timestamp())]);
    let schema = |field: SystemField| match field {
        SystemField::AggregateId => described(uuid(), "The id in Annals."),
        SystemField::AggregateType => type_name(entity_type.definition()),
        SystemField::Provider => reference("Provider"),
        SystemField::Version => described(version(), "The version of the newest event applied."),
        SystemField::CreatedAt => described(nullable(timestamp()), "When the CRM created the record."),
        SystemField::UpdatedAt => described(nullable(timestamp()), "The time of the newest change applied."),
        SystemField::Stale => {
            described(nullable(stale.clone()), "Set if any field may have changed at the CRM since the values shown.")
        }
        SystemField::Warnings => described(issues.clone(), "Values of the CRM that do not fit their field."),
        SystemField::Unknown => described(array(text()), "Fields that wait for a refetch."),
        SystemField::Id => text(),
        SystemField::IsDeleted => boolean(),
    };
    let others = SystemField::ALL.into_iter().filter(|field| !field.is_mapped());
    others.map(|field| (field.name(), schema(field))).collect()
}

pub(super) fn type_name(definition: Option<&Arc<EntityDefinition>>) -> Value {
    definition.map_or_else(text, |definition| names([definition.aggregate_type.as_str()]))
}

/// How the names of the other schemas end. No type's name ends so, so that no two schemas share a name.
const ENDINGS: [&str; 10] = [
    "Page",
    "Selection",
    "Filter",
    "History",
    "HistoryEvent",
    "Change",
    "Changes",
    "Difference",
    "Differences",
    "Diff",
];

/// The name of the schema of a type.
fn name_of(aggregate_type: &str) -> String {
    let name = pascal_case(aggregate_type);
    let is_taken = fixed_schemas::all().iter().any(|(taken, _)| {
        // `Quarantine` would make its page a `QuarantinePage`.
        taken.strip_prefix(&*name).is_some_and(|rest| rest.is_empty() || ENDINGS.contains(&rest))
    });
    let is_taken = is_taken || name == fixed_schemas::ENTITY || ENDINGS.iter().any(|ending| name.ends_with(ending));
    if is_taken { format!("{name}Entity") } else { name }
}

fn pascal_case(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_the_name_of_its_type_unless_another_schema_could_have_it() {
        for (name, expected) in [
            ("client", "Client"),
            ("royalty_run", "RoyaltyRun"),
            ("problem", "ProblemEntity"),
            ("entity", "EntityEntity"),
            ("quarantine", "QuarantineEntity"),
            ("history", "HistoryEntity"),
            ("client_history", "ClientHistoryEntity"),
            ("text_change", "TextChangeEntity"),
        ] {
            assert_eq!(name_of(name), expected);
        }
    }
}
