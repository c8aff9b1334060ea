//! Reads a definition file: its text becomes a definition, or an error with the line and the reason.
//!
//! What one file says is checked here; conflicts between two files are the catalog's responsibility.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::raw::{Located, RawDefinition, RawField, RawOperation};
use super::{
    BroadcastRule, EntityDefinition, Field, FieldType, Operation, OperationInput, ReadInterval, SyncRule, SystemField,
};
use crate::identity::{AggregateType, EntityName, Provider};
use crate::provider_adapter::{ProviderAdapter, ProviderAdapters};

/// First path segments of the API's own routes, which no entity may use.
const RESERVED_PLURALS: [&str; 5] = ["events", "entities", "quarantine", "health", "openapi.json"];

/// A definition's text, and the file name for its errors.
#[derive(Debug, Clone)]
pub struct DefinitionFile {
    pub name: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct DefinitionError {
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    pub reason: String,
}

struct Loader<'a> {
    file: &'a DefinitionFile,
    adapters: &'a ProviderAdapters,
}

impl DefinitionFile {
    pub fn load(&self, adapters: &ProviderAdapters) -> Result<EntityDefinition, DefinitionError> {
        let raw = toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.error(offset, error.message().to_owned())
        })?;
        self.check(&raw, adapters)
    }

    /// Checks the parsed values and builds the definition.
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
            sync: self.sync(raw, &fields)?,
            objects,
            fields,
            digest: String::new(),
        };
        definition.digest = definition.compute_digest();
        Ok(definition)
    }

    fn error_at<T>(&self, at: &Located<T>, reason: impl Into<String>) -> DefinitionError {
        self.file.error(at.start, reason)
    }

    fn name(&self, name: &Located<String>) -> Result<String, DefinitionError> {
        let text = &name.value;
        let is_valid = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_valid {
            return Ok(text.clone());
        }
        Err(self.error_at(
            name,
            format!("invalid name `{text}`: expected lowercase letters, digits and `_`, starting with a letter"),
        ))
    }

    fn plural(&self, raw: &RawDefinition) -> Result<String, DefinitionError> {
        let plural = self.name(&raw.plural)?;
        if RESERVED_PLURALS.contains(&plural.as_str()) {
            return Err(self
                .error_at(&raw.plural, format!("reserved name `{plural}`: it is a path of the API; choose another")));
        }
        Ok(plural)
    }

    fn objects(&self, raw: &RawDefinition) -> Result<BTreeMap<Provider, EntityName>, DefinitionError> {
        if raw.objects.value.is_empty() {
            return Err(
                self.error_at(&raw.objects, "no object: expected at least one, such as salesforce = \"Account\"")
            );
        }
        let object = |(provider, object): (&Located<String>, &Located<String>)| {
            let known = provider.value.parse().map_err(|e| self.error_at(provider, format!("{e}")))?;
            if object.value.is_empty() || object.value.contains('#') {
                return Err(self
                    .error_at(object, format!("invalid object name `{}`: expected a name without `#`", object.value)));
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
                return Err(self.error_at(&field.name, format!("duplicate field `{}`", read.name)));
            }
            fields.push(read);
        }
        if !fields.iter().any(|field| &*field.name == "id" && field.field_type == FieldType::Id) {
            return Err(self.error_at(&raw.fields, "no field `id` of type `id`: every definition needs one"));
        }
        Ok(fields)
    }

    fn field(&self, raw: &RawField, objects: &BTreeMap<Provider, EntityName>) -> Result<Field, DefinitionError> {
        let name = self.name(&raw.name)?;
        if SystemField::named(&name).is_some_and(|field| !field.is_mapped()) {
            return Err(self.error_at(
                &raw.name,
                format!("reserved name `{name}`: every entity has this field; choose another name"),
            ));
        }
        let field_type = self.field_type(&raw.field_type)?;
        let searchable = raw.searchable.as_ref().filter(|searchable| searchable.value);
        if let Some(at) = searchable.filter(|_| !field_type.is_text()) {
            return Err(self.error_at(
                at,
                format!("a {} field cannot be searchable: expected type id, reference or string", field_type.as_str()),
            ));
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
                return Err(
                    self.error_at(operation, format!("[objects] has no {provider} object to read this field from"))
                );
            };
            sources.insert(provider, self.operation(operation, field_type, provider, object)?);
        }
        Ok(Field { name: name.into(), field_type, searchable: searchable.is_some(), sources })
    }

    fn field_type(&self, raw: &Located<String>) -> Result<FieldType, DefinitionError> {
        let named = FieldType::NAMES.iter().find(|(name, _)| *name == raw.value);
        named.map(|(_, field_type)| *field_type).ok_or_else(|| {
            let names: Vec<_> = FieldType::NAMES.iter().map(|(name, _)| *name).collect();
            self.error_at(raw, format!("invalid type `{}`: expected one of {}", raw.value, names.join(", ")))
        })
    }

    fn operation(
        &self,
        at: &Located<RawOperation>,
        field_type: FieldType,
        provider: Provider,
        object: &EntityName,
    ) -> Result<Operation, DefinitionError> {
        let raw = &at.value;
        let adapter = self
            .adapters
            .get(provider)
            .ok_or_else(|| self.error_at(at, format!("this build does not support {provider}")))?;
        let named = operations_named(raw, |path| input_at(&**adapter, object, path));
        let [operation] = <[Operation; 1]>::try_from(named)
            .map_err(|all| self.error_at(at, format!("found {} operations: expected exactly one", all.len())))?;
        if raw.on.is_some() && raw.split.is_none() {
            return Err(self.error_at(at, "`on` is only allowed with `split`"));
        }
        if operation.inputs().is_empty() {
            return Err(self.error_at(at, "`first_of` is empty: expected at least one field"));
        }
        if !can_produce(&operation, field_type) {
            let reason = format!("operation `{}` cannot produce a {}", operation.name(), field_type.as_str());
            return Err(self.error_at(at, reason));
        }
        Ok(operation)
    }

    fn field_named(&self, name: &Located<String>, fields: &[Field]) -> Result<Arc<str>, DefinitionError> {
        let found = fields.iter().find(|field| &*field.name == name.value.as_str());
        let found = found.filter(|field| field.field_type.is_text());
        found
            .map(|field| Arc::clone(&field.name))
            .ok_or_else(|| self.error_at(name, format!("no text field `{}` in this definition", name.value)))
    }

    fn broadcast(&self, raw: &RawDefinition) -> Result<BroadcastRule, DefinitionError> {
        if let (Some(quiet), None) = (&raw.broadcast.quiet_statuses, &raw.status) {
            return Err(self.error_at(quiet, "`quiet_statuses` needs a [status] section that names the status field"));
        }
        let quiet = raw.broadcast.quiet_statuses.as_ref().map(|quiet| quiet.value.as_slice()).unwrap_or_default();
        Ok(BroadcastRule {
            quiet_statuses: quiet.iter().map(|status| status.to_lowercase()).collect(),
            publishes_leaving: raw.broadcast.announce_leaving,
        })
    }

    fn sync(&self, raw: &RawDefinition, fields: &[Field]) -> Result<SyncRule, DefinitionError> {
        let interval = |given: &Option<Located<String>>| {
            let parse = |text: &Located<String>| {
                let invalid = |error| self.error_at(text, format!("invalid value `{}`: {error}", text.value));
                text.value.parse::<ReadInterval>().map_err(invalid)
            };
            given.as_ref().map(parse).transpose()
        };
        let calculated = |name: &Located<String>| {
            let found = fields.iter().find(|field| &*field.name == name.value.as_str());
            let unknown = || self.error_at(name, format!("no field `{}` in this definition", name.value));
            found.map(|field| Arc::clone(&field.name)).ok_or_else(unknown)
        };
        Ok(SyncRule {
            modified: interval(&raw.sync.modified)?,
            everything: interval(&raw.sync.everything)?,
            calculated: raw.sync.calculated.iter().map(calculated).collect::<Result<_, _>>()?,
        })
    }
}

/// Every operation that a field's source names. A valid source names exactly one.
fn operations_named(raw: &RawOperation, input: impl Fn(&String) -> OperationInput) -> Vec<Operation> {
    let separator = raw.on.clone().filter(|on| !on.is_empty()).unwrap_or_else(|| ";".to_owned());
    let named = [
        raw.copy.as_ref().map(|path| Operation::Copy(input(path))),
        raw.first_of.as_ref().map(|paths| Operation::FirstOf(paths.iter().map(&input).collect())),
        raw.split.as_ref().map(|path| Operation::Split(input(path), separator)),
        raw.datetime.as_ref().map(|path| Operation::Datetime(input(path))),
        raw.date.as_ref().map(|path| Operation::Date(input(path))),
        raw.bool.as_ref().map(|path| Operation::Bool(input(path))),
        raw.number.as_ref().map(|path| Operation::Number(input(path))),
        raw.decimal.as_ref().map(|path| Operation::Decimal(input(path))),
    ];
    named.into_iter().flatten().collect()
}

fn input_at(adapter: &dyn ProviderAdapter, object: &EntityName, path: &str) -> OperationInput {
    if path == adapter.id_field() {
        OperationInput::ExternalId
    } else if Some(path) == adapter.deleted_field() {
        OperationInput::IsDeleted
    } else {
        OperationInput::Path(adapter.canonical_path(object, path))
    }
}

fn can_produce(operation: &Operation, field_type: FieldType) -> bool {
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
