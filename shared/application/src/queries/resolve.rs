//! Resolving the names and ids of requests.
//!
//! An entity type can be named by its plural, its singular or the provider's object; an entity by its
//! aggregate id (a UUID) or its external id, such as `001…` or `salesforce:001…`.

use std::sync::Arc;

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, Provider};
use annals_domain::provider_adapter::ProviderAdapters;
use uuid::Uuid;

use super::error::QueryError;
use crate::ports::ObjectRegistry;

/// The streams that an id can mean.
pub(super) struct ResolvedId {
    pub(super) schema: EntitySchema,
    /// Never empty. An id can mean one stream in each object of the type.
    pub(super) keys: Vec<EntityKey>,
}

/// Resolves entity types and ids.
#[derive(Clone)]
pub(super) struct Resolver {
    objects: Arc<dyn ObjectRegistry>,
    pub(super) catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

impl Resolver {
    pub(super) fn new(objects: Arc<dyn ObjectRegistry>, catalog: Arc<Catalog>, adapters: ProviderAdapters) -> Self {
        Self { objects, catalog, adapters }
    }

    /// The schema of an entity type: a definition's, or that of an object which has records.
    pub(super) async fn schema(&self, name: &str) -> Result<EntitySchema, QueryError> {
        if let Some(definition) = self.catalog.named(name) {
            return Ok(EntitySchema::Defined(Arc::clone(definition)));
        }
        let objects = self.objects.registered().await?;
        let mut schemas = objects.iter().map(|(_, object)| (object, self.catalog.open(object)));
        let found =
            schemas.find(|(object, schema)| object.as_str() == name || schema.aggregate_type().as_str() == name);
        found.map(|(_, schema)| schema).ok_or_else(|| QueryError::UnknownType(name.to_owned()))
    }

    /// The streams that an id of an entity type can mean.
    pub(super) async fn resolve(&self, entity_type: &str, id: &str) -> Result<ResolvedId, QueryError> {
        let schema = self.schema(entity_type).await?;
        let objects = self.objects_of(&schema);
        let keys = match Uuid::parse_str(id) {
            Ok(uuid) => objects.into_iter().map(|(_, object)| key(object, AggregateId::from_uuid(uuid))).collect(),
            Err(_) => self.keys_of_external_id(&objects, id),
        };
        if keys.is_empty() {
            return Err(QueryError::not_found(schema.aggregate_type(), id));
        }
        Ok(ResolvedId { schema, keys })
    }

    /// The objects of a definition, or the object of an open schema at each provider.
    fn objects_of(&self, schema: &EntitySchema) -> Vec<(Provider, EntityName)> {
        match schema {
            EntitySchema::Defined(definition) => {
                definition.objects.iter().map(|(p, object)| (*p, object.clone())).collect()
            }
            EntitySchema::Open(object) => {
                self.adapters.iter().map(|adapter| (adapter.provider(), object.name.clone())).collect()
            }
        }
    }

    /// `001…` can be an id of every provider whose ids have that form; `hubspot:123` only of that one.
    fn keys_of_external_id(&self, objects: &[(Provider, EntityName)], id: &str) -> Vec<EntityKey> {
        let named = id.split_once(':').and_then(|(name, id)| Some((name.parse::<Provider>().ok()?, id)));
        let (only, id) = named.map_or((None, id), |(provider, id)| (Some(provider), id));
        let key_in = |(provider, object): &(Provider, EntityName)| {
            let adapter = self.adapters.get(*provider).filter(|_| only.is_none_or(|only| only == *provider))?;
            let external = adapter.canonical_id(id)?;
            let aggregate_id = AggregateId::of(*provider, adapter.account(), object, &external);
            Some(key(object.clone(), aggregate_id))
        };
        objects.iter().filter_map(key_in).collect()
    }
}

fn key(entity_name: EntityName, aggregate_id: AggregateId) -> EntityKey {
    EntityKey { entity_name, aggregate_id }
}
