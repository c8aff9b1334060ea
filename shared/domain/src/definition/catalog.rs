//! All entity definitions, and the schema of an object that has none.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{DefinitionError, DefinitionFile, EntityDefinition};
use crate::identity::{AggregateType, EntityName, Provider};
use crate::provider_adapter::ProviderAdapters;

/// The definitions that ship with the code, by file name, in the binary form that the build writes: parsing TOML
/// would delay the start of a function.
const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/built_in_entities.rs"));

type LoadedFile<'a> = (Cow<'a, DefinitionFile>, EntityDefinition);

#[derive(Debug, Clone, Default)]
pub struct Catalog {
    definitions: Vec<Arc<EntityDefinition>>,
    /// The names by which requests find the definitions.
    names: BTreeSet<String>,
}

/// What is known of an object's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntitySchema {
    Defined(Arc<EntityDefinition>),
    /// The object has no definition: its raw fields are passed through.
    Open(OpenObject),
}

/// An object without a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenObject {
    pub name: EntityName,
    /// Its lowercase name; behind `object_` where a definition has that name.
    pub aggregate_type: AggregateType,
}

impl EntitySchema {
    pub fn aggregate_type(&self) -> AggregateType {
        match self {
            Self::Defined(definition) => definition.aggregate_type.clone(),
            Self::Open(object) => object.aggregate_type.clone(),
        }
    }

    pub fn definition(&self) -> Option<&Arc<EntityDefinition>> {
        match self {
            Self::Defined(definition) => Some(definition),
            Self::Open(_) => None,
        }
    }
}

impl Catalog {
    pub fn built_in(adapters: &ProviderAdapters) -> Result<Self, DefinitionError> {
        Self::of(BUILT_IN.iter().map(|(name, bytes)| {
            let file = DefinitionFile { name: (*name).to_owned(), text: String::new() };
            let raw = postcard::from_bytes(bytes).map_err(|error| file.error(0, error.to_string()))?;
            let definition = file.check(&raw, adapters)?;
            Ok((Cow::Owned(file), definition))
        }))
    }

    /// Reads all files. Fails if two of them use the same name or object.
    pub fn load(files: &[DefinitionFile], adapters: &ProviderAdapters) -> Result<Self, DefinitionError> {
        Self::of(files.iter().map(|file| Ok((Cow::Borrowed(file), file.load(adapters)?))))
    }

    fn of<'a>(read: impl Iterator<Item = Result<LoadedFile<'a>, DefinitionError>>) -> Result<Self, DefinitionError> {
        let mut used: BTreeMap<String, String> = BTreeMap::new();
        let mut definitions = Vec::new();
        for read in read {
            let (file, definition) = read?;
            for name in names_of(&definition).collect::<BTreeSet<_>>() {
                if let Some(other) = used.insert(name.to_owned(), file.name.clone()) {
                    return Err(file.error(0, format!("`{name}` is already used by {other}")));
                }
            }
            definitions.push(Arc::new(definition));
        }
        Ok(Self { definitions, names: used.into_keys().collect() })
    }

    /// All definitions, in the order of their files.
    pub fn definitions(&self) -> &[Arc<EntityDefinition>] {
        &self.definitions
    }

    pub fn schema(&self, provider: Provider, object: &EntityName) -> EntitySchema {
        let found = self.definitions.iter().find(|d| d.objects.get(&provider) == Some(object));
        found.map_or_else(|| self.open(object), |definition| EntitySchema::Defined(Arc::clone(definition)))
    }

    /// The schema of an object at a provider where it has no definition.
    pub fn open(&self, object: &EntityName) -> EntitySchema {
        let mut aggregate_type = object.as_str().to_lowercase();
        if self.names.contains(&aggregate_type) {
            aggregate_type.insert_str(0, "object_");
        }
        EntitySchema::Open(OpenObject { name: object.clone(), aggregate_type: AggregateType::new(aggregate_type) })
    }

    /// The definition with that plural name, singular name or provider's object.
    pub fn named(&self, name: &str) -> Option<&Arc<EntityDefinition>> {
        self.definitions.iter().find(|definition| names_of(definition).any(|known| known == name))
    }

    /// The objects with a definition that a name means: all of a definition by its plural or singular, an object by its own
    /// name.
    pub fn objects_named(&self, name: &str) -> Vec<(Provider, EntityName)> {
        let objects = self.definitions.iter().flat_map(|definition| {
            let is_meant = |provider: &Provider| definition.names_at(*provider).any(|known| known == name);
            definition.objects.iter().filter(move |(provider, _)| is_meant(provider))
        });
        objects.map(|(provider, object)| (*provider, object.clone())).collect()
    }
}

/// The names by which requests find a definition. No other definition may use them.
fn names_of(definition: &EntityDefinition) -> impl Iterator<Item = &str> {
    definition.objects.keys().flat_map(|provider| definition.names_at(*provider))
}
