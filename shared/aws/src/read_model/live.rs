//! Walking the live entities of a type, from one aggregate id to the next.

use annals_application::ports::{LiveEntities, LiveEntity, PortError, PortErrorKind};
use annals_domain::definition::{EntitySchema, SystemField};
use annals_domain::identity::{AggregateId, ExternalId, Provider};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::OpenSearchReadModel;

#[async_trait]
impl LiveEntities for OpenSearchReadModel {
    async fn live_after(
        &self,
        schema: &EntitySchema,
        provider: Provider,
        after: Option<AggregateId>,
        limit: usize,
    ) -> Result<Vec<LiveEntity>, PortError> {
        let mut body = body(schema, provider);
        body["sort"] = json!([{ SystemField::AggregateId.name(): "asc" }]);
        body["size"] = json!(limit);
        // Entities are large, and the ids are all that is asked for.
        body["_source"] = json!(["aggregate_id", "version", "entity_name", "entity.id"]);
        body["track_total_hits"] = json!(false);
        if let Some(after) = after {
            body["search_after"] = json!([after]);
        }
        let documents = self.searcher().documents_of(schema, &body).await?;
        documents.iter().map(|document| live_entity(document.aggregate_id, document.json.get())).collect()
    }

    async fn count_live(&self, schema: &EntitySchema, provider: Provider) -> Result<u64, PortError> {
        self.searcher().count_of(schema, &body(schema, provider)).await
    }
}

fn body(schema: &EntitySchema, provider: Provider) -> Value {
    let mut conditions = vec![
        json!({ "term": { SystemField::IsDeleted.name(): false } }),
        json!({ "term": { SystemField::Provider.name(): provider.as_str() } }),
    ];
    if let EntitySchema::Open(object) = schema {
        conditions.push(json!({ "term": { "entity_name": object.name } }));
    }
    json!({ "query": { "bool": { "filter": conditions } } })
}

fn live_entity(aggregate_id: AggregateId, entity: &str) -> Result<LiveEntity, PortError> {
    #[derive(Deserialize)]
    struct Ids {
        id: ExternalId,
    }
    let ids: Ids = serde_json::from_str(entity).map_err(|error| {
        let message = format!("the entity `{aggregate_id}` has no id");
        PortError::new(PortErrorKind::Corrupt, "read model", message).caused_by(error)
    })?;
    Ok(LiveEntity { aggregate_id, external_id: ids.id })
}
