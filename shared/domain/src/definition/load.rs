//! From a definition file's text to a definition, or to the line and reason why not.
//!
//! Promises that what loads is whole and free of contradictions by itself; what two files say of
//! the same name is the catalog's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::raw::{Placed, RawDefinition, RawField, RawOperation};
use super::{BroadcastRule, EntityDefinition, Field, FieldType, Leaf, Operation, SystemField};
use crate::identity::{AggregateType, EntityName, Provider};
use crate::provider_adapter::{ProviderAdapter, ProviderAdapters};

/// First segments of paths that entities cannot have, since the API has them.
const TAKEN_PLURALS: [&str; 5] = ["events", "entities", "quarantine", "health", "openapi.json"];

/// A definition's text and the name its errors give it.
#[derive(Debug, Clone)]
pub struct DefinitionFile {
    /// The file's name.
    pub name: String,
    /// Its TOML.
    pub text: String,
}

/// A definition that is refused: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct DefinitionError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What does not fit, and what would.
    pub reason: String,
}

/// One file being read.
struct Loader<'a> {
    file: &'a DefinitionFile,
    adapters: &'a ProviderAdapters,
}

impl DefinitionFile {
    /// Reads the definition.
    pub fn load(&self, adapters: &ProviderAdapters) -> Result<EntityDefinition, DefinitionError> {
        let raw = toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.error(offset, error.message().to_owned())
        })?;
        self.check(&raw, adapters)
    }

    /// The definition that the file's values make.
    pub(super) fn check(
        &self,
        raw: &RawDefinition,
        adapters: &ProviderAdapters,
    ) -> Result<EntityDefinition, DefinitionError> {
        Loader { file: self, adapters }.check(raw)
    }

    pub(super) fn error(&self, offset: usize, reason: impl Into<String>) -> DefinitionError {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        DefinitionError { file: self.name.clone(), line, reason: reason.into() }
    }
}

impl Loader<'_> {
    fn check(&self, raw: &RawDefinition) -> Result<EntityDefinition, DefinitionError> {
        let objects = self.objects(raw)?;
        let fields = self.fields(raw, &objects)?;
        let mut definition = EntityDefinition {
            aggregate_type: AggregateType::new(self.name(&raw.aggregate_type)?),
            plural: self.plural(raw)?,
            status_field: raw.status.as_ref().map(|s| self.field_named(&s.field, &fields)).transpose()?,
            statuses: raw.status.as_ref().map(|s| s.expected.clone()).unwrap_or_default(),
            parent_field: raw.parent.as_ref().map(|name| self.field_named(name, &fields)).transpose()?,
            broadcast: self.broadcast(raw)?,
            objects,
            fields,
            digest: String::new(),
        };
        definition.digest = definition.compute_digest();
        Ok(definition)
    }

    fn refuse<T>(&self, at: &Placed<T>, reason: impl Into<String>) -> DefinitionError {
        self.file.error(at.start, reason)
    }

    fn name(&self, name: &Placed<String>) -> Result<String, DefinitionError> {
        let text = &name.value;
        let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits {
            return Ok(text.clone());
        }
        Err(self.refuse(name, format!("`{text}` is not a name: lowercase letters, digits and `_`, a letter first")))
    }

    fn plural(&self, raw: &RawDefinition) -> Result<String, DefinitionError> {
        let plural = self.name(&raw.plural)?;
        if TAKEN_PLURALS.contains(&plural.as_str()) {
            return Err(self.refuse(&raw.plural, format!("`{plural}` is a path of the API itself; choose another")));
        }
        Ok(plural)
    }

    fn objects(&self, raw: &RawDefinition) -> Result<BTreeMap<Provider, EntityName>, DefinitionError> {
        if raw.objects.value.is_empty() {
            return Err(self.refuse(&raw.objects, "names no provider's object, such as salesforce = \"Account\""));
        }
        let object = |(provider, object): (&Placed<String>, &Placed<String>)| {
            let known = provider.value.parse().map_err(|e| self.refuse(provider, format!("{e}")))?;
            if object.value.is_empty() || object.value.contains('#') {
                return Err(self.refuse(object, "an object's name is not empty and has no `#`"));
            }
            Ok((known, EntityName::new(object.value.as_str())))
        };
        raw.objects.value.iter().map(object).collect()
    }

    fn fields(
        &self,
        raw: &RawDefinition,
        objects: &BTreeMap<Provider, EntityName>,
    ) -> Result<Vec<Field>, DefinitionError> {
        let mut seen = BTreeSet::new();
        let mut fields = Vec::new();
        for field in &raw.fields.value {
            let read = self.field(field, objects)?;
            if !seen.insert(Arc::clone(&read.name)) {
                return Err(self.refuse(&field.name, format!("field `{}` is there twice", read.name)));
            }
            fields.push(read);
        }
        if !fields.iter().any(|field| &*field.name == "id" && field.field_type == FieldType::Id) {
            return Err(self.refuse(&raw.fields, "there is no field `id` of type `id`"));
        }
        Ok(fields)
    }

    fn field(&self, raw: &RawField, objects: &BTreeMap<Provider, EntityName>) -> Result<Field, DefinitionError> {
        let name = self.name(&raw.name)?;
        if SystemField::named(&name).is_some_and(|field| !field.is_mapped()) {
            return Err(self.refuse(&raw.name, format!("every entity has `{name}` already; choose another name")));
        }
        let field_type = self.field_type(&raw.field_type)?;
        let searchable = raw.searchable.as_ref().filter(|searchable| searchable.value);
        if let Some(at) = searchable.filter(|_| !field_type.is_text()) {
            return Err(self.refuse(at, format!("a {} is not searchable; a text is", field_type.as_str())));
        }
        let given = [
            (Provider::Salesforce, &raw.salesforce),
            (Provider::Hubspot, &raw.hubspot),
            (Provider::Pipedrive, &raw.pipedrive),
        ];
        let mut sources = BTreeMap::new();
        for (provider, operation) in given {
            let Some(operation) = operation else { continue };
            let Some(object) = objects.get(&provider) else {
                return Err(self.refuse(operation, format!("[objects] names no {provider} object to take it from")));
            };
            sources.insert(provider, self.operation(operation, field_type, provider, object)?);
        }
        Ok(Field { name: name.into(), field_type, searchable: searchable.is_some(), sources })
    }

    fn field_type(&self, raw: &Placed<String>) -> Result<FieldType, DefinitionError> {
        let named = FieldType::NAMES.iter().find(|(name, _)| *name == raw.value);
        named.map(|(_, field_type)| *field_type).ok_or_else(|| {
            let names: Vec<_> = FieldType::NAMES.iter().map(|(name, _)| *name).collect();
            self.refuse(raw, format!("`{}` is not a type: {}", raw.value, names.join(", ")))
        })
    }

    fn operation(
        &self,
        at: &Placed<RawOperation>,
        field_type: FieldType,
        provider: Provider,
        object: &EntityName,
    ) -> Result<Operation, DefinitionError> {
        let raw = &at.value;
        let adapter = self
            .adapters
            .get(provider)
            .ok_or_else(|| self.refuse(at, format!("this build reads no {provider} records")))?;
        let named = operations_named(raw, |path| leaf_at(&**adapter, object, path));
        let [operation] = <[Operation; 1]>::try_from(named)
            .map_err(|all| self.refuse(at, format!("names {} operations; exactly one fits", all.len())))?;
        if raw.on.is_some() && raw.split.is_none() {
            return Err(self.refuse(at, "`on` goes with `split` only"));
        }
        if operation.leaves().is_empty() {
            return Err(self.refuse(at, "`first_of` names no field"));
        }
        if !fits(&operation, field_type) {
            let reason = format!("`{}` does not give a {}", operation.name(), field_type.as_str());
            return Err(self.refuse(at, reason));
        }
        Ok(operation)
    }

    fn field_named(&self, name: &Placed<String>, fields: &[Field]) -> Result<Arc<str>, DefinitionError> {
        let found = fields.iter().find(|field| &*field.name == name.value.as_str());
        let found = found.filter(|field| field.field_type.is_text());
        found
            .map(|field| Arc::clone(&field.name))
            .ok_or_else(|| self.refuse(name, format!("there is no text field `{}` in this definition", name.value)))
    }

    fn broadcast(&self, raw: &RawDefinition) -> Result<BroadcastRule, DefinitionError> {
        if let (Some(quiet), None) = (&raw.broadcast.quiet_statuses, &raw.status) {
            return Err(self.refuse(quiet, "`quiet_statuses` needs a [status] that names the status field"));
        }
        let quiet = raw.broadcast.quiet_statuses.as_ref().map(|quiet| quiet.value.as_slice()).unwrap_or_default();
        Ok(BroadcastRule {
            quiet_statuses: quiet.iter().map(|status| status.to_lowercase()).collect(),
            announce_leaving: raw.broadcast.announce_leaving,
        })
    }
}

/// Every operation that a field's source names; one that fits names exactly one.
fn operations_named(raw: &RawOperation, leaf: impl Fn(&String) -> Leaf) -> Vec<Operation> {
    let separator = raw.on.clone().filter(|on| !on.is_empty()).unwrap_or_else(|| ";".to_owned());
    let named = [
        raw.copy.as_ref().map(|path| Operation::Copy(leaf(path))),
        raw.first_of.as_ref().map(|paths| Operation::FirstOf(paths.iter().map(&leaf).collect())),
        raw.split.as_ref().map(|path| Operation::Split(leaf(path), separator)),
        raw.datetime.as_ref().map(|path| Operation::Datetime(leaf(path))),
        raw.date.as_ref().map(|path| Operation::Date(leaf(path))),
        raw.bool.as_ref().map(|path| Operation::Bool(leaf(path))),
        raw.number.as_ref().map(|path| Operation::Number(leaf(path))),
        raw.decimal.as_ref().map(|path| Operation::Decimal(leaf(path))),
    ];
    named.into_iter().flatten().collect()
}

fn leaf_at(adapter: &dyn ProviderAdapter, object: &EntityName, path: &str) -> Leaf {
    if path == adapter.id_field() {
        Leaf::ExternalId
    } else if Some(path) == adapter.deleted_field() {
        Leaf::IsDeleted
    } else {
        Leaf::At(adapter.canonical(object, path))
    }
}

fn fits(operation: &Operation, field_type: FieldType) -> bool {
    match operation {
        Operation::Copy(_) => field_type.is_text() || field_type == FieldType::List,
        Operation::FirstOf(_) => field_type != FieldType::List,
        Operation::Split(..) => field_type == FieldType::List,
        Operation::Datetime(_) => field_type == FieldType::Datetime,
        Operation::Date(_) => field_type == FieldType::Date,
        Operation::Bool(_) => field_type == FieldType::Bool,
        Operation::Number(_) => field_type == FieldType::Number,
        Operation::Decimal(_) => field_type == FieldType::Decimal,
    }
}
