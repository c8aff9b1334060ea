//! The operations that read entities: for each definition, and for a type that the path names.

use std::iter::once;

use annals_application::ports::QueryField;
use annals_domain::definition::{Catalog, EntityDefinition, SystemField};
use serde_json::{Value, json};

use super::entity_schema::EntityType;
use super::fixed_schemas::DIFF_POINT;
use super::history_schema::HistoryNames;
use super::operation::{Operation, Tag};
use super::schema::{boolean, reference};
use super::{example, history_schema, parameter};
use crate::list_query::{OF_OTHERS, PAGING, SELECTING};
use crate::problem::ProblemKind;
use crate::route::{ENTITIES, Route};

/// All types of entities in the document.
pub(super) struct EntityTypes(Vec<EntityType>);

impl EntityTypes {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let defined = catalog.definitions().iter().map(EntityType::defined);
        Self(defined.chain(once(EntityType::Any)).collect())
    }

    pub(super) fn definitions(&self) -> impl Iterator<Item = &EntityDefinition> {
        self.0.iter().filter_map(|of| of.definition().map(|definition| &**definition))
    }

    /// The schemas of all types, by name.
    pub(super) fn schemas(&self) -> impl Iterator<Item = (String, Value)> {
        self.0.iter().flat_map(|of| of.schemas().into_iter().chain(history_schema::of(of)))
    }

    /// The operations, each with its path.
    pub(super) fn operations(&self) -> Vec<(String, Operation)> {
        self.0.iter().flat_map(|entity_type| EntityOperations { entity_type }.all()).collect()
    }
}

/// The operations of one type.
struct EntityOperations<'a> {
    entity_type: &'a EntityType,
}

impl EntityOperations<'_> {
    fn all(&self) -> [(String, Operation); 5] {
        [self.list(), self.count(), self.one(), self.history(), self.diff()]
            .map(|operation| (self.path(operation.route), operation))
    }

    /// `/clients/{id}` for a definition, `/entities/{type}/{id}` without one.
    fn path(&self, route: Route) -> String {
        match self.entity_type {
            EntityType::Defined { definition, .. } => route.short_path().replace("{type}", &definition.plural),
            EntityType::Any => format!("{ENTITIES}{}", route.short_path()),
        }
    }

    /// An operation with the parameters of its path.
    fn operation(&self, route: Route, id: String, summary: String) -> Operation {
        let operation = Operation::new(route, id, Tag::Entities, summary);
        let definition = self.entity_type.definition();
        let operation = operation.reading(definition.map(|definition| &*definition.plural));
        match definition {
            Some(_) => operation,
            None => operation.parameters([self.type_parameter()]).problems([ProblemKind::UnknownType]),
        }
    }

    fn list(&self) -> Operation {
        let plural = self.entity_type.plural();
        let fields = self.entity_type.query_fields();
        let names = self.selectable();
        let selected = parameter::fields(
            "fields",
            "The fields of each result, separated by commas.",
            names.iter().map(|name| &**name),
            &["id", "updated_at"],
        );
        let operation =
            self.operation(Route::ListEntities, format!("list{plural}"), format!("A page of {}", self.words()));
        let operation = operation
            .parameters(self.filters(&fields))
            .parameters([
                parameter::sort(&fields),
                parameter::page(),
                parameter::page_size(),
                parameter::cursor(),
                selected,
            ])
            .parameters([parameter::with_example(parameter::ids(), self.example_id())])
            .parameters([parameter::as_of(), parameter::known_at()])
            .responds(200, "A page", reference(&format!("{}Page", self.entity_type.name())))
            .problems([ProblemKind::ResultTooLarge]);
        self.linked(operation, "$response.body#/results/0/aggregate_id")
    }

    /// Links to the operations of one entity with this id.
    fn linked(&self, operation: Operation, id: &str) -> Operation {
        let name = self.entity_type.name();
        let to = |operation: Operation, target: String| operation.link(&target, self.link_parameters(id));
        [format!("get{name}"), format!("get{name}History")].into_iter().fold(operation, to)
    }

    /// The parameters of the path in a link to an entity.
    fn link_parameters(&self, id: &str) -> Value {
        match self.entity_type {
            EntityType::Defined { .. } => json!({"id": id}),
            EntityType::Any => json!({"type": "$request.path.type", "id": id}),
        }
    }

    fn count(&self) -> Operation {
        let operation = self.operation(
            Route::CountEntities,
            format!("count{}", self.entity_type.plural()),
            format!("The number of {}", self.words()),
        );
        operation.parameters(self.filters(&self.entity_type.query_fields())).responds(
            200,
            "The number",
            reference("Count"),
        )
    }

    fn one(&self) -> Operation {
        let name = self.entity_type.name();
        let operation =
            self.operation(Route::GetEntity, format!("get{name}"), "One entity, now or as it was".to_owned());
        let operation = operation
            .parameters([self.id()])
            .parameters(parameter::of_one())
            .responds(200, "The entity", reference(name))
            .tagged("Changes with the entity.")
            .problems([ProblemKind::NotFound, ProblemKind::AwaitingBase])
            .problems([ProblemKind::ResultTooLarge]);
        let id = "$response.body#/aggregate_id";
        let mut since_first = self.link_parameters(id);
        since_first["from"] = "version:1".into();
        self.linked(operation, id).link(&format!("diff{name}"), since_first)
    }

    fn history(&self) -> Operation {
        let definition = self.entity_type.definition();
        let fields = definition.iter().flat_map(|definition| definition.fields.iter().map(|field| &*field.name));
        let changed = definition.and_then(|definition| definition.status_field.as_deref()).unwrap_or("is_deleted");
        let raw = parameter::query("raw", "Adds the stored inputs. Needs the scope `admin`.", boolean());
        let name = self.entity_type.name();
        let operation =
            self.operation(Route::History, format!("get{name}History"), "The events of an entity".to_owned());
        operation
            .parameters([self.id()])
            .parameters([
                parameter::first_moment("from_date", "The first time, by the CRM's clock."),
                parameter::moment("to_date", "The last time, by the CRM's clock."),
                parameter::fields("field", "Only events that changed one of these fields.", fields, &[changed]),
                parameter::order(),
                parameter::history_page(),
                parameter::page_size(),
                parameter::cursor(),
                raw,
            ])
            .responds(200, "A page", reference(&HistoryNames::of(self.entity_type).page))
            .problems([ProblemKind::NotFound, ProblemKind::ResultTooLarge])
    }

    fn diff(&self) -> Operation {
        let point = || reference(DIFF_POINT);
        let from = parameter::query("from", "A time by the CRM's clock, or `version:N`.", point());
        let from = parameter::with_example(parameter::required(from), Some("version:1".into()));
        let to = parameter::query("to", "The same; the newest version by default.", point());
        let to = parameter::with_examples(to, parameter::MOMENTS);
        let operation = self.operation(
            Route::Diff,
            format!("diff{}", self.entity_type.name()),
            "What differs between two moments".to_owned(),
        );
        operation
            .parameters([self.id(), from, to])
            .responds(200, "The differences", reference(&HistoryNames::of(self.entity_type).diff))
            .problems([ProblemKind::NotFound, ProblemKind::AwaitingBase])
    }

    /// How prose names the entities.
    fn words(&self) -> String {
        self.entity_type.definition().map_or_else(|| "entities".to_owned(), |d| d.plural.replace('_', " "))
    }

    fn type_parameter(&self) -> Value {
        let description = "The plural, the singular or the provider's object: `clients`, `client`, `Account`.";
        let parameter = parameter::path("type", description, json!({"type": "string", "minLength": 1}));
        parameter::with_example(parameter, Some(example::OPEN_TYPE.into()))
    }

    /// The id of one entity.
    fn id(&self) -> Value {
        let description = "The id in Annals, or at the provider: `001…`, or with its provider `salesforce:001…`.";
        let parameter = parameter::path("id", description, json!({"type": "string", "minLength": 1}));
        parameter::with_example(parameter, self.example_id())
    }

    fn example_id(&self) -> Option<Value> {
        example::id_of(self.entity_type.definition().map(|definition| &**definition))
    }

    /// The names of the fields that a response has; none if they are not known.
    fn selectable(&self) -> Vec<String> {
        self.entity_type.definition().map(|definition| names_of(definition)).unwrap_or_default()
    }

    /// The type has what a status filter names, or what every type has.
    fn example_filters(&self) -> Value {
        let since = "updated_at:gte:2026-06-01T00:00:00Z";
        let status = self.entity_type.definition().and_then(|definition| {
            Some(format!("{}:eq:{}", definition.status_field.as_ref()?, definition.statuses.first()?))
        });
        status.into_iter().chain([since.to_owned()]).collect()
    }

    fn filters(&self, fields: &[QueryField]) -> Vec<Value> {
        let is_free = |field: &&QueryField| {
            let name = field.name();
            !SELECTING.contains(&name) && !PAGING.contains(&name) && !OF_OTHERS.contains(&name)
        };
        let equals = fields.iter().filter(is_free).map(parameter::equals);
        parameter::of_search()
            .into_iter()
            .chain([parameter::with_example(
                parameter::filter(&self.entity_type.filter_name()),
                Some(self.example_filters()),
            )])
            .chain(equals)
            .collect()
    }
}

fn names_of(definition: &EntityDefinition) -> Vec<String> {
    let own = definition.fields.iter().map(|field| field.name.to_string());
    let system = SystemField::ALL.into_iter().filter(|field| !field.is_mapped()).map(|field| field.name().to_owned());
    own.chain(system).collect()
}
