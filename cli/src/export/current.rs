//! The entities of a type as they are now, from the read model, page by page in the order of their aggregate ids.
//!
//! The order never changes for an entity, so each appears once, whatever is written meanwhile.

use annals_application::ports::ReadDocument;
use annals_application::queries::{EntityQueries, ListRequest, MAX_PAGE_SIZE, Page, PageLink, QueryError};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::entity::{EntityRow, EntitySource, ExportedEntity};
use crate::exit::Failure;

/// The most bytes of a page, which is in memory as a whole.
const PAGE_BYTES: usize = 32 << 20;

pub(crate) async fn entities(queries: EntityQueries, entity_type: &str) -> Result<EntitySource, Failure> {
    let (queries, entity_type) = (queries.with_page_bytes(PAGE_BYTES), entity_type.to_owned());
    let first = page(&queries, &entity_type, String::new()).await?;
    let total = first.count;
    let pages = stream::try_unfold((queries, entity_type, Some(first)), |(queries, entity_type, found)| async move {
        let Some(Page { results, next, .. }) = found else { return Ok(None) };
        let next = match next {
            Some(PageLink::Cursor(cursor)) => Some(page(&queries, &entity_type, cursor).await?),
            _ => None,
        };
        let rows = results.into_iter().map(|ReadDocument { aggregate_id, json, .. }| {
            Ok::<_, Failure>(ExportedEntity::Entity(EntityRow { aggregate_id, json }))
        });
        Ok::<_, Failure>(Some((stream::iter(rows.collect::<Vec<_>>()), (queries, entity_type, next))))
    });
    Ok(EntitySource { entities: pages.try_flatten().boxed(), total, is_ordered: true })
}

async fn page(queries: &EntityQueries, entity_type: &str, cursor: String) -> Result<Page<ReadDocument>, QueryError> {
    let request = ListRequest {
        include_deleted: true,
        sort: Some("aggregate_id".to_owned()),
        cursor: Some(cursor),
        page_size: Some(MAX_PAGE_SIZE),
        ..ListRequest::default()
    };
    queries.list(entity_type, &request).await
}
