//! The records that are alive here and not at the CRM: deletions of which no event came, until each is confirmed.

use std::collections::HashSet;

use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityName, ExternalId};

use crate::ports::{CrmClient, CrmError, LiveEntities, PortError};

/// A page of them.
pub(crate) struct MissingRecords {
    pub(crate) ids: Vec<ExternalId>,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<AggregateId>,
}

impl MissingRecords {
    /// The missing ones of the next records here, as many as the CRM takes in one call.
    pub(crate) async fn after<E: From<PortError> + From<CrmError>>(
        after: Option<AggregateId>,
        live: &dyn LiveEntities,
        client: &dyn CrmClient,
        schema: &EntitySchema,
        object: &EntityName,
    ) -> Result<Self, E> {
        let most = client.ids_per_call();
        let here = live.live_after(schema, client.provider(), after, most).await?;
        let next = here.last().filter(|_| here.len() == most).map(|last| last.aggregate_id);
        let ids: Vec<ExternalId> = here.into_iter().map(|entity| entity.external_id).collect();
        if ids.is_empty() {
            return Ok(Self { ids, next: None });
        }
        let alive: HashSet<ExternalId> = client.alive(object, &ids).await?.into_iter().collect();
        Ok(Self { ids: ids.into_iter().filter(|id| !alive.contains(id)).collect(), next })
    }
}
