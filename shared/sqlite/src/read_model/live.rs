//! Walking the live entities of a type.

use annals_application::ports::{LiveEntities, LiveEntity, PortError};
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, ExternalId, Provider};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params_from_iter};

use super::{RESOURCE, SqliteReadModel, current_table};
use crate::columns::{number, text, unsigned, uuid};
use crate::database::Failure;

#[async_trait]
impl LiveEntities for SqliteReadModel {
    async fn live_after(
        &self,
        schema: &EntitySchema,
        provider: Provider,
        after: Option<AggregateId>,
        limit: usize,
    ) -> Result<Vec<LiveEntity>, PortError> {
        let schema = schema.clone();
        let read = move |transaction: &Transaction<'_>| live_after(transaction, &schema, provider, after, limit);
        self.database.read(RESOURCE, read).await
    }

    async fn count_live(&self, schema: &EntitySchema, provider: Provider) -> Result<u64, PortError> {
        let schema = schema.clone();
        let count = move |transaction: &Transaction<'_>| {
            let (table, values) = (current_table(transaction, &schema)?, values(&schema, provider));
            let sql = format!("SELECT count(*) FROM {} WHERE {}", table.entities, condition(&schema));
            transaction.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| Ok(unsigned(row, 0)))?
        };
        self.database.read(RESOURCE, count).await
    }
}

fn live_after(
    transaction: &Transaction<'_>,
    schema: &EntitySchema,
    provider: Provider,
    after: Option<AggregateId>,
    limit: usize,
) -> Result<Vec<LiveEntity>, Failure> {
    let (table, mut values) = (current_table(transaction, schema)?, values(schema, provider));
    let sql = format!(
        "SELECT aggregate_id, external_id FROM {} WHERE {} AND aggregate_id > ? ORDER BY aggregate_id LIMIT ?",
        table.entities,
        condition(schema)
    );
    // An empty id sorts before all others.
    values.push(Value::Blob(after.map(|id| id.uuid().as_bytes().to_vec()).unwrap_or_default()));
    values.push(Value::Integer(number(limit)));
    let entity = |row: &Row<'_>| -> Result<LiveEntity, Failure> {
        let aggregate_id = AggregateId::from_uuid(uuid(row, 0)?);
        Ok(LiveEntity { aggregate_id, external_id: ExternalId::new(text(row, 1)?) })
    };
    transaction.prepare_cached(&sql)?.query_and_then(params_from_iter(values), entity)?.collect()
}

fn condition(schema: &EntitySchema) -> &'static str {
    match schema {
        EntitySchema::Defined(_) => "is_deleted = 0 AND provider = ?",
        EntitySchema::Open(_) => "is_deleted = 0 AND provider = ? AND entity_name = ?",
    }
}

fn values(schema: &EntitySchema, provider: Provider) -> Vec<Value> {
    let mut values = vec![Value::Text(provider.as_str().to_owned())];
    if let EntitySchema::Open(object) = schema {
        values.push(Value::Text(object.name.as_str().to_owned()));
    }
    values
}
