//! Which entities of a type are alive here: what a backfill compares with the records of the CRM.

use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, ExternalId, Provider};
use async_trait::async_trait;

use super::PortError;

/// An entity that is visible and not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEntity {
    pub aggregate_id: AggregateId,
    pub external_id: ExternalId,
}

/// The live entities of the read model. What was written some seconds ago may not be in it yet.
#[async_trait]
pub trait LiveEntities: Send + Sync {
    /// At most `limit` live entities of a schema and provider after an aggregate id, in ascending order; fewer only at the
    /// end.
    async fn live_after(
        &self,
        schema: &EntitySchema,
        provider: Provider,
        after: Option<AggregateId>,
        limit: usize,
    ) -> Result<Vec<LiveEntity>, PortError>;

    /// The number of them.
    async fn count_live(&self, schema: &EntitySchema, provider: Provider) -> Result<u64, PortError>;
}
