//! All entity definitions together, and what stands in for a definition where there is none.
//!
//! Promises that every object has a schema: a definition's, or an open one under its lowercase name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DefinitionError, DefinitionFile, EntityDefinition};
use crate::identity::{AggregateType, EntityName, Provider};
use crate::provider_adapter::ProviderAdapters;

/// The definition files that ship with the code, all of `entities/`, by name; as the build read them,
/// since a function that starts has no time to parse.
const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/built_in_entities.rs"));

/// A file and the definition in it.
type Read<'a> = (Cow<'a, DefinitionFile>, EntityDefinition);

/// Every entity type there is a definition for.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    definitions: Vec<Arc<EntityDefinition>>,
}

/// What an object's records look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntitySchema {
    /// As a definition has it.
    Defined(Arc<EntityDefinition>),
    /// As they come, under the object's lowercase name.
    Open(EntityName),
}

impl EntitySchema {
    /// The entity type's name.
    pub fn aggregate_type(&self) -> AggregateType {
        match self {
            Self::Defined(definition) => definition.aggregate_type.clone(),
            Self::Open(object) => AggregateType::new(object.as_str().to_lowercase()),
        }
    }

    /// The definition, where there is one.
    pub fn definition(&self) -> Option<&Arc<EntityDefinition>> {
        match self {
            Self::Defined(definition) => Some(definition),
            Self::Open(_) => None,
        }
    }
}

impl Catalog {
    /// The definitions that ship with the code.
    pub fn built_in(adapters: &ProviderAdapters) -> Result<Self, DefinitionError> {
        Self::of(BUILT_IN.iter().map(|(name, bytes)| {
            let file = DefinitionFile { name: (*name).to_owned(), text: String::new() };
            let raw = postcard::from_bytes(bytes).map_err(|error| file.error(0, error.to_string()))?;
            let definition = file.check(&raw, adapters)?;
            Ok((Cow::Owned(file), definition))
        }))
    }

    /// Reads all files; a name or object that two of them claim is refused.
    pub fn load(files: &[DefinitionFile], adapters: &ProviderAdapters) -> Result<Self, DefinitionError> {
        Self::of(files.iter().map(|file| Ok((Cow::Borrowed(file), file.load(adapters)?))))
    }

    fn of<'a>(read: impl Iterator<Item = Result<Read<'a>, DefinitionError>>) -> Result<Self, DefinitionError> {
        let mut claimed: BTreeMap<String, String> = BTreeMap::new();
        let mut definitions = Vec::new();
        for read in read {
            let (file, definition) = read?;
            for name in claims(&definition) {
                if let Some(other) = claimed.insert(name.clone(), file.name.clone()) {
                    return Err(file.error(0, format!("`{name}` is claimed by {other} already")));
                }
            }
            definitions.push(Arc::new(definition));
        }
        Ok(Self { definitions })
    }

    /// All definitions, in the order of their files.
    pub fn definitions(&self) -> &[Arc<EntityDefinition>] {
        &self.definitions
    }

    /// The schema of a provider's object.
    pub fn schema(&self, provider: Provider, object: &EntityName) -> EntitySchema {
        let found = self.definitions.iter().find(|d| d.objects.get(&provider) == Some(object));
        found.map_or_else(
            || EntitySchema::Open(object.clone()),
            |definition| EntitySchema::Defined(Arc::clone(definition)),
        )
    }

    /// The definition that a path or option names: by plural, singular, or a provider's object.
    pub fn named(&self, name: &str) -> Option<&Arc<EntityDefinition>> {
        self.definitions.iter().find(|definition| {
            definition.plural == name
                || definition.aggregate_type.as_str() == name
                || definition.objects.values().any(|object| object.as_str() == name)
        })
    }
}

/// The names by which requests reach a definition, and no other may have.
fn claims(definition: &EntityDefinition) -> Vec<String> {
    let mut names = vec![definition.aggregate_type.as_str().to_owned(), definition.plural.clone()];
    names.extend(definition.objects.values().map(|object| object.as_str().to_owned()));
    names.sort();
    names.dedup();
    names
}
